//! What every rendered object gets besides what its template says: name, namespace, labels and annotations.
//!
//! The rules are those that users' tools and selectors rely on: what the system and the Application say wins over what the object says.
//! What may be changed: a new label is one line in `Envelope`. Tests in `tests/conformance.rs` and at the end.

use crate::model::application::Application;
use crate::model::labels::{
    COMPONENT, NAME as APP, NAMESPACE, REPLICA_KEY, RESOURCE_TYPE, REVISION, TRAIT_RESOURCE, TRAIT_TYPE,
    WORKLOAD_TYPE,
};
use serde_json::{Map, Value as Json, json};

const FILTER_LABELS: &str = "filter.oam.dev/label-keys";
const FILTER_ANNOTATIONS: &str = "filter.oam.dev/annotation-keys";

/// What is said of the Application alone.
const OWN: [&str; 3] = [FILTER_LABELS, FILTER_ANNOTATIONS, crate::template::ANNOTATION];

/// Whether an annotation is a note of the runtime's own about the Application or its run: `written.app.oam.dev/STEP`, `asked.workflowrun.oam.dev/ID`.
fn is_note(key: &str) -> bool {
    key.split_once('/').is_some_and(|(domain, _)| {
        domain.ends_with("oam.dev") && ["written.", "asked."].iter().any(|note| domain.starts_with(note))
    })
}

/// The type of objects that a component itself renders beside its workload.
pub const AUXILIARY: &str = "AuxiliaryWorkload";

/// What the objects of one Application have in common.
#[derive(Debug)]
pub(crate) struct Envelope {
    app: String,
    namespace: String,
    revision: String,
    labels: Map<String, Json>,
    annotations: Map<String, Json>,
}

/// What an object is in its component.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role<'a> {
    /// The workload of a component of this type.
    Workload(&'a str),
    /// An output by this name of a trait of this type.
    Output { of: &'a str, name: &'a str },
}

impl Envelope {
    pub(crate) fn new(app: &Application, namespace: &str, revision: &str) -> Envelope {
        let keys = |name: &str| -> Vec<String> {
            let list = app.annotations.get(name).and_then(Json::as_str).unwrap_or_default();
            list.split(',').map(|k| k.trim().to_string()).filter(|k| !k.is_empty()).collect()
        };
        let without = |from: &Map<String, Json>, keys: Vec<String>| -> Map<String, Json> {
            let kept =
                from.iter().filter(|(k, _)| !keys.contains(k) && !OWN.contains(&k.as_str()) && !is_note(k));
            kept.map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        Envelope {
            app: app.name.clone(),
            namespace: namespace.to_string(),
            revision: revision.to_string(),
            labels: without(&app.labels, keys(FILTER_LABELS)),
            annotations: without(&app.annotations, keys(FILTER_ANNOTATIONS)),
        }
    }

    /// Completes an object of a component.
    pub(crate) fn dress(&self, object: &mut Json, component: &str, replica_key: &str, role: Role<'_>) {
        // A name that is made from the content is made from it as the template left it.
        let made = match role {
            Role::Workload(_) => None,
            Role::Output { of, .. } => Some(format!("{component}-{}-{}", of.to_lowercase(), hash(object))),
        };
        let Some(metadata) = self.named(object, made.as_deref().unwrap_or(component)) else { return };
        let mut labels = own(metadata, "labels");
        labels.extend(self.labels.clone());
        let mut system = vec![
            (APP, self.app.as_str()),
            (COMPONENT, component),
            (REVISION, &self.revision),
            (NAMESPACE, &self.namespace),
        ];
        match role {
            Role::Workload(kind) => {
                system.extend([(RESOURCE_TYPE, "WORKLOAD"), (WORKLOAD_TYPE, kind)]);
            }
            Role::Output { of, name } => {
                system.extend([(RESOURCE_TYPE, "TRAIT"), (TRAIT_TYPE, of), (TRAIT_RESOURCE, name)]);
            }
        }
        if !replica_key.is_empty() {
            system.push((REPLICA_KEY, replica_key));
        }
        labels.extend(system.into_iter().map(|(k, v)| (k.to_string(), Json::from(v))));
        let mut annotations = own(metadata, "annotations");
        annotations.extend(self.annotations.clone());
        metadata.insert("labels".into(), labels.into());
        metadata.insert("annotations".into(), annotations.into());
        arrange(object);
    }

    /// Completes an object of a policy.
    pub(crate) fn dress_policy(&self, object: &mut Json, policy: &str) {
        let Some(metadata) = self.named(object, policy) else { return };
        let mut labels = own(metadata, "labels");
        for (k, v) in [(APP, self.app.as_str()), (COMPONENT, policy), (REVISION, &self.revision)] {
            labels.insert(k.into(), v.into());
        }
        metadata.insert("labels".into(), labels.into());
        arrange(object);
    }

    /// Gives an object its name and namespace where it has none of its own. Its metadata, as [`metadata`] has it.
    fn named<'o>(&self, object: &'o mut Json, name: &str) -> Option<&'o mut Map<String, Json>> {
        let of_cluster =
            object.get("kind") == Some(&json!("Namespace")) && object.get("apiVersion") == Some(&json!("v1"));
        let metadata = metadata(object)?;
        let missing =
            |m: &Map<String, Json>, key: &str| m.get(key).and_then(Json::as_str).is_none_or(str::is_empty);
        if missing(metadata, "name") {
            match name {
                "" => metadata.remove("name"),
                name => metadata.insert("name".into(), name.into()),
            };
        }
        if missing(metadata, "namespace") && !of_cluster {
            metadata.insert("namespace".into(), self.namespace.clone().into());
        }
        Some(metadata)
    }
}

