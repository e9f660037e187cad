//! Between the language's data and JSON as documents and Kubernetes have it.
//!
//! Integers beyond 64 bits become floats in JSON, as Kubernetes itself would read them; bytes become base64. Tests at the end.

use base64::Engine as _;
use serde_json::{Map, Value};
use stepwell_lang::data::Data;
use stepwell_lang::number::Number;

/// JSON as data of the language.
pub fn to_data(v: &Value) -> Data {
    match v {
        Value::Null => Data::Null,
        Value::Bool(b) => Data::Bool(*b),
        Value::Number(n) => match Number::parse_json(&n.to_string()) {
            Ok(n) => Data::Number(n),
            Err(_) => Data::Null,
        },
        Value::String(s) => Data::string(s.as_str()),
        Value::Array(items) => Data::List(items.iter().map(to_data).collect()),
        Value::Object(m) => object_to_data(m),
    }
}

/// A JSON object as data of the language.
pub fn object_to_data(m: &Map<String, Value>) -> Data {
    Data::Struct(m.iter().map(|(k, v)| (k.as_str().into(), to_data(v))).collect())
}

/// Data of the language as JSON.
pub fn from_data(d: &Data) -> Value {
    match d {
        Data::Null => Value::Null,
        Data::Bool(b) => Value::Bool(*b),
        Data::Number(n) => serde_json::from_str(&n.to_json()).unwrap_or(Value::Null),
        Data::String(s) => Value::String(s.to_string()),
        Data::Bytes(b) => Value::String(base64::engine::general_purpose::STANDARD.encode(b)),
        Data::List(items) => Value::Array(items.iter().map(from_data).collect()),
        Data::Struct(fields) => {
            Value::Object(fields.iter().map(|(k, v)| (k.to_string(), from_data(v))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_comes_back_as_it_was() {
        let v = json!({"z": [1, -2.5, 18446744073709551615u64, "t", null, true], "a": {"b": {}}, "i": -9223372036854775808i64});
        assert_eq!(from_data(&to_data(&v)), v);
    }

    #[test]
    fn bytes_are_base64() {
        assert_eq!(from_data(&Data::Bytes(b"hi".as_slice().into())), json!("aGk="));
    }
}
