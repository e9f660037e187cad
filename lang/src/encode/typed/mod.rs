//! Between [`Data`] and Rust types, by serde.
//!
//! A struct is a struct or a map, a list a sequence or tuple, an enum its variant's name or a struct of one field. An error names the path of
//! the part that does not fit. Tests at the end.

mod de;
mod ser;

use crate::data::Data;
use std::fmt;

/// Why a value and a Rust type do not go together, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeError {
    /// The way to the part that does not fit, the innermost step first.
    steps: Vec<At>,
    /// What is wrong.
    message: String,
}

/// A step to a part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Field(String),
    Index(usize),
}

impl TypeError {
    fn new(message: impl fmt::Display) -> TypeError {
        TypeError { steps: Vec::new(), message: message.to_string() }
    }

    fn below(mut self, at: At) -> TypeError {
        self.steps.push(at);
        self
    }

    /// The part that does not fit, from the value that was converted; empty for that value itself.
    pub fn path(&self) -> crate::Path {
        let step = |at: &At| match at {
            At::Field(name) => crate::Step::Field(name.as_str().into()),
            At::Index(i) => crate::Step::Index(*i),
        };
        crate::Path(self.steps.iter().rev().map(step).collect())
    }

    /// What is wrong, without the path.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps.is_empty() {
            true => f.write_str(&self.message),
            false => write!(f, "{}: {}", self.path(), self.message),
        }
    }
}

impl std::error::Error for TypeError {}

impl Data {
    /// The data as a Rust type. Texts and bytes may be borrowed from it.
    ///
    /// ```
    /// use stepwell_lang::Data;
    /// let data = stepwell_lang::encode::json::parse(r#"{"name": "web", "ports": [80, 443]}"#).unwrap();
    /// #[derive(serde::Deserialize)]
    /// struct Service<'a> { name: &'a str, ports: Vec<u16> }
    /// let service: Service = data.decode().unwrap();
    /// assert_eq!((service.name, service.ports), ("web", vec![80, 443]));
    /// ```
    ///
    /// # Errors
    /// The part that does not fit, with its path: `ports[0]: invalid value: integer `-1`, expected u16`.
    pub fn decode<'d, T: serde::Deserialize<'d>>(&'d self) -> Result<T, TypeError> {
        T::deserialize(de::Reader(self))
    }

    /// Data of a Rust value. `None` and `()` are null: let serde skip fields that shall not be there.
    ///
    /// ```
    /// use stepwell_lang::Data;
    /// let data = Data::encode(&[("web", 80), ("db", 5432)]).unwrap();
    /// assert_eq!(stepwell_lang::encode::json::compact(&data), r#"[["web",80],["db",5432]]"#);
    /// ```
    ///
    /// # Errors
    /// What the language cannot say: numbers that are infinite or none, maps whose keys are no texts.
    pub fn encode<T: serde::Serialize + ?Sized>(value: &T) -> Result<Data, TypeError> {
        value.serialize(ser::Writer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::encode::json;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Empty,
        Circle(f64),
        Line(i8, i8),
        Square { side: u64 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        flag: bool,
        small: i8,
        wide: u128,
        ratio: f32,
        letter: char,
        text: String,
        none: Option<u8>,
        some: Option<u8>,
        unit: (),
        pair: (u8, String),
        list: Vec<Shape>,
        map: BTreeMap<i32, bool>,
        newtype: Wrapped,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Vec<u8>);

    fn all() -> All {
        All {
            flag: true,
            small: -7,
            wide: u128::MAX,
            ratio: 0.5,
            letter: 'é',
            text: "t".into(),
            none: None,
            some: Some(3),
            unit: (),
            pair: (1, "x".into()),
            list: vec![
                Shape::Empty,
                Shape::Circle(1.5),
                Shape::Line(-1, 1),
                Shape::Square { side: u64::MAX },
            ],
            map: BTreeMap::from([(-1, true), (2, false)]),
            newtype: Wrapped(vec![1, 2]),
        }
    }

    #[test]
    fn every_shape_survives_there_and_back() {
        let data = Data::encode(&all()).unwrap();
        insta::assert_snapshot!(json::pretty(&data));
        assert_eq!(data.decode::<All>().unwrap(), all());
    }

    #[test]
    fn data_becomes_what_a_type_asks_for() {
        let of = |text: &str| json::parse(text).unwrap();
        assert_eq!(of("1").decode::<f64>().unwrap(), 1.0);
        assert_eq!(of("1e3").decode::<f64>().unwrap(), 1000.0);
        assert_eq!(of("36893488147419103232").decode::<f64>().unwrap(), 36893488147419103232.0);
        assert_eq!(of("36893488147419103232").decode::<i128>().unwrap(), 36893488147419103232);
        assert_eq!(Data::Bytes((*b"ab").into()).decode::<&[u8]>().unwrap(), b"ab");
        let value = of(r#"{"a": [1, -1, 2.5, null, "x"], "b": {}}"#);
        assert_eq!(value.decode::<serde_json::Value>().unwrap(), value.to_json_value());
        assert_eq!(value.decode::<serde::de::IgnoredAny>().unwrap(), serde::de::IgnoredAny);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_path() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "never made")]
        struct Port {
            port: u16,
        }
        let read = |text: &str| {
            json::parse(text).unwrap().decode::<BTreeMap<String, Vec<Port>>>().unwrap_err().to_string()
        };
        let shape = |text: &str| json::parse(text).unwrap().decode::<Shape>().unwrap_err().to_string();
        let all = [
            read("3"),
            read(r#"{"a.b": [{"port": 1}, {"port": 70000}]}"#),
            read(r#"{"a": [{"port": 1.0}]}"#),
            read(r#"{"a": [{"prt": 1}]}"#),
            read(r#"{"a": [{}]}"#),
            read(r#"{"a": [[1, 2]]}"#),
            shape(r#""Triangle""#),
            shape(r#"{"Square": {"side": "a"}}"#),
            shape(r#"{"Circle": 1, "Empty": null}"#),
            shape("1"),
            json::parse("100000000000000000000000000000000000000000")
                .unwrap()
                .decode::<u8>()
                .unwrap_err()
                .to_string(),
            Data::encode(&vec![Some(f64::NAN)]).unwrap_err().to_string(),
            Data::encode(&BTreeMap::from([(vec![1], 2)])).unwrap_err().to_string(),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn deep_data_does_not_overflow_the_stack() {
        let depth = crate::encode::MAX_DEPTH - 1;
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let data = json::parse(&text).unwrap();
        let value: serde_json::Value = data.decode().unwrap();
        assert_eq!(Data::encode(&value).unwrap(), data);
    }
}
