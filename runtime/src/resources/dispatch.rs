//! One object of an Application, applied as its policies say: whose it is, what is left to others, how it is written.
//!
//! What is there is read; an object of somebody else is refused; what is written is recorded before. So whoever is killed in between has
//! recorded at most an object that it has not written, and what is deleted later is looked at again for whose it is. Tests: `tests/program/garbage.rs`.

use super::policies::{Left, Update};
use super::{App, NAME, NAMESPACE, REVISION, SHARED_BY, Tracking, label, owner_of, sharers, texts};
use crate::ops::OpError;
use crate::ops::support::cx::Cx;
use crate::ops::support::objects::{FIELD_MANAGER, Target, plain, refused};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// How long an object that is made anew may take to go.
const GOES: Duration = Duration::from_secs(30);
/// How often an object is looked at again that others share and write.
const TRIES: u32 = 5;

/// Applies an object of an Application. `manifest` is complete, with the labels that say whose it is.
///
/// # Errors
/// An object of somebody else, one that is to be read and is not there, and what the API says.
pub(crate) async fn apply(
    cx: &Cx,
    tracking: &Tracking,
    api: &Api<DynamicObject>,
    target: &Target,
    mut manifest: Map<String, Value>,
) -> Result<DynamicObject, OpError> {
    let live =
        api.get_opt(&target.name).await.map_err(|e| refused(&format!("read {}", target.words()), e))?;
    let sent = Value::Object(manifest.clone());
    let policies = &tracking.policies;
    if policies.read_only.fit(&sent) {
        return live.ok_or_else(|| {
            let words = target.words();
            OpError::transient(format!(
                "{words} is not there: the application only reads it, as its policy `read-only` says"
            ))
        });
    }
    let there = live.as_ref().map(plain);
    let shared = policies.shared.fit(&sent);
    if let Some(there) = &there {
        match somebody_elses(tracking, there) {
            Some(_) if policies.take_over.fit(&sent) => {}
            Some(Some(other)) if shared => {
                if sharers(there).is_empty() {
                    return Err(OpError::permanent(format!(
                        "{} belongs to the application `{}` in namespace `{}`, which does not share it: both need the policy `shared-resource`",
                        target.words(),
                        other.name,
                        other.namespace
                    )));
                }
                tracking.note(&sent, &cx.run, cx.holds_secret(&sent)).await?;
                return share(tracking, api, target).await;
            }
            // What nobody has can be shared.
            Some(None) if shared => {}
            Some(other) => return Err(refuse(target, other.as_ref())),
            None => {}
        }
    }
    let whole = leave(&mut manifest, there.as_ref(), policies.left(&sent), &tracking.revision);
    tracking.note(&sent, &cx.run, cx.holds_secret(&sent)).await?;
    if let (false, Some(live)) = (whole, &live) {
        return Ok(live.clone());
    }
    if shared {
        let mut all = there.as_ref().map(sharers).unwrap_or_default();
        let own = tracking.app.key();
        if !all.contains(&own) {
            all.push(own);
        }
        if let Some(annotations) = texts(&mut manifest, "annotations") {
            annotations.insert(SHARED_BY.into(), json!(all.join(",")));
        }
    }
    let update = policies.update(&sent).cloned();
    write(api, target, &manifest, live, update)
        .await
        .map_err(|e| refused(&format!("apply {}", target.words()), e))
}

/// Whose object it is, if it is not this Application's: `Some(None)` where it is nobody's. Its labels say so, and nothing that is recorded: what is recorded
/// may never have been written.
fn somebody_elses(tracking: &Tracking, there: &Value) -> Option<Option<App>> {
    match owner_of(there) {
        Some(app) if app == tracking.app => None,
        other => Some(other),
    }
}

fn refuse(target: &Target, other: Option<&App>) -> OpError {
    let words = target.words();
    let help = "the policy `take-over` takes it over";
    OpError::permanent(match other {
        Some(App { name, namespace }) => format!(
            "{words} belongs to the application `{name}` in namespace `{namespace}`: {help}, and `shared-resource` in both shares it"
        ),
        None => format!("{words} is there already and belongs to no application: {help}"),
    })
}

