//! Objects that come as protobuf, which is how kubectl sends its `create` commands. Answers are JSON, which every client
//! accepts.
//!
//! The wire knows numbers only. `schema/protobuf.json` (made by `cargo xtask protobuf-schema`) gives for each built-in type its
//! fields: `NUMBER NAME`; `NUMBER NAME?` where an empty value stands for none; `NUMBER =TYPE` where the fields of another type
//! lie in the same JSON object. What a field is, its [`Schema`] says. A message is read to any depth that [`DEPTH`] allows and
//! what has no place in the table is passed over. Tests: at the end of this file, and the kubectl checks of `cargo xtask e2e`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    kinds::Resource,
    schema::{Scalar, Schema, Shape},
};

/// The content type.
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What every body starts with.
const MAGIC: &[u8] = b"k8s\0";

/// How deep messages may lie in each other.
const DEPTH: usize = 64;

struct Field {
    name: String,
    /// An empty value is none.
    optional: bool,
    /// The fields are of this type, and lie in the object around.
    inline: bool,
}

static TABLE: LazyLock<HashMap<String, BTreeMap<u64, Field>>> = LazyLock::new(|| {
    let table: HashMap<String, String> =
        serde_json::from_str(include_str!("../../schema/protobuf.json")).unwrap_or_default();
    let field = |text: &str| {
        let (number, name) = text.split_once(' ')?;
        let (name, inline) = name.strip_prefix('=').map_or((name, false), |name| (name, true));
        let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        Some((number.parse().ok()?, Field { name: name.to_owned(), optional, inline }))
    };
    table
        .iter()
        .map(|(name, fields)| (name.clone(), fields.split(", ").filter_map(field).collect()))
        .collect()
});

/// Reads an object of a built-in kind.
pub(crate) fn read(resource: &Resource, body: &[u8]) -> Result<Value, String> {
    let body = body.strip_prefix(MAGIC).ok_or("the body does not start as protobuf of Kubernetes does")?;
    let (mut kind, mut api_version, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, wire) in fields(body)? {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => {
                for (number, wire) in fields(bytes)? {
                    match (number, wire) {
                        (1, Wire::Bytes(bytes)) => api_version = text(bytes)?,
                        (2, Wire::Bytes(bytes)) => kind = text(bytes)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let mut out = Map::new();
    out.insert("kind".into(), kind.clone().into());
    out.insert("apiVersion".into(), api_version.clone().into());
    // Of another kind only that much is told: it is refused for it.
    if kind.is_empty() || kind == resource.kind && api_version == resource.api_version() {
        message(&resource.schema, None, raw, &mut out, DEPTH)?;
    }
    Ok(Value::Object(out))
}

/// One value as it lies on the wire.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Takes a message apart, in its order.
fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Wire<'_>)>, String> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let wire = match key & 7 {
            0 => Wire::Number(varint(&mut bytes)?),
            1 => Wire::Number(u64::from_le_bytes(take(&mut bytes)?)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).map_err(|_| CUT)?;
                let (head, rest) = bytes.split_at_checked(length).ok_or(CUT)?;
                bytes = rest;
                Wire::Bytes(head)
            }
            5 => Wire::Number(u64::from(u32::from_le_bytes(take(&mut bytes)?))),
            other => return Err(format!("unknown wire type {other}")),
        };
        out.push((key >> 3, wire));
    }
    Ok(out)
}

const CUT: &str = "unexpected end of the protobuf message";

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(CUT)?;
    *bytes = rest;
    Ok(*head)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take::<1>(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number of more than 64 bits".into())
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a string is not UTF-8".into())
}

/// Reads a struct into `out`. `name` is its type where that is not the schema's own (an embedded one).
fn message(
    schema: &Schema,
    name: Option<&str>,
    bytes: &[u8],
    out: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), String> {
    let depth = depth.checked_sub(1).ok_or("the protobuf message is too deep")?;
    let Shape::Struct(known) = schema.shape() else { return Ok(()) };
    let Some(table) = TABLE.get(name.unwrap_or(&known.name)) else { return Ok(()) };
    for (number, wire) in fields(bytes)? {
        let Some(field) = table.get(&number) else { continue };
        if field.inline {
            if let Wire::Bytes(bytes) = wire {
                message(schema, Some(&field.name), bytes, out, depth)?;
            }
            continue;
        }
        let Some(schema) = schema.field(&field.name) else { continue };
        match schema.shape() {
            Shape::List(list) => {
                let item = value(&list.items, wire, depth)?;
                if let Some(items) = out.entry(&field.name).or_insert_with(|| json!([])).as_array_mut() {
                    items.push(item);
                }
            }
            Shape::Map(values) => {
                let Wire::Bytes(bytes) = wire else { continue };
                let (mut key, mut entry) = (String::new(), None);
                for (number, wire) in fields(bytes)? {
                    match (number, wire) {
                        (1, Wire::Bytes(bytes)) => key = text(bytes)?,
                        (2, wire) => entry = Some(wire),
                        _ => {}
                    }
                }
                let entry = value(values, entry.unwrap_or(Wire::Bytes(&[])), depth)?;
                if let Some(entries) = out.entry(&field.name).or_insert_with(|| json!({})).as_object_mut() {
                    entries.insert(key, entry);
                }
            }
            _ => {
                let value = value(schema, wire, depth)?;
                let empty = value == "" || value == 0 || value == false || value.is_null();
                if !(value.is_null() || field.optional && empty) {
                    out.insert(field.name.clone(), value);
                }
            }
        }
    }
    Ok(())
}

