//! `multicluster/get-placements-from-tmulticlusterology-policies`: where topology policies put things.

use super::support::application::components;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct GetPlacements;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    policies: Vec<String>,
}

impl Op for GetPlacements {
    fn provider(&self) -> &'static str {
        "multicluster"
    }

    fn name(&self) -> &'static str {
        "get-placements-from-tmulticlusterology-policies"
    }

    fn older(&self) -> &'static str {
        "get-placements-from-topology-policies"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["placements"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns the places that the topology policies named in `policies` choose, as `placements`: each with its `cluster` (`local`) and its `namespace`, empty for that of the application. Without policies it is the application's own place."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let deployment =
                components(cx, None)?.deployment(&params.policies, &[]).map_err(OpError::permanent)?;
            let mut placements = Vec::new();
            for at in &deployment.places {
                cx.only_here(&at.cluster)?;
                placements.push(json!({"cluster": "local", "namespace": at.namespace}));
            }
            Ok(Answer::one("placements", placements.into()))
        })
    }
}
