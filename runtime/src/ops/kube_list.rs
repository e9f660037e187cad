//! `kube/list`: lists objects of a kind.

use super::support::objects;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct List;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    resource: Resource,
    #[serde(default)]
    filter: Filter,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    api_version: String,
    kind: String,
}

/// Which objects are meant: by namespace (empty for all) and labels.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    pub(super) namespace: String,
    pub(super) matching_labels: Map<String, Value>,
}

impl Filter {
    /// The labels as a selector.
    pub(super) fn selector(&self) -> Result<String, OpError> {
        let pair = |(k, v): (&String, &Value)| match v {
            Value::String(v) => Ok(format!("{k}={v}")),
            _ => Err(OpError::permanent(format!("the label `{k}` of the filter is no text"))),
        };
        let pairs: Result<Vec<String>, OpError> = self.matching_labels.iter().map(pair).collect();
        Ok(pairs?.join(","))
    }
}

impl Op for List {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "list"
    }

    fn older(&self) -> &'static str {
        "list"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["list"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Lists the objects of a kind, in one namespace or in all, by labels where `filter.matchingLabels` has some. `values` is the list as the API \
         gives it, with `items`; `err` says why the cluster refuses to give it."
    }

    fn older_returns(&self, _: &Map<String, Value>, mut returns: Map<String, Value>) -> Map<String, Value> {
        returns.remove("values").map(|v| Map::from_iter([("list".to_string(), v)])).unwrap_or(returns)
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let Resource { api_version, kind } = params.resource;
            // What is wrong with the parameters is a mistake of the step, and no answer.
            let selector = params.filter.selector()?;
            match objects::list(cx, &api_version, &kind, &params.filter.namespace, &selector).await {
                Ok(items) => {
                    let list =
                        json!({"apiVersion": api_version, "kind": format!("{kind}List"), "items": items});
                    Ok(Answer::one("values", list))
                }
                Err(e) => objects::as_value(e),
            }
        })
    }
}
