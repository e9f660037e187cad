//! Revisions of Applications: what was delivered once, kept so that it can be looked at and put back without anything of today.
//!
//! A revision is an `ApplicationRevision` named `APP-vN`: the Application, the definitions it used with their text, the objects as they were applied. Objects
//! that hold something secret lie in a Secret of the revision. `store` reads and writes them; this file says what one is. Why it is so:
//! `docs/decisions/revisions.md`. Tests: at the end, and `tests/program/revisions.rs`.

mod store;

pub use store::{Revisions, Saved};

use crate::definitions::Library;
use crate::document::Document;
use crate::model::application::{Application, sorted};
use crate::model::definition::Kind;
use crate::ops::OpError;
use crate::resources::{NAME, REVISION, hash, packed, unpacked};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

/// The label with what tells the content of a revision from others.
pub const HASH: &str = "app.oam.dev/app-revision-hash";
/// The annotation with the version that the user gives what is delivered.
pub const PUBLISH_VERSION: &str = "app.oam.dev/publishVersion";
/// The annotation with the commit of the code that is delivered.
pub const CODE_COMMIT: &str = "app.oam.dev/code-commit";
/// The annotation of a revision that was made by going back to another: its name.
pub const ROLLED_BACK: &str = "app.oam.dev/rolled-back-to";
/// The label with the environment of an Application and of its revisions.
pub const ENVIRONMENT: &str = "envbinding.oam.dev/env";
/// How many revisions are kept beside the latest, unless the policy `garbage-collect` says otherwise.
pub const KEPT: usize = 10;

/// Rendered objects that take more are compressed.
const LONG: usize = 64 << 10;

/// The name of a revision.
pub fn name(app: &str, number: u64) -> String {
    format!("{app}-v{number}")
}

/// The number in the name of a revision of an Application.
pub fn number(app: &str, name: &str) -> Option<u64> {
    name.strip_prefix(app)?.strip_prefix("-v")?.parse().ok()
}

/// What is said of a revision in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its name: `web-v3`.
    pub name: String,
    /// Its number.
    pub number: u64,
    /// What tells its content from others.
    pub hash: String,
    /// The version that the user gave it.
    pub publish_version: String,
    /// The commit of the code.
    pub code_commit: String,
    /// The environment that it was delivered to; empty where there was none.
    pub environment: String,
    /// The revision that this one went back to.
    pub rolled_back_to: String,
    /// When it was made.
    pub created: String,
}

impl Summary {
    /// What the labels and annotations say; `None` for what is no revision of this Application.
    pub(crate) fn of(app: &str, object: &impl ResourceExt) -> Option<Summary> {
        let name = object.name_any();
        let text = |from: &std::collections::BTreeMap<String, String>, key: &str| {
            from.get(key).cloned().unwrap_or_default()
        };
        let (labels, annotations) = (object.labels(), object.annotations());
        Some(Summary {
            number: number(app, &name)?,
            hash: text(labels, HASH),
            publish_version: text(annotations, PUBLISH_VERSION),
            code_commit: text(annotations, CODE_COMMIT),
            environment: text(labels, ENVIRONMENT),
            rolled_back_to: text(annotations, ROLLED_BACK),
            created: object.creation_timestamp().map(|t| t.0.to_string()).unwrap_or_default(),
            name,
        })
    }
}

/// A revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Revision {
    /// What a list says of it.
    pub summary: Summary,
    /// The Application as it was.
    pub application: Value,
    /// The definitions that it used, as objects with their text.
    pub definitions: Vec<Value>,
    /// The objects as they were applied, in order.
    pub rendered: Vec<Rendered>,
    /// Whether its run succeeded.
    pub succeeded: bool,
}

/// An object of a revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// What was applied. Of a secret object only what it is, unless it was read together with its Secret.
    pub manifest: Value,
    /// Whether what was applied is kept in a Secret.
    pub secret: bool,
}

