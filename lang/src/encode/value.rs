//! Between [`Data`] and `serde_json::Value`.

use crate::data::Data;
use crate::number::Number;
use base64::Engine as _;
use std::sync::Arc;

impl Data {
    /// As a `serde_json` value, keys in order. Bytes become base64, integers beyond 64 bits and decimals the nearest `f64`
    /// (`null` beyond its range).
    pub fn to_json_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Data::Null => Value::Null,
            Data::Bool(b) => Value::Bool(*b),
            Data::Number(n) => number_value(n),
            Data::String(s) => Value::String(s.to_string()),
            Data::Bytes(b) => Value::String(base64::engine::general_purpose::STANDARD.encode(b)),
            Data::List(items) => Value::Array(items.iter().map(Data::to_json_value).collect()),
            Data::Struct(fields) => {
                Value::Object(fields.iter().map(|(l, v)| (l.to_string(), v.to_json_value())).collect())
            }
        }
    }

    /// The first integer in it that does not fit into 64 bits, so that [`Data::to_json_value`] rounds it.
    pub fn beyond_64_bits(&self) -> Option<&Number> {
        match self {
            Data::Number(n) => (n.is_int()
                && !matches!(number_value(n), serde_json::Value::Number(v) if v.is_i64() || v.is_u64()))
            .then_some(n),
            Data::List(items) => items.iter().find_map(Data::beyond_64_bits),
            Data::Struct(fields) => fields.iter().find_map(|(_, v)| v.beyond_64_bits()),
            _ => None,
        }
    }

    /// From a `serde_json` value, keys in order. A number written with a point or exponent is a decimal.
    pub fn from_json_value(value: &serde_json::Value) -> Data {
        use serde_json::Value;
        match value {
            Value::Null => Data::Null,
            Value::Bool(b) => Data::Bool(*b),
            Value::Number(n) => Data::Number(number_of(n)),
            Value::String(s) => Data::string(s.as_str()),
            Value::Array(items) => Data::List(items.iter().map(Data::from_json_value).collect()),
            Value::Object(fields) => Data::Struct(
                fields.iter().map(|(l, v)| (Arc::from(l.as_str()), Data::from_json_value(v))).collect(),
            ),
        }
    }
}

fn number_value(n: &Number) -> serde_json::Value {
    if let Some(i) = n.to_i64() {
        return i.into();
    }
    if n.is_int()
        && let Ok(u) = n.to_string().parse::<u64>()
    {
        return u.into();
    }
    serde_json::Number::from_f64(n.to_f64()).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

fn number_of(n: &serde_json::Number) -> Number {
    if let Some(i) = n.as_i64() {
        return Number::from(i);
    }
    if let Some(u) = n.as_u64() {
        return Number::from(u);
    }
    // The text keeps `1.0` a decimal with its point.
    Number::parse_json(&n.to_string())
        .ok()
        .or_else(|| n.as_f64().and_then(Number::from_f64))
        .unwrap_or_else(|| Number::from(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let text = r#"{"z":1,"a":[true,null,"x",1.5,18446744073709551615,-9223372036854775808],"m":{}}"#;
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let data = Data::from_json_value(&value);
        assert_eq!(data.to_json_value(), value);
        assert_eq!(serde_json::to_string(&data.to_json_value()).unwrap(), text);
    }

    #[test]
    fn integers_that_are_rounded_are_found() {
        let beyond =
            |s: &str| Data::Number(Number::parse_json(s).unwrap()).beyond_64_bits().map(ToString::to_string);
        for fits in ["0", "18446744073709551615", "-9223372036854775808", "1e400", "1.5"] {
            assert_eq!(beyond(fits), None, "{fits}");
        }
        for rounded in ["18446744073709551616", "-9223372036854775809"] {
            assert_eq!(beyond(rounded).as_deref(), Some(rounded));
        }
    }

    #[test]
    fn what_json_values_cannot_hold() {
        let n = |s| Data::Number(Number::parse_json(s).unwrap()).to_json_value();
        assert_eq!(n("18446744073709551616"), serde_json::json!(18446744073709551616.0));
        assert_eq!(n("1e400"), serde_json::Value::Null);
        assert_eq!(Data::Bytes((*b"abc").into()).to_json_value(), serde_json::json!("YWJj"));
        let one = Data::from_json_value(&serde_json::json!(1.0));
        assert!(matches!(one, Data::Number(n) if !n.is_int()));
    }
}
