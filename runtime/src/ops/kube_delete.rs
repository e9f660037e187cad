//! `kube/delete`: deletes an object, or all that a filter fits.

use super::kube_list::Filter;
use super::support::objects::{self, Target};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PropagationPolicy};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Delete;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Map<String, Value>,
    filter: Option<Filter>,
}

impl Op for Delete {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "delete"
    }

    fn older(&self) -> &'static str {
        "delete"
    }

    fn doc(&self) -> &'static str {
        "Deletes the object that `value` names, and what belongs to it; one that is not there is no mistake. With `filter`, deletes all objects of the \
         kind in the namespace that carry the labels. `err` says why the cluster refuses."
    }

    fn older_returns(&self, _: &Map<String, Value>, mut returns: Map<String, Value>) -> Map<String, Value> {
        returns.remove("value");
        returns
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            // What is wrong with the parameters is a mistake of the step, and no answer.
            match &params.filter {
                Some(filter) if !filter.matching_labels.is_empty() => drop(filter.selector()?),
                _ => drop(Target::of(&params.value)?),
            }
            delete(cx, params).await.or_else(objects::as_value)
        })
    }
}

/// What a step has deleted is no longer part of what its application has.
async fn forget<'t>(cx: &Cx, gone: impl IntoIterator<Item = &'t Target>) -> Result<(), OpError> {
    match &cx.tracking {
        Some(tracking) => tracking.forget(&gone.into_iter().map(Target::key).collect()).await,
        None => Ok(()),
    }
}

async fn delete(cx: &Cx, params: Params) -> Result<Answer, OpError> {
    let options =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
    if let Some(filter) = params.filter.filter(|f| !f.matching_labels.is_empty()) {
        return all(cx, &params.value, &filter, &options).await;
    }
    let mut target = Target::of(&params.value)?;
    let api = objects::api(cx, &mut target).await?;
    match api.delete(&target.name, &options).await {
        Ok(_) => {}
        Err(kube::Error::Api(s)) if s.code == 404 => {}
        Err(e) => return Err(objects::refused(&format!("delete {}", target.words()), e)),
    }
    forget(cx, [&target]).await?;
    Ok(Answer::Returns(Map::new()))
}

async fn all(
    cx: &Cx,
    value: &Map<String, Value>,
    filter: &Filter,
    options: &DeleteParams,
) -> Result<Answer, OpError> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let kind = text("kind");
    let (resource, namespaced) = cx.kinds.find(&cx.client, text("apiVersion"), kind).await?;
    let written =
        value.get("metadata").and_then(|m| m.get("namespace")).and_then(Value::as_str).unwrap_or_default();
    let namespaces = [filter.namespace.as_str(), written, cx.owner.namespace.as_str()];
    let namespace = namespaces.into_iter().find(|n| !n.is_empty()).unwrap_or("default");
    let api: Api<DynamicObject> = match namespaced {
        true => Api::namespaced_with(cx.client.clone(), namespace, &resource),
        false => Api::all_with(cx.client.clone(), &resource),
    };
    let found = ListParams::default().labels(&filter.selector()?);
    // One by one and not as a collection: not every kind can be deleted as one.
    let list = api.list(&found).await.map_err(|e| objects::refused(&format!("list {kind}"), e))?;
    let mut gone = Vec::new();
    for name in list.items.iter().filter_map(|o| o.metadata.name.as_deref()) {
        let target = Target {
            api_version: text("apiVersion").into(),
            kind: kind.into(),
            namespace: if namespaced { namespace.into() } else { String::new() },
            name: name.into(),
        };
        match api.delete(name, options).await {
            Ok(_) => {}
            Err(kube::Error::Api(s)) if s.code == 404 => {}
            Err(e) => return Err(objects::refused(&format!("delete {}", target.words()), e)),
        }
        gone.push(target);
    }
    forget(cx, &gone).await?;
    Ok(Answer::Returns(Map::new()))
}
