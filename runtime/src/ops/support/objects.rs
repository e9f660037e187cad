//! Objects of a cluster, of any kind: found by discovery, applied, read. Every op that touches objects goes through here.

use super::cx::Cx;
use crate::engine::Watched;
use crate::model::labels;
use crate::ops::{Answer, OpError};
use crate::resources;
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::discovery::{self, Scope};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The field manager of everything that workflows apply.
pub const FIELD_MANAGER: &str = "stepwell";

/// How many objects one list may hold.
const MOST: usize = 10_000;

/// The kinds that a cluster serves, remembered once they have been asked for.
#[derive(Default)]
pub struct Kinds {
    known: Mutex<HashMap<(String, String), (ApiResource, bool)>>,
}

impl Kinds {
    /// The resource of a kind, and whether its objects lie in namespaces.
    ///
    /// # Errors
    /// A kind that the cluster does not serve, or a cluster that does not answer.
    pub async fn find(
        &self,
        client: &Client,
        api_version: &str,
        kind: &str,
    ) -> Result<(ApiResource, bool), OpError> {
        let key = (api_version.to_string(), kind.to_string());
        if let Some(found) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.clone());
        }
        let types = TypeMeta { api_version: key.0.clone(), kind: key.1.clone() };
        let unknown = |else_: &str| {
            OpError::permanent(format!("the cluster has no kind `{kind}` in `{api_version}`{else_}"))
        };
        let gvk = GroupVersionKind::try_from(&types).map_err(|_| unknown(""))?;
        let (resource, scope) = match discovery::pinned_kind(client, &gvk).await {
            Ok((resource, capabilities)) => (resource, capabilities.scope),
            Err(kube::Error::Discovery(_)) => return Err(unknown(&other_versions(client, &gvk).await)),
            Err(kube::Error::Api(s)) if s.code == 404 => {
                return Err(unknown(&other_versions(client, &gvk).await));
            }
            Err(e) => return Err(refused(&format!("find kind `{kind}`"), e)),
        };
        let found = (resource, scope == Scope::Namespaced);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }
}

/// The versions in which a cluster has a kind that it has not in the one that was asked for, as the end of a sentence.
async fn other_versions(client: &Client, asked: &GroupVersionKind) -> String {
    let Ok(group) = discovery::group(client, &asked.group).await else { return String::new() };
    let has = |version: &&str| group.versioned_resources(version).iter().any(|(r, _)| r.kind == asked.kind);
    let named = |version: &str| match asked.group.as_str() {
        "" => format!("`{version}`"),
        name => format!("`{name}/{version}`"),
    };
    let versions: Vec<String> = group.versions().filter(has).map(named).collect();
    match versions.is_empty() {
        true => String::new(),
        false => format!("; it has it in {}", versions.join(", ")),
    }
}

/// An error of the API in an op's words. What the request itself makes impossible stays; everything else may pass.
pub fn refused(what: &str, e: kube::Error) -> OpError {
    match e {
        kube::Error::Api(status) => {
            let message =
                if status.message.is_empty() { status.reason.clone() } else { status.message.clone() };
            // A field of the wrong type in an apply is told as an internal error, by the real server too.
            let mistyped = message.contains("failed to create typed patch object");
            let stays = mistyped || matches!(status.code, 400 | 401 | 403 | 405 | 406 | 413 | 415 | 422);
            OpError { message: format!("cannot {what}: {message}"), retry: !stays }
        }
        kube::Error::SerdeError(e) => {
            OpError::permanent(format!("cannot {what}: the answer is no object: {e}"))
        }
        other => {
            OpError::transient(format!("cannot {what}: the cluster does not answer: {}", innermost(&other)))
        }
    }
}

/// What an op gives that offers its errors as `err`: those that trying again does not change.
///
/// # Errors
/// Those that may pass.
pub fn as_value(e: OpError) -> Result<Answer, OpError> {
    match e.retry {
        true => Err(e),
        false => Ok(Answer::one("err", Value::String(e.message))),
    }
}

