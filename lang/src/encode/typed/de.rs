//! Data into Rust types.

use super::{At, TypeError};
use crate::compile::stack;
use crate::data::Data;
use crate::number::Number;
use num_traits::ToPrimitive;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::de::{Error as _, Unexpected};
use std::sync::Arc;

impl serde::de::Error for TypeError {
    fn custom<T: std::fmt::Display>(message: T) -> TypeError {
        TypeError::new(message)
    }
}

/// Data that is read from.
pub(super) struct Reader<'de>(pub(super) &'de Data);

impl<'de> Reader<'de> {
    fn unexpected(&self) -> Unexpected<'de> {
        match self.0 {
            Data::Null => Unexpected::Unit,
            Data::Bool(b) => Unexpected::Bool(*b),
            Data::Number(n) => match n.to_i64().filter(|_| n.is_int()) {
                Some(i) => Unexpected::Signed(i),
                None => Unexpected::Float(n.to_f64()),
            },
            Data::String(s) => Unexpected::Str(s),
            Data::Bytes(b) => Unexpected::Bytes(b),
            Data::List(_) => Unexpected::Seq,
            Data::Struct(_) => Unexpected::Map,
        }
    }
}

/// Gives a number in the narrowest form that holds it exactly, else as the nearest float.
fn number<'de, V: Visitor<'de>>(n: &Number, visitor: V) -> Result<V::Value, TypeError> {
    if !n.is_int() {
        return visitor.visit_f64(n.to_f64());
    }
    if let Some(i) = n.to_i64() {
        return visitor.visit_i64(i);
    }
    let wide = n.to_bigint();
    let wide = wide.as_ref();
    if let Some(u) = wide.and_then(ToPrimitive::to_u64) {
        visitor.visit_u64(u)
    } else if let Some(i) = wide.and_then(ToPrimitive::to_i128) {
        visitor.visit_i128(i)
    } else if let Some(u) = wide.and_then(ToPrimitive::to_u128) {
        visitor.visit_u128(u)
    } else {
        visitor.visit_f64(n.to_f64())
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match self.0 {
            Data::Null => visitor.visit_unit(),
            Data::Bool(b) => visitor.visit_bool(*b),
            Data::Number(n) => number(n, visitor),
            Data::String(s) => visitor.visit_borrowed_str(s),
            Data::Bytes(b) => visitor.visit_borrowed_bytes(b),
            Data::List(items) => stack(|| {
                let mut rest = Items { rest: items.iter(), index: 0 };
                let value = visitor.visit_seq(&mut rest)?;
                match rest.rest.len() {
                    0 => Ok(value),
                    _ => Err(TypeError::invalid_length(items.len(), &"fewer elements")),
                }
            }),
            Data::Struct(fields) => stack(|| visitor.visit_map(Fields { rest: fields.iter(), value: None })),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match self.0 {
            Data::Number(n) => visitor.visit_f64(n.to_f64()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match self.0 {
            Data::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        match self.0 {
            Data::String(name) => visitor.visit_enum(Variant { name, content: None }),
            Data::Struct(fields) => match &fields[..] {
                [(name, content)] => visitor.visit_enum(Variant { name, content: Some(content) }),
                _ => Err(TypeError::invalid_value(Unexpected::Map, &"a struct of one field, the variant")),
            },
            _ => Err(TypeError::invalid_type(self.unexpected(), &"the name of a variant")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier
    }
}

struct Items<'de> {
    rest: std::slice::Iter<'de, Data>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = TypeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TypeError> {
        let Some(item) = self.rest.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Reader(item)).map(Some).map_err(|e| e.below(At::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Fields<'de> {
    rest: std::slice::Iter<'de, (Arc<str>, Data)>,
    value: Option<&'de (Arc<str>, Data)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = TypeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TypeError> {
        self.value = self.rest.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(Key(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, TypeError> {
        let (name, value) =
            self.value.take().ok_or_else(|| TypeError::new("a value is asked for before its key"))?;
        seed.deserialize(Reader(value)).map_err(|e| e.below(At::Field(name.to_string())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A label. Maps with other keys than texts find them in it.
struct Key<'de>(&'de str);

macro_rules! parsed {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_borrowed_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_borrowed_str(self.0)
    }

    parsed! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_u128 visit_u128
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        visitor.visit_enum(Variant { name: self.0, content: None })
    }

    serde::forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant of an enum: its name, and what it holds.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Data>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = TypeError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), TypeError> {
        Ok((seed.deserialize(Key(self.name))?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(self, what: &'static str) -> Result<(&'de str, Reader<'de>), TypeError> {
        let found = self.content.ok_or_else(|| TypeError::invalid_type(Unexpected::UnitVariant, &what))?;
        Ok((self.name, Reader(found)))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = TypeError;

    fn unit_variant(self) -> Result<(), TypeError> {
        match self.content {
            None | Some(Data::Null) => Ok(()),
            Some(other) => {
                Err(TypeError::invalid_type(Reader(other).unexpected(), &"nothing beside the variant"))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, TypeError> {
        let (name, content) = self.content("a variant with a value")?;
        seed.deserialize(content).map_err(|e| e.below(At::Field(name.to_string())))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, TypeError> {
        let (name, content) = self.content("a variant with a list")?;
        content.deserialize_any(visitor).map_err(|e| e.below(At::Field(name.to_string())))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        let (name, content) = self.content("a variant with fields")?;
        content.deserialize_any(visitor).map_err(|e| e.below(At::Field(name.to_string())))
    }
}
