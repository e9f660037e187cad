//! Server-side apply: a manager says all it wants of an object; what it wanted before and leaves out now goes, what others
//! own stays, and where two want different things it is a conflict unless forced.
//! A pure function of the live object and the applied one. Tests: at the end of this file.

use serde_json::{Map, Value, json};

use super::{
    fields::{Element, Set, element_of, granular, is_granular_map, push_element, set_of},
    managed::{self, Manager, Writer},
};
use crate::{
    error::{ApiError, ApiResult},
    objects::metadata,
    schema::{ANY, Scalar, Schema, Shape, conform},
};

/// Applies `config` to `live` (`None` where there is no object yet).
pub(crate) fn apply(
    writer: Writer<'_>,
    live: Option<&Value>,
    config: &Value,
    force: bool,
) -> ApiResult<Value> {
    let schema = &writer.resource.schema;
    let absent = json!({"metadata": {}});
    let current = live.unwrap_or(&absent);
    let mut managers = managed::read(current);
    if let Some(live) = live
        && managers.is_empty()
    {
        // What was there before anybody applied belongs to whoever made it.
        let name = "before-first-apply".to_owned();
        let fields = Writer { subresource: Some(""), ..writer }.ownable(set_of(schema, live));
        managers.push(Manager { name, fields, time: None, ..writer.entry(false) });
    }
    let mut mine = writer.entry(true);
    let mut before = Set::default();
    let mut before_time = None;
    managers.retain(|manager| {
        let same = manager.apply && manager.name == mine.name && manager.subresource == mine.subresource;
        if same {
            before = manager.fields.clone();
            before_time.clone_from(&manager.time);
        }
        !same
    });
    mine.fields = writer.ownable(set_of(schema, config));

    let mut merged = merge(schema, current, config);
    let owned = managers.iter().fold(mine.fields.clone(), |all, manager| all.union(&manager.fields));
    prune(schema, &mut merged, &before, &owned);

    let changes = writer.changes(current, &merged);
    let set = changes.added.union(&changes.modified);
    let conflicts: Vec<(&Manager, Vec<String>)> = managers
        .iter()
        .map(|manager| (manager, manager.fields.intersect(&set).paths()))
        .filter(|(_, paths)| !paths.is_empty())
        .collect();
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    for manager in &mut managers {
        manager.fields = manager.fields.minus(&set).minus(&changes.removed);
    }
    // An apply that changes nothing has no time of its own.
    if set.is_empty() && changes.removed.is_empty() {
        mine.time = before_time;
    }
    managers.push(mine);
    let meta = metadata(&mut merged)?;
    for field in ["resourceVersion", "uid"] {
        // As preconditions these are looked at when the object is stored.
        if let Some(value) = config["metadata"].get(field) {
            meta.insert(field.into(), value.clone());
        }
    }
    managed::write(&mut merged, managers)?;
    Ok(merged)
}

fn conflict(conflicts: &[(&Manager, Vec<String>)]) -> ApiError {
    let mut sorted: Vec<(String, &Vec<String>)> =
        conflicts.iter().map(|(manager, paths)| (manager.describe(), paths)).collect();
    sorted.sort();
    let causes: Vec<Value> = sorted
        .iter()
        .flat_map(|(manager, paths)| paths.iter().map(move |path| (manager, path)))
        .map(|(manager, path)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": path})
        })
        .collect();
    let message = match sorted.as_slice() {
        [(manager, paths)] if paths.len() == 1 => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {}", paths[0])
        }
        _ => {
            let lines: Vec<String> = sorted
                .iter()
                .flat_map(|(manager, paths)| {
                    std::iter::once(format!("conflicts with {manager}:"))
                        .chain(paths.iter().map(|path| format!("- {path}")))
                })
                .collect();
            format!("Apply failed with {} conflicts: {}", causes.len(), lines.join("\n"))
        }
    };
    let mut error = ApiError::new(409, "Conflict", message);
    error.details = Some(Box::new(json!({"causes": causes})));
    error
}

