//! Reading MessagePack as Go's codecs do.
//!
//! Go writes nil for an empty slice, map, pointer or interface value, and Go's readers take nil for
//! the zero value of anything. Peers of the old specification write bytes as strings, and others
//! write a list of bytes as bytes. Structs whose fields are tagged `omitempty` arrive without the
//! fields that are zero. So [`Lenient`] stands between a type and its deserializer. Where the two
//! disagree in one of these ways, it gives the type what it asked for:
//!
//! | asked for | also accepted |
//! | --- | --- |
//! | anything | nil, for zero: an enum's zero is its variant with the empty name |
//! | a field of a struct | an absent field, see below |
//! | bytes, a list, an array | a string, bytes, or the content of an extension (Go's times) |
//! | a string | bytes that are UTF-8 |
//! | a `char` | an integer, which Go's runes are |
//! | an `i128` or `u128` | any integer, and the 16 bytes that rmp-serde writes |
//! | an extension (rmp-serde's `_ExtStruct`) | |
//! | a type with its own encoding (`gob::Marshal`) | its bytes, in every form of bytes |
//! | a `gob::Time` | text, `MarshalBinary`'s output, a timestamp: extension −1, bytes, string |
//!
//! A field that was left out gets what serde gives it: its `#[serde(default)]`, or `None` for an
//! `Option`. Only where that is an error, the field gets the zero of its type. So a type that works
//! over gob, where Go leaves out every zero, works over MessagePack unchanged. (`field_quirks`) In
//! a struct with a `#[serde(flatten)]`, this holds for its own fields only. What is flattened into
//! it, and everything in an untagged or internally tagged enum, is read by serde from its own
//! copies of the values, by serde's own rules.

mod access;
mod field_quirks;
mod zero;

use std::fmt;

use serde::de::value::SeqDeserializer;
use serde::de::{self, Deserializer, Error as _, IgnoredAny, Visitor};

pub(super) use self::field_quirks::QUIRKS;

use self::access::{Fields, Items};
use self::zero::Zero;
use crate::gob::__private::{OpaqueKind, TIME, opaque_kind};

/// How rmp-serde recognises extensions among newtype structs.
pub(super) const EXTENSION: &str = "_ExtStruct";

/// A deserializer that takes nil for zero.
pub(super) struct Lenient<D> {
    inner: D,
    /// How many levels of types may still be nested.
    depth: usize,
}

impl<D> Lenient<D> {
    pub(super) fn new(inner: D, depth: usize) -> Self {
        Lenient { inner, depth }
    }
}

/// What a type asked for, which decides what nil means.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Bool,
    Int,
    Uint,
    Int128,
    Uint128,
    Float,
    Char,
    Str,
    Bytes,
    Seq,
    Tuple(usize),
    Map,
    Struct,
    /// The bytes of a type with an encoding of its own, whose zero it knows itself.
    Opaque,
    /// The same of a time.
    Time,
    /// A type that knows nil itself, or takes anything.
    Anything,
}

