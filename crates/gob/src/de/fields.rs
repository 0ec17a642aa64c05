//! How visitors reach the fields of structs, and zeros for the fields that were not sent.

use std::any::TypeId;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Visitor};

use super::context::{Cx, De, Parts};
use super::fast::positional;
use super::field_quirks::{QUIRKS, StructQuirks, note_refusal};
use super::fit;
use super::parts::Key;
use super::zero::Zero;
use crate::compat::field_of_key;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::raw::walk;
use crate::types::{Field, Id, StructType, Types};

/// Names and zeros for the fields of a struct that were not sent.
pub(super) struct AbsentFields {
    /// The number of the first field that was not looked at yet.
    next: usize,
    /// All names that the struct has, aliases included.
    own: &'static [&'static str],
    visitor: fn() -> TypeId,
    quirks: Option<Arc<StructQuirks>>,
    /// The fields whose names were handed out, where [`note_key`](Self::note_key) needs them.
    seen: Vec<u64>,
    /// Whether this value shows if the visitor may be read by position.
    probing: bool,
}

impl AbsentFields {
    #[inline]
    pub(super) fn new<'de, V: Visitor<'de>>(fields: &'static [&'static str]) -> Self {
        let visitor = typeid::of::<V>;
        Self {
            next: 0,
            own: fields,
            visitor,
            quirks: QUIRKS.about(visitor),
            seen: Vec::new(),
            probing: false,
        }
    }

    /// Whether the struct takes a zero for the field.
    #[inline]
    pub(super) fn takes_zero(&self, name: &str) -> bool {
        let Some(quirks) = &self.quirks else {
            return true;
        };
        if quirks.refusal(name).is_some() {
            return false;
        }
        let field = quirks.aliases.as_ref().and_then(|fields| fields.get(name));
        field.is_none_or(|field| !self.seen.contains(field))
    }

    /// The next of the struct's own fields that was not sent and takes a zero, with its number.
    fn next(&mut self, sent: impl Fn(usize, &str) -> bool) -> Option<(usize, &'static str)> {
        loop {
            let index = self.next;
            let name = self.own.get(index)?;
            self.next += 1;
            if !sent(index, name) && self.takes_zero(name) {
                return Some((index, name));
            }
        }
    }

    /// Gives a field's name to the visitor.
    #[inline]
    pub(super) fn key<'de, K: DeserializeSeed<'de>>(
        &mut self,
        name: &str,
        seed: K,
    ) -> Result<K::Value, DecodeError> {
        let key = seed.deserialize(Key(name))?;
        self.note_key(name, &key);
        Ok(key)
    }

    /// Notes what the visitor made of a field's name.
    #[inline]
    pub(super) fn note_key<K>(&mut self, name: &str, key: &K) {
        if self.quirks.is_some() || self.probing {
            self.note_field(name, field_of_key(key));
        }
    }

    #[cold]
    fn note_field(&mut self, name: &str, field: u64) {
        if self.probing {
            self.seen.push(field);
        }
        let Some(known) = self
            .quirks
            .as_ref()
            .and_then(|quirks| quirks.aliases.as_ref())
        else {
            return;
        };
        // All names that the struct does not have share one key.
        if !self.seen.contains(&field) {
            self.seen.push(field);
        }
        // Only the struct's own names are kept: a sender could send any number of others.
        if let Some(own) = self.own.iter().find(|own| **own == name)
            && !known.contains_key(name)
        {
            QUIRKS.note(self.visitor, |quirks| quirks.add_alias(own, field));
        }
    }

    /// Gives a zero to the visitor.
    pub(super) fn zero<'de, V: DeserializeSeed<'de>>(
        &self,
        seed: V,
        name: &str,
        zero: Zero<'_>,
    ) -> Result<V::Value, DecodeError> {
        seed.deserialize(zero)
            .map_err(|error| note_refusal(self.visitor, error, name))
    }

    /// Notes what an error of the struct itself shows, or replaces the error by its cause.
    #[cold]
    pub(super) fn explain(&self, mut error: DecodeError) -> DecodeError {
        if !error.is_bare() || *error.noted() {
            return error;
        }
        let quirks = self.quirks.as_deref();
        match *error.kind() {
            DecodeErrorKind::DuplicateField(_) => {
                let known = quirks.is_some_and(|quirks| quirks.aliases.is_some());
                *error.noted() = known || QUIRKS.note(self.visitor, StructQuirks::set_aliased);
                error
            }
            DecodeErrorKind::MissingField(name) => {
                let Some(cause) = quirks.and_then(|quirks| quirks.refusal(name)) else {
                    return error;
                };
                error.set_kind(DecodeErrorKind::NoZeroValue(cause.clone()));
                error.within(name)
            }
            _ => error,
        }
    }
}

