//! Sets of fields: what a manager owns. A set is a tree of path elements; in `managedFields` it is written as `fieldsV1`
//! (`f:name`, `k:{"key":"value"}`, `v:"value"`, with `.` for a member that has children). Tests: at the end of this file.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Map, Value};

use crate::schema::{List, Merge, Schema, Shape};

/// One step of a path. The order is that of the real server: fields, then keys, then values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    Field(String),
    /// An item of a list with keys: the keys as JSON object, sorted.
    Key(String),
    /// An item of a set, as JSON.
    Value(String),
}

/// A set of fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Set {
    /// Whether the path to here is a member itself.
    pub(crate) member: bool,
    pub(crate) children: BTreeMap<Element, Set>,
}

impl Set {
    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    pub(crate) fn insert(&mut self, path: &[Element]) {
        let mut at = self;
        for element in path {
            at = at.children.entry(element.clone()).or_default();
        }
        at.member = true;
    }

    /// Calls `other` to decide, member by member; empty branches go.
    fn combine(&self, other: &Set, keep: impl Fn(bool, bool) -> bool + Copy) -> Set {
        static NONE: Set = Set { member: false, children: BTreeMap::new() };
        let mut out = Set { member: keep(self.member, other.member), children: BTreeMap::new() };
        for element in
            self.children.keys().chain(other.children.keys().filter(|e| !self.children.contains_key(*e)))
        {
            let mine = self.children.get(element).unwrap_or(&NONE);
            let theirs = other.children.get(element).unwrap_or(&NONE);
            let child = mine.combine(theirs, keep);
            if !child.is_empty() {
                out.children.insert(element.clone(), child);
            }
        }
        out
    }

    pub(crate) fn union(&self, other: &Set) -> Set {
        self.combine(other, |a, b| a || b)
    }
    pub(crate) fn minus(&self, other: &Set) -> Set {
        self.combine(other, |a, b| a && !b)
    }
    pub(crate) fn intersect(&self, other: &Set) -> Set {
        self.combine(other, |a, b| a && b)
    }

    /// Without the subtrees at these paths of fields.
    pub(crate) fn without(mut self, paths: &[&[&str]]) -> Set {
        for path in paths {
            self.cut(path);
        }
        self
    }

    fn cut(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let element = Element::Field((*first).to_owned());
        if rest.is_empty() {
            self.children.remove(&element);
        } else if let Some(child) = self.children.get_mut(&element) {
            child.cut(rest);
            if child.is_empty() {
                self.children.remove(&element);
            }
        }
    }

    /// The members as paths in messages: `.spec.containers[name="web"].image`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect(&mut String::new(), &mut out);
        out
    }

    fn collect(&self, path: &mut String, out: &mut Vec<String>) {
        if self.member {
            out.push(path.clone());
        }
        for (element, child) in &self.children {
            let length = path.len();
            push_element(path, element);
            child.collect(path, out);
            path.truncate(length);
        }
    }

    /// As `fieldsV1`.
    pub(crate) fn to_json(&self) -> Value {
        let mut out = Map::new();
        if self.member && !self.children.is_empty() {
            out.insert(".".into(), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            let key = match element {
                Element::Field(name) => format!("f:{name}"),
                Element::Key(keys) => format!("k:{keys}"),
                Element::Value(value) => format!("v:{value}"),
            };
            out.insert(key, child.to_json());
        }
        Value::Object(out)
    }

    /// From `fieldsV1`; what is not understood is left out.
    pub(crate) fn from_json(value: &Value) -> Set {
        let Some(fields) = value.as_object() else { return Set::default() };
        let mut out = Set::default();
        for (key, child) in fields {
            if key == "." {
                out.member = true;
                continue;
            }
            let Some((kind, text)) = key.split_once(':') else { continue };
            let element = match kind {
                "f" => Element::Field(text.to_owned()),
                "k" => Element::Key(text.to_owned()),
                "v" => Element::Value(text.to_owned()),
                _ => continue,
            };
            let mut child = Set::from_json(child);
            child.member |= child.children.is_empty();
            out.children.insert(element, child);
        }
        out
    }
}