/// Adds the Application to those that share an object which another writes.
async fn share(
    tracking: &Tracking,
    api: &Api<DynamicObject>,
    target: &Target,
) -> Result<DynamicObject, OpError> {
    let what = format!("share {}", target.words());
    for _ in 0..TRIES {
        let live = api.get(&target.name).await.map_err(|e| refused(&what, e))?;
        let mut all = sharers(&plain(&live));
        let own = tracking.app.key();
        if all.contains(&own) {
            return Ok(live);
        }
        all.push(own);
        let patch = json!({"metadata": {"resourceVersion": live.metadata.resource_version, "annotations": {SHARED_BY: all.join(",")}}});
        match api.patch(&target.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(object) => return Ok(object),
            Err(kube::Error::Api(s)) if s.code == 409 => {}
            Err(e) => return Err(refused(&what, e)),
        }
    }
    Err(OpError::transient(format!("cannot {what}: it is written by others all the time")))
}

/// Takes out of a manifest what is left to others, and says whether it is written at all.
fn leave(manifest: &mut Map<String, Value>, there: Option<&Value>, left: Left<'_>, revision: &str) -> bool {
    let Some(there) = there else { return true };
    match left {
        Left::Nothing => true,
        Left::All => false,
        Left::Revision => label(there, REVISION) != revision || revision.is_empty(),
        Left::Fields(paths) => {
            for path in paths {
                let pointer = pointer(path);
                let kept = there.pointer(&pointer).cloned();
                put(manifest, &pointer, kept);
            }
            true
        }
    }
}

/// `spec.containers[0].image` as a JSON pointer.
fn pointer(path: &str) -> String {
    let parts = path.split(['.', '[', ']']).filter(|p| !p.is_empty());
    parts.map(|p| format!("/{}", p.trim_matches('"').replace('~', "~0").replace('/', "~1"))).collect()
}

/// Sets a field to what others have made of it, or takes it out where they have none.
fn put(manifest: &mut Map<String, Value>, pointer: &str, kept: Option<Value>) {
    let mut whole = Value::Object(std::mem::take(manifest));
    if let Some((around, last)) = pointer.rsplit_once('/') {
        let name = last.replace("~1", "/").replace("~0", "~");
        match (whole.pointer_mut(around), kept) {
            (Some(Value::Object(fields)), Some(kept)) => drop(fields.insert(name, kept)),
            (Some(Value::Object(fields)), None) => drop(fields.shift_remove(&name)),
            (Some(Value::Array(items)), Some(kept)) => {
                if let Some(item) = name.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                    *item = kept;
                }
            }
            _ => {}
        }
    }
    if let Value::Object(fields) = whole {
        *manifest = fields;
    }
}

async fn write(
    api: &Api<DynamicObject>,
    target: &Target,
    manifest: &Map<String, Value>,
    live: Option<DynamicObject>,
    update: Option<Update>,
) -> Result<DynamicObject, kube::Error> {
    if let (Some(update), Some(live)) = (&update, &live) {
        let there = plain(live);
        let changes = |path: &String| {
            let pointer = pointer(path);
            let there = there.pointer(&pointer);
            field(manifest, &pointer).is_some_and(|sent| there.is_none_or(|there| !includes(there, sent)))
        };
        if update.recreate_fields.iter().any(changes) {
            gone(api, target, live).await?;
        } else if update.op == "replace" {
            let mut object = manifest.clone();
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("resourceVersion".into(), json!(live.metadata.resource_version));
                if let Some(finalizers) = &live.metadata.finalizers {
                    metadata.insert("finalizers".into(), json!(finalizers));
                }
            }
            let object = serde_json::from_value(Value::Object(object)).map_err(kube::Error::SerdeError)?;
            let options = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
            return api.replace(&target.name, &options, &object).await;
        }
    }
    api.patch(&target.name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(manifest)).await
}

