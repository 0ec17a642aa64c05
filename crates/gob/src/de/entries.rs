//! Structs of the sender for receivers that do not say which fields they have: maps, and structs with a flattened
//! field.
//!
//! A map is given the fields that were sent. A struct with a flattened field may need the others as well, and the types
//! of those are in the definition alone: it is given a zero for each. Neither the zeros nor the names are among the bytes
//! of the value, so a few bytes could stand for any number of them. What is handed out is counted: see [`Spare`].

use std::cell::Cell;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::fields::{Rest, Sent, key_first, value_first};
use super::zero::Zero;
use super::{Cx, De, Parts};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::raw::walk;
use crate::types::{Field, StructType};

#[derive(Clone, Copy)]
enum Turn<'t> {
    None,
    Sent(&'t Field),
    Zero(&'t Field),
}

/// Fields of a struct, as the entries of a map.
pub(super) struct Entries<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    /// For [`walk::field`].
    delta: u64,
    present: Option<usize>,
    sent: Sent,
    /// The first field that may still be handed out as a zero.
    next: usize,
    turn: Turn<'t>,
    rest: Rest,
}

/// What serde takes for an entry that it has to keep: a key and a value in its buffer.
const ENTRY: usize = 64;

impl<'a, 't, 'de> Entries<'a, 't, 'de> {
    pub(super) fn new<V: Visitor<'de>>(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
    ) -> Result<Self, DecodeError> {
        let mut delta = 0;
        let present = walk::field(&mut cx.cursor, &mut delta, ty.fields.len())?;
        Ok(Self {
            cx,
            ty,
            delta,
            present,
            sent: Sent::default(),
            next: 0,
            turn: Turn::None,
            rest: Rest::new::<V>(&[]),
        })
    }

    fn advance(&mut self) -> Result<(), DecodeError> {
        self.present = walk::field(&mut self.cx.cursor, &mut self.delta, self.ty.fields.len())?;
        Ok(())
    }

    fn next_zero<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let field = loop {
            let Some(field) = self.ty.fields.get(self.next) else {
                return Ok(None);
            };
            self.next += 1;
            if !self.sent.has(self.next - 1) && self.rest.takes_zero(&field.name) {
                break field;
            }
        };
        let refused = Cell::new(false);
        let key = seed.deserialize(LeftOut {
            name: &field.name,
            refused: &refused,
        });
        if refused.get() {
            self.next = self.ty.fields.len();
            return Ok(None);
        }
        let key = key?;
        self.cx.charge(ENTRY + field.name.len())?;
        self.rest.handed(&field.name, &key);
        self.turn = Turn::Zero(field);
        Ok(Some(key))
    }
}

impl Parts for Entries<'_, '_, '_> {
    fn explain(&self, err: DecodeError) -> DecodeError {
        self.rest.explain(err)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        while let Some(index) = self.present {
            self.cx.skip(self.ty.fields[index].id)?;
            self.advance()?;
        }
        self.cx.depth -= 1;
        Ok(())
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_, '_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let Turn::None = self.turn else {
            return Err(value_first());
        };
        let Some(index) = self.present else {
            return self.next_zero(seed);
        };
        let field = &self.ty.fields[index];
        self.cx.charge(field.name.len())?;
        self.turn = Turn::Sent(field);
        self.rest.key(&field.name, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match std::mem::replace(&mut self.turn, Turn::None) {
            Turn::Sent(field) => {
                let value = seed
                    .deserialize(De {
                        cx: &mut *self.cx,
                        id: field.id,
                    })
                    .map_err(|err| err.within(&field.name))?;
                if let Some(place) = self.present {
                    self.sent.add(place);
                }
                self.advance()?;
                Ok(value)
            }
            Turn::Zero(field) => {
                let depth = self.cx.max_depth - self.cx.depth;
                let zero = Zero::new(self.cx.types, Some(field.id), depth);
                self.rest.zero(seed, &field.name, zero)
            }
            Turn::None => Err(key_first()),
        }
    }
}

/// The name of a field that was left out: for those who ask for a field's name, or for anything, as what is read ahead
/// of its type does. The keys of a map are neither.
struct LeftOut<'k> {
    name: &'k str,
    refused: &'k Cell<bool>,
}

impl<'de> Deserializer<'de> for LeftOut<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_str(self.name)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_str(self.name)
    }

    /// A map is given nothing that was not sent.
    fn deserialize_str<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        self.refused.set(true);
        Err(de::Error::custom("the name of a field that was left out"))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char
        bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum
    }
}

thread_local! {
    /// What the outermost decoding that is under way on this thread may still hand out.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// How many bytes of names and zeros may be handed out that the sender did not send.
///
/// Any number of decodings can be within one another, of values in interface values: they share what the outermost has.
#[derive(Default)]
pub(super) struct Spare {
    /// Whether this is the outermost.
    outermost: bool,
}

impl Spare {
    /// For structs of usual sizes that are few.
    const FREE: usize = 256 * 1024;
    /// For each byte received: three or four zeros, or a very long name.
    const PER_BYTE: usize = 256;

    fn max(received: usize) -> usize {
        Self::FREE.saturating_add(received.saturating_mul(Self::PER_BYTE))
    }

    /// Has what is decoded within a decoding of so many bytes share what that may hand out.
    pub(super) fn share(&mut self, received: usize) -> usize {
        LEFT.get().unwrap_or_else(|| {
            let max = Self::max(received);
            LEFT.set(Some(max));
            self.outermost = true;
            max
        })
    }

    pub(super) fn charge(&mut self, bytes: usize, received: usize) -> Result<(), DecodeError> {
        let left = self.share(received).checked_sub(bytes);
        let max = Self::max(received);
        LEFT.set(Some(left.ok_or(DecodeErrorKind::TooMuchLeftOut { max })?));
        Ok(())
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if self.outermost {
            LEFT.set(None);
        }
    }
}
