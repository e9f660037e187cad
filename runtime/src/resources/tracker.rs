//! A `ResourceTracker` as it lies on the cluster: which objects of an Application it records, and how it is read and written.
//!
//! The form is KubeVela's, so that its tools list the objects; two fields are ours: `run`, the run that applied the object last, and `sealed`, for an
//! object whose manifest is not in the open. A long record is compressed. Tests at the end.

use super::{App, NAME, NAMESPACE, label};
use crate::model::labels::{COMPONENT, TRAIT_TYPE};
use crate::ops::OpError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use indexmap::IndexMap;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::sync::Arc;

/// Records longer than this are compressed.
const LONG: usize = 64 << 10;
/// The most that a compressed record may hold.
const MOST: u64 = 64 << 20;

/// Which object is meant, whatever the version of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The API group; empty for the core.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; empty for objects in none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The key of a manifest.
    pub fn of(manifest: &Value) -> Key {
        let text =
            |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string();
        let version = text("/apiVersion");
        Key {
            group: version.split_once('/').map_or("", |(group, _)| group).to_string(),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        }
    }

    /// Under which name what is secret of the object is kept in a Secret.
    pub(crate) fn sealed(&self) -> String {
        super::hash(&format!("{}/{}/{}/{}", self.group, self.kind, self.namespace, self.name))
    }

    /// The object in a few words: `Deployment default/web`.
    pub fn words(&self) -> String {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.kind, self.namespace, self.name)
    }
}

/// An object that was applied, or is about to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its API version.
    pub api_version: String,
    /// Which it is.
    pub key: Key,
    /// The component that it is part of; empty for objects of steps.
    pub component: String,
    /// The trait that made it, if one did.
    pub of_trait: String,
    /// The run that applied it last.
    pub run: String,
    /// It is not deleted, not even with the Application.
    pub keep: bool,
    /// What was applied; nothing where that is secret.
    pub manifest: Option<Arc<Value>>,
    /// What was applied holds something secret, and is kept in a Secret.
    pub sealed: bool,
}

impl Entry {
    /// The entry of a manifest.
    pub(crate) fn of(manifest: &Value, run: &str) -> Entry {
        Entry {
            api_version: manifest.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_string(),
            key: Key::of(manifest),
            component: label(manifest, COMPONENT).to_string(),
            of_trait: label(manifest, TRAIT_TYPE).to_string(),
            run: run.to_string(),
            ..Entry::default()
        }
    }

    fn to_value(&self) -> Value {
        let mut v = Map::new();
        let mut put = |name: &str, text: &str| {
            if !text.is_empty() {
                v.insert(name.to_string(), json!(text));
            }
        };
        put("apiVersion", &self.api_version);
        put("kind", &self.key.kind);
        put("namespace", &self.key.namespace);
        put("name", &self.key.name);
        put("component", &self.component);
        put("trait", &self.of_trait);
        put("run", &self.run);
        if self.keep {
            v.insert("skipGC".into(), json!(true));
        }
        if self.sealed {
            v.insert("sealed".into(), json!(true));
        }
        if let Some(manifest) = &self.manifest {
            v.insert("raw".into(), (**manifest).clone());
        }
        Value::Object(v)
    }

    fn from_value(v: &Value) -> Entry {
        let text = |name: &str| v.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
        let is = |name: &str| v.get(name).and_then(Value::as_bool).unwrap_or(false);
        let api_version = text("apiVersion");
        Entry {
            key: Key {
                group: api_version.split_once('/').map_or("", |(group, _)| group).to_string(),
                kind: text("kind"),
                namespace: text("namespace"),
                name: text("name"),
            },
            api_version,
            component: text("component"),
            of_trait: text("trait"),
            run: text("run"),
            keep: is("skipGC"),
            manifest: v.get("raw").filter(|r| r.is_object()).map(|r| Arc::new(r.clone())),
            sealed: is("sealed"),
        }
    }
}

/// A tracker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    pub(crate) name: String,
    /// Of objects that stay until the Application is deleted.
    pub(crate) root: bool,
    /// The generation of the Application that it is about.
    pub(crate) generation: i64,
    /// The version that was read or written last; `None` where it is not on the cluster.
    pub(crate) version: Option<String>,
    pub(crate) entries: IndexMap<Key, Entry>,
}

impl Tracker {
    /// A tracker that is not there yet.
    pub(crate) fn new(app: &App, root: bool, generation: i64) -> Tracker {
        let name = match root {
            true => format!("{}-root-{}", app.name, app.namespace),
            false => format!("{}-v{generation}-{}", app.name, app.namespace),
        };
        Tracker { name, root, generation, ..Tracker::default() }
    }

    /// Another name, for where the first is that of another Application's tracker.
    pub(crate) fn rename(&mut self, app: &App) {
        self.name = format!("{}-{}", self.name, super::short_hash(&app.key()));
    }

