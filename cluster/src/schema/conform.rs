//! Bringing an object into the structure of its kind: wrong types are refused, unknown fields dropped and named, nulls
//! taken as absent, as decoding into the real server's types does. For custom kinds wrong types are left to the validation of their own
//! schema (`crd.rs`), which words them differently. Tests: at the end of this file.

use serde_json::Value;

use super::{Scalar, Schema, Shape};

/// Unknown fields, by path, and the first wrong type.
#[derive(Debug, Default)]
pub(crate) struct Conformance {
    pub(crate) unknown: Vec<String>,
    /// As Go's JSON decoder words it.
    pub(crate) wrong: Option<String>,
}

/// Fits `object` into `schema`.
pub(crate) fn conform(schema: &Schema, object: &mut Value) -> Conformance {
    let mut out = Conformance::default();
    Walk { out: &mut out, owner: "" }.value(schema, object, &mut String::new(), &mut String::new());
    out
}

struct Walk<'a, 'o> {
    out: &'o mut Conformance,
    /// The innermost named struct.
    owner: &'a str,
}

impl Walk<'_, '_> {
    /// `path` has list indices (`spec.containers[0].name`), `go_path` has none, as in Go's messages.
    fn value(&mut self, schema: &Schema, value: &mut Value, path: &mut String, go_path: &mut String) {
        match schema.shape() {
            Shape::Any => {}
            Shape::Scalar(scalar) => {
                if !fits(*scalar, value) {
                    self.wrong(value, scalar_type(*scalar), go_path);
                }
            }
            Shape::List(list) => match value {
                Value::Array(items) => {
                    for (index, item) in items.iter_mut().enumerate() {
                        let length = path.len();
                        path.push_str(&format!("[{index}]"));
                        self.value(&list.items, item, path, go_path);
                        path.truncate(length);
                    }
                }
                Value::Null => {}
                other => self.wrong(other, &type_name(schema), go_path),
            },
            Shape::Map(values) => match value {
                Value::Object(entries) => {
                    for (key, value) in entries.iter_mut() {
                        if value.is_null() && matches!(values.shape(), Shape::Scalar(Scalar::String)) {
                            *value = "".into();
                        }
                        let lengths = extend(path, go_path, key);
                        self.value(values, value, path, go_path);
                        truncate(path, go_path, lengths);
                    }
                }
                Value::Null => {}
                other => self.wrong(other, &type_name(schema), go_path),
            },
            Shape::Struct(fields) => match value {
                Value::Object(object) => {
                    let mut inner = Walk { out: &mut *self.out, owner: &fields.name };
                    object.retain(|name, value| {
                        let lengths = extend(path, go_path, name);
                        let keep = match fields.fields.get(name).or(fields.rest.as_deref()) {
                            Some(field) if value.is_null() => {
                                field.nullable && field.default.is_none()
                                    || matches!(field.shape(), Shape::Any)
                            }
                            Some(field) => {
                                inner.value(field, value, path, go_path);
                                true
                            }
                            None => {
                                inner.out.unknown.push(path.clone());
                                false
                            }
                        };
                        truncate(path, go_path, lengths);
                        keep
                    });
                }
                Value::Null => {}
                other => self.wrong(other, &type_name(schema), go_path),
            },
            Shape::Ref(_) => {}
        }
    }

    fn wrong(&mut self, value: &Value, wanted: &str, go_path: &str) {
        let owner = self.owner.rsplit('.').next().unwrap_or_default();
        self.out.wrong.get_or_insert_with(|| match value {
            // Quantities and times have decoders of their own, with their own words.
            Value::String(_) if wanted == "resource.Quantity" => {
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                    .into()
            }
            _ => format!(
                "json: cannot unmarshal {} into Go struct field {owner}.{go_path} of type {wanted}",
                json_type(value)
            ),
        });
    }
}

fn extend(path: &mut String, go_path: &mut String, name: &str) -> (usize, usize) {
    let lengths = (path.len(), go_path.len());
    for path in [path, go_path] {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    }
    lengths
}