macro_rules! ask {
    ($($method:ident $asked:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            let depth = self.depth;
            self.inner.$method(Nil { visitor, asked: $asked, depth })
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
        deserialize_u8 Asked::Uint;
        deserialize_u16 Asked::Uint;
        deserialize_u32 Asked::Uint;
        deserialize_u64 Asked::Uint;
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

    /// rmp-serde itself takes no nil here.
    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let (asked, depth) = (Asked::Int128, self.depth);
        self.inner.deserialize_bytes(Nil {
            visitor,
            asked,
            depth,
        })
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let (asked, depth) = (Asked::Uint128, self.depth);
        self.inner.deserialize_bytes(Nil {
            visitor,
            asked,
            depth,
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    /// `()` accepts anything: a reply that the caller does not need is read as `()`.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(IgnoredAny)?;
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
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name == EXTENSION {
            return self.inner.deserialize_newtype_struct(name, visitor);
        }
        if let Some(kind) = opaque_kind(name) {
            let nil = Nil {
                visitor,
                asked: if name == TIME {
                    Asked::Time
                } else {
                    Asked::Opaque
                },
                depth: self.depth,
            };
            return match kind {
                OpaqueKind::Text => self.inner.deserialize_str(nil),
                _ => self.inner.deserialize_bytes(nil),
            };
        }
        visitor.visit_newtype_struct(deeper(self.inner, self.depth)?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let (asked, depth) = (Asked::Tuple(len), self.depth);
        self.inner.deserialize_tuple(
            len,
            Nil {
                visitor,
                asked,
                depth,
            },
        )
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
        let (asked, depth) = (Asked::Struct, self.depth);
        self.inner.deserialize_struct(
            name,
            fields,
            Nil {
                visitor,
                asked,
                depth,
            },
        )
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // rmp-serde asks the variant's name whether it may be nil, and it may not.
        self.inner.deserialize_option(EnumOrNil {
            name,
            variants,
            visitor,
            depth: self.depth,
        })
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// One level deeper. Neither a peer's enums, whose nesting rmp-serde does not count, nor a type
/// that contains itself without an end may use up the stack.
fn deeper<'de, D: Deserializer<'de>>(inner: D, depth: usize) -> Result<Lenient<D>, D::Error> {
    match depth.checked_sub(1) {
        Some(depth) => Ok(Lenient { inner, depth }),
        None => Err(D::Error::custom("the value is nested too deep")),
    }
}

/// A visitor that takes nil for zero, and bytes for a list of them.
struct Nil<V> {
    visitor: V,
    asked: Asked,
    depth: usize,
}

impl<V> Nil<V> {
    fn takes_bytes(&self) -> bool {
        matches!(
            self.asked,
            Asked::Bytes | Asked::Seq | Asked::Tuple(_) | Asked::Opaque | Asked::Time
        )
    }
}

macro_rules! forward {
    ($($method:ident $type:ty;)*) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

macro_rules! forward_int {
    ($($method:ident $type:ty;)*) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            if self.asked == Asked::Char
                && let Some(char) = u32::try_from(value).ok().and_then(char::from_u32)
            {
                return self.visitor.visit_char(char);
            }
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
        visit_i128 i128;
        visit_u128 u128;
        visit_f32 f32;
        visit_f64 f64;
        visit_char char;
    }

    forward_int! {
        visit_i8 i8;
        visit_i16 i16;
        visit_i32 i32;
        visit_i64 i64;
        visit_u8 u8;
        visit_u16 u16;
        visit_u32 u32;
        visit_u64 u64;
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<V::Value, E> {
        match self.asked {
            Asked::Seq | Asked::Tuple(_) | Asked::Int128 | Asked::Uint128 => {
                self.visit_bytes(value.as_bytes())
            }
            _ => self.visitor.visit_str(value),
        }
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<V::Value, E> {
        match self.asked {
            Asked::Seq | Asked::Tuple(_) | Asked::Int128 | Asked::Uint128 => {
                self.visit_bytes(value.as_bytes())
            }
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
            Asked::Int128 => match value.try_into() {
                Ok(bytes) => self.visitor.visit_i128(i128::from_be_bytes(bytes)),
                Err(_) => self.visitor.visit_bytes(value),
            },
            Asked::Uint128 => match value.try_into() {
                Ok(bytes) => self.visitor.visit_u128(u128::from_be_bytes(bytes)),
                Err(_) => self.visitor.visit_bytes(value),
            },
            _ => self.visitor.visit_bytes(value),
        }
    }

    fn visit_borrowed_bytes<E: de::Error>(self, value: &'de [u8]) -> Result<V::Value, E> {
        match self.asked {
            Asked::Seq | Asked::Tuple(_) | Asked::Int128 | Asked::Uint128 => {
                self.visit_bytes(value)
            }
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
        self.visitor.visit_some(deeper(inner, self.depth)?)
    }

    /// What rmp-serde makes of an extension where the type asked for none.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        if self.takes_bytes() {
            return inner.deserialize_any(access::Extension(self));
        }
        self.visitor
            .visit_newtype_struct(deeper(inner, self.depth)?)
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        let visitor = self.visitor;
        match self.asked {
            Asked::Bool => visitor.visit_bool(false),
            Asked::Int | Asked::Int128 => visitor.visit_i64(0),
            Asked::Uint | Asked::Uint128 => visitor.visit_u64(0),
            Asked::Float => visitor.visit_f64(0.0),
            Asked::Char => visitor.visit_char('\0'),
            Asked::Str => visitor.visit_borrowed_str(""),
            Asked::Bytes => visitor.visit_borrowed_bytes(&[]),
            Asked::Seq => visitor.visit_seq(Items::new(zero::Many::<E>::new(0), self.depth)),
            Asked::Tuple(len) => {
                visitor.visit_seq(Items::new(zero::Many::<E>::new(len), self.depth))
            }
            Asked::Map | Asked::Struct => {
                Fields::read(zero::NoEntries::<E>::new(), visitor, self.asked, self.depth)
            }
            Asked::Anything | Asked::Opaque | Asked::Time => visitor.visit_unit(),
        }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<V::Value, A::Error> {
        let value = self
            .visitor
            .visit_seq(Items::new(&mut access, self.depth))?;
        if self.asked == Asked::Struct {
            // A struct as a list of its fields, of a newer peer with more of them.
            while access.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(value)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        Fields::read(access, self.visitor, self.asked, self.depth)
    }
}

/// Distinguishes an enum from nil.
struct EnumOrNil<V> {
    name: &'static str,
    variants: &'static [&'static str],
    visitor: V,
    depth: usize,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for EnumOrNil<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor
            .visit_enum(de::value::BorrowedStrDeserializer::new(""))
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let visitor = access::Enum {
            visitor: self.visitor,
            depth: self.depth,
        };
        inner.deserialize_enum(self.name, self.variants, visitor)
    }
}
