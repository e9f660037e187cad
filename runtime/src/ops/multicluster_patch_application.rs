//! `multicluster/patch-application`: the application as an environment changes it.

use super::support::application::components;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct PatchApplication;

#[derive(Deserialize)]
struct Params {
    inputs: Inputs,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inputs {
    env_name: String,
    #[serde(default)]
    patch: Components,
    #[serde(default)]
    selector: Components,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Components {
    components: Vec<Value>,
}

impl Op for PatchApplication {
    fn provider(&self) -> &'static str {
        "multicluster"
    }

    fn name(&self) -> &'static str {
        "patch-application"
    }

    fn older(&self) -> &'static str {
        "patch-application"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["outputs"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns the application as an environment changes it, as `outputs`: with `inputs.patch.components` laid over its components as an override policy would, and only those that `inputs.selector.components` names, where it names any."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let inputs = read::<Params>(params)?.inputs;
            let own = components(cx, None)?;
            let policy = json!({
                "name": inputs.env_name, "type": "override",
                "properties": {"components": inputs.patch.components, "selector": inputs.selector.components},
            });
            let patched = own.deployment(&[], &[policy]).map_err(OpError::permanent)?;
            let components: Vec<Value> =
                patched.components.components().into_iter().map(|(_, c)| c).collect();
            let policies: Vec<Value> = own.policies().into_iter().map(|(_, p)| p).collect();
            let app = json!({
                "apiVersion": cx.owner.api_version, "kind": cx.owner.kind,
                "metadata": {"name": cx.owner.name, "namespace": cx.owner.namespace},
                "spec": {"components": components, "policies": policies},
            });
            Ok(Answer::one("outputs", app))
        })
    }
}