fn value(schema: &Schema, wire: Wire<'_>, depth: usize) -> Result<Value, String> {
    Ok(match (schema.shape(), wire) {
        (Shape::Scalar(Scalar::Boolean), Wire::Number(number)) => (number != 0).into(),
        (Shape::Scalar(Scalar::Number), Wire::Number(bits)) => f64::from_bits(bits).into(),
        // Negative numbers are written as the unsigned ones of the same bits.
        (Shape::Scalar(_), Wire::Number(number)) => number.cast_signed().into(),
        (Shape::Scalar(Scalar::Bytes), Wire::Bytes(bytes)) => BASE64.encode(bytes).into(),
        (Shape::Scalar(Scalar::Time), Wire::Bytes(bytes)) => time(bytes)?,
        (Shape::Scalar(Scalar::Quantity), Wire::Bytes(bytes)) => match fields(bytes)?.first() {
            Some((1, Wire::Bytes(bytes))) => text(bytes)?.into(),
            _ => "0".into(),
        },
        (Shape::Scalar(Scalar::IntOrString), Wire::Bytes(bytes)) => int_or_string(bytes)?,
        (Shape::Scalar(_), Wire::Bytes(bytes)) => text(bytes)?.into(),
        // Free content is JSON inside a message of one field.
        (Shape::Any, Wire::Bytes(bytes)) => match fields(bytes)?.first() {
            Some((1, Wire::Bytes(json))) => {
                serde_json::from_slice(json).map_err(|error| error.to_string())?
            }
            _ => Value::Null,
        },
        (_, Wire::Bytes(bytes)) => {
            let mut inner = Map::new();
            message(schema, None, bytes, &mut inner, depth)?;
            Value::Object(inner)
        }
        (_, Wire::Number(_)) => Value::Null,
    })
}

fn time(bytes: &[u8]) -> Result<Value, String> {
    let (mut seconds, mut nanoseconds) = (None, 0);
    for (number, wire) in fields(bytes)? {
        match (number, wire) {
            (1, Wire::Number(number)) => seconds = Some(number.cast_signed()),
            (2, Wire::Number(number)) => nanoseconds = i32::try_from(number).unwrap_or(0),
            _ => {}
        }
    }
    let Some(seconds) = seconds else { return Ok(Value::Null) };
    let time = Timestamp::new(seconds, nanoseconds).map_err(|error| error.to_string())?;
    Ok(time.to_string().into())
}

fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let (mut is_text, mut number, mut word) = (false, 0, String::new());
    for (field, wire) in fields(bytes)? {
        match (field, wire) {
            (1, Wire::Number(kind)) => is_text = kind == 1,
            (2, Wire::Number(value)) => number = value.cast_signed(),
            (3, Wire::Bytes(bytes)) => word = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { word.into() } else { number.into() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A field of bytes, as long as its length fits one byte.
    fn put(number: u8, bytes: &[u8]) -> Vec<u8> {
        // Numbers from 16 on take two bytes.
        let key = number << 3 | 2;
        let mut out = if number < 16 { vec![key] } else { vec![key | 0x80, number >> 4] };
        out.push(u8::try_from(bytes.len()).unwrap());
        out.extend_from_slice(bytes);
        out
    }

    fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [put(1, api_version.as_bytes()), put(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), put(1, &meta), put(2, raw)].concat()
    }

    fn resource(group: &str, kind: &str) -> std::sync::Arc<Resource> {
        crate::kinds::builtin()
            .into_iter()
            .find(|resource| resource.group == group && resource.kind == kind)
            .unwrap()
    }

    #[test]
    fn a_config_map_is_read() {
        // Go writes the empty strings of ObjectMeta too, and an empty time.
        let meta = [put(1, b"made"), put(2, b""), put(8, b"")].concat();
        let raw = [put(1, &meta), put(2, &[put(1, b"k"), put(2, b"v")].concat())].concat();
        let object = read(&resource("", "ConfigMap"), &body("v1", "ConfigMap", &raw)).unwrap();
        assert_eq!(
            object,
            json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "made"}, "data": {"k": "v"}})
        );
    }

    #[test]
    fn embedded_structs_bytes_and_numbers_of_either_kind() {
        let secret = put(2, &[put(1, b"k"), put(2, b"word")].concat());
        let object = read(&resource("", "Secret"), &body("v1", "Secret", &secret)).unwrap();
        assert_eq!(object["data"], json!({"k": "d29yZA=="}));
        // A port whose target is a name; a volume whose source lies in the same JSON object.
        let port = [put(4, &[vec![1 << 3, 1], put(3, b"http")].concat()), vec![3 << 3, 80]].concat();
        let service = put(2, &put(1, &port));
        let object = read(&resource("", "Service"), &body("v1", "Service", &service)).unwrap();
        assert_eq!(object["spec"]["ports"], json!([{"targetPort": "http", "port": 80}]));
        let volume = [put(1, b"conf"), put(2, &put(19, &put(1, &put(1, b"settings"))))].concat();
        let pod = put(2, &put(1, &volume));
        let object = read(&resource("", "Pod"), &body("v1", "Pod", &pod)).unwrap();
        assert_eq!(object["spec"]["volumes"], json!([{"name": "conf", "configMap": {"name": "settings"}}]));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let whole = body("v1", "ConfigMap", &put(1, &put(1, b"made")));
        assert!(read(&resource("", "ConfigMap"), &whole[..whole.len() - 1]).is_err());
        assert!(read(&resource("", "ConfigMap"), b"{}").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_badly(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = [MAGIC.to_vec(), bytes].concat();
            let _ = read(&resource("", "Pod"), &whole);
        }
    }
}