fn truncate(path: &mut String, go_path: &mut String, lengths: (usize, usize)) {
    path.truncate(lengths.0);
    go_path.truncate(lengths.1);
}

fn json_type(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(number) if number.is_f64() => format!("number {number}"),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(_) => "array".into(),
        Value::Object(_) => "object".into(),
    }
}

/// Whether a scalar may have this value. Null is absent, and always may.
pub(crate) fn fits(scalar: Scalar, value: &Value) -> bool {
    match (scalar, value) {
        (_, Value::Null) => true,
        (Scalar::String, Value::String(_)) => true,
        (Scalar::Bytes, Value::String(text)) => {
            use base64::Engine;
            let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            base64::engine::general_purpose::STANDARD.decode(text).is_ok()
        }
        (Scalar::Time, Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        (Scalar::Int32, Value::Number(n)) => n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        (Scalar::Int64, Value::Number(n)) => n.as_i64().is_some(),
        (Scalar::Number, Value::Number(_)) => true,
        (Scalar::Boolean, Value::Bool(_)) => true,
        (Scalar::IntOrString, Value::String(_)) => true,
        (Scalar::IntOrString, Value::Number(n)) => n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        (Scalar::Quantity, Value::String(text)) => is_quantity(text),
        (Scalar::Quantity, Value::Number(_)) => true,
        _ => false,
    }
}

/// `100m`, `1.5Gi`, `1e3`.
pub(crate) fn is_quantity(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let number_ok = number.bytes().any(|b| b.is_ascii_digit()) && number.matches('.').count() <= 1;
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|e| e.parse::<i32>().is_ok());
    let known = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    number_ok && text.len() - digits.len() <= 1 && (exponent || known.contains(&suffix))
}

fn scalar_type(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "string",
        Scalar::Bytes => "[]uint8",
        Scalar::Time => "v1.Time",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Number => "float64",
        Scalar::Boolean => "bool",
        Scalar::IntOrString => "intstr.IntOrString",
        Scalar::Quantity => "resource.Quantity",
    }
}

/// A type as Go names it: `[]v1.Container`.
fn type_name(schema: &Schema) -> String {
    let last_two = |name: &str| {
        let mut parts: Vec<&str> = name.rsplitn(3, '.').take(2).collect();
        parts.reverse();
        parts.join(".")
    };
    match schema.shape() {
        Shape::Scalar(scalar) => scalar_type(*scalar).into(),
        Shape::List(list) => format!("[]{}", type_name(&list.items)),
        Shape::Map(values) => format!("map[string]{}", type_name(values)),
        Shape::Struct(fields) => last_two(&fields.name),
        Shape::Any | Shape::Ref(_) => "interface {}".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(spec: Value) -> (Value, Conformance) {
        let mut object = json!({"metadata": {"name": "a"}, "spec": spec});
        let schema = crate::schema::builtin_kind("apps", "v1", "Deployment");
        let out = conform(&schema, &mut object);
        (object, out)
    }

    #[test]
    fn unknown_fields_go_and_are_named() {
        let (object, out) = deployment(
            json!({"replica": 1, "paused": null, "template": {"spec": {"containers": [{"nam": "x"}]}}}),
        );
        assert_eq!(out.unknown, ["spec.replica", "spec.template.spec.containers[0].nam"]);
        assert_eq!(object["spec"], json!({"template": {"spec": {"containers": [{}]}}}));
    }

    #[test]
    fn wrong_types_are_worded_as_go_does() {
        let wrong = |spec| deployment(spec).1.wrong.unwrap();
        assert_eq!(
            wrong(json!({"replicas": "2"})),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        );
        assert_eq!(
            wrong(json!({"template": {"spec": {"containers": {}}}})),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container"
        );
    }

    #[test]
    fn quantities() {
        for good in ["1", "100m", "1.5Gi", "1e3", "-2", "5E"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "m", "1.2.3", "1x", "--1", "1 Gi"] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }
}
