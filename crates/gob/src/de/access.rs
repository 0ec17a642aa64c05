//! How visitors reach the parts of slices, maps, tuples and other values without field names.

use std::cell::Cell;
use std::slice::Iter;

use serde::de::value::F64Deserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer};

use super::context::{Cx, De, Parts};
use super::fast::text;
use super::parts::Byte;
use super::zero::Zero;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::raw::walk;
use crate::types::{Id, StructType, letters, tuple_field};
use crate::wire::{Cursor, float};

/// Elements of a slice or an array.
pub(super) struct SeqAccess<'a, 't, 'de> {
    pub(super) cx: &'a mut Cx<'t, 'de>,
    pub(super) elem: Id,
    pub(super) count: usize,
    /// How many of them the visitor has not asked for.
    pub(super) left: usize,
    /// Whether the visitor must take all of them.
    pub(super) exact: bool,
    /// For how many elements memory may be reserved before they are read.
    pub(super) room: usize,
}

impl Parts for SeqAccess<'_, '_, '_> {
    #[inline]
    fn finish(&mut self) -> Result<(), DecodeError> {
        if self.left > 0 {
            self.skip_rest()?;
        }
        self.cx.depth -= 1;
        Ok(())
    }
}

impl SeqAccess<'_, '_, '_> {
    #[inline(never)]
    fn skip_rest(&mut self) -> Result<(), DecodeError> {
        if self.exact {
            return Err(DecodeErrorKind::ArrayLength {
                count: self.count as u64,
                len: (self.count - self.left) as u64,
            }
            .into());
        }
        for _ in 0..self.left {
            self.cx.skip(self.elem)?;
        }
        Ok(())
    }
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
        let index = self.count - self.left - 1;
        if text::applies::<T>(self.elem) {
            return text::read::<T>(&mut self.cx.cursor, |error| at(error, index));
        }
        seed.deserialize(De {
            cx: &mut *self.cx,
            id: self.elem,
        })
        .map(Some)
        .map_err(|error| at(error, index))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.room)
    }
}

#[cold]
fn at(error: DecodeError, index: usize) -> DecodeError {
    error.within(format!("[{index}]"))
}

/// Bytes, one by one.
///
/// The visitor gets this by value, which keeps the position in registers. When it is dropped, it
/// notes how many bytes remain.
pub(super) struct Bytewise<'de, 'c> {
    pub(super) bytes: Iter<'de, u8>,
    pub(super) left: &'c Cell<usize>,
}

impl Drop for Bytewise<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.left.set(self.bytes.len());
    }
}

impl<'de> de::SeqAccess<'de> for Bytewise<'de, '_> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        match self.bytes.next() {
            Some(&byte) => seed.deserialize(Byte(byte)).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len())
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

/// How many bytes of a key an error shows.
const MAX_LABEL: usize = 100;

/// Entries of a map.
pub(super) struct MapAccess<'a, 't, 'de> {
    pub(super) cx: &'a mut Cx<'t, 'de>,
    pub(super) key: Id,
    pub(super) elem: Id,
    pub(super) left: usize,
    /// For how many entries memory may be reserved before they are read.
    pub(super) room: usize,
    /// Where the entry's key is, for errors.
    pub(super) label: usize,
}

impl Parts for MapAccess<'_, '_, '_> {
    #[inline]
    fn finish(&mut self) -> Result<(), DecodeError> {
        for _ in 0..self.left {
            self.cx.skip(self.key)?;
            self.cx.skip(self.elem)?;
        }
        self.cx.depth -= 1;
        Ok(())
    }
}

impl MapAccess<'_, '_, '_> {
    #[cold]
    fn at_value(&self, error: DecodeError) -> DecodeError {
        let mut cursor = self.cx.cursor.clone();
        cursor.pos = self.label;
        error.within(match cursor.bytes() {
            Ok(label) if self.key == Id::STRING => {
                let start = &label[..label.len().min(MAX_LABEL)];
                let more = if start.len() < label.len() { "…" } else { "" };
                format!("[{:?}{more}]", String::from_utf8_lossy(start))
            }
            _ => "[value]".to_owned(),
        })
    }
}

impl<'de> de::MapAccess<'de> for MapAccess<'_, '_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.label = self.cx.cursor.pos;
        if text::applies::<K>(self.key) {
            return text::read::<K>(&mut self.cx.cursor, |error| error.within("[key]"));
        }
        seed.deserialize(De {
            cx: &mut *self.cx,
            id: self.key,
        })
        .map(Some)
        .map_err(|error| error.within("[key]"))
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        seed.deserialize(De {
            cx: &mut *self.cx,
            id: self.elem,
        })
        .map_err(|error| self.at_value(error))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.room)
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
    /// Where the elements are, if the sender has them in another order.
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
}

impl Parts for TupleAccess<'_, '_, '_> {
    fn finish(&mut self) -> Result<(), DecodeError> {
        while let Some(index) = self.present {
            self.cx.skip(self.ty.fields[index].id)?;
            self.advance()?;
        }
        self.cx.depth -= 1;
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
            .map_err(|error| error.within(tuple_field(index)))
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
