//! Reading MessagePack as Go's codecs do.
//!
//! Go writes nil for an empty slice, map or interface value, and Go's readers take nil for the zero
//! value of anything. Old peers write bytes as strings, and a list of bytes may come as bytes. So
//! [`Lenient`] goes between a type and its deserializer, and where the two disagree in one of these
//! ways it hands the type what it asked for.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, Visitor};

/// A deserializer that takes nil for zero.
pub(super) struct Lenient<D>(pub(super) D);

/// What a type asked for: what its nil is.
#[derive(Clone, Copy)]
enum Asked {
    Bool,
    Int,
    Uint,
    Float,
    Char,
    Str,
    Bytes,
    Seq,
    Tuple(usize),
    Map,
    Struct(&'static [&'static str]),
    Enum,
    /// A type that knows nil itself, or takes anything.
    Anything,
}

macro_rules! ask {
    ($($method:ident $asked:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Nil { visitor, asked: $asked })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Lenient<D> {
    type Error = D::Error;

    ask! {
        deserialize_bool Asked::Bool;
        deserialize_i8 Asked::Int;
        deserialize_i16 Asked::Int;
        deserialize_i32 Asked::Int;
        deserialize_i64 Asked::Int;
        deserialize_i128 Asked::Int;
        deserialize_u8 Asked::Uint;
        deserialize_u16 Asked::Uint;
        deserialize_u32 Asked::Uint;
        deserialize_u64 Asked::Uint;
        deserialize_u128 Asked::Uint;
        deserialize_f32 Asked::Float;
        deserialize_f64 Asked::Float;
        deserialize_char Asked::Char;
        deserialize_str Asked::Str;
        deserialize_string Asked::Str;
        deserialize_identifier Asked::Str;
        deserialize_bytes Asked::Bytes;
        deserialize_byte_buf Asked::Bytes;
        deserialize_seq Asked::Seq;
        deserialize_map Asked::Map;
        deserialize_option Asked::Anything;
        deserialize_any Asked::Anything;
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }

    /// `()` takes anything: it is what a reply of no use is read as.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(de::IgnoredAny)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let asked = Asked::Tuple(len);
        self.0.deserialize_tuple(len, Nil { visitor, asked })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let asked = Asked::Struct(fields);
        self.0
            .deserialize_struct(name, fields, Nil { visitor, asked })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let asked = Asked::Enum;
        self.0
            .deserialize_enum(name, variants, Nil { visitor, asked })
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A visitor that takes nil for zero, and bytes for a list of them.
struct Nil<V> {
    visitor: V,
    asked: Asked,
}

macro_rules! forward {
    ($($method:ident $type:ty;)*) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Nil<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    forward! {
        visit_bool bool;
        visit_i8 i8;
        visit_i16 i16;
        visit_i32 i32;
        visit_i64 i64;
        visit_i128 i128;
        visit_u8 u8;
        visit_u16 u16;
        visit_u32 u32;
        visit_u64 u64;
        visit_u128 u128;
        visit_f32 f32;
        visit_f64 f64;
        visit_char char;
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<V::Value, E> {
        match self.asked {
            Asked::Seq | Asked::Tuple(_) => self.visit_bytes(value.as_bytes()),
            _ => self.visitor.visit_str(value),
        }
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<V::Value, E> {
        match self.asked {
            Asked::Seq | Asked::Tuple(_) => self.visit_bytes(value.as_bytes()),
            _ => self.visitor.visit_borrowed_str(value),
        }
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<V::Value, E> {
        self.visit_str(&value)
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<V::Value, E> {
        match self.asked {
            Asked::Seq | Asked::Tuple(_) => {
                let bytes = value.iter().copied();
                self.visitor.visit_seq(SeqDeserializer::new(bytes))
            }
            _ => self.visitor.visit_bytes(value),
        }
    }

    fn visit_borrowed_bytes<E: de::Error>(self, value: &'de [u8]) -> Result<V::Value, E> {
        match self.asked {
            Asked::Seq | Asked::Tuple(_) => self.visit_bytes(value),
            _ => self.visitor.visit_borrowed_bytes(value),
        }
    }

    fn visit_byte_buf<E: de::Error>(self, value: Vec<u8>) -> Result<V::Value, E> {
        self.visit_bytes(&value)
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Lenient(inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Lenient(inner))
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        let visitor = self.visitor;
        match self.asked {
            Asked::Bool => visitor.visit_bool(false),
            Asked::Int => visitor.visit_i64(0),
            Asked::Uint => visitor.visit_u64(0),
            Asked::Float => visitor.visit_f64(0.0),
            Asked::Char => visitor.visit_char('\0'),
            Asked::Str => visitor.visit_borrowed_str(""),
            Asked::Bytes => visitor.visit_borrowed_bytes(&[]),
            Asked::Seq => visitor.visit_seq(Zeros::<E>::new(0)),
            Asked::Tuple(len) => visitor.visit_seq(Zeros::<E>::new(len)),
            Asked::Map => visitor.visit_map(no_entries::<E>()),
            Asked::Struct(fields) => visitor.visit_map(ZeroFields::<E>::new(fields)),
            Asked::Enum => visitor.visit_enum(BorrowedStrDeserializer::<E>::new("")),
            Asked::Anything => visitor.visit_unit(),
        }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(LenientAccess(access))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(LenientAccess(access))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(access)
    }
}

/// The parts of a sequence or map, each read leniently.
struct LenientAccess<A>(A);

struct LenientSeed<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for LenientSeed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Lenient(deserializer))
    }
}

impl<'de, A: de::SeqAccess<'de>> de::SeqAccess<'de> for LenientAccess<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(LenientSeed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: de::MapAccess<'de>> de::MapAccess<'de> for LenientAccess<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(LenientSeed(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(LenientSeed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// Deserializes as nil, and so as zero.
struct ZeroOf<E>(PhantomData<E>);

impl<'de, E: de::Error> Deserializer<'de> for ZeroOf<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A number of zeros.
struct Zeros<E> {
    left: usize,
    error: PhantomData<E>,
}

impl<E> Zeros<E> {
    fn new(left: usize) -> Self {
        Zeros {
            left,
            error: PhantomData,
        }
    }
}

impl<'de, E: de::Error> de::SeqAccess<'de> for Zeros<E> {
    type Error = E;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, E> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Lenient(ZeroOf(PhantomData))).map(Some)
    }
}

/// Every field of a struct, zero.
struct ZeroFields<E> {
    names: &'static [&'static str],
    error: PhantomData<E>,
}

impl<E> ZeroFields<E> {
    fn new(names: &'static [&'static str]) -> Self {
        ZeroFields {
            names,
            error: PhantomData,
        }
    }
}

impl<'de, E: de::Error> de::MapAccess<'de> for ZeroFields<E> {
    type Error = E;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, E> {
        let Some((name, rest)) = self.names.split_first() else {
            return Ok(None);
        };
        self.names = rest;
        seed.deserialize(BorrowedStrDeserializer::new(name))
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, E> {
        seed.deserialize(Lenient(ZeroOf(PhantomData)))
    }
}

fn no_entries<'de, E: de::Error>() -> impl de::MapAccess<'de, Error = E> {
    MapDeserializer::new(std::iter::empty::<(&str, &str)>())
}