/// A set of fields, by their places. It takes no more memory than the fields took bytes.
#[derive(Default)]
pub(super) struct FieldSet {
    low: u64,
    /// The places from 64 on, in order.
    high: Vec<u32>,
}

impl FieldSet {
    pub(super) fn is_empty(&self) -> bool {
        self.low == 0 && self.high.is_empty()
    }

    #[inline]
    pub(super) fn add(&mut self, place: usize) {
        match 1u64.checked_shl(place as u32) {
            Some(bit) => self.low |= bit,
            None => self.add_high(place as u32),
        }
    }

    #[inline(never)]
    fn add_high(&mut self, place: u32) {
        if let Err(at) = self.high.binary_search(&place) {
            self.high.insert(at, place);
        }
    }

    #[inline]
    pub(super) fn has(&self, place: usize) -> bool {
        match 1u64.checked_shl(place as u32) {
            Some(bit) => self.low & bit != 0,
            None => self.high.binary_search(&(place as u32)).is_ok(),
        }
    }
}

/// What the visitor has to ask for next.
#[derive(Clone, Copy)]
enum Turn<'t> {
    /// The key of a field that was sent, or what ends the struct.
    Key,
    /// The value of a field that was sent.
    Sent(&'t Field),
    /// The key of a field that was not sent.
    AbsentKey,
    /// The zero for the receiver's field of this number.
    Zero(usize),
}

/// Fields of a struct: those the sender sent, and zeros for the receiver's others.
pub(super) struct StructAccess<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    /// For [`walk::field`]: one more than the number of the last field that was read.
    delta: u64,
    sent: FieldSet,
    turn: Turn<'t>,
    absent: AbsentFields,
}

impl<'a, 't, 'de> StructAccess<'a, 't, 'de> {
    /// Reads nothing yet: a `Result` of this size would be copied.
    #[inline]
    pub(super) fn new<V: Visitor<'de>>(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        fields: &'static [&'static str],
    ) -> Self {
        let mut absent = AbsentFields::new::<V>(fields);
        absent.probing = positional::starts_probe::<V>(ty, fields, absent.quirks.is_some());
        Self {
            cx,
            ty,
            delta: 0,
            sent: FieldSet::default(),
            turn: Turn::Key,
            absent,
        }
    }

    /// The next field that was sent.
    #[inline]
    fn advance(&mut self) -> Result<Option<&'t Field>, DecodeError> {
        let fields = &self.ty.fields;
        Ok(
            walk::field(&mut self.cx.cursor, &mut self.delta, fields.len())?.map(|place| {
                self.sent.add(place);
                &fields[place]
            }),
        )
    }

    #[inline(never)]
    fn skip_sent(&mut self) -> Result<(), DecodeError> {
        if let Turn::Sent(field) = self.turn {
            self.cx.skip(field.id)?;
        }
        while let Some(field) = self.advance()? {
            self.cx.skip(field.id)?;
        }
        Ok(())
    }

    /// The key of a field that was not sent, or that the sender does not have. Kept out of line so
    /// that fields that were sent are read inline.
    #[inline(never)]
    fn next_absent<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if let Turn::Sent(_) = self.turn {
            return Err(value_first());
        }
        let (ty, sent) = (self.ty, &self.sent);
        let was_sent = |index, name: &str| {
            let place = ty.place(index, name);
            place.is_some_and(|place| sent.has(place))
        };
        let Some((index, name)) = self.absent.next(was_sent) else {
            return Ok(None);
        };
        self.turn = Turn::Zero(index);
        self.absent.key(name, seed).map(Some)
    }

    #[inline(never)]
    fn zero<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
        index: usize,
    ) -> Result<V::Value, DecodeError> {
        let name = self.absent.own[index];
        let id = self
            .ty
            .place(index, name)
            .map(|place| self.ty.fields[place].id);
        let zero = Zero::new(self.cx.types, id, self.cx.max_depth - self.cx.depth);
        self.absent.zero(seed, name, zero)
    }
}

/// The error for a visitor that asks for a key before it took the value of the last one.
#[cold]
pub(super) fn value_first() -> DecodeError {
    de::Error::custom("a key was asked for before the value of the last one")
}

/// The error for a visitor that asks for two values.
#[cold]
pub(super) fn key_first() -> DecodeError {
    de::Error::custom("a value was asked for without its key")
}

