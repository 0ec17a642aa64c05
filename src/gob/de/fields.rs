//! How visitors reach the fields of structs, and the zeros of those that were left out.

use std::any::TypeId;
use std::iter::Enumerate;
use std::slice::Iter;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Visitor};

use super::lessons::{self, Lessons};
use super::parts::Key;
use super::zero::Zero;
use super::{Cx, De};
use crate::gob::decode::{DecodeError, DecodeErrorKind};
use crate::gob::types::{Field, Id, StructType, Types};
use crate::gob::walk;

/// The zeros that a struct still gets when its sender has no more fields for it.
struct Rest {
    fields: Enumerate<Iter<'static, &'static str>>,
    /// All names that the struct has, aliases included.
    own: &'static [&'static str],
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
            own: fields,
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

    #[inline]
    fn key<'de, K: DeserializeSeed<'de>>(
        &mut self,
        name: &str,
        seed: K,
    ) -> Result<K::Value, DecodeError> {
        let key = seed.deserialize(Key(name))?;
        if self.lessons.is_some() {
            self.note(name, &key);
        }
        Ok(key)
    }

    /// Where a name leads to matters to structs with aliases.
    #[cold]
    fn note<K>(&mut self, name: &str, key: &K) {
        if let Some(known) = self
            .lessons
            .as_ref()
            .and_then(|lessons| lessons.groups.as_ref())
        {
            let group = lessons::group(key);
            self.seen.push(group);
            // Names that only the sender has lead nowhere, and would fill the table at his will.
            if self.own.contains(&name) && !known.contains_key(name) {
                lessons::teach(self.visitor, |lessons| {
                    let groups = lessons.groups.get_or_insert_default();
                    groups.insert(name.to_owned(), group).is_none()
                });
            }
        }
    }

    fn zero<'de, V: DeserializeSeed<'de>>(
        &self,
        seed: V,
        name: &str,
        zero: Zero<'_>,
    ) -> Result<V::Value, DecodeError> {
        seed.deserialize(zero)
            .map_err(|err| self.refuses_zero(err, name))
    }

    #[cold]
    fn refuses_zero(&self, mut err: DecodeError, name: &str) -> DecodeError {
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

/// The same for a struct, as little as can be: it is noted for every field.
#[derive(Clone, Copy)]
enum FieldTurn<'t> {
    None,
    Sent(&'t Field),
    Zero(&'t Field),
    /// A field that the sender does not have.
    Rest(&'static str),
}

/// Fields of a struct: those the sender sent, zeros for those it left out, zeros for those it does not have.
pub(super) struct StructAccess<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    /// For [`walk::field`]: one more than the number of the last field that was read.
    delta: u64,
    /// The field whose value comes next in the bytes; [`NO_FIELD`] at the end.
    present: usize,
    next: usize,
    turn: FieldTurn<'t>,
    rest: Rest,
}

/// No struct has so many.
const NO_FIELD: usize = usize::MAX;

impl<'a, 't, 'de> StructAccess<'a, 't, 'de> {
    pub(super) fn new<V: Visitor<'de>>(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        fields: &'static [&'static str],
    ) -> Result<Self, DecodeError> {
        let mut access = Self {
            cx,
            ty,
            delta: 0,
            present: NO_FIELD,
            next: 0,
            turn: FieldTurn::None,
            rest: Rest::new::<V>(fields),
        };
        access.advance()?;
        Ok(access)
    }

    #[inline]
    fn advance(&mut self) -> Result<(), DecodeError> {
        let present = walk::field(&mut self.cx.cursor, &mut self.delta, self.ty.fields.len())?;
        self.present = present.unwrap_or(NO_FIELD);
        Ok(())
    }

    /// Skips what the visitor did not ask for.
    pub(super) fn finish(mut self) -> Result<(), DecodeError> {
        while let Some(field) = self.ty.fields.get(self.present) {
            self.cx.skip(field.id)?;
            self.advance()?;
        }
        Ok(())
    }

    pub(super) fn explain(&self, err: DecodeError) -> DecodeError {
        self.rest.explain(err)
    }

    /// The next field that the sender left out or does not have.
    fn next_rest(&mut self) -> Option<&'static str> {
        let ty = self.ty;
        self.rest.next(|index, name| {
            // Both sides usually list their fields in the same order.
            ty.fields
                .get(index)
                .is_some_and(|field| &*field.name == name)
                || ty.fields.iter().any(|field| &*field.name == name)
        })
    }

    /// The key of a field that may have been left out. What was sent is usual, and inlined.
    #[inline(never)]
    fn next_left_out<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        while let Some(field) = self.ty.fields.get(self.next) {
            let index = self.next;
            self.next += 1;
            if self.present == index {
                self.turn = FieldTurn::Sent(field);
            } else if self.rest.takes_zero(&field.name) {
                self.turn = FieldTurn::Zero(field);
            } else {
                continue;
            }
            return self.rest.key(&field.name, seed).map(Some);
        }
        let Some(name) = self.next_rest() else {
            return Ok(None);
        };
        self.turn = FieldTurn::Rest(name);
        self.rest.key(name, seed).map(Some)
    }

    #[inline(never)]
    fn zero<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
        name: &str,
        id: Option<Id>,
    ) -> Result<V::Value, DecodeError> {
        let zero = Zero::new(self.cx.types, id, self.cx.max_depth - self.cx.depth);
        self.rest.zero(seed, name, zero)
    }
}

impl<'de> de::MapAccess<'de> for StructAccess<'_, '_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        match self.ty.fields.get(self.next) {
            Some(field) if self.present == self.next => {
                self.next += 1;
                self.turn = FieldTurn::Sent(field);
                self.rest.key(&field.name, seed).map(Some)
            }
            _ => self.next_left_out(seed),
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match std::mem::replace(&mut self.turn, FieldTurn::None) {
            FieldTurn::Sent(field) => {
                let de = De {
                    cx: &mut *self.cx,
                    id: field.id,
                    alone: false,
                };
                match seed.deserialize(de) {
                    Ok(value) => {
                        self.advance()?;
                        Ok(value)
                    }
                    Err(err) => Err(err.within(&*field.name)),
                }
            }
            FieldTurn::Zero(field) => self.zero(seed, &field.name, Some(field.id)),
            FieldTurn::Rest(name) => self.zero(seed, name, None),
            FieldTurn::None => Err(de::Error::custom("a value was asked for without its key")),
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
