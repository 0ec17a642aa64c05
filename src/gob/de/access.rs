//! How visitors reach the parts of a value.

use std::any::TypeId;
use std::iter::Enumerate;
use std::slice::Iter;
use std::sync::Arc;

use serde::de::value::F64Deserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::lessons::{self, Lessons};
use super::zero::Zero;
use super::{Byte, Cx, De, Key};
use crate::gob::decode::{DecodeError, DecodeErrorKind};
use crate::gob::types::{Id, StructType, Types};
use crate::gob::walk;
use crate::gob::wire::{Cursor, float};

/// Elements of a slice or an array.
pub(super) struct SeqAccess<'a, 't, 'de> {
    pub(super) cx: &'a mut Cx<'t, 'de>,
    pub(super) elem: Id,
    pub(super) left: usize,
    pub(super) index: usize,
}

impl<'de> de::SeqAccess<'de> for SeqAccess<'_, '_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let index = self.index;
        self.index += 1;
        seed.deserialize(De {
            cx: &mut *self.cx,
            id: self.elem,
            alone: false,
        })
        .map(Some)
        .map_err(|err| err.within(format!("[{index}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Bytes, one by one.
pub(super) struct Bytewise<'de>(pub(super) Iter<'de, u8>);

impl<'de> de::SeqAccess<'de> for Bytewise<'de> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        self.0
            .next()
            .map(|&byte| seed.deserialize(Byte(byte)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The two halves of a complex number.
pub(super) struct Floats(std::array::IntoIter<f64, 2>);

impl Floats {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        Ok(Self(
            [float(cursor.uint()?), float(cursor.uint()?)].into_iter(),
        ))
    }
}

impl<'de> de::SeqAccess<'de> for Floats {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let half = self
            .0
            .next()
            .map(IntoDeserializer::<DecodeError>::into_deserializer);
        half.map(|half: F64Deserializer<DecodeError>| seed.deserialize(half))
            .transpose()
    }
}

/// Entries of a map.
pub(super) struct MapAccess<'a, 't, 'de> {
    pub(super) cx: &'a mut Cx<'t, 'de>,
    pub(super) key: Id,
    pub(super) elem: Id,
    pub(super) left: usize,
    /// The entry's key when it is a string, for messages.
    pub(super) label: Option<&'de [u8]>,
}

impl<'de> de::MapAccess<'de> for MapAccess<'_, '_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if self.key == Id::STRING {
            self.label = Some(self.cx.cursor.clone().bytes()?);
        }
        seed.deserialize(De {
            cx: &mut *self.cx,
            id: self.key,
            alone: false,
        })
        .map(Some)
        .map_err(|err| err.within("[key]"))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let label = self.label.take();
        seed.deserialize(De {
            cx: &mut *self.cx,
            id: self.elem,
            alone: false,
        })
        .map_err(|err| {
            err.within(match label {
                Some(label) => format!("[{:?}]", String::from_utf8_lossy(label)),
                None => "[value]".to_owned(),
            })
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The zeros that a struct still gets when its sender has no more fields for it.
struct Rest {
    fields: Enumerate<Iter<'static, &'static str>>,
    visitor: fn() -> TypeId,
    lessons: Option<Arc<Lessons>>,
    /// The groups of the names that were handed out, for structs with aliases.
    seen: Vec<u64>,
}

impl Rest {
    fn new<'de, V: Visitor<'de>>(fields: &'static [&'static str]) -> Self {
        let visitor = typeid::of::<V>;
        Self {
            fields: fields.iter().enumerate(),
            visitor,
            lessons: lessons::about(visitor),
            seen: Vec::new(),
        }
    }

    /// Whether a zero for the field may be handed out.
    #[inline]
    fn takes_zero(&self, name: &str) -> bool {
        let Some(lessons) = &self.lessons else {
            return true;
        };
        if lessons.refused.contains_key(name) {
            return false;
        }
        let group = lessons.groups.as_ref().and_then(|groups| groups.get(name));
        group.is_none_or(|group| !self.seen.contains(group))
    }

    fn next(&mut self, sent: impl Fn(usize, &str) -> bool) -> Option<&'static str> {
        loop {
            let (index, name) = self.fields.next()?;
            if !sent(index, name) && self.takes_zero(name) {
                return Some(name);
            }
        }
    }

    fn key<'de, K: DeserializeSeed<'de>>(
        &mut self,
        name: &str,
        seed: K,
    ) -> Result<K::Value, DecodeError> {
        let key = seed.deserialize(Key(name))?;
        if let Some(known) = self
            .lessons
            .as_ref()
            .and_then(|lessons| lessons.groups.as_ref())
        {
            let group = lessons::group(&key);
            self.seen.push(group);
            if !known.contains_key(name) {
                lessons::teach(self.visitor, |lessons| {
                    let groups = lessons.groups.get_or_insert_default();
                    groups.insert(name.to_owned(), group).is_none()
                });
            }
        }
        Ok(key)
    }

    fn zero<'de, V: DeserializeSeed<'de>>(
        &self,
        seed: V,
        name: &str,
        zero: Zero<'_>,
    ) -> Result<V::Value, DecodeError> {
        seed.deserialize(zero).map_err(|mut err| {
            if !*err.taught() {
                if !matches!(
                    err.kind(),
                    DecodeErrorKind::NoZeroValue(_) | DecodeErrorKind::TooDeep { .. }
                ) {
                    err.set_kind(DecodeErrorKind::NoZeroValue(err.kind().to_string()));
                }
                let said = err.kind().clone();
                *err.taught() = lessons::teach(self.visitor, |lessons| {
                    let DecodeErrorKind::NoZeroValue(said) = said else {
                        return false;
                    };
                    lessons.refused.insert(name.to_owned(), said).is_none()
                });
            }
            err.within(name)
        })
    }

    /// Learns from an error of the struct itself, or says what lies behind it.
    #[cold]
    fn explain(&self, mut err: DecodeError) -> DecodeError {
        if !err.is_bare() || *err.taught() {
            return err;
        }
        match *err.kind() {
            DecodeErrorKind::DuplicateField(_) => {
                let aliased = self
                    .lessons
                    .as_ref()
                    .is_some_and(|lessons| lessons.groups.is_some());
                *err.taught() = aliased
                    || lessons::teach(self.visitor, |lessons| {
                        let new = lessons.groups.is_none();
                        lessons.groups.get_or_insert_default();
                        new
                    });
                err
            }
            DecodeErrorKind::MissingField(name) => {
                let said = self
                    .lessons
                    .as_ref()
                    .and_then(|lessons| lessons.refused.get(name));
                let Some(said) = said else { return err };
                err.set_kind(DecodeErrorKind::NoZeroValue(said.clone()));
                err.within(name)
            }
            _ => err,
        }
    }
}

/// The value that belongs to the key just handed out.
#[derive(Clone, Copy)]
enum Turn<'n> {
    Sent { name: &'n str, id: Id },
    Zero { name: &'n str, id: Option<Id> },
}

/// Fields of a struct: those the sender sent, zeros for those it left out, zeros for those it does not have.
pub(super) struct StructAccess<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    /// For [`walk::field`]: one more than the number of the last field that was read.
    delta: u64,
    /// The field whose value comes next in the bytes; None at the end.
    present: Option<usize>,
    next: usize,
    rest: Rest,
    turn: Option<Turn<'t>>,
}

impl<'a, 't, 'de> StructAccess<'a, 't, 'de> {
    pub(super) fn new<V: Visitor<'de>>(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        fields: &'static [&'static str],
    ) -> Result<Self, DecodeError> {
        let mut delta = 0;
        let present = walk::field(&mut cx.cursor, &mut delta, ty.fields.len())?;
        Ok(Self {
            cx,
            ty,
            delta,
            present,
            next: 0,
            rest: Rest::new::<V>(fields),
            turn: None,
        })
    }

    fn advance(&mut self) -> Result<(), DecodeError> {
        self.present = walk::field(&mut self.cx.cursor, &mut self.delta, self.ty.fields.len())?;
        Ok(())
    }

    /// Skips what the visitor did not ask for.
    pub(super) fn finish(mut self) -> Result<(), DecodeError> {
        while let Some(index) = self.present {
            self.cx.skip(self.ty.fields[index].id)?;
            self.advance()?;
        }
        Ok(())
    }

    pub(super) fn explain(&self, err: DecodeError) -> DecodeError {
        self.rest.explain(err)
    }
}

impl<'de> de::MapAccess<'de> for StructAccess<'_, '_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        while let Some(field) = self.ty.fields.get(self.next) {
            let index = self.next;
            self.next += 1;
            let name = &*field.name;
            if self.present == Some(index) {
                self.turn = Some(Turn::Sent { name, id: field.id });
            } else if self.rest.takes_zero(name) {
                self.turn = Some(Turn::Zero {
                    name,
                    id: Some(field.id),
                });
            } else {
                continue;
            }
            return self.rest.key(name, seed).map(Some);
        }
        let ty = self.ty;
        let Some(name) = self.rest.next(|index, name| {
            // Both sides usually list their fields in the same order.
            ty.fields
                .get(index)
                .is_some_and(|field| &*field.name == name)
                || ty.fields.iter().any(|field| &*field.name == name)
        }) else {
            return Ok(None);
        };
        self.turn = Some(Turn::Zero { name, id: None });
        self.rest.key(name, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match self.turn.take() {
            Some(Turn::Sent { name, id }) => {
                let value = seed
                    .deserialize(De {
                        cx: &mut *self.cx,
                        id,
                        alone: false,
                    })
                    .map_err(|err| err.within(name))?;
                self.advance()?;
                Ok(value)
            }
            Some(Turn::Zero { name, id }) => {
                let zero = Zero::new(self.cx.types, id, self.cx.max_depth - self.cx.depth);
                self.rest.zero(seed, name, zero)
            }
            None => Err(de::Error::custom("a value was asked for without its key")),
        }
    }
}

