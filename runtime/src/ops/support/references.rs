//! Objects that a component only names (`ref-objects`): looked up in the cluster, or fetched, before the component is rendered.
//!
//! Which parameters name objects is said by the definition (`attributes: references`), so a definition of one's own can do it too. A copy says where it
//! comes from ([`REFERRED`]); the object itself is never applied to.

use super::body::{self, Fault, size};
use super::cx::{Components, Cx, References};
use super::inventory::text;
use super::objects::{self, Target, innermost};
use crate::document::Document;
use crate::ops::OpError;
use kube::core::ApiResource;
use kube::discovery::{ApiCapabilities, Discovery, Scope};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The annotation of a copy: namespace and name of the object that it was made of.
pub(crate) const REFERRED: &str = "app.oam.dev/referred-from";
/// How many objects one component may name, how long a file of them may be, and how long fetching it may take.
const MOST: usize = 500;
const LONGEST: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);

/// What names objects.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Reference {
    resource: String,
    group: String,
    name: String,
    namespace: String,
    cluster: String,
    label_selector: Map<String, Value>,
}

/// The properties of a component with the objects in the place of what names them; nothing where the component names none.
///
/// # Errors
/// A kind or object that is not there, a file that cannot be fetched or holds no objects; what the API says.
pub(crate) async fn resolved(
    cx: &Cx,
    components: &dyn Components,
    name: &str,
) -> Result<Option<Map<String, Value>>, OpError> {
    let Some(References { mut properties, objects, urls }) = components.references(name) else {
        return Ok(None);
    };
    let list = |field: &str, from: &Map<String, Value>| -> Vec<Value> {
        from.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut found = Vec::new();
    for (i, named) in list(&objects, &properties).into_iter().enumerate() {
        let at = |e: OpError| OpError { message: format!("{objects}[{i}]: {}", e.message), ..e };
        // An object that is written out is what it is.
        match named.get("apiVersion").is_some() && named.get("metadata").is_some() {
            true => found.push(named),
            false => found.extend(look_up(cx, named).await.map_err(at)?),
        }
    }
    for (i, url) in list(&urls, &properties).into_iter().enumerate() {
        let at = |e: OpError| OpError { message: format!("{urls}[{i}]: {}", e.message), ..e };
        found.extend(fetch(cx, url.as_str().unwrap_or_default()).await.map_err(at)?);
    }
    if found.len() > MOST {
        return Err(OpError::permanent(format!(
            "{} objects are named, and at most {MOST} may be",
            found.len()
        )));
    }
    properties.remove(&urls);
    properties.insert(objects, found.into());
    Ok(Some(properties))
}

/// The objects that a reference names, as they would be written.
async fn look_up(cx: &Cx, named: Value) -> Result<Vec<Value>, OpError> {
    let full = named.clone();
    let Reference { resource, group, name, namespace, cluster, label_selector } =
        serde_json::from_value(named).map_err(|e| OpError::permanent(e.to_string()))?;
    cx.only_here(&cluster)?;
    let (api_version, kind, namespaced) = match (text(&full, "/apiVersion"), text(&full, "/kind")) {
        ("", _) | (_, "") => kind_of(cx, &resource, &group).await?,
        (version, kind) => {
            let (_, namespaced) = cx.kinds.find(&cx.client, version, kind).await?;
            (version.to_string(), kind.to_string(), namespaced)
        }
    };
    let namespace = match (namespaced, namespace.as_str()) {
        (false, _) => String::new(),
        (true, "") => cx.owner.namespace.clone(),
        (true, _) => namespace,
    };
    let live = if name.is_empty() {
        let mut pairs = Vec::new();
        for (label, value) in &label_selector {
            let value = value
                .as_str()
                .ok_or_else(|| OpError::permanent(format!("the label `{label}` is no text")))?;
            pairs.push(format!("{label}={value}"));
        }
        if pairs.is_empty() {
            return Err(OpError::permanent("a `name` or a `labelSelector` must say which objects are meant"));
        }
        objects::list(cx, &api_version, &kind, &namespace, &pairs.join(",")).await?
    } else {
        let target = Target { api_version, kind, namespace, name };
        let words = target.words();
        // Somebody may still make it.
        vec![
            objects::read(cx, target)
                .await?
                .map_err(|_| OpError::transient(format!("there is no {words}")))?,
        ]
    };
    Ok(live.into_iter().map(copy).collect())
}

/// The kind that people call so: by its plural or singular name, or as kinds are written.
async fn kind_of(cx: &Cx, resource: &str, group: &str) -> Result<(String, String, bool), OpError> {
    if resource.is_empty() {
        return Err(OpError::permanent(
            "`resource` must say of which kind the objects are, such as deployment",
        ));
    }
    let asked = resource.to_lowercase();
    let all = Discovery::new(cx.client.clone());
    let all = if group.is_empty() { all } else { all.filter(&[group]) };
    let all = all.run_aggregated().await.map_err(|e| objects::refused("list the kinds", e))?;
    let is = |r: &ApiResource| r.plural == asked || r.kind.to_lowercase() == asked;
    let found: Vec<(ApiResource, ApiCapabilities)> =
        all.groups().flat_map(|g| g.recommended_resources()).filter(|(r, _)| is(r)).collect();
    match found.as_slice() {
        [] => Err(OpError::permanent(format!("the cluster has no kind called `{resource}`"))),
        [(r, capabilities)] => {
            Ok((r.api_version.clone(), r.kind.clone(), capabilities.scope == Scope::Namespaced))
        }
        many => {
            // Those of Kubernetes itself come first; their groups have no dot, or end in k8s.io.
            let own = |r: &ApiResource| !r.group.contains('.') || r.group.ends_with(".k8s.io");
            let mut first = many.iter().filter(|(r, _)| own(r));
            match (first.next(), first.next()) {
                (Some((r, c)), None) => {
                    Ok((r.api_version.clone(), r.kind.clone(), c.scope == Scope::Namespaced))
                }
                _ => {
                    let groups: Vec<&str> = many.iter().map(|(r, _)| r.group.as_str()).collect();
                    Err(OpError::permanent(format!(
                        "several groups have a kind called `{resource}`: `group` must say which of `{}` is meant",
                        groups.join("`, `")
                    )))
                }
            }
        }
    }
}

/// An object as it would be written: without what the cluster has added, and without its place.
fn copy(mut object: Value) -> Value {
    let from = format!("{}/{}", text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        // A Service has addresses of its own wherever it is.
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    let metadata = object.get("metadata").and_then(Value::as_object);
    let mut kept: Map<String, Value> = metadata
        .into_iter()
        .flatten()
        .filter(|(k, _)| matches!(k.as_str(), "name" | "labels" | "annotations"))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let annotations = kept.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        annotations.insert(REFERRED.into(), json!(from));
    }
    object["metadata"] = kept.into();
    object
}

/// Whether an object is the very one that it was made of.
pub(crate) fn is_itself(object: &Map<String, Value>) -> bool {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let from = metadata.get("annotations").and_then(|a| a.get(REFERRED)).and_then(Value::as_str);
    let here = format!("{}/{}", text(metadata, "/namespace"), text(metadata, "/name"));
    from == Some(here.as_str())
}

/// The objects in the file at an address.
async fn fetch(cx: &Cx, url: &str) -> Result<Vec<Value>, OpError> {
    let parsed: reqwest::Url = url.parse().map_err(|_| OpError::permanent("this is no URL"))?;
    let what = format!("{}{}", parsed.origin().ascii_serialization(), parsed.path());
    let failed = |e: reqwest::Error| OpError::transient(format!("{what}: {}", innermost(&e.without_url())));
    let http = cx.http.clone().map_err(|why| OpError::permanent(format!("no calls over HTTP: {why}")))?;
    let response = http.get(parsed).timeout(TIMEOUT).send().await.map_err(failed)?;
    if !response.status().is_success() {
        let retry = !response.status().is_client_error();
        return Err(OpError { message: format!("{what}: the answer is {}", response.status()), retry });
    }
    let (body, _) = body::read(response, LONGEST).await.map_err(|fault| match fault {
        Fault::Broken(e) => failed(e),
        Fault::TooLong => OpError::permanent(format!("{what}: this is longer than {}", size(LONGEST))),
    })?;
    let body = String::from_utf8(body).map_err(|_| OpError::permanent(format!("{what}: this is no text")))?;
    let documents = Document::read_all(&what, &body).map_err(|p| OpError::permanent(p.to_string()))?;
    let mut all = Vec::new();
    for document in documents {
        match (text(&document.value, "/apiVersion"), text(&document.value, "/kind")) {
            ("", _) | (_, "") => {
                return Err(OpError::permanent(format!("{what}: not all of this are objects")));
            }
            _ => all.push(document.value),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_was_written() {
        let live = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "3", "labels": {"a": "b"}},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}, "status": {"loadBalancer": {}},
        });
        let mut copied = copy(live);
        assert_eq!(
            copied,
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "web", "labels": {"a": "b"}, "annotations": {REFERRED: "shop/web"}},
                "spec": {"ports": [{"port": 80}]},
            })
        );
        for (namespace, itself) in [("shop", true), ("other", false)] {
            copied["metadata"]["namespace"] = json!(namespace);
            assert_eq!(copied.as_object().map(is_itself), Some(itself));
        }
    }
}
