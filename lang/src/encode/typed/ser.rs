//! Rust types into data.

use super::{At, TypeError};
use crate::compile::stack;
use crate::data::Data;
use crate::number::Number;
use num_bigint::BigInt;
use serde::Serialize;
use serde::ser::{self, Serializer};
use std::sync::Arc;

impl ser::Error for TypeError {
    fn custom<T: std::fmt::Display>(message: T) -> TypeError {
        TypeError::new(message)
    }
}

/// Makes data of what it is given.
#[derive(Clone, Copy)]
pub(super) struct Writer;

fn data<T: Serialize + ?Sized>(value: &T) -> Result<Data, TypeError> {
    stack(|| value.serialize(Writer))
}

fn variant(name: &str, content: Data) -> Data {
    Data::Struct(vec![(name.into(), content)])
}

impl Serializer for Writer {
    type Ok = Data;
    type Error = TypeError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Struct;
    type SerializeStruct = Struct;
    type SerializeStructVariant = Struct;

    fn serialize_bool(self, v: bool) -> Result<Data, TypeError> {
        Ok(Data::Bool(v))
    }

    fn serialize_i8(self, v: i8) -> Result<Data, TypeError> {
        self.serialize_i64(v.into())
    }

    fn serialize_i16(self, v: i16) -> Result<Data, TypeError> {
        self.serialize_i64(v.into())
    }

    fn serialize_i32(self, v: i32) -> Result<Data, TypeError> {
        self.serialize_i64(v.into())
    }

    fn serialize_i64(self, v: i64) -> Result<Data, TypeError> {
        Ok(Data::Number(Number::from(v)))
    }

    fn serialize_i128(self, v: i128) -> Result<Data, TypeError> {
        Ok(Data::Number(Number::from(BigInt::from(v))))
    }

    fn serialize_u8(self, v: u8) -> Result<Data, TypeError> {
        self.serialize_i64(v.into())
    }

    fn serialize_u16(self, v: u16) -> Result<Data, TypeError> {
        self.serialize_i64(v.into())
    }

    fn serialize_u32(self, v: u32) -> Result<Data, TypeError> {
        self.serialize_i64(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result<Data, TypeError> {
        Ok(Data::Number(Number::from(BigInt::from(v))))
    }

    fn serialize_u128(self, v: u128) -> Result<Data, TypeError> {
        Ok(Data::Number(Number::from(BigInt::from(v))))
    }

    fn serialize_f32(self, v: f32) -> Result<Data, TypeError> {
        // By its own digits: 0.1 stays 0.1.
        let text = v.to_string();
        self.serialize_f64(text.parse().unwrap_or(f64::from(v)))
    }

    fn serialize_f64(self, v: f64) -> Result<Data, TypeError> {
        let number = Number::from_f64(v);
        number.map(Data::Number).ok_or_else(|| TypeError::new(format!("{v} is no number of the language")))
    }

    fn serialize_char(self, v: char) -> Result<Data, TypeError> {
        Ok(Data::string(v.to_string()))
    }

    fn serialize_str(self, v: &str) -> Result<Data, TypeError> {
        Ok(Data::string(v))
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<Data, TypeError> {
        Ok(Data::Bytes(v.into()))
    }

    fn serialize_none(self) -> Result<Data, TypeError> {
        Ok(Data::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Data, TypeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Data, TypeError> {
        Ok(Data::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Data, TypeError> {
        Ok(Data::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Data, TypeError> {
        Ok(Data::string(name))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Data, TypeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<Data, TypeError> {
        Ok(variant(name, data(value).map_err(|e| e.below(At::Field(name.to_owned())))?))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List, TypeError> {
        // A length that is only claimed is not trusted.
        Ok(List { items: Vec::with_capacity(len.unwrap_or(0).min(1024)), variant: None })
    }

    fn serialize_tuple(self, len: usize) -> Result<List, TypeError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List, TypeError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        len: usize,
    ) -> Result<List, TypeError> {
        Ok(List { variant: Some(name), ..self.serialize_seq(Some(len))? })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Struct, TypeError> {
        Ok(Struct { fields: Vec::new(), key: None, variant: None })
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Struct, TypeError> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Struct, TypeError> {
        Ok(Struct { variant: Some(name), ..self.serialize_map(Some(len))? })
    }
}

/// A list being made; the content of a variant, where it has a name.
pub(super) struct List {
    items: Vec<Data>,
    variant: Option<&'static str>,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypeError> {
        let index = self.items.len();
        self.items.push(data(value).map_err(|e| e.below(At::Index(index)))?);
        Ok(())
    }

    fn done(self) -> Result<Data, TypeError> {
        let list = Data::List(self.items);
        Ok(match self.variant {
            Some(name) => variant(name, list),
            None => list,
        })
    }
}

/// A struct being made; the content of a variant, where it has a name.
pub(super) struct Struct {
    fields: Vec<(Arc<str>, Data)>,
    key: Option<Arc<str>>,
    variant: Option<&'static str>,
}

impl Struct {
    fn push<T: Serialize + ?Sized>(&mut self, name: Arc<str>, value: &T) -> Result<(), TypeError> {
        let value = data(value).map_err(|e| e.below(At::Field(name.to_string())))?;
        self.fields.push((name, value));
        Ok(())
    }

    fn done(mut self) -> Result<Data, TypeError> {
        // Labels are unique; a map that is none may give one twice, and the last one counts.
        if self.fields.len() > 1 {
            let mut last = rustc_hash::FxHashMap::default();
            for (i, (name, _)) in self.fields.iter().enumerate() {
                last.insert(name.clone(), i);
            }
            if last.len() < self.fields.len() {
                let mut i = 0;
                self.fields.retain(|(name, _)| {
                    i += 1;
                    last.get(name) == Some(&(i - 1))
                });
            }
        }
        let fields = Data::Struct(self.fields);
        Ok(match self.variant {
            Some(name) => variant(name, fields),
            None => fields,
        })
    }
}

macro_rules! list {
    ($($of:ident $method:ident)*) => {$(
        impl ser::$of for List {
            type Ok = Data;
            type Error = TypeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypeError> {
                self.push(value)
            }

            fn end(self) -> Result<Data, TypeError> {
                self.done()
            }
        }
    )*};
}

list! { SerializeSeq serialize_element SerializeTuple serialize_element SerializeTupleStruct serialize_field SerializeTupleVariant serialize_field }

macro_rules! fields {
    ($($of:ident)*) => {$(
        impl ser::$of for Struct {
            type Ok = Data;
            type Error = TypeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), TypeError> {
                self.push(name.into(), value)
            }

            fn end(self) -> Result<Data, TypeError> {
                self.done()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Struct {
    type Ok = Data;
    type Error = TypeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), TypeError> {
        self.key = Some(match key.serialize(Writer)? {
            Data::String(s) => s,
            Data::Bool(b) => b.to_string().into(),
            Data::Number(n) => n.to_string().into(),
            other => return Err(TypeError::new(format!("a key is a text, not a {}", other.type_name()))),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypeError> {
        let key = self.key.take().ok_or_else(|| TypeError::new("a value is given before its key"))?;
        self.push(key, value)
    }

    fn end(self) -> Result<Data, TypeError> {
        self.done()
    }
}