/// Entries of a map with string keys, as the fields of a struct.
pub(super) struct MapAsStruct<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    elem: Id,
    left: usize,
    sent: Vec<&'de str>,
    rest: Rest,
    turn: Option<Turn<'de>>,
}

impl<'a, 't, 'de> MapAsStruct<'a, 't, 'de> {
    pub(super) fn new<V: Visitor<'de>>(
        cx: &'a mut Cx<'t, 'de>,
        elem: Id,
        left: usize,
        fields: &'static [&'static str],
    ) -> Self {
        Self {
            cx,
            elem,
            left,
            sent: Vec::new(),
            rest: Rest::new::<V>(fields),
            turn: None,
        }
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        for _ in 0..self.left {
            self.cx.cursor.bytes()?;
            self.cx.skip(self.elem)?;
        }
        Ok(())
    }

    pub(super) fn explain(&self, err: DecodeError) -> DecodeError {
        self.rest.explain(err)
    }
}

impl<'de> de::MapAccess<'de> for MapAsStruct<'_, '_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let name = if self.left > 0 {
            self.left -= 1;
            let bytes = self.cx.cursor.bytes()?;
            let name = std::str::from_utf8(bytes).map_err(|_| DecodeErrorKind::NotUtf8)?;
            self.sent.push(name);
            self.turn = Some(Turn::Sent {
                name,
                id: self.elem,
            });
            name
        } else {
            let sent = &self.sent;
            let Some(name) = self.rest.next(|_, name| sent.contains(&name)) else {
                return Ok(None);
            };
            self.turn = Some(Turn::Zero { name, id: None });
            name
        };
        self.rest.key(name, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match self.turn.take() {
            Some(Turn::Sent { name, id }) => seed
                .deserialize(De {
                    cx: &mut *self.cx,
                    id,
                    alone: false,
                })
                .map_err(|err| err.within(name)),
            Some(Turn::Zero { name, id }) => {
                let zero = Zero::new(self.cx.types, id, self.cx.max_depth - self.cx.depth);
                self.rest.zero(seed, name, zero)
            }
            None => Err(de::Error::custom("a value was asked for without its key")),
        }
    }
}

