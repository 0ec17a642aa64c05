//! A sender's struct for a receiver that does not list fields: a map, or a struct with a flattened
//! field.
//!
//! A map gets the fields that were sent. A struct with a flattened field may need the others, too.
//! Their types are known from the definition only, so it gets a zero for each. Neither the zeros
//! nor the names are among the bytes of the value, so a few bytes could expand to any number of
//! them. [`ExpansionBudget`](super::expansion::ExpansionBudget) bounds them.

use std::cell::Cell;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::context::{Cx, De, Parts};
use super::fields::{AbsentFields, FieldSet, key_first, value_first};
use super::zero::Zero;
use crate::error::DecodeError;
use crate::raw::walk;
use crate::types::{Field, StructType};

#[derive(Clone, Copy)]
enum Turn<'t> {
    None,
    Sent(&'t Field),
    Zero(&'t Field),
}

/// The fields of a struct, as the entries of a map.
pub(super) struct StructAsMap<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    /// For [`walk::field`].
    delta: u64,
    present: Option<usize>,
    sent: FieldSet,
    /// The first field for which a zero may still be due.
    next: usize,
    turn: Turn<'t>,
    absent: AbsentFields,
}

/// The size of an entry that serde buffers: a key and a value.
const ENTRY: usize = 64;

impl<'a, 't, 'de> StructAsMap<'a, 't, 'de> {
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
            sent: FieldSet::default(),
            next: 0,
            turn: Turn::None,
            absent: AbsentFields::new::<V>(&[]),
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
            if !self.sent.has(self.next - 1) && self.absent.takes_zero(&field.name) {
                break field;
            }
        };
        let refused = Cell::new(false);
        let key = seed.deserialize(AbsentName {
            name: &field.name,
            refused: &refused,
        });
        if refused.get() {
            self.next = self.ty.fields.len();
            return Ok(None);
        }
        let key = key?;
        self.cx.charge(ENTRY + field.name.len())?;
        self.absent.note_key(&field.name, &key);
        self.turn = Turn::Zero(field);
        Ok(Some(key))
    }
}

impl Parts for StructAsMap<'_, '_, '_> {
    fn explain(&self, error: DecodeError) -> DecodeError {
        self.absent.explain(error)
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

impl<'de> de::MapAccess<'de> for StructAsMap<'_, '_, 'de> {
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
        self.absent.key(&field.name, seed).map(Some)
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
                    .map_err(|error| error.within(&field.name))?;
                if let Some(place) = self.present {
                    self.sent.add(place);
                }
                self.advance()?;
                Ok(value)
            }
            Turn::Zero(field) => {
                let depth = self.cx.max_depth - self.cx.depth;
                let zero = Zero::new(self.cx.types, Some(field.id), depth);
                self.absent.zero(seed, &field.name, zero)
            }
            Turn::None => Err(key_first()),
        }
    }
}

/// The name of an absent field. A struct asks for an identifier, and serde's buffer for anything.
/// The keys of a map ask for neither, and a map gets only what was sent.
struct AbsentName<'k> {
    name: &'k str,
    refused: &'k Cell<bool>,
}

impl<'de> Deserializer<'de> for AbsentName<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_str(self.name)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_str(self.name)
    }

    fn deserialize_str<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        self.refused.set(true);
        Err(de::Error::custom("the name of an absent field"))
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
