//! `oam/component-write`: writes a component into the Application.

use super::support::objects::{self, FIELD_MANAGER, Target};
use super::{Answer, Cx, Op, OpError, read};
use crate::model::application::sorted;
use crate::model::template::overlay;
use futures::future::BoxFuture;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// An annotation of the Application for each step that has written into it: when, in milliseconds since 1970.
pub(crate) const WRITTEN: &str = "written.app.oam.dev";
/// How soon a step may write into the Application again. What is rendered twice in a shorter time and differs is not made of its parameters alone,
/// and the run would begin anew without end.
const AGAIN: Duration = Duration::from_secs(60);

pub(super) struct ComponentWrite;

#[derive(Deserialize)]
struct Params {
    value: Map<String, Value>,
}

/// The components with this one among them: over that of its name, or after all others.
fn with(components: &[Value], name: &str, component: &Map<String, Value>) -> Vec<Value> {
    let mut all = components.to_vec();
    let mut written = Value::Object(component.clone());
    match all.iter_mut().find(|c| c["name"] == json!(name)) {
        Some(there) => {
            // Properties are made anew as a whole: what is no longer rendered goes.
            let properties = written.as_object_mut().and_then(|c| c.remove("properties"));
            overlay(there, &written);
            if let (Some(properties), Some(there)) = (properties, there.as_object_mut()) {
                there.insert("properties".into(), properties);
            }
        }
        None => all.push(written),
    }
    all
}

impl Op for ComponentWrite {
    fn provider(&self) -> &'static str {
        "oam"
    }

    fn name(&self) -> &'static str {
        "component-write"
    }

    fn doc(&self) -> &'static str {
        "Writes the component `value` into the Application: over the one of its name, field by field, or after all others. Where that changes the Application, the \
         run begins anew with it, and comes here again; where it does not, the step goes on. `changed` is false then."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let name = params.value.get("name").and_then(Value::as_str).unwrap_or_default();
            if name.is_empty() {
                return Err(OpError::permanent("the component `value` has no `name`"));
            }
            let text = Value::Object(params.value.clone()).to_string();
            if cx.hide(&text) != text {
                return Err(OpError::permanent(format!(
                    "the component `{name}` holds what was read from a Secret, and an Application can be read by everybody: let its objects refer to the Secret"
                )));
            }
            if cx.owner.kind != "Application" {
                return Err(OpError::permanent("only the workflow of an Application has components"));
            }
            let owner = &cx.owner;
            let mut target = Target {
                api_version: owner.api_version.clone(),
                kind: owner.kind.clone(),
                namespace: owner.namespace.clone(),
                name: owner.name.clone(),
            };
            let api = objects::api(cx, &mut target).await?;
            let found = api.get(&owner.name).await;
            let object = found.map_err(|e| objects::refused(&format!("read {}", target.words()), e))?;
            let old = object
                .data
                .pointer("/spec/components")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let new = with(&old, name, &params.value);
            if sorted(&json!(new)) == sorted(&json!(old)) {
                return Ok(Answer::one("changed", false.into()));
            }
            let key = format!("{WRITTEN}/{}", cx.step);
            let before: Option<i64> = object.annotations().get(&key).and_then(|t| t.parse().ok());
            if before.is_some_and(|t| cx.now.0.saturating_sub(t) < AGAIN.as_millis() as i64) {
                return Err(OpError::permanent(format!(
                    "the component `{name}` comes out different each time: what it is made of must not change by itself, as random or dated values do"
                )));
            }
            let uid = object.uid().unwrap_or_default();
            let annotations = json!({key: cx.now.0.to_string()});
            let patch = json!({
                "metadata": {"uid": uid, "resourceVersion": object.resource_version(), "annotations": annotations},
                "spec": {"components": new},
            });
            let options =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_string()), ..PatchParams::default() };
            match api.patch(&owner.name, &options, &Patch::Merge(&patch)).await {
                Ok(_) => Ok(Answer::Wait(format!(
                    "the component `{name}` is written; the run begins anew with it"
                ))),
                // Somebody else was first: look again.
                Err(kube::Error::Api(s)) if s.code == 409 => Err(OpError::transient(format!(
                    "{} was written by somebody else meanwhile",
                    target.words()
                ))),
                Err(e) => {
                    Err(objects::refused(&format!("write the component `{name}` into {}", target.words()), e))
                }
            }
        })
    }
}