/// All fields are zeros: for a struct that was left out as a whole.
pub(super) struct ZeroStruct<'t> {
    rest: Rest,
    types: &'t Types,
    depth: usize,
    name: Option<&'static str>,
}

impl<'t> ZeroStruct<'t> {
    pub(super) fn new<'de, V: Visitor<'de>>(
        types: &'t Types,
        depth: usize,
        fields: &'static [&'static str],
    ) -> Self {
        Self {
            rest: Rest::new::<V>(fields),
            types,
            depth,
            name: None,
        }
    }

    pub(super) fn explain(&self, err: DecodeError) -> DecodeError {
        self.rest.explain(err)
    }
}

impl<'de> de::MapAccess<'de> for ZeroStruct<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.name = self.rest.next(|_, _| false);
        self.name.map(|name| self.rest.key(name, seed)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let zero = Zero::new(self.types, None, self.depth);
        self.rest.zero(seed, self.name.unwrap_or_default(), zero)
    }
}

/// Fields A, B, C, … of a struct, as the elements of a tuple.
pub(super) struct TupleAccess<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    len: usize,
    index: usize,
    delta: u64,
    present: Option<usize>,
    /// Where the elements are, when the sender has them in another order: looked up first, then read.
    places: Option<Vec<Option<(Id, usize)>>>,
}