impl Parts for StructAccess<'_, '_, '_> {
    fn explain(&self, error: DecodeError) -> DecodeError {
        self.absent.explain(error)
    }

    #[inline]
    fn finish(&mut self) -> Result<(), DecodeError> {
        if let Turn::Key | Turn::Sent(_) = self.turn {
            self.skip_sent()?;
        }
        if self.absent.probing {
            let AbsentFields {
                own, visitor, seen, ..
            } = &mut self.absent;
            positional::finish_probe(self.ty, own.len(), *visitor, seen);
        }
        self.cx.depth -= 1;
        Ok(())
    }
}

impl<'de> de::MapAccess<'de> for StructAccess<'_, '_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if let Turn::Key = self.turn {
            if let Some(field) = self.advance()? {
                self.turn = Turn::Sent(field);
                return self.absent.key(&field.name, seed).map(Some);
            }
            self.turn = Turn::AbsentKey;
        }
        self.next_absent(seed)
    }

    /// The number of the next field is read with its key, not here: so the value goes straight from
    /// its deserializer to the visitor.
    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match self.turn {
            Turn::Sent(field) => {
                self.turn = Turn::Key;
                seed.deserialize(De {
                    cx: &mut *self.cx,
                    id: field.id,
                })
                .map_err(|error| error.within(&field.name))
            }
            Turn::Zero(index) => {
                self.turn = Turn::AbsentKey;
                self.zero(seed, index)
            }
            Turn::Key | Turn::AbsentKey => Err(key_first()),
        }
    }
}

/// Entries of a map with string keys, as the fields of a struct.
pub(super) struct MapAsStruct<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    /// The types of the map and of its values, and the struct's name.
    id: Id,
    elem: Id,
    name: &'static str,
    count: usize,
    left: usize,
    /// By the places of the struct's own fields.
    sent: FieldSet,
    absent: AbsentFields,
    turn: EntryTurn<'de>,
}

enum EntryTurn<'de> {
    None,
    Sent(&'de str),
    Zero(&'static str),
}

impl<'a, 't, 'de> MapAsStruct<'a, 't, 'de> {
    pub(super) fn new<V: Visitor<'de>>(
        cx: &'a mut Cx<'t, 'de>,
        (id, elem): (Id, Id),
        count: usize,
        name: &'static str,
        fields: &'static [&'static str],
    ) -> Self {
        Self {
            cx,
            id,
            elem,
            name,
            count,
            left: count,
            sent: FieldSet::default(),
            absent: AbsentFields::new::<V>(fields),
            turn: EntryTurn::None,
        }
    }
}

impl Parts for MapAsStruct<'_, '_, '_> {
    fn explain(&self, error: DecodeError) -> DecodeError {
        self.absent.explain(error)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        let all_read = self.count > 0 && self.left == 0;
        if all_read && self.sent.is_empty() && !self.absent.own.is_empty() {
            return Err(fit::none_matched(self.cx, self.id, self.name));
        }
        for _ in 0..self.left {
            self.cx.cursor.bytes()?;
            self.cx.skip(self.elem)?;
        }
        self.cx.depth -= 1;
        Ok(())
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
            match self.absent.own.iter().position(|own| *own == name) {
                Some(place) => self.sent.add(place),
                None if self.cx.strict => {
                    return Err(fit::refused(self.cx, self.id, self.name, name.to_owned()));
                }
                None => {}
            }
            self.turn = EntryTurn::Sent(name);
            name
        } else {
            let sent = &self.sent;
            let Some((_, name)) = self.absent.next(|index, _| sent.has(index)) else {
                return Ok(None);
            };
            self.turn = EntryTurn::Zero(name);
            name
        };
        self.absent.key(name, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match std::mem::replace(&mut self.turn, EntryTurn::None) {
            EntryTurn::Sent(name) => seed
                .deserialize(De {
                    cx: &mut *self.cx,
                    id: self.elem,
                })
                .map_err(|error| error.within(name)),
            EntryTurn::Zero(name) => {
                let zero = Zero::new(self.cx.types, None, self.cx.max_depth - self.cx.depth);
                self.absent.zero(seed, name, zero)
            }
            EntryTurn::None => Err(key_first()),
        }
    }
}

/// A zero for each field, for a struct that was not sent.
pub(super) struct ZeroStruct<'t> {
    absent: AbsentFields,
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
            absent: AbsentFields::new::<V>(fields),
            types,
            depth,
            name: None,
        }
    }

    pub(super) fn explain(&self, error: DecodeError) -> DecodeError {
        self.absent.explain(error)
    }
}

impl<'de> de::MapAccess<'de> for ZeroStruct<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.name = self.absent.next(|_, _| false).map(|(_, name)| name);
        self.name
            .map(|name| self.absent.key(name, seed))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let zero = Zero::new(self.types, None, self.depth);
        self.absent.zero(seed, self.name.unwrap_or_default(), zero)
    }
}
