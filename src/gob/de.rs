//! The serde deserializer over one value.

mod access;
mod dynamic;
mod lessons;
mod zero;

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

pub(crate) use self::access::tuple_field;
use self::access::{Bytewise, Floats, MapAccess, SeqAccess, StructAccess, TupleAccess, letters};
pub(crate) use self::lessons::group;
use super::any;
use super::decode::{DecodeError, DecodeErrorKind};
use super::types::{Id, OpaqueKind, StructType, Type, Types};
use super::walk;
use super::wire::{Cursor, float};

/// Decodes a value that stands alone.
pub(crate) fn from_value<'de, T: Deserialize<'de>>(
    types: &Arc<Types>,
    id: Id,
    data: &'de [u8],
    source: Option<&Bytes>,
    max_depth: usize,
) -> Result<T, DecodeError> {
    // A struct that refuses a zero, or has aliases, teaches a lesson and is read again: see `lessons`.
    for _ in 0..64 {
        let lessons = lessons::count();
        match attempt(types, id, data, source, max_depth) {
            Err(_) if lessons::count() != lessons => {}
            result => return result,
        }
    }
    attempt(types, id, data, source, max_depth)
}

fn attempt<'de, T: Deserialize<'de>>(
    types: &Arc<Types>,
    id: Id,
    data: &'de [u8],
    source: Option<&Bytes>,
    max_depth: usize,
) -> Result<T, DecodeError> {
    let mut cx = Cx {
        types,
        cursor: Cursor::new(data),
        source,
        depth: 0,
        max_depth,
    };
    alone(&mut cx, id, T::deserialize)
        .map_err(|err| err.target(std::any::type_name::<T>()))
        .and_then(|value| match cx.cursor.remaining() {
            0 => Ok(value),
            _ => Err(DecodeErrorKind::TrailingData.into()),
        })
}

/// What every nested value shares.
pub(super) struct Cx<'t, 'de> {
    types: &'t Arc<Types>,
    cursor: Cursor<'de>,
    /// The same bytes as the cursor's, when they can be shared instead of copied.
    source: Option<&'t Bytes>,
    depth: usize,
    max_depth: usize,
}

impl<'t, 'de> Cx<'t, 'de> {
    #[inline]
    fn enter(&mut self) -> Result<(), DecodeError> {
        if self.depth >= self.max_depth {
            return Err(DecodeErrorKind::TooDeep {
                max: self.max_depth,
            }
            .into());
        }
        self.depth += 1;
        Ok(())
    }

    fn skip(&mut self, id: Id) -> Result<(), DecodeError> {
        let types: &'t Types = self.types;
        walk::skip(&mut self.cursor, types, id, self.max_depth - self.depth)
    }

    fn interface(&mut self) -> Result<Option<(&'de [u8], Id)>, DecodeError> {
        walk::interface(&mut self.cursor, self.types)
    }
}

/// Reads a value that is not part of a struct, slice or map: only structs come without a zero before them.
fn alone<'a, 't, 'de, R>(
    cx: &'a mut Cx<'t, 'de>,
    id: Id,
    read: impl FnOnce(De<'a, 't, 'de>) -> Result<R, DecodeError>,
) -> Result<R, DecodeError> {
    if !cx.types.is_struct(id) {
        walk::singleton(&mut cx.cursor)?;
    }
    read(De {
        cx,
        id,
        alone: true,
    })
}

/// One value of the type `id`, at the cursor.
pub(super) struct De<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    id: Id,
    /// Go checks that structs share a field only where a value stands alone.
    alone: bool,
}

impl<'a, 't, 'de> De<'a, 't, 'de> {
    #[cold]
    fn mismatch(&self, expected: &'static str) -> DecodeError {
        DecodeErrorKind::Mismatch {
            expected,
            received: self.cx.types.describe(self.id),
        }
        .into()
    }

