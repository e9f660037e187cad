//! `multicluster/make-placement-decisions`: where an environment of an application is.

use super::support::objects;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct MakePlacementDecisions;

#[derive(Deserialize)]
struct Params {
    inputs: Inputs,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inputs {
    env_name: String,
    #[serde(default)]
    placement: Placement,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Placement {
    cluster_selector: Selector,
    namespace_selector: Selector,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Selector {
    name: String,
    labels: Map<String, Value>,
}

/// The one namespace that has these labels.
async fn labelled(cx: &Cx, env: &str, labels: &Map<String, Value>) -> Result<String, OpError> {
    let mut pairs = Vec::new();
    for (name, value) in labels {
        let value = value.as_str().ok_or_else(|| {
            OpError::permanent(format!("environment `{env}`: the label `{name}` of its namespace is no text"))
        })?;
        pairs.push(format!("{name}={value}"));
    }
    let selector = pairs.join(",");
    let found = objects::list(cx, "v1", "Namespace", "", &selector).await?;
    match found.as_slice() {
        [one] => Ok(one["metadata"]["name"].as_str().unwrap_or_default().to_string()),
        [] => Err(OpError::permanent(format!("environment `{env}`: no namespace has the labels {selector}"))),
        many => Err(OpError::permanent(format!(
            "environment `{env}`: {} namespaces have the labels {selector}, and it needs one",
            many.len()
        ))),
    }
}

impl Op for MakePlacementDecisions {
    fn provider(&self) -> &'static str {
        "multicluster"
    }

    fn name(&self) -> &'static str {
        "make-placement-decisions"
    }

    fn older(&self) -> &'static str {
        "make-placement-decisions"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["outputs"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Decides where the environment `inputs.envName` is by its `inputs.placement`: on the cluster of the run (`local`), in the namespace that is named or, by labels, in the one that has them; empty for that of the application. Returns `outputs.decisions`, each with `cluster` and `namespace`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let Inputs { env_name, placement } = read::<Params>(params)?.inputs;
            let Placement { cluster_selector: cluster, namespace_selector: namespace } = placement;
            cx.only_here(&cluster.name)
                .map_err(|e| OpError::permanent(format!("environment `{env_name}`: {}", e.message)))?;
            if !cluster.labels.is_empty() {
                return Err(OpError::permanent(format!(
                    "environment `{env_name}`: clusters cannot be chosen by their labels: a run works on its own cluster (`local`)"
                )));
            }
            let namespace = match (namespace.name.as_str(), namespace.labels.is_empty()) {
                ("", false) => labelled(cx, &env_name, &namespace.labels).await?,
                (name, _) => name.to_string(),
            };
            Ok(Answer::one("outputs", json!({"decisions": [{"cluster": "local", "namespace": namespace}]})))
        })
    }
}
