//! What each kind of Rust type takes.

use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::context::{De, alone, out_of_range, utf8};
use super::dynamic;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::passthrough;
use crate::types::{Id, Marshaler, Type};
use crate::wire::{float, single, unzigzag};

/// Signed integers accept only Go's signed integers, unsigned only unsigned, as in Go.
macro_rules! integers {
    ($($method:ident $visit:ident $ty:ident $id:ident $value:path;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.number(Id::$id, stringify!($ty), |bits| {
                let value = $value(bits);
                match $ty::try_from(value) {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(out_of_range(value, stringify!($ty))),
                }
            })
        }
    )*};
}

impl<'de> Deserializer<'de> for De<'_, '_, 'de> {
    type Error = DecodeError;

    integers! {
        deserialize_i8 visit_i8 i8 INT unzigzag;
        deserialize_i16 visit_i16 i16 INT unzigzag;
        deserialize_i32 visit_i32 i32 INT unzigzag;
        deserialize_i64 visit_i64 i64 INT unzigzag;
        deserialize_i128 visit_i128 i128 INT unzigzag;
        deserialize_u8 visit_u8 u8 UINT u64::from;
        deserialize_u16 visit_u16 u16 UINT u64::from;
        deserialize_u32 visit_u32 u32 UINT u64::from;
        deserialize_u64 visit_u64 u64 UINT u64::from;
        deserialize_u128 visit_u128 u128 UINT u64::from;
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.number(Id::BOOL, "bool", |bits| visitor.visit_bool(bits != 0))
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.number(Id::FLOAT, "f32", |bits| {
            let value = float(bits);
            match single(value) {
                Some(value) => visitor.visit_f32(value),
                None => Err(out_of_range(value, "f32")),
            }
        })
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.number(Id::FLOAT, "f64", |bits| visitor.visit_f64(float(bits)))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.number(Id::INT, "char", |bits| {
            let value = unzigzag(bits);
            match u32::try_from(value).ok().and_then(char::from_u32) {
                Some(value) => visitor.visit_char(value),
                None => Err(out_of_range(value, "char")),
            }
        })
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.id != Id::STRING {
            return self.other_str(visitor);
        }
        visitor.visit_borrowed_str(utf8(self.cx.cursor.bytes()?)?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.id == Id::INTERFACE {
            return self.concrete("bytes", |de| de.deserialize_bytes(visitor));
        }
        if let Some(bytes) = self.counted()? {
            return visitor.visit_borrowed_bytes(bytes);
        }
        match self.defined() {
            Some(Type::Array { elem: Id::UINT, .. } | Type::Slice { elem: Id::UINT, .. }) => {
                self.deserialize_seq(visitor)
            }
            _ => Err(self.mismatch("bytes")),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.id == Id::INTERFACE && self.cx.cursor.data.get(self.cx.cursor.pos) == Some(&0) {
            self.cx.cursor.pos += 1;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.cx.skip(self.id)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.defined() {
            Some(Type::Struct(_)) => self.deserialize_unit(visitor),
            _ if self.id == Id::INTERFACE => self.deserialize_unit(visitor),
            _ => Err(self.mismatch(name)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if passthrough::is_dynamic(name) {
            return dynamic::deserialize(self, name, visitor);
        }
        if name == passthrough::OPTIONAL {
            return self.optional(visitor);
        }
        // Counted, so that a type which contains itself and nothing else is an error.
        self.cx.enter()?;
        let De { cx, id } = self;
        let value = visitor.visit_newtype_struct(De { cx: &mut *cx, id })?;
        cx.depth -= 1;
        Ok(value)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Some(Type::Slice { elem }) = self.defined() else {
            return self.other_seq(visitor);
        };
        let count = self.cx.cursor.count()?;
        self.visit_seq(*elem, count, false, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.visit_tuple("a tuple", len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.visit_tuple(name, len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.defined() {
            Some(Type::Map { key, elem, .. }) => self.visit_map(*key, *elem, visitor),
            // For a struct with a flattened field, or a map.
            Some(Type::Struct(ty)) => self.visit_struct_as_map(ty, visitor),
            _ => self.elsewhere("a map", |de| de.deserialize_map(visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.defined() {
            Some(Type::Struct(ty)) => self.visit_struct(ty, name, fields, visitor),
            _ => self.other_struct(name, fields, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if self.id == Id::INTERFACE {
            return self.concrete(name, |de| de.deserialize_enum(name, variants, visitor));
        }
        match self.text()? {
            Some(text) => {
                visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(text))
            }
            None => Err(self.mismatch(name)),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.id {
            Id::BOOL => self.deserialize_bool(visitor),
            Id::INT => self.deserialize_i64(visitor),
            Id::UINT => self.deserialize_u64(visitor),
            Id::FLOAT => self.deserialize_f64(visitor),
            Id::BYTES => self.deserialize_bytes(visitor),
            Id::COMPLEX => self.deserialize_seq(visitor),
            Id::STRING => {
                let bytes = self.cx.cursor.bytes()?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => visitor.visit_borrowed_str(text),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                }
            }
            Id::INTERFACE => {
                self.cx.enter()?;
                let value = match self.cx.interface()? {
                    None => visitor.visit_unit::<DecodeError>()?,
                    Some((_, id)) => alone(&mut *self.cx, id, |de| de.deserialize_any(visitor))?,
                };
                self.cx.depth -= 1;
                Ok(value)
            }
            _ => match self.defined() {
                Some(Type::Struct(_) | Type::Map { .. }) => self.deserialize_map(visitor),
                Some(Type::Slice { .. } | Type::Array { .. }) => self.deserialize_seq(visitor),
                Some(Type::Opaque {
                    kind: Marshaler::Text,
                    ..
                }) => match self.text()? {
                    Some(text) => visitor.visit_borrowed_str(text),
                    None => Err(self.mismatch("text")),
                },
                Some(Type::Opaque { .. }) => self.deserialize_bytes(visitor),
                None => Err(DecodeErrorKind::UndefinedType {
                    id: i64::from(self.id.0),
                }
                .into()),
            },
        }
    }
}