impl Revision {
    /// Reads a revision of an Application.
    ///
    /// # Errors
    /// One that was damaged, or that was made by something else and holds no rendered objects.
    pub fn read(app: &str, object: &DynamicObject) -> Result<Revision, OpError> {
        let name = object.name_any();
        let damaged =
            |why: &str| OpError::permanent(format!("the ApplicationRevision {name} cannot be read: {why}"));
        let summary = Summary::of(app, object).ok_or_else(|| damaged("its name has no number"))?;
        let spec = object.data.get("spec").unwrap_or(&Value::Null);
        let rendered = spec.get("rendered").filter(|r| r.is_object());
        let rendered = rendered.ok_or_else(|| damaged("it holds no rendered objects"))?;
        let list = match rendered.get("compression") {
            Some(packed) => unpacked(packed).map_err(|e| damaged(&e))?,
            None => rendered.get("objects").cloned().unwrap_or_default(),
        };
        let one = |o: &Value| Rendered {
            secret: o.get("sealed").and_then(Value::as_bool).unwrap_or(false),
            manifest: o.get("manifest").cloned().unwrap_or_default(),
        };
        let definitions = Kind::ALL.into_iter().flat_map(|kind| {
            let all = spec.get(field_of(kind)).and_then(Value::as_object);
            all.into_iter().flat_map(|m| m.values().cloned()).collect::<Vec<_>>()
        });
        Ok(Revision {
            summary,
            application: spec.get("application").cloned().unwrap_or_default(),
            definitions: definitions.collect(),
            rendered: list.as_array().into_iter().flatten().map(one).collect(),
            succeeded: object.data.pointer("/status/succeeded").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    /// The revision as an object; `owner` is a reference to the Application.
    pub(crate) fn object(&self, app: &str, namespace: &str, owner: &Value) -> Value {
        let s = &self.summary;
        let mut annotations = Map::new();
        for (key, text) in [
            (PUBLISH_VERSION, &s.publish_version),
            (CODE_COMMIT, &s.code_commit),
            (ROLLED_BACK, &s.rolled_back_to),
        ] {
            if !text.is_empty() {
                annotations.insert(key.into(), json!(text));
            }
        }
        let one = |r: &Rendered| match r.secret {
            true => json!({"sealed": true, "manifest": outline(&r.manifest)}),
            false => json!({"manifest": r.manifest}),
        };
        let list: Value = self.rendered.iter().map(one).collect();
        let text = list.to_string();
        let rendered = match text.len() > LONG {
            true => json!({"compression": packed(&text)}),
            false => json!({"objects": list}),
        };
        let mut spec = json!({"application": self.application, "rendered": rendered});
        let mut labels = json!({NAME: app, HASH: s.hash});
        if !s.environment.is_empty() {
            labels[ENVIRONMENT] = json!(s.environment);
            spec["environment"] = json!(s.environment);
        }
        for kind in Kind::ALL {
            let of = |d: &&Value| d.get("kind").and_then(Value::as_str) == Some(kind.object_kind());
            let named = |d: &Value| {
                let name = d.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                (name.to_string(), d.clone())
            };
            let all: Map<String, Value> = self.definitions.iter().filter(of).map(named).collect();
            if !all.is_empty() {
                spec[field_of(kind)] = Value::Object(all);
            }
        }
        json!({
            "apiVersion": "core.oam.dev/v1beta1", "kind": "ApplicationRevision",
            "metadata": {
                "name": s.name, "namespace": namespace, "annotations": annotations,
                "labels": labels,
                "ownerReferences": [owner],
            },
            "spec": spec,
            "status": {"succeeded": self.succeeded},
        })
    }

    /// A library with the definitions that the revision used in the place of those of today, and the names of those that there are none of today.
    ///
    /// # Errors
    /// A stored definition that cannot be read.
    pub fn library(&self, today: &Library) -> Result<(Library, Vec<(Kind, String)>), OpError> {
        let mut library = today.clone();
        let mut gone = Vec::new();
        for d in &self.definitions {
            let text = |pointer: &str| d.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (kind, name) = (text("/kind"), text("/metadata/name"));
            let known = Kind::ALL.into_iter().find(|k| k.object_kind() == kind);
            if let Some(kind) = known.filter(|k| today.get(*k, name).is_none()) {
                gone.push((kind, name.to_string()));
            }
            library = library.with_stored(d).map_err(|e| {
                OpError::permanent(format!("the {kind} `{name}` that {} used: {e}", self.summary.name))
            })?;
        }
        Ok((library, gone))
    }

    /// The Application that was delivered.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn application(&self) -> Result<Application, OpError> {
        Application::read(Document::from_value(self.application.clone()))
            .map_err(|e| OpError::permanent(format!("the application in {}: {e}", self.summary.name)))
    }

    /// Whether the same objects were applied, whatever revision their labels name.
    pub(crate) fn same_objects(&self, other: &Revision) -> bool {
        let plain = |r: &Revision| -> Vec<Value> {
            let mut all: Vec<Value> = r.rendered.iter().map(|r| relabelled(&r.manifest, "")).collect();
            all.sort_by_key(Value::to_string);
            all
        };
        plain(self) == plain(other)
    }
}

/// Which object it is, and nothing of what is in it.
fn outline(manifest: &Value) -> Value {
    let part = |pointer: &str| manifest.pointer(pointer).cloned().unwrap_or_default();
    json!({"apiVersion": part("/apiVersion"), "kind": part("/kind"),
        "metadata": {"name": part("/metadata/name"), "namespace": part("/metadata/namespace")}})
}

/// A manifest that names another revision as its own, if it names one.
pub(crate) fn relabelled(manifest: &Value, revision: &str) -> Value {
    let mut manifest = manifest.clone();
    if let Some(label) = manifest.get_mut("metadata").and_then(|m| m.get_mut("labels")?.get_mut(REVISION)) {
        *label = json!(revision);
    }
    manifest
}

fn field_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Component => "componentDefinitions",
        Kind::Trait => "traitDefinitions",
        Kind::Policy => "policyDefinitions",
        Kind::WorkflowStep => "workflowStepDefinitions",
        Kind::Application => "applicationTemplates",
    }
}