/// Puts the fields of an object in their usual order.
fn arrange(object: &mut Json) {
    if let Some(metadata) = metadata(object) {
        in_order(metadata, &["name", "namespace", "labels", "annotations"]);
    }
    if let Some(fields) = object.as_object_mut() {
        in_order(fields, &["apiVersion", "kind", "metadata", "spec"]);
    }
}

/// Puts these fields first, as people read objects; the others stay in their order.
fn in_order(fields: &mut Map<String, Json>, first: &[&str]) {
    let mut keys = fields.keys();
    if first.iter().filter(|k| fields.contains_key(**k)).all(|k| keys.next().is_some_and(|there| there == k))
    {
        return;
    }
    let mut rest = std::mem::take(fields);
    let found = first.iter().filter_map(|k| rest.shift_remove_entry(*k)).collect::<Vec<_>>();
    fields.extend(found);
    fields.extend(rest);
}

/// The metadata of an object, made where there is none. `None` where it is there and no object: then nothing is set at all.
fn metadata(object: &mut Json) -> Option<&mut Map<String, Json>> {
    object.as_object_mut()?.entry("metadata").or_insert_with(|| json!({})).as_object_mut()
}

/// An object's own labels or annotations; none where one of them is no text, as Kubernetes' own helpers have it.
fn own(metadata: &Map<String, Json>, key: &str) -> Map<String, Json> {
    match metadata.get(key).and_then(Json::as_object) {
        Some(m) if m.values().all(Json::is_string) => m.clone(),
        _ => Map::new(),
    }
}

/// A short word that stands for an object's content: FNV-1a in letters that are safe in names and spell nothing.
fn hash(object: &Json) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut h: u64 = 0xcbf2_9ce4_8422_2325;
    for b in object.to_string().bytes() {
        h = (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (0..10)
        .map(|_| {
            let letter = LETTERS[(h % LETTERS.len() as u64) as usize];
            h /= LETTERS.len() as u64;
            char::from(letter)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_the_application_says_wins() {
        let text = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: app\n  labels: {team: a, gone: b}\n  annotations: {note: app, filter.oam.dev/label-keys: 'gone, x'}\nspec: {components: []}\n";
        let app = Application::from_text("a.yaml", text).unwrap();
        let envelope = Envelope::new(&app, "prod", "");
        let mut object = json!({"kind": "Pod", "metadata": {"labels": {"team": "own", "mine": "1"}, "annotations": {"n": 1}}});
        envelope.dress(&mut object, "web", "", Role::Output { of: "Expose", name: "service" });
        let m = &object["metadata"];
        assert_eq!(
            (&m["labels"]["team"], &m["labels"]["mine"], &m["labels"]["gone"]),
            (&json!("a"), &json!("1"), &Json::Null)
        );
        assert_eq!(m["annotations"], json!({"note": "app"}));
        assert!(m["name"].as_str().unwrap().starts_with("web-expose-"));
        assert_eq!(m["namespace"], json!("prod"));
    }

    #[test]
    fn metadata_of_null_stays() {
        let app = Application::from_text("a.yaml", "apiVersion: core.oam.dev/v1beta1\nkind: Application\n")
            .unwrap();
        let mut object = json!({"kind": "Pod", "metadata": null});
        Envelope::new(&app, "d", "").dress(&mut object, "web", "", Role::Workload("x"));
        assert_eq!(object, json!({"kind": "Pod", "metadata": null}));
    }
}