impl<'a, 't, 'de> TupleAccess<'a, 't, 'de> {
    pub(super) fn new(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        len: usize,
    ) -> Result<Self, DecodeError> {
        let mut delta = 0;
        let present = walk::field(&mut cx.cursor, &mut delta, ty.fields.len())?;
        let mut access = Self {
            cx,
            ty,
            len,
            index: 0,
            delta,
            present,
            places: None,
        };
        let in_order = ty
            .fields
            .iter()
            .take(len)
            .enumerate()
            .all(|(i, field)| letters(&field.name) == Some(i));
        if !in_order {
            let mut places = vec![None; len];
            while let Some(index) = access.present {
                let field = &ty.fields[index];
                if let Some(place) = letters(&field.name).and_then(|index| places.get_mut(index)) {
                    *place = Some((field.id, access.cx.cursor.pos));
                }
                access.cx.skip(field.id)?;
                access.advance()?;
            }
            access.places = Some(places);
        }
        Ok(access)
    }

    fn advance(&mut self) -> Result<(), DecodeError> {
        self.present = walk::field(&mut self.cx.cursor, &mut self.delta, self.ty.fields.len())?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), DecodeError> {
        while let Some(index) = self.present {
            self.cx.skip(self.ty.fields[index].id)?;
            self.advance()?;
        }
        Ok(())
    }
}

impl<'de> de::SeqAccess<'de> for TupleAccess<'_, '_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.index == self.len {
            return Ok(None);
        }
        let index = self.index;
        self.index += 1;
        let value = if let Some(places) = &self.places {
            match places[index] {
                Some((id, place)) => {
                    let end = std::mem::replace(&mut self.cx.cursor.pos, place);
                    let value = seed.deserialize(De {
                        cx: &mut *self.cx,
                        id,
                        alone: false,
                    });
                    self.cx.cursor.pos = end;
                    value
                }
                None => self.zero(seed),
            }
        } else if self.present == Some(index) {
            let id = self.ty.fields[index].id;
            let value = seed.deserialize(De {
                cx: &mut *self.cx,
                id,
                alone: false,
            });
            if value.is_ok() {
                self.advance()?;
            }
            value
        } else {
            self.zero(seed)
        };
        value
            .map(Some)
            .map_err(|err| err.within(tuple_field(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.index)
    }
}

impl<'de> TupleAccess<'_, '_, 'de> {
    fn zero<T: DeserializeSeed<'de>>(&self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(Zero::new(
            self.cx.types,
            None,
            self.cx.max_depth - self.cx.depth,
        ))
    }
}

/// The Go field that holds a tuple's element: A to Z, then AA, AB, ….
pub(crate) fn tuple_field(index: usize) -> String {
    let mut name = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        name.push(b'A' + ((rest - 1) % 26) as u8);
        rest = (rest - 1) / 26;
    }
    name.iter()
        .rev()
        .map(|&letter| char::from(letter))
        .collect()
}

/// The converse of [`tuple_field`].
pub(crate) fn letters(name: &str) -> Option<usize> {
    if name.is_empty() || name.len() > 4 {
        return None;
    }
    let mut index = 0;
    for byte in name.bytes() {
        if !byte.is_ascii_uppercase() {
            return None;
        }
        index = index * 26 + usize::from(byte - b'A') + 1;
    }
    Some(index - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuple_fields_are_lettered_like_the_columns_of_a_sheet() {
        for (index, name) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (27, "AB"),
            (701, "ZZ"),
            (702, "AAA"),
        ] {
            assert_eq!(tuple_field(index), name);
            assert_eq!(letters(name), Some(index));
        }
        assert_eq!(letters(""), None);
        assert_eq!(letters("a"), None);
    }
}