    /// Reads a tracker.
    ///
    /// # Errors
    /// A record that was damaged: then nothing may be deleted by it.
    pub(crate) fn read(object: &DynamicObject) -> Result<Tracker, OpError> {
        let name = object.metadata.name.clone().unwrap_or_default();
        let damaged = |why: &dyn std::fmt::Display| {
            OpError::permanent(format!("the ResourceTracker {name} cannot be read: {why}"))
        };
        let spec = object.data.get("spec").unwrap_or(&Value::Null);
        let list = match spec.get("compression").filter(|c| c.is_object()) {
            Some(packed) => unpacked(packed).map_err(|e| damaged(&e))?,
            None => spec.get("managedResources").cloned().unwrap_or_default(),
        };
        let entries = list.as_array().into_iter().flatten().map(Entry::from_value);
        Ok(Tracker {
            root: spec.get("type").and_then(Value::as_str) == Some("root"),
            generation: spec.get("applicationGeneration").and_then(Value::as_i64).unwrap_or_default(),
            version: object.metadata.resource_version.clone(),
            entries: entries.map(|e| (e.key.clone(), e)).collect(),
            name,
        })
    }

    /// The tracker as an object.
    pub(crate) fn object(&self, app: &App) -> Value {
        let list: Value = self.entries.values().map(Entry::to_value).collect();
        let mut spec = json!({
            "type": if self.root { "root" } else { "versioned" },
            "applicationGeneration": self.generation,
        });
        let text = list.to_string();
        match text.len() > LONG {
            true => spec["compression"] = packed(&text),
            false => spec["managedResources"] = list,
        }
        let mut metadata = json!({"name": self.name, "labels": {NAME: app.name, NAMESPACE: app.namespace}});
        if let Some(version) = &self.version {
            metadata["resourceVersion"] = json!(version);
        }
        json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "ResourceTracker", "metadata": metadata, "spec": spec})
    }
}

/// Data as KubeVela compresses it: `{type: gzip, data: BASE64}`.
pub(crate) fn packed(text: &str) -> Value {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(text.as_bytes());
    json!({"type": "gzip", "data": STANDARD.encode(encoder.finish().unwrap_or_default())})
}

/// What was compressed.
///
/// # Errors
/// Another form, damage, and more than fits.
pub(crate) fn unpacked(packed: &Value) -> Result<Value, String> {
    let text = |name: &str| packed.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") != "gzip" {
        return Err(format!("it is compressed as `{}`, which is not known here", text("type")));
    }
    let bytes = STANDARD.decode(text("data")).map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    GzDecoder::new(&bytes[..]).take(MOST + 1).read_to_end(&mut out).map_err(|e| e.to_string())?;
    if out.len() as u64 > MOST {
        return Err(format!("it is longer than {} MB", MOST >> 20));
    }
    serde_json::from_slice(&out).map_err(|e| e.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn app() -> App {
        App { name: "shop".into(), namespace: "default".into() }
    }

    fn tracker(size: usize) -> Tracker {
        let mut tracker = Tracker::new(&app(), false, 3);
        for i in 0..20 {
            let manifest = json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": format!("d{i}"), "namespace": "default", "labels": {"app.oam.dev/component": "web"}},
                "text": "x".repeat(size),
            });
            let entry = Entry { manifest: Some(Arc::new(manifest.clone())), ..Entry::of(&manifest, "r") };
            tracker.entries.insert(entry.key.clone(), entry);
        }
        let secret = Entry {
            sealed: true,
            keep: true,
            ..Entry::of(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}), "r")
        };
        tracker.entries.insert(secret.key.clone(), secret);
        tracker
    }

    #[test]
    fn a_tracker_reads_as_it_was_written() {
        for size in [1, 10_000] {
            let before = tracker(size);
            let object = before.object(&app());
            assert_eq!(object["spec"]["compression"].is_object(), size > 1);
            assert!(object.to_string().len() < LONG);
            let after = Tracker::read(&serde_json::from_value(object).unwrap()).unwrap();
            assert_eq!((after.name.as_str(), after.generation, after.root), ("shop-v3-default", 3, false));
            assert_eq!(after.entries, before.entries);
        }
    }

    #[test]
    fn a_damaged_tracker_is_told() {
        let mut object = tracker(10_000).object(&app());
        object["spec"]["compression"]["data"] = json!("AAAA");
        let told = Tracker::read(&serde_json::from_value(object.clone()).unwrap()).unwrap_err();
        assert!(told.message.starts_with("the ResourceTracker shop-v3-default cannot be read: "), "{told}");
        object["spec"]["compression"]["type"] = json!("zip");
        assert!(Tracker::read(&serde_json::from_value(object).unwrap()).is_err());
    }

    #[test]
    fn versions_of_a_kind_are_the_same_object() {
        let of = |version: &str| {
            Key::of(&json!({"apiVersion": version, "kind": "Thing", "metadata": {"name": "a"}}))
        };
        assert_eq!(of("example.com/v1"), of("example.com/v1beta1"));
        assert_ne!(of("example.com/v1"), of("v1"));
    }
}