/// The live value with everything of the applied one in it.
fn merge(schema: &Schema, live: &Value, config: &Value) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if is_granular_map(schema) => {
            let mut out = live.clone();
            for (name, value) in config {
                let field = schema.field(name).unwrap_or(&ANY);
                if value.is_null() && !field.nullable && !matches!(field.shape(), Shape::Any) {
                    out.shift_remove(name);
                    continue;
                }
                let merged = match live.get(name) {
                    Some(live) => merge(field, live, value),
                    None => value.clone(),
                };
                out.insert(name.clone(), merged);
            }
            Value::Object(out)
        }
        (Value::Array(live), Value::Array(config)) => match granular(schema) {
            Some(list) => {
                let known = |items: &[Value]| -> Vec<Option<Element>> {
                    items.iter().map(|item| element_of(list, item).ok()).collect()
                };
                let (live_keys, config_keys) = (known(live), known(config));
                let mut out = Vec::new();
                let (mut l, mut c) = (0, 0);
                // Both orders are respected; where they differ the applied one wins, and live items go first.
                while l < live.len() || c < config.len() {
                    if l < live.len() && !(c < config.len() && live_keys[l] == config_keys[c]) {
                        if !config_keys.contains(&live_keys[l]) {
                            out.push(live[l].clone());
                        }
                        l += 1;
                    } else if c < config.len() {
                        let item = match live_keys.iter().position(|key| *key == config_keys[c]) {
                            Some(at) => merge(&list.items, &live[at], &config[c]),
                            None => config[c].clone(),
                        };
                        out.push(item);
                        l += usize::from(l < live.len());
                        c += 1;
                    }
                }
                Value::Array(out)
            }
            None => Value::Array(config.clone()),
        },
        _ => config.clone(),
    }
}

/// Takes out what this manager owned before (`last`) and nobody owns now. Says whether what is left is hollow.
fn prune(schema: &Schema, value: &mut Value, last: &Set, owned: &Set) {
    static NOTHING: Set = Set { member: false, children: std::collections::BTreeMap::new() };
    if let Some(list) = granular(schema)
        && let Value::Array(items) = value
    {
        items.retain_mut(|item| {
            let Ok(element) = element_of(list, item) else { return true };
            let Some(last) = last.children.get(&element) else { return true };
            match owned.children.get(&element) {
                None if last.member => false,
                owned => {
                    prune(&list.items, item, last, owned.unwrap_or(&NOTHING));
                    true
                }
            }
        });
    } else if let Value::Object(fields) = value
        && is_granular_map(schema)
    {
        fields.retain(|name, value| {
            let element = Element::Field(name.clone());
            let Some(last) = last.children.get(&element) else { return true };
            match owned.children.get(&element) {
                None if last.member => false,
                owned => {
                    let field = schema.field(name).unwrap_or(&ANY);
                    prune(field, value, last, owned.unwrap_or(&NOTHING));
                    // A container that held only what went goes too.
                    owned.is_some() || !is_hollow(value)
                }
            }
        });
    }
}

