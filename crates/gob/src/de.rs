//! The serde deserializer over one value.

mod access;
mod bulk;
mod deserializer;
mod dynamic;
mod entries;
mod field_quirks;
mod fields;
mod in_order;
mod number;
mod parts;
mod string;
mod zero;

use std::sync::Arc;

use ascii::AsciiStr;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use self::access::{Floats, MapAccess, SeqAccess, TupleAccess};
use self::entries::{Entries, Spare};
use self::field_quirks::QUIRKS;
use self::fields::{MapAsStruct, StructAccess};
use self::in_order::InOrder;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::raw::walk;
use crate::types::{Id, IdMap, Marshaler, StructType, Type, Types, tuple_field};
use crate::wire::Cursor;

/// Decodes a value that stands alone.
pub(crate) fn from_value<'de, T: Deserialize<'de>>(
    types: &Arc<Types>,
    id: Id,
    data: &'de [u8],
    source: Option<&Bytes>,
    max_depth: usize,
) -> Result<T, DecodeError> {
    QUIRKS.read(|| attempt(types, id, data, source, max_depth))
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
        unclaimed: data.len(),
        spare: Spare::default(),
        alone_at: 0,
        names: IdMap::default(),
    };
    alone(&mut cx, id, T::deserialize)
        .map_err(|err| err.target(std::any::type_name::<T>()))
        .and_then(|value| match cx.cursor.remaining() {
            0 => Ok(value),
            _ => Err(DecodeErrorKind::TrailingData.into()),
        })
}

/// The value that a field becomes which the sender left out.
pub(crate) fn zero_value<T: serde::de::DeserializeOwned>() -> Result<T, DecodeError> {
    T::deserialize(zero::Zero::new(&Types::default(), None, 64))
}

/// What every nested value shares.
pub(super) struct Cx<'t, 'de> {
    types: &'t Arc<Types>,
    cursor: Cursor<'de>,
    /// The same bytes as the cursor's, when they can be shared instead of copied.
    source: Option<&'t Bytes>,
    depth: usize,
    max_depth: usize,
    /// How many elements room may still be made for ahead of reading them. Each takes a byte at least, so no honest value
    /// needs more than it has bytes; without this every level of nesting could claim all that are left.
    unclaimed: usize,
    spare: Spare,
    /// Where the last value began that stood alone. Its parts all begin further on.
    alone_at: usize,
    /// What types are called where their values become interface values.
    names: IdMap<u32, Arc<str>>,
}

impl<'t, 'de> Cx<'t, 'de> {
    /// For how many of `count` elements room may be made at once.
    #[inline]
    fn claim(&mut self, count: usize) -> usize {
        let claimed = count.min(self.unclaimed);
        self.unclaimed -= claimed;
        claimed
    }

    /// Notes that so many bytes are handed out which the sender did not send.
    fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.spare.charge(bytes, self.cursor.data.len())
    }

    #[inline]
    fn enter(&mut self) -> Result<(), DecodeError> {
        if self.depth >= self.max_depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    #[cold]
    fn too_deep(&self) -> DecodeError {
        let max = self.max_depth;
        DecodeErrorKind::TooDeep { max }.into()
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
    cx.alone_at = cx.cursor.pos;
    read(De { cx, id })
}

/// One value of the type `id`, at the cursor. Two words, which are passed on in registers, value for value.
pub(super) struct De<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    id: Id,
}

impl<'a, 't, 'de> De<'a, 't, 'de> {
    #[cold]
    fn mismatch(self, expected: &'static str) -> DecodeError {
        DecodeErrorKind::Mismatch {
            expected,
            received: self.cx.types.brief(self.id),
        }
        .into()
    }

