//! Strategic merge patch: a merge patch that knows which lists merge by key, with directives in the patch itself
//! (`$patch`, `$retainKeys`, `$setElementOrder/FIELD`, `$deleteFromPrimitiveList/FIELD`). Only for built-in kinds, as on a
//! real server. A pure function. Tests: at the end of this file.

use serde_json::{Map, Value};

use crate::schema::{ANY, List, Schema, Shape};

const PATCH: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE_VALUES: &str = "$deleteFromPrimitiveList/";

/// The patched value; an error where a directive does not make sense.
pub(crate) fn strategic(schema: &Schema, old: &Value, patch: &Value) -> Result<Value, String> {
    match (old, patch) {
        (Value::Object(old), Value::Object(patch)) => object(schema, old, patch).map(Value::Object),
        (_, Value::Object(patch)) => object(schema, &Map::new(), patch).map(Value::Object),
        _ => Ok(patch.clone()),
    }
}

fn object(
    schema: &Schema,
    old: &Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let mut out = old.clone();
    match patch.get(PATCH) {
        Some(Value::String(how)) if how == "replace" => {
            let mut rest = patch.clone();
            rest.shift_remove(PATCH);
            return Ok(rest);
        }
        Some(Value::String(how)) if how == "delete" => return Ok(Map::new()),
        Some(Value::String(how)) if how == "merge" => {}
        Some(other) => return Err(format!("Unknown patch type: {other}")),
        None => {}
    }
    if let Some(retain) = patch.get(RETAIN) {
        let keep = retain.as_array().ok_or("invalid patch format of $retainKeys: not a list")?;
        out.retain(|name, _| keep.iter().any(|kept| kept == name));
    }
    for (name, value) in patch {
        if name == PATCH || name == RETAIN || name.starts_with(ORDER) {
            continue;
        }
        if let Some(name) = name.strip_prefix(DELETE_VALUES) {
            let gone =
                value.as_array().ok_or("invalid patch format of $deleteFromPrimitiveList: not a list")?;
            // Where the patch also has the list, the merge below does it.
            if let (Some(Value::Array(items)), false) = (out.get_mut(name), patch.contains_key(name)) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        let field = schema.field(name).unwrap_or(&ANY);
        if value.is_null() {
            out.shift_remove(name);
            continue;
        }
        let merged = match (out.get(name), value, merges(field)) {
            (old, Value::Array(items), Some(list)) => {
                let empty = Vec::new();
                let old = old.and_then(Value::as_array).unwrap_or(&empty);
                let gone = patch.get(&format!("{DELETE_VALUES}{name}")).and_then(Value::as_array);
                let old: Vec<Value> = old
                    .iter()
                    .filter(|item| !gone.is_some_and(|gone| gone.contains(item)))
                    .cloned()
                    .collect();
                let order = patch.get(&format!("{ORDER}{name}")).and_then(Value::as_array);
                Value::Array(items_of(list, &old, items, order)?)
            }
            (Some(old @ Value::Object(_)), Value::Object(_), _) => strategic(field, old, value)?,
            // A new value may have directives inside, which are not to be stored.
            (_, Value::Object(inner), _) => Value::Object(object(field, &Map::new(), inner)?),
            _ => value.clone(),
        };
        out.insert(name.clone(), merged);
    }
    // An order alone moves what is there.
    for (name, order) in patch {
        let Some(name) = name.strip_prefix(ORDER) else { continue };
        if patch.contains_key(name) {
            continue;
        }
        let Some(list) = schema.field(name).and_then(merges) else { continue };
        if let (Some(Value::Array(items)), Some(order)) = (out.get_mut(name), order.as_array()) {
            *items = ordered(list, items, items, order);
        }
    }
    Ok(out)
}

fn merges(schema: &Schema) -> Option<&List> {
    match schema.shape() {
        Shape::List(list) if list.patch.is_some() => Some(list),
        _ => None,
    }
}

/// What an item is known by: its merge key, or itself.
fn identity<'v>(list: &List, item: &'v Value) -> Option<&'v Value> {
    match list.patch.as_deref() {
        None | Some("") => Some(item),
        Some(key) => item.get(key),
    }
}