fn is_hollow(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Checks that an applied object has the structure of its kind, in the words of the real server; the fault is the first one.
pub(crate) fn check(schema: &Schema, value: &Value, path: &mut String) -> Result<(), String> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (schema.shape(), value) {
        (Shape::Any | Shape::Ref(_), _) | (_, Value::Null) => Ok(()),
        (Shape::Scalar(scalar), value) => {
            let ok = match scalar {
                Scalar::String | Scalar::Bytes | Scalar::Time => value.is_string(),
                Scalar::Boolean => value.is_boolean(),
                Scalar::Int32 | Scalar::Int64 | Scalar::Number => value.is_number(),
                Scalar::IntOrString | Scalar::Quantity => conform::fits(*scalar, value) || value.is_string(),
            };
            if ok {
                return Ok(());
            }
            let wanted = match scalar {
                Scalar::Boolean => "boolean",
                Scalar::Int32 | Scalar::Int64 | Scalar::Number => "numeric (int or float)",
                _ => "string",
            };
            let got = match value {
                Value::String(_) => "string".to_owned(),
                other => format!("&value.valueUnstructured{{Value:{}}}", go_value(other)),
            };
            Err(format!("{path}: expected {wanted}, got {got}"))
        }
        (Shape::Map(values), Value::Object(entries)) => {
            for (name, value) in entries {
                nested(path, &Element::Field(name.clone()), |path| check(values, value, path))?;
            }
            Ok(())
        }
        (Shape::Struct(fields), Value::Object(entries)) => {
            for (name, value) in entries {
                nested(path, &Element::Field(name.clone()), |path| {
                    match fields.fields.get(name).or(fields.rest.as_deref()) {
                        Some(field) => check(field, value, path),
                        None => Err(format!("{path}: field not declared in schema")),
                    }
                })?;
            }
            Ok(())
        }
        (Shape::List(list), Value::Array(items)) => {
            let Some(list) = granular(schema).map(|_| list) else {
                for (index, item) in items.iter().enumerate() {
                    let length = path.len();
                    path.push_str(&format!("[{index}]"));
                    check(&list.items, item, path)?;
                    path.truncate(length);
                }
                return Ok(());
            };
            let mut seen = std::collections::BTreeSet::new();
            for (index, item) in items.iter().enumerate() {
                let element = element_of(list, item).map_err(|why| {
                    format!("{path}: {}", why.replacen("element 0", &format!("element {index}"), 1))
                })?;
                nested(path, &element, |path| check(&list.items, item, path))?;
                if !seen.insert(element.clone()) {
                    let mut shown = String::new();
                    push_element(&mut shown, &element);
                    return Err(format!("{path}: duplicate entries for key {shown}"));
                }
            }
            Ok(())
        }
        (Shape::Map(_) | Shape::Struct(_), other) => {
            Err(format!("{path}: expected map, got {}", shown(other)))
        }
        (Shape::List(_), other) => Err(format!("{path}: expected list, got {}", shown(other))),
    }
}

fn nested(
    path: &mut String,
    element: &Element,
    f: impl FnOnce(&mut String) -> Result<(), String>,
) -> Result<(), String> {
    let length = path.len();
    push_element(path, element);
    f(path)?;
    path.truncate(length);
    Ok(())
}

