//! How visitors reach the fields of structs, and the zeros of those that were left out.

use std::any::TypeId;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Visitor};

use super::field_quirks::{QUIRKS, StructQuirks};
use super::in_order::is_derived;
use super::parts::Key;
use super::zero::Zero;
use super::{Cx, De, Parts};
use crate::compat::field_of_key;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::raw::walk;
use crate::types::{Field, Id, StructType, Types};

/// The zeros that a struct still gets when its sender has no more fields for it.
pub(super) struct Rest {
    /// The number of the first field that was not looked at yet.
    next: usize,
    /// All names that the struct has, aliases included.
    own: &'static [&'static str],
    visitor: fn() -> TypeId,
    quirks: Option<Arc<StructQuirks>>,
    /// The fields whose names were handed out, for structs with aliases.
    seen: Vec<u64>,
    /// Whether this value shows if the struct has aliases.
    probing: bool,
}

impl Rest {
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

    /// Whether a zero for the field may be handed out.
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

    /// The next of the receiver's own fields, and its number.
    #[inline]
    fn next_own(&mut self) -> Option<(usize, &'static str)> {
        let index = self.next;
        let name = self.own.get(index)?;
        self.next += 1;
        Some((index, name))
    }

    fn next(&mut self, sent: impl Fn(usize) -> bool) -> Option<&'static str> {
        loop {
            let (index, name) = self.next_own()?;
            if !sent(index) && self.takes_zero(name) {
                return Some(name);
            }
        }
    }

    #[inline]
    pub(super) fn key<'de, K: DeserializeSeed<'de>>(
        &mut self,
        name: &str,
        seed: K,
    ) -> Result<K::Value, DecodeError> {
        let key = seed.deserialize(Key(name))?;
        self.handed(name, &key);
        Ok(key)
    }

    /// Notes that a field's name was handed out.
    #[inline]
    pub(super) fn handed<K>(&mut self, name: &str, key: &K) {
        if self.quirks.is_some() || self.probing {
            self.note(name, key);
        }
    }

    /// Where a name leads to matters to structs with aliases.
    #[cold]
    fn note<K>(&mut self, name: &str, key: &K) {
        if self.probing {
            self.seen.push(field_of_key(key));
        }
        if let Some(known) = self
            .quirks
            .as_ref()
            .and_then(|quirks| quirks.aliases.as_ref())
        {
            let field = field_of_key(key);
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
    }

    pub(super) fn zero<'de, V: DeserializeSeed<'de>>(
        &self,
        seed: V,
        name: &str,
        zero: Zero<'_>,
    ) -> Result<V::Value, DecodeError> {
        seed.deserialize(zero)
            .map_err(|err| refuses_zero(self.visitor, err, name))
    }

    /// Learns from an error of the struct itself, or says what lies behind it.
    #[cold]
    pub(super) fn explain(&self, mut err: DecodeError) -> DecodeError {
        if !err.is_bare() || *err.noted() {
            return err;
        }
        match *err.kind() {
            DecodeErrorKind::DuplicateField(_) => {
                let known = self
                    .quirks
                    .as_ref()
                    .is_some_and(|quirks| quirks.aliases.is_some());
                *err.noted() = known || QUIRKS.note(self.visitor, StructQuirks::has_aliases);
                err
            }
            DecodeErrorKind::MissingField(name) => {
                let said = self.quirks.as_ref().and_then(|quirks| quirks.refusal(name));
                let Some(said) = said else { return err };
                err.set_kind(DecodeErrorKind::NoZeroValue(said.clone()));
                err.within(name)
            }
            _ => err,
        }
    }
}

/// Learns from a field that does not take a zero.
#[cold]
pub(super) fn refuses_zero(
    visitor: fn() -> TypeId,
    mut err: DecodeError,
    name: &str,
) -> DecodeError {
    if !*err.noted() {
        if !matches!(
            err.kind(),
            DecodeErrorKind::NoZeroValue(_) | DecodeErrorKind::TooDeep { .. }
        ) {
            err.set_kind(DecodeErrorKind::NoZeroValue(err.kind().to_string()));
        }
        if let DecodeErrorKind::NoZeroValue(said) = err.kind().clone() {
            *err.noted() = QUIRKS.note(visitor, |quirks| quirks.add_refusal(name, said));
        }
    }
    err.within(name)
}

/// Which of the sender's fields were sent, by their places: as much as their bytes, however many there are.
#[derive(Default)]
pub(super) struct Sent {
    low: u64,
    /// The places from 64 on, in order.
    high: Vec<u32>,
}

impl Sent {
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

    /// Whether all of the first `count` places were, of those that are usual.
    #[inline]
    fn has_all(&self, count: usize) -> bool {
        1u64.checked_shl(count as u32)
            .is_some_and(|end| self.low & (end - 1) == end - 1)
    }

    #[inline]
    pub(super) fn has(&self, place: usize) -> bool {
        match 1u64.checked_shl(place as u32) {
            Some(bit) => self.low & bit != 0,
            None => self.high.binary_search(&(place as u32)).is_ok(),
        }
    }
}

/// Whose turn it is.
#[derive(Clone, Copy)]
enum Turn<'t> {
    /// The key of a field that was sent, or what ends the struct.
    Key,
    /// The value of a field that was sent.
    Sent(&'t Field),
    /// The key of a field that was left out.
    LeftOut,
    /// The zero for the receiver's field of this number.
    Zero(usize),
}

/// Fields of a struct: those the sender sent, and zeros for the receiver's others.
pub(super) struct StructAccess<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    /// For [`walk::field`]: one more than the number of the last field that was read.
    delta: u64,
    sent: Sent,
    turn: Turn<'t>,
    rest: Rest,
}