/// Appends an element as messages write it.
pub(crate) fn push_element(path: &mut String, element: &Element) {
    // Writing to a string cannot fail.
    let _ = match element {
        Element::Field(name) => write!(path, ".{name}"),
        Element::Key(keys) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let parts: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            write!(path, "[{}]", parts.join(","))
        }
        Element::Value(value) => write!(path, "[={value}]"),
    };
}

/// What an item of a list is known by; an error, in the server's words, where a key is missing.
pub(crate) fn element_of(list: &List, item: &Value) -> Result<Element, String> {
    match &list.merge {
        Merge::Map(keys) => {
            let mut found = BTreeMap::new();
            for key in keys {
                let default = || list.items.field(key).and_then(|field| field.default.clone());
                match item.get(key).filter(|value| !value.is_null()).cloned().or_else(default) {
                    Some(value) => found.insert(key.as_str(), value),
                    None => None,
                };
            }
            if found.is_empty() {
                let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
                return Err(format!(
                    "element 0: associative list with keys has an element that omits key field {} (and doesn't have default value)",
                    keys.join(", ")
                ));
            }
            serde_json::to_string(&found).map(Element::Key).map_err(|error| error.to_string())
        }
        Merge::Set | Merge::Atomic => Ok(Element::Value(item.to_string())),
    }
}

/// A list that apply merges item by item.
pub(crate) fn granular(schema: &Schema) -> Option<&List> {
    match schema.shape() {
        Shape::List(list) if list.merge != Merge::Atomic && !schema.is_atomic() => Some(list),
        _ => None,
    }
}

/// The fields that an object sets.
pub(crate) fn set_of(schema: &Schema, value: &Value) -> Set {
    let mut out = Set::default();
    match value {
        Value::Array(items) if granular(schema).is_some() => {
            let Some(list) = granular(schema) else { return out };
            for item in items {
                let Ok(element) = element_of(list, item) else { continue };
                let mut child = set_of(&list.items, item);
                child.member = true;
                out.children.insert(element, child);
            }
        }
        Value::Object(fields) if is_granular_map(schema) => {
            let is_map = matches!(schema.shape(), Shape::Map(_));
            for (name, value) in fields {
                let field = schema.field(name).unwrap_or(&crate::schema::ANY);
                let mut child = set_of(field, value);
                let hollow = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                child.member |= hollow || is_map || is_untyped(schema);
                if !child.is_empty() {
                    out.children.insert(Element::Field(name.clone()), child);
                }
            }
        }
        _ => out.member = true,
    }
    out
}

fn is_untyped(schema: &Schema) -> bool {
    matches!(schema.shape(), Shape::Any)
}

/// Objects that merge field by field.
pub(crate) fn is_granular_map(schema: &Schema) -> bool {
    matches!(schema.shape(), Shape::Struct(_) | Shape::Map(_) | Shape::Any) && !schema.is_atomic()
}

/// What changed between two states of an object.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: Set,
    pub(crate) modified: Set,
    pub(crate) removed: Set,
}

/// Compares two states.
pub(crate) fn compare(schema: &Schema, old: &Value, new: &Value) -> Changes {
    let mut out = Changes::default();
    let mut path = Vec::new();
    diff(schema, Some(old), Some(new), &mut path, &mut out);
    out
}