    /// The value's type, when it has a definition.
    #[inline]
    fn defined(&self) -> Option<&'t Type> {
        let types: &'t Types = self.cx.types;
        types.get(self.id)
    }

    /// Reads the concrete value of an interface value, which must not be nil.
    fn concrete<R>(
        self,
        expected: &'static str,
        read: impl for<'b> FnOnce(De<'b, 't, 'de>) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        self.cx.enter()?;
        let Some((_, id)) = self.cx.interface()? else {
            let received = "a nil interface value".to_owned();
            return Err(DecodeErrorKind::Mismatch { expected, received }.into());
        };
        let result = alone(&mut *self.cx, id, read)?;
        self.cx.depth -= 1;
        Ok(result)
    }

    /// A string or other counted bytes, None when the value is nothing of the kind.
    #[inline]
    fn counted(&mut self) -> Result<Option<&'de [u8]>, DecodeError> {
        match self.id {
            Id::STRING | Id::BYTES => self.cx.cursor.bytes().map(Some),
            _ => match self.defined() {
                Some(Type::Opaque { .. }) => self.cx.cursor.bytes().map(Some),
                _ => Ok(None),
            },
        }
    }

    fn text(&mut self) -> Result<Option<&'de str>, DecodeError> {
        if let Some(Type::Opaque {
            kind: OpaqueKind::Gob | OpaqueKind::Binary,
            ..
        }) = self.defined()
        {
            return Ok(None);
        }
        match self.counted()? {
            Some(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(DecodeErrorKind::NotUtf8.into()),
            },
            None => Ok(None),
        }
    }

    fn visit_seq<V: Visitor<'de>>(
        self,
        elem: Id,
        left: usize,
        exact: bool,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let mut access = SeqAccess {
            cx: self.cx,
            elem,
            left,
            index: 0,
        };
        let value = visitor.visit_seq(&mut access)?;
        let (rest, count) = (access.left, access.index + access.left);
        if rest > 0 && exact {
            let len = (count - rest) as u64;
            return Err(DecodeErrorKind::ArrayLength {
                count: count as u64,
                len,
            }
            .into());
        }
        for _ in 0..rest {
            self.cx.skip(elem)?;
        }
        self.cx.depth -= 1;
        Ok(value)
    }

    fn visit_map<V: Visitor<'de>>(
        self,
        key: Id,
        elem: Id,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let left = self.cx.cursor.count()?;
        let mut access = MapAccess {
            cx: self.cx,
            key,
            elem,
            left,
            label: None,
        };
        let value = visitor.visit_map(&mut access)?;
        for _ in 0..access.left {
            self.cx.skip(key)?;
            self.cx.skip(elem)?;
        }
        self.cx.depth -= 1;
        Ok(value)
    }

    fn visit_struct<V: Visitor<'de>>(
        self,
        ty: &'t StructType,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let mut access = StructAccess::new::<V>(&mut *self.cx, ty, fields)?;
        let result = visitor.visit_map(&mut access);
        let value = match result {
            Ok(value) => value,
            Err(err) => return Err(access.explain(err)),
        };
        access.finish()?;
        self.cx.depth -= 1;
        Ok(value)
    }

    /// Go refuses a struct that shares no field with the receiver's, unless either has none.
    fn check_shared(
        &self,
        ty: &StructType,
        name: &'static str,
        fields: &[&str],
    ) -> Result<(), DecodeError> {
        if !self.alone
            || fields.is_empty()
            || ty.fields.is_empty()
            || ty.fields.iter().any(|field| fields.contains(&&*field.name))
        {
            return Ok(());
        }
        let received = self.cx.types.describe(self.id);
        Err(DecodeErrorKind::NoFieldsMatched {
            expected: name,
            received,
        }
        .into())
    }

    fn visit_tuple<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.defined() {
            Some(Type::Struct(ty)) => {
                if len > 0 && !ty.fields.is_empty() && self.alone {
                    let shared = ty
                        .fields
                        .iter()
                        .any(|field| letters(&field.name).is_some_and(|index| index < len));
                    if !shared {
                        let received = self.cx.types.describe(self.id);
                        return Err(DecodeErrorKind::NoFieldsMatched {
                            expected: name,
                            received,
                        }
                        .into());
                    }
                }
                self.cx.enter()?;
                let mut access = TupleAccess::new(&mut *self.cx, ty, len)?;
                let value = visitor.visit_seq(&mut access)?;
                access.finish()?;
                self.cx.depth -= 1;
                Ok(value)
            }
            Some(Type::Array {
                elem,
                len: declared,
                ..
            }) => {
                let count = walk::array_len(&mut self.cx.cursor, *declared)?;
                self.visit_seq(*elem, count, true, visitor)
            }
            Some(Type::Slice { elem, .. }) => {
                let count = self.cx.cursor.count()?;
                self.visit_seq(*elem, count, true, visitor)
            }
            _ if self.id == Id::INTERFACE => {
                self.concrete(name, |de| de.visit_tuple(name, len, visitor))
            }
            _ => self.deserialize_seq(visitor),
        }
    }
}