    /// The value's type, when it has a definition.
    #[inline]
    fn defined(&self) -> Option<&'t Type> {
        let types: &'t Types = self.cx.types;
        types.get(self.id)
    }

    /// Go checks that structs share a field only where a value stands alone.
    #[inline]
    fn is_alone(&self) -> bool {
        self.cx.cursor.pos == self.cx.alone_at
    }

    /// Reads a value whose type is not the one that `read` is for: the concrete value of an interface value may have it.
    #[inline(never)]
    fn elsewhere<R>(
        self,
        expected: &'static str,
        read: impl for<'b> FnOnce(De<'b, 't, 'de>) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        match self.id {
            Id::INTERFACE => self.concrete(expected, read),
            _ => Err(self.mismatch(expected)),
        }
    }

    /// Gives a visitor what the bits of a number stand for.
    #[inline]
    fn number<R>(
        self,
        id: Id,
        expected: &'static str,
        visit: impl FnOnce(u64) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        if self.id == id
            && let Some(bits) = self.cx.cursor.near_uint()
        {
            return visit(bits);
        }
        self.other_number(id, expected, visit)
    }

    /// Not inlined, so that usual numbers can be.
    #[inline(never)]
    fn other_number<R>(
        self,
        id: Id,
        expected: &'static str,
        visit: impl FnOnce(u64) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        if self.id == id {
            return visit(self.cx.cursor.uint()?);
        }
        self.elsewhere(expected, |de| de.number(id, expected, visit))
    }

    /// Reads the concrete value of an interface value, which must not be nil.
    fn concrete<R>(
        self,
        expected: &'static str,
        read: impl for<'b> FnOnce(De<'b, 't, 'de>) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        self.cx.enter()?;
        let Some((_, id)) = self.cx.interface()? else {
            let received = "nil".to_owned();
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

    #[inline]
    fn text(&mut self) -> Result<Option<&'de str>, DecodeError> {
        match self.id {
            Id::STRING => utf8(self.cx.cursor.bytes()?).map(Some),
            _ => self.other_text(),
        }
    }

    /// A string for a visitor, from a value that is no string. Not inlined, so that strings can be.
    #[inline(never)]
    fn other_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.id == Id::INTERFACE {
            return self.concrete("a string", |de| de.deserialize_str(visitor));
        }
        match self.other_text()? {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.mismatch("a string")),
        }
    }

    /// The text of a value that is no string.
    fn other_text(&mut self) -> Result<Option<&'de str>, DecodeError> {
        if let Some(Type::Opaque {
            kind: Marshaler::Gob | Marshaler::Binary,
            ..
        }) = self.defined()
        {
            return Ok(None);
        }
        match self.counted()? {
            Some(bytes) => utf8(bytes).map(Some),
            None => Ok(None),
        }
    }

    /// A sequence from a value that is no slice. Not inlined, so that slices can be.
    #[inline(never)]
    fn other_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.id == Id::COMPLEX {
            return visitor.visit_seq(Floats::read(&mut self.cx.cursor)?);
        }
        if let Some(bytes) = self.counted()? {
            return bulk::visit_seq(bytes, visitor);
        }
        match self.defined() {
            Some(Type::Array { elem, len, .. }) => {
                let count = walk::array_len(&mut self.cx.cursor, *len)?;
                self.visit_seq(*elem, count, false, visitor)
            }
            _ => self.elsewhere("a sequence", |de| de.deserialize_seq(visitor)),
        }
    }

    #[inline]
    fn visit_seq<V: Visitor<'de>>(
        self,
        elem: Id,
        left: usize,
        exact: bool,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let room = self.cx.claim(left);
        let access = SeqAccess {
            cx: self.cx,
            elem,
            count: left,
            left,
            exact,
            room,
        };
        visit(access, |access| visitor.visit_seq(access))
    }

    #[inline]
    fn visit_map<V: Visitor<'de>>(
        self,
        key: Id,
        elem: Id,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let left = self.cx.cursor.count()?;
        let room = self.cx.claim(left);
        let access = MapAccess {
            cx: self.cx,
            key,
            elem,
            left,
            room,
            label: 0,
        };
        visit(access, |access| visitor.visit_map(access))
    }

    #[inline]
    fn visit_struct<V: Visitor<'de>>(
        self,
        ty: &'t StructType,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let of_visitor = typeid::of::<V>;
        if ty.in_order() == Some(of_visitor()) && QUIRKS.about(of_visitor).is_none() {
            self.cx.enter()?;
            let access = InOrder::new(self.cx, ty, of_visitor);
            return visit(access, |access| visitor.visit_seq(access));
        }
        self.visit_by_names(ty, fields, visitor)
    }

    /// Not inlined, so that structs whose fields come in order have less on the stack.
    #[inline(never)]
    fn visit_by_names<V: Visitor<'de>>(
        self,
        ty: &'t StructType,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let access = StructAccess::new::<V>(self.cx, ty, fields);
        visit(access, |access| visitor.visit_map(access))
    }

    /// A struct from a value that is none.
    #[inline(never)]
    fn other_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.defined() {
            // Arguments that Go packed into a map[string]interface{}.
            Some(Type::Map {
                key: Id::STRING,
                elem,
                ..
            }) => self.visit_map_as_struct(*elem, fields, visitor),
            _ => self.elsewhere(name, |de| de.deserialize_struct(name, fields, visitor)),
        }
    }

    /// A map for a receiver that is a struct. Not inlined, so that structs have less on the stack.
    #[inline(never)]
    fn visit_map_as_struct<V: Visitor<'de>>(
        self,
        elem: Id,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let left = self.cx.cursor.count()?;
        let access = MapAsStruct::new::<V>(self.cx, elem, left, fields);
        visit(access, |access| visitor.visit_map(access))
    }

    /// A struct for a receiver that does not say which fields it has.
    fn visit_entries<V: Visitor<'de>>(
        self,
        ty: &'t StructType,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let access = Entries::new::<V>(self.cx, ty)?;
        visit(access, |access| visitor.visit_map(access))
    }

    /// Go refuses a struct that shares no field with the receiver's, unless either has none.
    #[inline]
    fn check_shared(
        &self,
        ty: &StructType,
        name: &'static str,
        fields: &[&str],
    ) -> Result<(), DecodeError> {
        match self.is_alone() {
            true => self.check_shared_alone(ty, name, fields),
            false => Ok(()),
        }
    }

    fn check_shared_alone(
        &self,
        ty: &StructType,
        name: &'static str,
        fields: &[&str],
    ) -> Result<(), DecodeError> {
        if fields.is_empty()
            || ty.fields.is_empty()
            || fields
                .iter()
                .enumerate()
                .any(|(index, name)| ty.place(index, name).is_some())
        {
            return Ok(());
        }
        let received = self.cx.types.brief(self.id);
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
                let shares = |index| ty.place(index, &tuple_field(index)).is_some();
                if self.is_alone() && len > 0 && !ty.fields.is_empty() && !(0..len).any(shares) {
                    let received = self.cx.types.brief(self.id);
                    return Err(DecodeErrorKind::NoFieldsMatched {
                        expected: name,
                        received,
                    }
                    .into());
                }
                self.cx.enter()?;
                let access = TupleAccess::new(self.cx, ty, len)?;
                visit(access, |access| visitor.visit_seq(access))
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

/// How a visitor reaches the parts of a value that it has entered.
pub(super) trait Parts {
    /// Says what lies behind an error of the visitor.
    #[inline]
    fn explain(&self, err: DecodeError) -> DecodeError {
        err
    }

    /// Skips what the visitor did not ask for, and leaves the value.
    fn finish(&mut self) -> Result<(), DecodeError>;
}

/// Gives a value's parts to a visitor.
///
/// The result is one variable, so that what the visitor makes is made where it is wanted: to take the value out and wrap
/// it up again would copy it, and wait for it to be written.
#[inline]
fn visit<P: Parts, R>(
    mut parts: P,
    visitor: impl FnOnce(&mut P) -> Result<R, DecodeError>,
) -> Result<R, DecodeError> {
    let mut result = visitor(&mut parts);
    if let Err(err) = result {
        result = Err(parts.explain(err));
    } else if let Err(err) = parts.finish() {
        result = Err(err);
    }
    result
}

/// Texts are mostly short and ASCII, which is told faster than UTF-8. Of long ones it is not: where a text is ASCII up to
/// its last letter, everything would be read three times.
#[inline]
fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    match short_ascii(bytes) {
        Some(text) => Ok(text),
        None => any_utf8(bytes),
    }
}

/// Not inlined, so that what makes strings is small.
#[inline(never)]
fn short_ascii(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > 256 {
        return None;
    }
    AsciiStr::from_ascii(bytes).ok().map(AsciiStr::as_str)
}

#[inline(never)]
fn any_utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeErrorKind::NotUtf8.into())
}

#[cold]
fn out_of_range(value: impl ToString, expected: &'static str) -> DecodeError {
    DecodeErrorKind::OutOfRange {
        value: value.to_string(),
        expected,
    }
    .into()
}