fn diff(
    schema: &Schema,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<Element>,
    out: &mut Changes,
) {
    if old == new {
        return;
    }
    let both = |f: fn(&Value) -> bool| old.is_none_or(f) && new.is_none_or(f);
    let descends = if both(Value::is_object) && is_granular_map(schema) {
        let keys = |value: Option<&Value>| -> Vec<String> {
            value.and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
        };
        let mut names = keys(old);
        names.extend(keys(new).into_iter().filter(|name| old.and_then(|old| old.get(name)).is_none()));
        for name in names {
            let field = schema.field(&name).unwrap_or(&crate::schema::ANY);
            let (old, new) = (old.and_then(|v| v.get(&name)), new.and_then(|v| v.get(&name)));
            path.push(Element::Field(name));
            diff(field, old, new, path, out);
            path.pop();
        }
        true
    } else if let (Some(list), true) = (granular(schema), both(Value::is_array)) {
        let items = |value: Option<&'_ Value>| -> BTreeMap<Element, Value> {
            value
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|item| Some((element_of(list, item).ok()?, item.clone())))
                .collect()
        };
        let (old_items, new_items) = (items(old), items(new));
        let elements: Vec<&Element> =
            old_items.keys().chain(new_items.keys().filter(|e| !old_items.contains_key(*e))).collect();
        for element in elements {
            path.push(element.clone());
            diff(&list.items, old_items.get(element), new_items.get(element), path, out);
            path.pop();
        }
        true
    } else {
        false
    };
    match (old, new) {
        (None, Some(_)) => out.added.insert(path),
        (Some(_), None) => out.removed.insert(path),
        _ if !descends => out.modified.insert(path),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> std::sync::Arc<Schema> {
        crate::schema::builtin_kind("", "v1", "Pod")
    }

    #[test]
    fn sets_are_written_as_the_server_writes_them() {
        let object = json!({
            "metadata": {"labels": {"a": "b"}, "finalizers": ["x/y"]},
            "spec": {"containers": [{"name": "web", "image": "i", "ports": [{"containerPort": 80}], "command": ["a"]}],
                     "nodeSelector": {"disk": "ssd"}, "securityContext": {}},
        });
        let set = set_of(&pod(), &object);
        let json = json!({
            "f:metadata": {"f:finalizers": {"v:\"x/y\"": {}}, "f:labels": {"f:a": {}}},
            "f:spec": {
                "f:containers": {"k:{\"name\":\"web\"}": {
                    ".": {}, "f:command": {}, "f:image": {}, "f:name": {},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                }},
                "f:nodeSelector": {},
                "f:securityContext": {},
            },
        });
        assert_eq!(set.to_json(), json);
        assert_eq!(Set::from_json(&json), set);
        assert!(set.paths().contains(&".spec.containers[name=\"web\"].image".to_owned()));
        assert!(set.paths().contains(&".metadata.finalizers[=\"x/y\"]".to_owned()));
    }

    #[test]
    fn changes_are_found_item_by_item() {
        let old = json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b"}]}});
        let new = json!({"spec": {"containers": [{"name": "c"}, {"name": "a", "image": "2"}], "hostNetwork": true}});
        let changes = compare(&pod(), &old, &new);
        assert_eq!(changes.modified.paths(), [".spec.containers[name=\"a\"].image"]);
        assert_eq!(
            changes.removed.paths(),
            [".spec.containers[name=\"b\"]", ".spec.containers[name=\"b\"].name"]
        );
        assert_eq!(
            changes.added.paths(),
            [".spec.hostNetwork", ".spec.containers[name=\"c\"]", ".spec.containers[name=\"c\"].name"]
                .iter()
                .map(ToString::to_string)
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn sets_combine() {
        let set = |value: Value| Set::from_json(&value);
        let a = set(json!({"f:a": {}, "f:b": {"f:c": {}}}));
        let b = set(json!({"f:b": {".": {}, "f:c": {}, "f:d": {}}}));
        assert_eq!(a.union(&b), set(json!({"f:a": {}, "f:b": {".": {}, "f:c": {}, "f:d": {}}})));
        assert_eq!(a.minus(&b), set(json!({"f:a": {}})));
        assert_eq!(a.intersect(&b), set(json!({"f:b": {"f:c": {}}})));
        assert!(a.minus(&a).is_empty());
    }
}