/// Signed integers accept only Go's signed integers, unsigned only unsigned, as in Go.
macro_rules! integers {
    ($($method:ident $visit:ident $ty:ident $id:ident $read:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            match self.id {
                Id::$id => {
                    let value = self.cx.cursor.$read()?;
                    match $ty::try_from(value) {
                        Ok(value) => visitor.$visit(value),
                        Err(_) => Err(out_of_range(value, stringify!($ty))),
                    }
                }
                Id::INTERFACE => self.concrete(stringify!($ty), |de| de.$method(visitor)),
                _ => Err(self.mismatch(stringify!($ty))),
            }
        }
    )*};
}

#[cold]
fn out_of_range(value: impl ToString, expected: &'static str) -> DecodeError {
    DecodeErrorKind::OutOfRange {
        value: value.to_string(),
        expected,
    }
    .into()
}

impl<'de> Deserializer<'de> for De<'_, '_, 'de> {
    type Error = DecodeError;

    integers! {
        deserialize_i8 visit_i8 i8 INT int;
        deserialize_i16 visit_i16 i16 INT int;
        deserialize_i32 visit_i32 i32 INT int;
        deserialize_i64 visit_i64 i64 INT int;
        deserialize_i128 visit_i128 i128 INT int;
        deserialize_u8 visit_u8 u8 UINT uint;
        deserialize_u16 visit_u16 u16 UINT uint;
        deserialize_u32 visit_u32 u32 UINT uint;
        deserialize_u64 visit_u64 u64 UINT uint;
        deserialize_u128 visit_u128 u128 UINT uint;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.id {
            Id::BOOL => visitor.visit_bool(self.cx.cursor.uint()? != 0),
            Id::INTERFACE => self.concrete("bool", |de| de.deserialize_bool(visitor)),
            _ => Err(self.mismatch("bool")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.id {
            Id::FLOAT => {
                let value = float(self.cx.cursor.uint()?);
                // Infinities and NaN have their like in 32 bits, and underflow is no error.
                if value.is_finite() && value.abs() > f64::from(f32::MAX) {
                    return Err(out_of_range(value, "f32"));
                }
                visitor.visit_f32(value as f32)
            }
            Id::INTERFACE => self.concrete("f32", |de| de.deserialize_f32(visitor)),
            _ => Err(self.mismatch("f32")),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.id {
            Id::FLOAT => visitor.visit_f64(float(self.cx.cursor.uint()?)),
            Id::INTERFACE => self.concrete("f64", |de| de.deserialize_f64(visitor)),
            _ => Err(self.mismatch("f64")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.id {
            Id::INT => {
                let value = self.cx.cursor.int()?;
                match u32::try_from(value).ok().and_then(char::from_u32) {
                    Some(value) => visitor.visit_char(value),
                    None => Err(out_of_range(value, "char")),
                }
            }
            Id::INTERFACE => self.concrete("char", |de| de.deserialize_char(visitor)),
            _ => Err(self.mismatch("char")),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.id == Id::INTERFACE {
            return self.concrete("a string", |de| de.deserialize_str(visitor));
        }
        match self.text()? {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.mismatch("a string")),
        }
    }

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
        if any::is_marker(name) {
            return dynamic::deserialize(self, name, visitor);
        }
        // Counted, so that a type which contains itself and nothing else is an error.
        self.cx.enter()?;
        let De { cx, id, alone } = self;
        let value = visitor.visit_newtype_struct(De {
            cx: &mut *cx,
            id,
            alone,
        })?;
        cx.depth -= 1;
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.id {
            Id::INTERFACE => return self.concrete("a sequence", |de| de.deserialize_seq(visitor)),
            Id::COMPLEX => return visitor.visit_seq(Floats::read(&mut self.cx.cursor)?),
            _ => {}
        }
        if let Some(bytes) = self.counted()? {
            let mut access = Bytewise(bytes.iter());
            let value = visitor.visit_seq(&mut access)?;
            return match access.0.len() {
                0 => Ok(value),
                rest => Err(DecodeErrorKind::ArrayLength {
                    count: bytes.len() as u64,
                    len: (bytes.len() - rest) as u64,
                }
                .into()),
            };
        }
        match self.defined() {
            Some(Type::Slice { elem, .. }) => {
                let count = self.cx.cursor.count()?;
                self.visit_seq(*elem, count, false, visitor)
            }
            Some(Type::Array { elem, len, .. }) => {
                let count = walk::array_len(&mut self.cx.cursor, *len)?;
                self.visit_seq(*elem, count, false, visitor)
            }
            _ => Err(self.mismatch("a sequence")),
        }
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
            // A struct with a flattened field, or a map of whatever the sender's struct has.
            Some(Type::Struct(ty)) => self.visit_struct(ty, &[], visitor),
            _ if self.id == Id::INTERFACE => {
                self.concrete("a map", |de| de.deserialize_map(visitor))
            }
            _ => Err(self.mismatch("a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.defined() {
            Some(Type::Struct(ty)) => {
                self.check_shared(ty, name, fields)?;
                self.visit_struct(ty, fields, visitor)
            }
            // Arguments that Go packed into a map[string]interface{}.
            Some(Type::Map {
                key: Id::STRING,
                elem,
                ..
            }) => {
                self.cx.enter()?;
                let left = self.cx.cursor.count()?;
                let mut access = access::MapAsStruct::new::<V>(&mut *self.cx, *elem, left, fields);
                let value = match visitor.visit_map(&mut access) {
                    Ok(value) => value,
                    Err(err) => return Err(access.explain(err)),
                };
                access.finish()?;
                self.cx.depth -= 1;
                Ok(value)
            }
            _ if self.id == Id::INTERFACE => {
                self.concrete(name, |de| de.deserialize_struct(name, fields, visitor))
            }
            _ => Err(self.mismatch(name)),
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
                    kind: OpaqueKind::Text,
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

/// The name of a field, where serde asks for one.
pub(super) struct Key<'k>(pub(super) &'k str);

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_str(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// Go's bytes are no slice of anything but `uint8`.
#[cold]
fn not_a_sequence() -> DecodeError {
    let (expected, received) = ("a sequence", "[]uint8".to_owned());
    DecodeErrorKind::Mismatch { expected, received }.into()
}

macro_rules! refuse {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
            Err(not_a_sequence())
        }
    )*};
}

/// One byte of a byte string that is read as a sequence.
pub(super) struct Byte(pub(super) u8);

impl<'de> Deserializer<'de> for Byte {
    type Error = DecodeError;

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_u8(self.0)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_u8(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    refuse! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_option deserialize_unit deserialize_seq deserialize_map deserialize_identifier
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, DecodeError> {
        Err(not_a_sequence())
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DecodeError> {
        Err(not_a_sequence())
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, DecodeError> {
        Err(not_a_sequence())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DecodeError> {
        Err(not_a_sequence())
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DecodeError> {
        Err(not_a_sequence())
    }
}