/// Whether an object of the cluster has all that is sent: beside it, the cluster has defaults.
fn includes(there: &Value, sent: &Value) -> bool {
    match (there, sent) {
        (Value::Object(there), Value::Object(sent)) => {
            sent.iter().all(|(name, sent)| there.get(name).is_some_and(|there| includes(there, sent)))
        }
        (Value::Array(there), Value::Array(sent)) => {
            there.len() == sent.len() && there.iter().zip(sent).all(|(there, sent)| includes(there, sent))
        }
        (there, sent) => there == sent,
    }
}

fn field<'v>(manifest: &'v Map<String, Value>, pointer: &str) -> Option<&'v Value> {
    let (first, rest) =
        pointer.strip_prefix('/')?.split_once('/').unwrap_or((pointer.strip_prefix('/')?, ""));
    let value = manifest.get(first)?;
    if rest.is_empty() { Some(value) } else { value.pointer(&format!("/{rest}")) }
}

/// Deletes an object that is to be made anew, and waits until it is gone.
async fn gone(api: &Api<DynamicObject>, target: &Target, live: &DynamicObject) -> Result<(), kube::Error> {
    let only = Preconditions { uid: live.metadata.uid.clone(), resource_version: None };
    // What it owns goes with it, also where the cluster would leave it (the pods of a Job).
    let params = DeleteParams { preconditions: Some(only), ..DeleteParams::background() };
    match api.delete(&target.name, &params).await {
        Ok(_) => {}
        Err(kube::Error::Api(s)) if s.code == 404 => return Ok(()),
        Err(e) => return Err(e),
    }
    let begun = Instant::now();
    while let Some(there) = api.get_metadata_opt(&target.name).await? {
        if there.metadata.uid != live.metadata.uid || begun.elapsed() > GOES {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Marks a manifest as the Application's.
pub(super) fn labelled(metadata: &mut Map<String, Value>, app: &App) {
    metadata.insert(NAME.into(), json!(app.name));
    metadata.insert(NAMESPACE.into(), json!(app.namespace));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_others_is_as_they_have_it() {
        let there = json!({"spec": {"replicas": 7, "list": [{"image": "b", "own": 1}], "odd.key": "x"}, "metadata": {"labels": {REVISION: "a-v1"}}});
        let sent = || {
            json!({"spec": {"replicas": 2, "paused": true, "list": [{"image": "a"}]}})
                .as_object()
                .unwrap()
                .clone()
        };
        let left = |left: Left<'_>| {
            let mut manifest = sent();
            let whole = leave(&mut manifest, Some(&there), left, "a-v1");
            (whole, Value::Object(manifest))
        };
        let paths =
            ["spec.replicas", "spec.paused", "spec.list[0].image", "spec.none.at.all"].map(str::to_string);
        assert_eq!(
            left(Left::Fields(&paths)),
            (true, json!({"spec": {"replicas": 7, "list": [{"image": "b"}]}}))
        );
        assert!(!left(Left::All).0);
        assert!(!left(Left::Revision).0);
        assert!(leave(&mut sent(), Some(&there), Left::Revision, "a-v2"));
        assert!(leave(&mut sent(), None, Left::All, "a-v1"));
    }

    #[test]
    fn refusals_say_whose_it_is_and_what_helps() {
        let target =
            Target { kind: "ConfigMap".into(), namespace: "d".into(), name: "c".into(), ..Target::default() };
        let other = App { name: "shop".into(), namespace: "prod".into() };
        insta::assert_snapshot!(refuse(&target, Some(&other)), @"ConfigMap d/c belongs to the application `shop` in namespace `prod`: the policy `take-over` takes it over, and `shared-resource` in both shares it");
        insta::assert_snapshot!(refuse(&target, None), @"ConfigMap d/c is there already and belongs to no application: the policy `take-over` takes it over");
    }
}
