//! `managedFields`: who owns which fields, kept through every write. An apply replaces what its manager owned and meets the
//! others' claims; any other write takes over what it changes. Tests: at the end of this file and in `apply.rs`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::{Changes, Set, compare};
use crate::{clock::rfc3339, error::ApiResult, kinds::Resource, objects::metadata};

/// Update entries kept apart; older ones are merged into one.
const MAX_UPDATES: usize = 10;

/// Fields that belong to the server and to nobody else.
const UNMANAGED: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

/// One manager's entry.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) apply: bool,
    pub(crate) api_version: String,
    pub(crate) subresource: String,
    pub(crate) time: Option<String>,
    pub(crate) fields: Set,
}

impl Manager {
    fn is(&self, other: &Manager) -> bool {
        self.name == other.name
            && self.apply == other.apply
            && self.subresource == other.subresource
            && (self.apply || self.api_version == other.api_version)
    }

    /// As messages name it.
    pub(crate) fn describe(&self) -> String {
        let mut out = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            out.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if !self.apply {
            out.push_str(&format!(" using {}", self.api_version));
        }
        out
    }
}

/// Reads the entries of an object.
pub(crate) fn read(object: &Value) -> Vec<Manager> {
    let entries = object["metadata"]["managedFields"].as_array();
    entries
        .into_iter()
        .flatten()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            Manager {
                name: text("manager"),
                apply: entry["operation"] == "Apply",
                api_version: text("apiVersion"),
                subresource: text("subresource"),
                time: entry["time"].as_str().map(str::to_owned),
                fields: Set::from_json(&entry["fieldsV1"]),
            }
        })
        .filter(|manager| !manager.fields.is_empty())
        .collect()
}

/// Writes the entries: applies first, then by time and name.
pub(crate) fn write(object: &mut Value, mut managers: Vec<Manager>) -> ApiResult<()> {
    managers.retain(|manager| !manager.fields.is_empty());
    managers.sort_by(|a, b| {
        (!a.apply, &a.time, &a.name, &a.api_version, &a.subresource).cmp(&(
            !b.apply,
            &b.time,
            &b.name,
            &b.api_version,
            &b.subresource,
        ))
    });
    let entries: Vec<Value> = managers
        .into_iter()
        .map(|manager| {
            let mut entry = json!({
                "manager": manager.name,
                "operation": if manager.apply { "Apply" } else { "Update" },
                "apiVersion": manager.api_version,
            });
            if let Some(time) = manager.time {
                entry["time"] = time.into();
            }
            entry["fieldsType"] = "FieldsV1".into();
            entry["fieldsV1"] = manager.fields.to_json();
            if !manager.subresource.is_empty() {
                entry["subresource"] = manager.subresource.into();
            }
            entry
        })
        .collect();
    let meta = metadata(object)?;
    meta.shift_remove("managedFields");
    if !entries.is_empty() {
        meta.insert("managedFields".into(), entries.into());
    }
    Ok(())
}

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) manager: &'a str,
    pub(crate) subresource: Option<&'a str>,
    pub(crate) now: Timestamp,
}

impl Writer<'_> {
    /// This writer's entry, empty.
    pub(crate) fn entry(&self, apply: bool) -> Manager {
        Manager {
            name: self.manager.to_owned(),
            apply,
            api_version: self.resource.api_version(),
            subresource: self.subresource.unwrap_or_default().to_owned(),
            time: Some(rfc3339(self.now)),
            fields: Set::default(),
        }
    }

    /// A set without what nobody may own, and without what this writer cannot change.
    pub(crate) fn ownable(&self, set: Set) -> Set {
        let set = set.without(UNMANAGED);
        match self.subresource {
            Some("status") => set.without(&[&["spec"]]),
            _ if self.resource.status => set.without(&[&["status"]]),
            _ => set,
        }
    }

    /// What changed, as far as anybody may own it.
    pub(crate) fn changes(&self, old: &Value, new: &Value) -> Changes {
        let changes = compare(&self.resource.schema, old, new);
        Changes {
            added: self.ownable(changes.added),
            modified: self.ownable(changes.modified),
            removed: self.ownable(changes.removed),
        }
    }

    /// Sets the entries of `new` after a write that is no apply.
    pub(crate) fn record_update(&self, old: &Value, new: &mut Value) -> ApiResult<()> {
        // An empty list (or one empty entry) is how clients ask for the entries to be forgotten.
        let given = new["metadata"]["managedFields"].as_array();
        let reset = given.is_some_and(|list| {
            list.is_empty() || list.len() == 1 && list[0].as_object().is_some_and(serde_json::Map::is_empty)
        });
        if reset {
            return write(new, vec![]);
        }
        let mut managers = if given.is_some() { read(new) } else { read(old) };
        let changes = self.changes(old, new);
        let set = changes.added.union(&changes.modified);
        if set.is_empty() && changes.removed.is_empty() {
            return write(new, managers);
        }
        let mut mine = self.entry(false);
        let mut before = Set::default();
        managers.retain_mut(|manager| {
            if manager.is(&mine) {
                mine.time.clone_from(&manager.time);
                before = std::mem::take(&mut manager.fields);
                return false;
            }
            manager.fields = manager.fields.minus(&set).minus(&changes.removed);
            true
        });
        mine.fields = before.union(&set).minus(&changes.removed);
        if mine.fields != before {
            mine.time = Some(rfc3339(self.now));
        }
        managers.push(mine);
        write(new, cap(managers))
    }
}

/// Keeps the number of update entries bounded: the oldest of a version become one.
fn cap(mut managers: Vec<Manager>) -> Vec<Manager> {
    let updates = managers.iter().filter(|m| !m.apply && m.subresource.is_empty()).count();
    if updates <= MAX_UPDATES {
        return managers;
    }
    managers.sort_by(|a, b| a.time.cmp(&b.time));
    let mut surplus = updates - MAX_UPDATES + 1;
    let mut ancient: Option<Manager> = None;
    managers.retain(|manager| {
        if surplus == 0 || manager.apply || !manager.subresource.is_empty() {
            return true;
        }
        surplus -= 1;
        match &mut ancient {
            Some(ancient) => {
                ancient.fields = ancient.fields.union(&manager.fields);
                ancient.time.clone_from(&manager.time);
            }
            None => ancient = Some(Manager { name: "ancient-changes".into(), ..manager.clone() }),
        }
        false
    });
    managers.extend(ancient);
    managers
}
