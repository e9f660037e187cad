//! `revision/restore`: the objects of an earlier revision of the application, put back as they were applied.

use super::oam_component_apply::health;
use super::support::application::components;
use super::support::objects;
use super::support::ready::{Readiness, judge};
use super::{Answer, Components, Cx, OfRevision, Op, OpError, Rendered, read};
use crate::driver::types::{API_VERSION, of_cluster};
use crate::model::definition::Kind;
use crate::model::labels::{COMPONENT, RESOURCE_TYPE, TRAIT_RESOURCE, label};
use crate::resources::{App, Keep, Key, Tracking};
use crate::revisions::{self, Revision, Revisions, relabelled};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) struct Restore;

#[derive(Deserialize)]
struct Params {
    to: Option<i64>,
}

impl Op for Restore {
    fn provider(&self) -> &'static str {
        "revision"
    }

    fn name(&self) -> &'static str {
        "restore"
    }

    fn doc(&self) -> &'static str {
        "Applies the objects of revision `to` of the application exactly as they were applied then, and waits until they are healthy as the definitions of that \
         revision judge, also where there are none of these today. Then deletes what the application has and the revision does not. Without `to` it is the last \
         revision that succeeded before what is delivered now."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let own = components(cx, None)?;
            let Some(tracking) = &cx.tracking else {
                return Err(OpError::permanent("only an Application has revisions"));
            };
            let revisions = Revisions::of(cx.client.clone(), cx.kinds.clone(), App::of(&cx.owner));
            let revision = target(&revisions, tracking, params.to).await?;
            let OfRevision { components: then, gone: unknown } = own.of_revision(&revision)?;
            let mut gone = Vec::new();
            for (kind, name) in unknown {
                // Of the cluster's definitions only those that the Application names today are known already.
                if !is_on_cluster(cx, kind, &name).await? {
                    gone.push(format!("the {kind} type `{name}`"));
                }
            }
            let mut live = Vec::new();
            for r in &revision.rendered {
                let Value::Object(manifest) = relabelled(&r.manifest, &tracking.revision) else {
                    let name = &revision.summary.name;
                    return Err(OpError::permanent(format!("an object of {name} is no object")));
                };
                if r.secret {
                    cx.learn(&r.manifest);
                }
                live.push(objects::apply(cx, manifest).await?);
            }
            let waits = waits(own, then.as_ref(), &live)?;
            if !waits.is_empty() {
                return Ok(Answer::Wait(waits.join("; ")));
            }
            let keys: BTreeSet<Key> = live.iter().map(Key::of).collect();
            let collected = tracking.collect(&Keep::These(keys)).await?;
            if !collected.failed.is_empty() {
                return Err(OpError::transient(collected.failed.join("; ")));
            }
            let name = &revision.summary.name;
            let mut summary = format!("{name} is restored: {} applied", count(live.len()));
            if !collected.deleted.is_empty() {
                summary += &format!(
                    ", {} deleted ({})",
                    count(collected.deleted.len()),
                    collected.deleted.join(", ")
                );
            }
            if !gone.is_empty() {
                summary += &format!(
                    "; there is no more {}: the one stored with {name} was used",
                    gone.join(", no more ")
                );
            }
            let returns = json!({"name": name, "applied": live.len(), "deleted": collected.deleted, "summary": summary});
            Ok(Answer::Returns(returns.as_object().cloned().unwrap_or_default()))
        })
    }
}

fn count(n: usize) -> String {
    if n == 1 { "1 object".into() } else { format!("{n} objects") }
}

/// Whether the cluster has a definition for this namespace.
async fn is_on_cluster(cx: &Cx, kind: Kind, name: &str) -> Result<bool, OpError> {
    let found = match cx.kinds.find(&cx.client, API_VERSION, kind.object_kind()).await {
        Ok((resource, _)) => {
            let what = format!("{kind} type");
            of_cluster(&cx.client, &resource, &cx.owner.namespace, name, &what).await
        }
        Err(e) if e.retry => return Err(e),
        Err(_) => return Ok(false),
    };
    Ok(found.map_err(|e| OpError::transient(e.to_string()))?.is_some())
}

/// The revision that is meant.
async fn target(revisions: &Revisions, tracking: &Tracking, to: Option<i64>) -> Result<Revision, OpError> {
    let number = match to {
        Some(to) => u64::try_from(to)
            .map_err(|_| OpError::permanent(format!("`to` is {to}: revisions count from 1")))?,
        None => {
            let now = revisions::number(&tracking.app.name, &tracking.revision);
            let known = revisions.list().await?;
            let before = known.iter().rev().find(|r| now.is_none_or(|n| r.number < n));
            let none = || {
                let name = &tracking.app.name;
                OpError::permanent(format!(
                    "there is no revision of `{name}` to go back to: none succeeded before what is delivered now"
                ))
            };
            before.ok_or_else(none)?.number
        }
    };
    revisions.get_whole(number).await
}

/// What keeps the objects from being healthy: components as their definitions judge, other objects by what their kind says.
fn waits(own: &Arc<dyn Components>, then: &dyn Components, live: &[Value]) -> Result<Vec<String>, OpError> {
    let known: BTreeSet<String> = then.components().into_iter().map(|(name, _)| name).collect();
    let mut parts: BTreeMap<(&str, &str), Rendered> = BTreeMap::new();
    let mut waits = Vec::new();
    for object in live {
        let component = label(object, COMPONENT);
        if !known.contains(component) {
            let words = Key::of(object).words();
            match judge(object) {
                Readiness::Ready => {}
                Readiness::Waiting(why) => waits.push(format!("{words}: {why}")),
                Readiness::Failed(why) => return Err(OpError::permanent(format!("{words}: {why}"))),
            }
            continue;
        }
        // A component may be in several namespaces.
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let part = parts.entry((component, namespace)).or_default();
        match label(object, RESOURCE_TYPE) {
            "WORKLOAD" => part.output = object.clone(),
            _ => {
                let name = label(object, TRAIT_RESOURCE);
                let free = !name.is_empty() && !part.outputs.contains_key(name);
                let name = if free { name.to_string() } else { format!("{name}-{}", part.outputs.len()) };
                part.outputs.insert(name, object.clone());
            }
        }
    }
    for ((component, _), part) in parts {
        let health = health(component, then, &part)?;
        own.found(component, &part, health.is_ok(), health.as_ref().unwrap_or_else(|why| why));
        if let Err(why) = health {
            waits.push(format!("{component}: {why}"));
        }
    }
    Ok(waits)
}