fn items_of(
    list: &List,
    old: &[Value],
    patch: &[Value],
    order: Option<&Vec<Value>>,
) -> Result<Vec<Value>, String> {
    let key = list.patch.as_deref().unwrap_or_default();
    let mut out = old.to_vec();
    if patch.iter().any(|item| item.get(PATCH).is_some_and(|how| how == "replace")) {
        return Ok(patch.iter().filter(|item| item.get(PATCH).is_none()).cloned().collect());
    }
    for item in patch {
        if key.is_empty() {
            if !out.contains(item) {
                out.push(item.clone());
            }
            continue;
        }
        let wanted =
            item.get(key).ok_or_else(|| format!("map: {item} does not contain declared merge key: {key}"))?;
        let at = out.iter().position(|have| have.get(key) == Some(wanted));
        match (item.get(PATCH).and_then(Value::as_str), at) {
            (Some("delete"), _) => out.retain(|have| have.get(key) != Some(wanted)),
            (_, Some(at)) => out[at] = strategic(&list.items, &out[at], item)?,
            (_, None) => out.push(strategic(&list.items, &Value::Null, item)?),
        }
    }
    // Without an order of its own the patch's list is one: what it names stands in its order, what it does not keeps its
    // place among the old ones.
    Ok(ordered(list, old, &out, order.map_or(patch, Vec::as_slice)))
}

/// Items in the order asked for; those it does not name keep their place among the old ones.
fn ordered(list: &List, old: &[Value], items: &[Value], order: &[Value]) -> Vec<Value> {
    let place = |among: &[Value], item: &Value| {
        let wanted = identity(list, item);
        among.iter().position(|other| identity(list, other) == wanted)
    };
    let mut named: Vec<&Value> = items.iter().filter(|item| place(order, item).is_some()).collect();
    named.sort_by_key(|item| place(order, item));
    let others: Vec<&Value> = items.iter().filter(|item| place(order, item).is_none()).collect();
    let mut out = Vec::with_capacity(items.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(left), Some(right)) = (others.peek(), named.peek()) {
        let left_first = matches!((place(old, left), place(old, right)), (Some(l), Some(r)) if l < r);
        let next = if left_first { others.next() } else { named.next() };
        out.extend(next.cloned());
    }
    out.extend(others.cloned());
    out.extend(named.cloned());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::schema::builtin_kind;

    fn pod(old: Value, patch: Value) -> Value {
        let schema = builtin_kind("", "v1", "Pod");
        strategic(&schema, &json!({"spec": old}), &json!({"spec": patch})).unwrap()["spec"].clone()
    }

    #[test]
    fn containers_merge_by_name_and_plain_lists_are_replaced() {
        let old = json!({"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b"}]});
        let new = pod(old, json!({"containers": [{"name": "a", "args": ["y"]}, {"name": "c"}]}));
        assert_eq!(
            new,
            json!({"containers": [{"name": "a", "image": "1", "args": ["y"]}, {"name": "c"}, {"name": "b"}]})
        );
    }

    #[test]
    fn directives() {
        let old = || json!({"containers": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "1"}});
        let deleted = pod(old(), json!({"containers": [{"name": "a", "$patch": "delete"}]}));
        assert_eq!(deleted["containers"], json!([{"name": "b"}]));
        let replaced = pod(old(), json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}));
        assert_eq!(replaced["containers"], json!([{"name": "c"}]));
        let replaced = pod(old(), json!({"nodeSelector": {"$patch": "replace", "y": "2"}}));
        assert_eq!(replaced["nodeSelector"], json!({"y": "2"}));
        let ordered = pod(old(), json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}));
        assert_eq!(ordered["containers"], json!([{"name": "b"}, {"name": "a"}]));
        let added = pod(
            old(),
            json!({
                "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}], "containers": [{"name": "c"}],
            }),
        );
        assert_eq!(added["containers"], json!([{"name": "c"}, {"name": "a"}, {"name": "b"}]));
    }

    #[test]
    fn retain_keys_and_primitive_lists() {
        let schema = builtin_kind("apps", "v1", "Deployment");
        let old = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
        let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
        let new = strategic(&schema, &old, &patch).unwrap();
        assert_eq!(new["spec"]["strategy"], json!({"type": "Recreate"}));

        let old = json!({"metadata": {"finalizers": ["a/b", "c/d"]}});
        let patch =
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/b"], "finalizers": ["e/f"]}});
        let new = strategic(&schema, &old, &patch).unwrap();
        assert_eq!(new["metadata"]["finalizers"], json!(["e/f", "c/d"]));
    }

    proptest! {
        #[test]
        fn patching_twice_is_patching_once(
            old in prop::collection::btree_map("[a-d]", "[x-z]", 0..4),
            new in prop::collection::btree_map("[a-d]", "[x-z]", 0..4),
        ) {
            let list = |map: std::collections::BTreeMap<String, String>| -> Vec<Value> {
                map.into_iter().map(|(name, image)| json!({"name": name, "image": image})).collect()
            };
            let patch = json!({"containers": list(new)});
            let once = pod(json!({"containers": list(old)}), patch.clone());
            prop_assert_eq!(pod(once.clone(), patch), once);
        }
    }
}
