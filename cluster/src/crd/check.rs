//! Validation of custom objects by their `openAPIV3Schema`, in the words of the real server.
//! All faults are told, not only the first. Tests: at the end of this file.

use serde_json::Value;

use crate::error::{Fault, FieldError};

/// A pattern as the schema means it; `None` where it cannot be read. Compilation is bounded by the regex crate.
pub(crate) fn pattern(text: &str) -> Option<regex::Regex> {
    regex::RegexBuilder::new(text).size_limit(1 << 20).build().ok()
}

/// Faults of `value` by `schema`; the value stands at `path` (empty for the whole object).
pub(crate) fn check(schema: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if !type_fits(schema, value) {
        let wanted = match schema["x-kubernetes-int-or-string"] == true {
            true => "integer,string".to_owned(),
            false => schema["type"].as_str().unwrap_or("object").to_owned(),
        };
        let have = type_of(value);
        let why = format!("{path} in body must be of type {wanted}: {have:?}");
        errors.push(FieldError { field: path.into(), fault: Fault::TypeInvalid(have.into(), why) });
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let fault = Fault::NotSupported(value.clone(), allowed.iter().map(Value::to_string).collect());
        errors.push(FieldError { field: path.into(), fault });
    }
    match value {
        Value::Object(object) => {
            let inside =
                |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !object.contains_key(name) {
                    errors.push(FieldError::required(inside(name), ""));
                }
            }
            counts(
                schema,
                object.len(),
                ["minProperties", "maxProperties"],
                "properties",
                path,
                value,
                errors,
            );
            for (name, value) in object {
                match schema["properties"].get(name) {
                    Some(property) => check(property, value, &inside(name), errors),
                    None if schema["additionalProperties"].is_object() => {
                        check(&schema["additionalProperties"], value, &inside(name), errors);
                    }
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            counts(schema, items.len(), ["minItems", "maxItems"], "items", path, value, errors);
            for (index, item) in items.iter().enumerate() {
                if schema["items"].is_object() {
                    check(&schema["items"], item, &format!("{path}[{index}]"), errors);
                }
            }
            unique(schema, items, path, errors);
        }
        Value::String(text) => string(schema, text, path, errors),
        Value::Number(number) => {
            let n = number.as_f64().unwrap_or_default();
            let bound = |field: &str| schema[field].as_f64();
            let mut say = |why: String| errors.push(FieldError::invalid(path, value.clone(), why));
            if let Some(max) = bound("maximum") {
                let exclusive = schema["exclusiveMaximum"] == true;
                if n > max || exclusive && n >= max {
                    let or_equal = if exclusive { "" } else { " or equal to" };
                    say(format!("{path} in body should be less than{or_equal} {}", schema["maximum"]));
                }
            }
            if let Some(min) = bound("minimum") {
                let exclusive = schema["exclusiveMinimum"] == true;
                if n < min || exclusive && n <= min {
                    let or_equal = if exclusive { "" } else { " or equal to" };
                    say(format!("{path} in body should be greater than{or_equal} {}", schema["minimum"]));
                }
            }
            if let Some(step) = bound("multipleOf").filter(|step| *step != 0.0)
                && (n / step).fract() != 0.0
            {
                say(format!("{path} in body should be a multiple of {}", schema["multipleOf"]));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    combinations(schema, value, path, errors);
}

fn type_fits(schema: &Value, value: &Value) -> bool {
    if schema["x-kubernetes-int-or-string"] == true {
        return value.is_string() || value.is_i64() || value.is_u64();
    }
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        Some("number") => value.is_number(),
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn counts(
    schema: &Value,
    have: usize,
    [least, most]: [&str; 2],
    what: &str,
    path: &str,
    value: &Value,
    errors: &mut Vec<FieldError>,
) {
    let bound = |field: &str| schema[field].as_u64().and_then(|n| usize::try_from(n).ok());
    if let Some(most) = bound(most).filter(|most| have > *most) {
        errors.push(FieldError { field: path.into(), fault: Fault::TooMany(have, most) });
    }
    if let Some(least) = bound(least).filter(|least| have < *least) {
        let why = format!("{path} in body should have at least {least} {what}");
        errors.push(FieldError::invalid(path, value.clone(), why));
    }
}

fn string(schema: &Value, text: &str, path: &str, errors: &mut Vec<FieldError>) {
    let length = text.chars().count();
    let bound = |field: &str| schema[field].as_u64().and_then(|n| usize::try_from(n).ok());
    if let Some(most) = bound("maxLength").filter(|most| length > *most) {
        errors.push(FieldError { field: path.into(), fault: Fault::TooLong(most) });
    }
    if let Some(least) = bound("minLength").filter(|least| length < *least) {
        let why = format!("{path} in body should be at least {least} chars long");
        errors.push(FieldError::invalid(path, text, why));
    }
    if let Some(wanted) = schema["pattern"].as_str()
        && pattern(wanted).is_some_and(|wanted| !wanted.is_match(text))
    {
        errors.push(FieldError::invalid(path, text, format!("{path} in body should match '{wanted}'")));
    }
    let format = schema["format"].as_str().unwrap_or_default();
    let ok = match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    };
    if !ok {
        let why = format!("{path} in body must be of type {format}: {text:?}");
        errors.push(FieldError::invalid(path, text, why));
    }
}

/// Sets and maps have each item once.
fn unique(schema: &Value, items: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let identity = |item: &Value| -> Value {
        match schema["x-kubernetes-list-type"].as_str() {
            Some("map") => keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect(),
            _ => item.clone(),
        }
    };
    if !matches!(schema["x-kubernetes-list-type"].as_str(), Some("map" | "set")) {
        return;
    }
    let mut seen = std::collections::HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = identity(item);
        if !seen.insert(identity.to_string()) {
            errors.push(FieldError::duplicate(format!("{path}[{index}]"), identity));
        }
    }
}

fn combinations(schema: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let fits = |schema: &Value| {
        let mut found = Vec::new();
        check(schema, value, path, &mut found);
        found.is_empty()
    };
    let branches = |field: &str| schema[field].as_array().map(|all| all.iter().filter(|s| fits(s)).count());
    let mut say = |why: String| errors.push(FieldError::invalid(path, value.clone(), why));
    if branches("anyOf") == Some(0) {
        say(format!("{path} in body must validate at least one schema (anyOf)"));
    }
    if branches("oneOf").is_some_and(|count| count != 1) {
        say(format!("{path} in body must validate one and only one schema (oneOf). Found none valid"));
    }
    if let Some(count) = branches("allOf")
        && count != schema["allOf"].as_array().map_or(0, Vec::len)
    {
        say(format!("{path} in body must validate all the schemas (allOf)"));
    }
    if schema["not"].is_object() && fits(&schema["not"]) {
        say(format!("{path} in body must not validate the schema (not)"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(schema: Value, value: Value) -> Vec<String> {
        let mut errors = Vec::new();
        check(&schema, &value, "spec", &mut errors);
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn types_bounds_and_patterns() {
        assert_eq!(
            faults(json!({"type": "integer"}), json!("x")),
            ["spec: Invalid value: \"string\": spec in body must be of type integer: \"string\""]
        );
        assert_eq!(
            faults(json!({"type": "integer", "maximum": 5}), json!(9)),
            ["spec: Invalid value: 9: spec in body should be less than or equal to 5"]
        );
        assert_eq!(
            faults(json!({"type": "string", "pattern": "^a$", "maxLength": 2}), json!("bbb")),
            [
                "spec: Too long: may not be more than 2 bytes",
                "spec: Invalid value: \"bbb\": spec in body should match '^a$'"
            ]
        );
        assert!(faults(json!({"type": "string", "nullable": true}), json!(null)).is_empty());
        assert!(faults(json!({"x-kubernetes-int-or-string": true}), json!("http")).is_empty());
        assert_eq!(faults(json!({"type": "string", "format": "date-time"}), json!("now")).len(), 1);
    }

    #[test]
    fn objects_and_lists() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {
            "l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                  "items": {"type": "object"}},
        }, "additionalProperties": {"type": "string"}});
        assert_eq!(
            faults(schema, json!({"l": [{"k": 1}, {"k": 1}], "x": 5})),
            [
                "spec.a: Required value",
                "spec.l[1]: Duplicate value: {\"k\":1}",
                "spec.x: Invalid value: \"integer\": spec.x in body must be of type string: \"integer\"",
            ]
        );
    }

    #[test]
    fn combinations_of_schemas() {
        let schema = json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
        assert!(faults(schema.clone(), json!({"a": 1})).is_empty());
        assert_eq!(faults(schema, json!({"a": 1, "b": 1})).len(), 1);
        assert_eq!(faults(json!({"not": {"type": "string"}}), json!("x")).len(), 1);
    }
}