/// What tells the content of one revision from another: what is asked for, by which version, in which environment, and what its definitions say.
pub(crate) fn content(application: &Value, environment: &str, definitions: &[Value]) -> String {
    let spec = sorted(application.get("spec").unwrap_or(&Value::Null));
    let annotations = application.get("metadata").and_then(|m| m.get("annotations"));
    let version = annotations.and_then(|a| a.get(PUBLISH_VERSION)).cloned().unwrap_or_default();
    let definitions: Vec<Value> = definitions.iter().map(sorted).collect();
    hash(&json!([spec, version, environment, definitions]).to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn revision(size: usize) -> Revision {
        let library = Library::builtin();
        let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "labels": {REVISION: "web-v3"}}, "data": {"a": "x".repeat(size)}});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "d"}, "data": {"a": "aGlkZGVu"}});
        Revision {
            summary: Summary {
                name: "web-v3".into(),
                number: 3,
                hash: "abc".into(),
                code_commit: "c0ffee".into(),
                environment: "prod".into(),
                ..Summary::default()
            },
            application: json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "web"}, "spec": {"components": []}}),
            definitions: vec![
                library.get(Kind::Component, "webservice").unwrap().to_object(),
                library.get(Kind::Trait, "scaler").unwrap().to_object(),
            ],
            rendered: vec![Rendered { manifest, secret: false }, Rendered { manifest: secret, secret: true }],
            succeeded: true,
        }
    }

    #[test]
    fn a_revision_reads_as_it_was_written_but_for_its_secrets() {
        for size in [1, 200_000] {
            let before = revision(size);
            let object = before.object("web", "d", &json!({"name": "web"}));
            assert!(!object.to_string().contains("aGlkZGVu"));
            assert_eq!(object["spec"]["rendered"]["compression"].is_object(), size > 1);
            let after = Revision::read("web", &serde_json::from_value(object).unwrap()).unwrap();
            assert_eq!(
                after.rendered[1].manifest,
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "d"}})
            );
            let mut want = before.clone();
            want.rendered[1] = after.rendered[1].clone();
            assert_eq!(after, want);
        }
    }

    #[test]
    fn stored_definitions_are_used_where_there_are_none_today() {
        let empty = Library::empty(Library::builtin().packages().clone());
        let (library, gone) = revision(1).library(&empty).unwrap();
        let want = [(Kind::Component, "webservice"), (Kind::Trait, "scaler")];
        assert_eq!(gone, want.map(|(kind, name)| (kind, name.to_string())));
        let webservice = library.get(Kind::Component, "webservice").unwrap();
        assert!(library.compiled(webservice).unwrap().status.health.is_some());
        assert!(revision(1).library(&Library::builtin()).unwrap().1.is_empty());
    }

    #[test]
    fn names_have_numbers() {
        assert_eq!(number("web", "web-v12"), Some(12));
        assert_eq!(
            (number("web", "web-vx"), number("we", "web-v1"), number("web", "web-v1-v2")),
            (None, None, None)
        );
    }

    #[test]
    fn content_is_what_is_asked_for_and_by_which_definitions() {
        let app = json!({"metadata": {"name": "a", "annotations": {}}, "spec": {"a": 1, "b": 2}});
        let same = json!({"metadata": {"name": "a"}, "spec": {"b": 2, "a": 1}});
        assert_eq!(content(&app, "", &[]), content(&same, "", &[]));
        let published =
            json!({"metadata": {"annotations": {PUBLISH_VERSION: "1"}}, "spec": {"a": 1, "b": 2}});
        let all = [
            content(&app, "", &[]),
            content(&app, "e", &[]),
            content(&app, "", &[json!(1)]),
            content(&published, "", &[]),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }
}