/// The cause at the end of a chain of errors: what a user can act on.
pub fn innermost(e: &dyn std::error::Error) -> String {
    let mut at = e;
    for _ in 0..32 {
        match at.source() {
            Some(next) => at = next,
            None => break,
        }
    }
    let text = at.to_string();
    // The number of an error of the system helps nobody.
    match text.find(" (os error ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// Which object is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The API version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace that is written; empty if none is.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Target {
    /// The object that a manifest describes.
    ///
    /// # Errors
    /// A manifest without API version, kind or name.
    pub fn of(manifest: &Map<String, Value>) -> Result<Target, OpError> {
        let text = |v: Option<&Value>| v.and_then(Value::as_str).unwrap_or_default().to_string();
        let metadata = manifest.get("metadata").unwrap_or(&Value::Null);
        let target = Target {
            api_version: text(manifest.get("apiVersion")),
            kind: text(manifest.get("kind")),
            namespace: text(metadata.get("namespace")),
            name: text(metadata.get("name")),
        };
        for (value, field) in
            [(&target.api_version, "apiVersion"), (&target.kind, "kind"), (&target.name, "metadata.name")]
        {
            if value.is_empty() {
                return Err(OpError::permanent(format!("the object has no `{field}`")));
            }
        }
        Ok(target)
    }

    /// The object in a few words: `Deployment default/web`.
    pub fn words(&self) -> String {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.kind, self.namespace, self.name)
    }

    /// The object, whatever the version of its kind.
    pub fn key(&self) -> resources::Key {
        resources::Key {
            group: self.api_version.split_once('/').map_or("", |(group, _)| group).to_string(),
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// The object as something to watch, from the version that was read.
    pub fn watched(&self, version: Option<&str>) -> Watched {
        Watched {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            selector: String::new(),
            version: version.unwrap_or_default().to_string(),
        }
    }
}

/// The API for a target; its namespace becomes that of the run where none is written, and empty for kinds that have none.
///
/// # Errors
/// As [`Kinds::find`].
pub async fn api(cx: &Cx, target: &mut Target) -> Result<Api<DynamicObject>, OpError> {
    let (resource, namespaced) = cx.kinds.find(&cx.client, &target.api_version, &target.kind).await?;
    if !namespaced {
        target.namespace.clear();
        return Ok(Api::all_with(cx.client.clone(), &resource));
    }
    if target.namespace.is_empty() {
        target.namespace = cx.owner.namespace.clone();
    }
    Ok(Api::namespaced_with(cx.client.clone(), &target.namespace, &resource))
}

/// An object as plain JSON, without the bookkeeping of field managers, which is long and of no use to a workflow.
pub fn plain(object: &DynamicObject) -> Value {
    let mut v = serde_json::to_value(object).unwrap_or(Value::Null);
    if let Some(Value::Object(metadata)) = v.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    v
}

/// Applies a manifest on the server, with the labels that say which workflow it comes from, and watches the object. One of an Application is recorded
/// before, and applied as its policies say.
///
/// # Errors
/// What the API says; for good if it refuses the object itself.
pub async fn apply(cx: &Cx, manifest: Map<String, Value>) -> Result<Value, OpError> {
    write(cx, manifest, cx.tracking.as_deref()).await
}

/// Records objects of an Application that are about to be applied one after the other, in one write. What is wrong with one is told when it is applied.
///
/// # Errors
/// What keeps them from being recorded.
pub async fn announce(cx: &Cx, manifests: Vec<Map<String, Value>>) -> Result<(), OpError> {
    let Some(tracking) = &cx.tracking else { return Ok(()) };
    let mut all = Vec::new();
    for mut manifest in manifests {
        let Ok(mut target) = Target::of(&manifest) else { continue };
        if api(cx, &mut target).await.is_err() || mark(cx, &mut manifest, &target).is_err() {
            continue;
        }
        let manifest = Value::Object(manifest);
        let secret = cx.holds_secret(&manifest);
        all.push((manifest, secret));
    }
    tracking.announce(&all, &cx.run).await
}

/// Applies a manifest that stays when the application that it comes from goes or has it no longer: a config.
///
/// # Errors
/// What the API says; for good if it refuses the object itself.
pub async fn apply_to_stay(cx: &Cx, manifest: Map<String, Value>) -> Result<Value, OpError> {
    write(cx, manifest, None).await
}

async fn write(
    cx: &Cx,
    mut manifest: Map<String, Value>,
    tracking: Option<&resources::Tracking>,
) -> Result<Value, OpError> {
    let mut target = Target::of(&manifest)?;
    let api = api(cx, &mut target).await?;
    mark(cx, &mut manifest, &target)?;
    let object = match tracking {
        Some(tracking) => resources::apply(cx, tracking, &api, &target, manifest).await?,
        None => {
            let params = PatchParams::apply(FIELD_MANAGER).force();
            let done = api.patch(&target.name, &params, &Patch::Apply(&manifest)).await;
            done.map_err(|e| refused(&format!("apply {}", target.words()), e))?
        }
    };
    cx.saw(target.watched(object.metadata.resource_version.as_deref()));
    Ok(plain(&object))
}

/// Writes the namespace and the origin labels into a manifest; what must not be sent is taken out.
fn mark(cx: &Cx, manifest: &mut Map<String, Value>, target: &Target) -> Result<(), OpError> {
    let no_object = |field: &str| OpError::permanent(format!("`{field}` of {} is no object", target.words()));
    let metadata = manifest.entry("metadata").or_insert_with(|| json!({}));
    let metadata = metadata.as_object_mut().ok_or_else(|| no_object("metadata"))?;
    if target.namespace.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.insert("namespace".into(), json!(target.namespace));
    }
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
        metadata.remove(field);
    }
    let (name, namespace) = match cx.owner.kind.as_str() {
        "Application" => (labels::NAME, labels::NAMESPACE),
        _ => ("workflowrun.oam.dev/name", "workflowrun.oam.dev/namespace"),
    };
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if labels.is_null() {
        *labels = json!({});
    }
    let labels = labels.as_object_mut().ok_or_else(|| no_object("metadata.labels"))?;
    labels.insert(name.into(), json!(cx.owner.name));
    labels.insert(namespace.into(), json!(cx.owner.namespace));
    manifest.remove("status");
    Ok(())
}

