//! `kube/list`: lists objects of a kind.

use super::support::objects::{self, Target};
use super::{Answer, Cx, Op, OpError, read};
use crate::engine::Watched;
use futures::future::BoxFuture;
use kube::api::{Api, DynamicObject, ListParams};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How many objects one list may hold.
const MOST: usize = 10_000;

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
         gives it, with `items`."
    }

    fn older_returns(&self, _: &Map<String, Value>, mut returns: Map<String, Value>) -> Map<String, Value> {
        returns.remove("values").map(|v| Map::from_iter([("list".to_string(), v)])).unwrap_or(returns)
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let Resource { api_version, kind } = params.resource;
            let (resource, namespaced) = cx.kinds.find(&cx.client, &api_version, &kind).await?;
            let namespace = if namespaced { params.filter.namespace.clone() } else { String::new() };
            let api: Api<DynamicObject> = match namespace.as_str() {
                "" => Api::all_with(cx.client.clone(), &resource),
                namespace => Api::namespaced_with(cx.client.clone(), namespace, &resource),
            };
            let selector = params.filter.selector()?;
            let (mut items, mut version) = (Vec::new(), None);
            let mut query = ListParams::default().labels(&selector).limit(500);
            loop {
                let page =
                    api.list(&query).await.map_err(|e| objects::refused(&format!("list {kind}"), e))?;
                let version_of_page = page.metadata.resource_version.clone();
                version = version.or(version_of_page);
                items.extend(page.items.iter().map(objects::plain));
                if items.len() > MOST {
                    return Err(OpError::permanent(format!(
                        "there are more than {MOST} objects of kind {kind}: narrow the filter"
                    )));
                }
                match page.metadata.continue_.filter(|c| !c.is_empty()) {
                    Some(more) => query.continue_token = Some(more),
                    None => break,
                }
            }
            let target = Target {
                api_version: api_version.clone(),
                kind: kind.clone(),
                namespace,
                name: String::new(),
            };
            cx.saw(Watched { selector, ..target.watched(version.as_deref()) });
            // Objects of a list do not say their kind; what is in a Secret must be known for one.
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                item.entry("apiVersion").or_insert_with(|| json!(api_version));
                item.entry("kind").or_insert_with(|| json!(kind));
            }
            let list = json!({"apiVersion": api_version, "kind": format!("{kind}List"), "items": items});
            Ok(Answer::one("values", list))
        })
    }
}
