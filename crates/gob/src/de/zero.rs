//! Zero values, for what was not sent.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::fields::ZeroStruct;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::passthrough;
use crate::types::{Id, Marshaler, Type, Types};

/// Deserializes as the zero value of whatever is asked for.
#[derive(Clone, Copy)]
pub(super) struct Zero<'t> {
    types: &'t Types,
    /// The sender's type, where it has the field: only `deserialize_any` needs it.
    id: Option<Id>,
    depth: usize,
}

impl<'t> Zero<'t> {
    pub(super) fn new(types: &'t Types, id: Option<Id>, depth: usize) -> Self {
        Self { types, id, depth }
    }

    /// One level further in. A type that contains itself without an `Option` would never end.
    fn deeper(self) -> Result<Self, DecodeError> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self {
                depth,
                id: None,
                ..self
            }),
            None => Err(DecodeErrorKind::NoZeroValue("the type contains itself".into()).into()),
        }
    }
}

struct Zeros<'t> {
    zero: Zero<'t>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Zeros<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(self.zero).map(Some)
    }
}

macro_rules! zeros {
    ($($method:ident $visit:ident $value:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Zero<'_> {
    type Error = DecodeError;

    zeros! {
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i8 0;
        deserialize_i16 visit_i16 0;
        deserialize_i32 visit_i32 0;
        deserialize_i64 visit_i64 0;
        deserialize_i128 visit_i128 0;
        deserialize_u8 visit_u8 0;
        deserialize_u16 visit_u16 0;
        deserialize_u32 visit_u32 0;
        deserialize_u64 visit_u64 0;
        deserialize_u128 visit_u128 0;
        deserialize_f32 visit_f32 0.0;
        deserialize_f64 visit_f64 0.0;
        deserialize_char visit_char '\0';
        deserialize_str visit_borrowed_str "";
        deserialize_string visit_borrowed_str "";
        deserialize_identifier visit_borrowed_str "";
        deserialize_bytes visit_borrowed_bytes &[];
        deserialize_byte_buf visit_borrowed_bytes &[];
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if passthrough::is_dynamic(name) || passthrough::marshaler(name).is_some() {
            return visitor.visit_unit();
        }
        if name == passthrough::OPTIONAL {
            return visitor.visit_none();
        }
        let id = self.id;
        visitor.visit_newtype_struct(Self {
            id,
            ..self.deeper()?
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(Zeros {
            zero: self,
            left: 0,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(Zeros {
            zero: self.deeper()?,
            left: len,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let none = std::iter::empty::<(&str, &str)>();
        visitor.visit_map(MapDeserializer::<_, DecodeError>::new(none))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let zero = self.deeper()?;
        let mut access = ZeroStruct::new::<V>(zero.types, zero.depth, fields);
        visitor
            .visit_map(&mut access)
            .map_err(|error| access.explain(error))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        // A unit variant may have the empty name, or be the one for names that are not known.
        visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(""))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.id {
            Some(Id::BOOL) => visitor.visit_bool(false),
            Some(Id::INT) => visitor.visit_i64(0),
            Some(Id::UINT) => visitor.visit_u64(0),
            Some(Id::FLOAT) => visitor.visit_f64(0.0),
            Some(Id::BYTES) => visitor.visit_borrowed_bytes(&[]),
            Some(Id::STRING) => visitor.visit_borrowed_str(""),
            Some(Id::COMPLEX) => visitor.visit_seq(SeqDeserializer::new([0.0, 0.0].into_iter())),
            None | Some(Id::INTERFACE) => visitor.visit_unit(),
            Some(id) => match self.types.get(id) {
                Some(Type::Slice { .. }) => self.deserialize_seq(visitor),
                Some(Type::Map { .. }) => self.deserialize_map(visitor),
                Some(Type::Opaque {
                    kind: Marshaler::Text,
                    ..
                }) => visitor.visit_borrowed_str(""),
                Some(Type::Opaque { .. }) => visitor.visit_borrowed_bytes(&[]),
                // Go leaves neither out: they were behind a nil pointer.
                Some(Type::Struct(_) | Type::Array { .. }) | None => visitor.visit_none(),
            },
        }
    }
}