/// A value as Go's `%v` prints it.
fn go_value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[]interface {{}}{{{}}}", items.iter().map(go_value).collect::<Vec<_>>().join(", "))
        }
        Value::Object(_) => "map[string]interface {}{...}".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::kinds::{Resource, builtin};

    fn resource(kind: &str) -> std::sync::Arc<Resource> {
        builtin().into_iter().find(|r| r.kind == kind).unwrap()
    }

    fn by(
        resource: &Resource,
        manager: &str,
        live: Option<&Value>,
        config: Value,
        force: bool,
    ) -> ApiResult<Value> {
        let writer = Writer { resource, manager, subresource: None, now: Timestamp::UNIX_EPOCH };
        apply(writer, live, &config, force)
    }

    fn data(object: &Value) -> Value {
        object["data"].clone()
    }

    #[test]
    fn what_is_left_out_goes_and_what_others_own_stays() {
        let kind = resource("ConfigMap");
        let one = by(&kind, "one", None, json!({"data": {"a": "1", "b": "2"}}), false).unwrap();
        let two = by(&kind, "two", Some(&one), json!({"data": {"b": "2", "c": "3"}}), false).unwrap();
        assert_eq!(data(&two), json!({"a": "1", "b": "2", "c": "3"}));
        let one = by(&kind, "one", Some(&two), json!({}), false).unwrap();
        assert_eq!(data(&one), json!({"b": "2", "c": "3"}));
        let two = by(&kind, "two", Some(&one), json!({}), false).unwrap();
        assert_eq!(data(&two), Value::Null);
        assert!(two["metadata"].get("managedFields").is_none());
    }

    #[test]
    fn conflicts_are_named_and_force_takes_over() {
        let kind = resource("ConfigMap");
        let one = by(&kind, "one", None, json!({"data": {"a": "1", "b": "2"}}), false).unwrap();
        let error = by(&kind, "two", Some(&one), json!({"data": {"a": "x", "b": "y"}}), false).unwrap_err();
        assert_eq!(
            error.message,
            "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b"
        );
        let two = by(&kind, "two", Some(&one), json!({"data": {"a": "x"}}), true).unwrap();
        assert_eq!(data(&two), json!({"a": "x", "b": "2"}));
        // The first manager no longer owns what was taken, so leaving it out changes nothing.
        let one = by(&kind, "one", Some(&two), json!({"data": {"b": "2"}}), false).unwrap();
        assert_eq!(data(&one), json!({"a": "x", "b": "2"}));
    }

    #[test]
    fn list_items_merge_by_their_keys() {
        let kind = resource("Pod");
        let pod = |containers: Value| json!({"spec": {"containers": containers}});
        let one = by(
            &kind,
            "one",
            None,
            pod(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])),
            false,
        )
        .unwrap();
        let side = pod(json!([{"name": "side", "image": "s"}, {"name": "a", "workingDir": "/"}]));
        let two = by(&kind, "two", Some(&one), side, false).unwrap();
        let names = |object: &Value| -> Vec<String> {
            object["spec"]["containers"].as_array().unwrap().iter().map(|c| c["name"].to_string()).collect()
        };
        assert_eq!(names(&two), ["\"b\"", "\"side\"", "\"a\""]);
        let one = by(&kind, "one", Some(&two), pod(json!([{"name": "a", "image": "2"}])), false).unwrap();
        assert_eq!(names(&one), ["\"side\"", "\"a\""]);
        assert_eq!(one["spec"]["containers"][1], json!({"name": "a", "image": "2", "workingDir": "/"}));
    }

    #[test]
    fn structure_is_checked() {
        let kind = resource("Pod");
        let fault =
            |spec: Value| check(&kind.schema, &json!({"spec": spec}), &mut String::new()).unwrap_err();
        assert_eq!(fault(json!({"x": 1})), ".spec.x: field not declared in schema");
        assert_eq!(
            fault(json!({"containers": [{"name": "a"}, {"name": "a"}]})),
            ".spec.containers: duplicate entries for key [name=\"a\"]"
        );
        assert_eq!(
            fault(json!({"hostNetwork": 5})),
            ".spec.hostNetwork: expected boolean, got &value.valueUnstructured{Value:5}"
        );
    }

    fn config() -> impl Strategy<Value = Value> {
        let entries = prop::collection::btree_map("[a-d]", "[x-z]", 0..4);
        let containers = prop::collection::btree_map("[a-d]", "[x-z]", 0..4);
        (entries, containers).prop_map(|(labels, containers)| {
            let containers: Vec<Value> =
                containers.into_iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
            json!({"metadata": {"labels": labels}, "spec": {"containers": containers}})
        })
    }

    proptest! {
        #[test]
        fn applying_twice_is_applying_once(first in config(), second in config()) {
            let kind = resource("Pod");
            let live = by(&kind, "one", None, first, false).unwrap();
            let once = by(&kind, "two", Some(&live), second.clone(), true).unwrap();
            let twice = by(&kind, "two", Some(&once), second, false).unwrap();
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn an_apply_holds_and_leaving_everything_out_undoes_it(first in config(), second in config()) {
            let kind = resource("Pod");
            let live = by(&kind, "one", None, first.clone(), false).unwrap();
            let both = by(&kind, "two", Some(&live), second.clone(), true).unwrap();
            for (key, value) in second["metadata"]["labels"].as_object().unwrap() {
                prop_assert_eq!(&both["metadata"]["labels"][key], value);
            }
            let gone = by(&kind, "one", Some(&both), json!({}), false).unwrap();
            let gone = by(&kind, "two", Some(&gone), json!({}), false).unwrap();
            prop_assert_eq!(gone["metadata"].get("managedFields"), None);
            prop_assert!(gone["spec"]["containers"].as_array().is_none_or(Vec::is_empty));
        }
    }
}