impl<'a, 't, 'de> StructAccess<'a, 't, 'de> {
    /// Reads nothing yet: a result of this size would be copied.
    #[inline]
    pub(super) fn new<V: Visitor<'de>>(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        fields: &'static [&'static str],
    ) -> Self {
        let mut rest = Rest::new::<V>(fields);
        if ty.asks_for_order() {
            rest.probing = Self::may_be_in_order::<V>(ty, &rest);
        }
        Self {
            cx,
            ty,
            delta: 0,
            sent: Sent::default(),
            turn: Turn::Key,
            rest,
        }
    }

    /// Whether the visitor may turn out to be one for [`InOrder`](super::in_order::InOrder).
    #[cold]
    fn may_be_in_order<V>(ty: &StructType, rest: &Rest) -> bool {
        let may = rest.quirks.is_none()
            && ty.fields.len() == rest.own.len()
            && ty.begins_with(rest.own)
            && is_derived(std::any::type_name::<V>());
        if !may {
            ty.set_in_order(None);
        }
        may
    }

    /// Settles what the visitor turned out to be.
    #[cold]
    fn probed(&mut self) {
        let groups = &mut self.rest.seen;
        groups.sort_unstable();
        groups.dedup();
        let all = groups.len() == self.rest.own.len();
        self.ty.set_in_order(all.then(self.rest.visitor));
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

    /// Whether nothing is left out, where that is easily told.
    #[inline]
    fn is_whole(&self) -> bool {
        self.ty.begins_with(self.rest.own) && self.sent.has_all(self.rest.own.len())
    }

    /// The key of a field that was left out, or that the sender does not have. What was sent is usual, and inlined.
    #[inline(never)]
    fn next_left_out<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if let Turn::Sent(_) = self.turn {
            return Err(value_first());
        }
        let alike = self.ty.begins_with(self.rest.own);
        loop {
            let Some((index, name)) = self.rest.next_own() else {
                return Ok(None);
            };
            let sent = match alike {
                true => self.sent.has(index),
                false => {
                    let place = self.ty.place(index, name);
                    place.is_some_and(|place| self.sent.has(place))
                }
            };
            if !sent && self.rest.takes_zero(name) {
                self.turn = Turn::Zero(index);
                return self.rest.key(name, seed).map(Some);
            }
        }
    }

    #[inline(never)]
    fn zero<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
        index: usize,
    ) -> Result<V::Value, DecodeError> {
        let name = self.rest.own[index];
        let id = self
            .ty
            .place(index, name)
            .map(|place| self.ty.fields[place].id);
        let zero = Zero::new(self.cx.types, id, self.cx.max_depth - self.cx.depth);
        self.rest.zero(seed, name, zero)
    }
}

/// What a visitor is told that asks for a key before it took the value of the last one.
#[cold]
pub(super) fn value_first() -> DecodeError {
    de::Error::custom("a key was asked for before the value of the last one")
}

/// What a visitor is told that asks for two values.
#[cold]
pub(super) fn key_first() -> DecodeError {
    de::Error::custom("a value was asked for without its key")
}

impl Parts for StructAccess<'_, '_, '_> {
    fn explain(&self, err: DecodeError) -> DecodeError {
        self.rest.explain(err)
    }

    #[inline]
    fn finish(&mut self) -> Result<(), DecodeError> {
        if let Turn::Key | Turn::Sent(_) = self.turn {
            self.skip_sent()?;
        }
        if self.rest.probing {
            self.probed();
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
                return self.rest.key(&field.name, seed).map(Some);
            }
            self.turn = Turn::LeftOut;
            if self.is_whole() {
                return Ok(None);
            }
        }
        self.next_left_out(seed)
    }

    /// The field after this one is read with its key: so the value goes from here to where the visitor wants it.
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
                .map_err(|err| err.within(&field.name))
            }
            Turn::Zero(index) => {
                self.turn = Turn::LeftOut;
                self.zero(seed, index)
            }
            Turn::Key | Turn::LeftOut => Err(key_first()),
        }
    }
}

/// Entries of a map with string keys, as the fields of a struct.
pub(super) struct MapAsStruct<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    elem: Id,
    left: usize,
    /// By the places of the struct's own fields.
    sent: Sent,
    rest: Rest,
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
        elem: Id,
        left: usize,
        fields: &'static [&'static str],
    ) -> Self {
        Self {
            cx,
            elem,
            left,
            sent: Sent::default(),
            rest: Rest::new::<V>(fields),
            turn: EntryTurn::None,
        }
    }
}

impl Parts for MapAsStruct<'_, '_, '_> {
    fn explain(&self, err: DecodeError) -> DecodeError {
        self.rest.explain(err)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
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
            if let Some(place) = self.rest.own.iter().position(|own| *own == name) {
                self.sent.add(place);
            }
            self.turn = EntryTurn::Sent(name);
            name
        } else {
            let sent = &self.sent;
            let Some(name) = self.rest.next(|index| sent.has(index)) else {
                return Ok(None);
            };
            self.turn = EntryTurn::Zero(name);
            name
        };
        self.rest.key(name, seed).map(Some)
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
                .map_err(|err| err.within(name)),
            EntryTurn::Zero(name) => {
                let zero = Zero::new(self.cx.types, None, self.cx.max_depth - self.cx.depth);
                self.rest.zero(seed, name, zero)
            }
            EntryTurn::None => Err(key_first()),
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
        self.name = self.rest.next(|_| false);
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