/// Reads an object and watches it; `None` if it is not there.
///
/// # Errors
/// What the API says.
pub async fn read(cx: &Cx, mut target: Target) -> Result<Result<Value, String>, OpError> {
    let api = api(cx, &mut target).await?;
    match api.get(&target.name).await {
        Ok(object) => {
            cx.saw(target.watched(object.metadata.resource_version.as_deref()));
            Ok(Ok(plain(&object)))
        }
        Err(kube::Error::Api(s)) if s.code == 404 => {
            cx.saw(target.watched(None));
            Ok(Err(s.message.clone()))
        }
        Err(e) => Err(refused(&format!("read {}", target.words()), e)),
    }
}

/// Lists the objects of a kind in a namespace (all where it is empty) with labels that a selector fits, and watches them.
///
/// # Errors
/// As [`Kinds::find`]; what the API says; more objects than one list may hold.
pub async fn list(
    cx: &Cx,
    api_version: &str,
    kind: &str,
    namespace: &str,
    selector: &str,
) -> Result<Vec<Value>, OpError> {
    let (resource, namespaced) = cx.kinds.find(&cx.client, api_version, kind).await?;
    let namespace = if namespaced { namespace } else { "" };
    let api: Api<DynamicObject> = match namespace {
        "" => Api::all_with(cx.client.clone(), &resource),
        namespace => Api::namespaced_with(cx.client.clone(), namespace, &resource),
    };
    let (mut items, mut version) = (Vec::new(), None);
    let mut query = ListParams::default().labels(selector).limit(500);
    loop {
        let page = api.list(&query).await.map_err(|e| refused(&format!("list {kind}"), e))?;
        version = version.or_else(|| page.metadata.resource_version.clone());
        // Items of a list do not say what they are.
        items.extend(page.items.iter().map(|item| {
            let mut item = plain(item);
            if let Some(fields) = item.as_object_mut() {
                fields.entry("apiVersion").or_insert_with(|| json!(api_version));
                fields.entry("kind").or_insert_with(|| json!(kind));
            }
            item
        }));
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
        api_version: api_version.to_string(),
        kind: kind.to_string(),
        namespace: namespace.to_string(),
        name: String::new(),
    };
    cx.saw(Watched { selector: selector.to_string(), ..target.watched(version.as_deref()) });
    Ok(items)
}

/// As [`list`]; empty where the cluster does not serve the kind.
///
/// # Errors
/// As [`list`].
pub async fn list_if_served(
    cx: &Cx,
    api_version: &str,
    kind: &str,
    namespace: &str,
    selector: &str,
) -> Result<Vec<Value>, OpError> {
    match cx.kinds.find(&cx.client, api_version, kind).await {
        Ok(_) => list(cx, api_version, kind, namespace, selector).await,
        Err(e) if e.retry => Err(e),
        Err(_) => Ok(Vec::new()),
    }
}
