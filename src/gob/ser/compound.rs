//! The parts of sequences, maps and structs.

use bytes::BytesMut;
use serde::ser::{self, Impossible, Serialize};

use super::bytewise::gather;
use super::{Ser, Slot, State};
use crate::gob::encode::{EncodeError, EncodeErrorKind, Signal};
use crate::gob::types::{Id, StructType};
use crate::gob::wire::{close_length, put_byte, put_uint, uint_len};

/// What enum variants with data would be.
pub(crate) type Refused = Impossible<bool, EncodeError>;

/// Elements behind a count.
pub(crate) struct Items<'a, 's> {
    st: &'a mut State<'s>,
    elem: Id,
    /// The count that was written, and where.
    declared: usize,
    at: usize,
    count: usize,
    /// Whether another count than declared is an error.
    strict: bool,
    /// Where the field begins, which is cut off again should there be no elements.
    droppable: Option<usize>,
    /// A field of no elements, of which nothing was written.
    left_out: bool,
    /// Where the length goes of the interface value that this is.
    closing: Option<usize>,
}

impl<'a, 's> Items<'a, 's> {
    pub(super) fn new(st: &'a mut State<'s>, elem: Id, len: Option<usize>) -> Self {
        let declared = len.unwrap_or(0);
        let at = st.out.len();
        put_uint(st.out, declared as u64);
        Self {
            st,
            elem,
            declared,
            at,
            count: 0,
            strict: false,
            droppable: None,
            left_out: false,
            closing: None,
        }
    }

    pub(super) fn left_out(st: &'a mut State<'s>, elem: Id) -> Self {
        let at = st.out.len();
        let (strict, left_out) = (true, true);
        let (droppable, closing) = (None, None);
        Self {
            st,
            elem,
            declared: 0,
            at,
            count: 0,
            strict,
            droppable,
            left_out,
            closing,
        }
    }

    pub(super) fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    pub(super) fn droppable(self, droppable: Option<usize>) -> Self {
        Self { droppable, ..self }
    }

    pub(super) fn closing(self, at: usize) -> Self {
        Self {
            closing: Some(at),
            ..self
        }
    }

    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, id: Id, value: &T) -> Result<(), EncodeError> {
        value
            .serialize(Ser {
                st: &mut *self.st,
                id,
                slot: Slot::Elem,
            })
            .map(drop)
            .map_err(|err| at(err, self.count))
    }

    /// Writes the bytes that the items are, as far as they are bytes.
    ///
    /// Not inlined: the block must not be on the stack of every value that this one is in.
    #[inline(never)]
    fn extend_bytes<const N: usize, I: Iterator<Item: Serialize>>(
        &mut self,
        items: I,
    ) -> Result<(), EncodeError> {
        let put = |list: &mut Self, bytes: &[u8]| {
            list.st.out.extend_from_slice(bytes);
            list.count += bytes.len();
        };
        gather::<N, _, _, _>(items, self, put, |list, item| {
            // Says what is wrong with it, unless it is a byte after all.
            list.push(list.elem, &item)?;
            list.count += 1;
            Ok(())
        })
    }

    fn end(self) -> Result<bool, EncodeError> {
        if self.count != self.declared {
            if self.strict {
                let (expected, found) = (self.declared, self.count);
                return Err(EncodeErrorKind::Length { expected, found }.into());
            }
            replace_uint(
                self.st.out,
                self.at,
                self.declared as u64,
                self.count as u64,
            );
        }
        if let Some(at) = self.closing {
            close_length(self.st.out, at, 1);
        }
        match self.droppable {
            Some(start) if self.count == 0 => {
                self.st.out.truncate(start);
                Ok(false)
            }
            _ => Ok(!self.left_out),
        }
    }
}

#[cold]
fn at(err: EncodeError, index: usize) -> EncodeError {
    err.within(format!("[{index}]"))
}

/// Replaces an integer in the middle by another one.
fn replace_uint(out: &mut BytesMut, at: usize, old: u64, new: u64) {
    let tail = out.split_off(at + uint_len(old));
    out.truncate(at);
    put_uint(out, new);
    out.extend_from_slice(&tail);
}

/// Fields of a struct, by name or by number.
pub(crate) struct Fields<'a, 's> {
    pub(super) st: &'a mut State<'s>,
    pub(super) ty: &'s StructType,
    /// The field expected next: Serialize and Deserialize nearly always agree on the order.
    pub(super) next: usize,
    /// One more than the last field written.
    last: usize,
    /// Fields written in any order, without their numbers: (index, start, end). Only when they are being put in order.
    pieces: Vec<(usize, usize, usize)>,
    start: usize,
}

impl<'a, 's> Fields<'a, 's> {
    pub(super) fn new(st: &'a mut State<'s>, ty: &'s StructType) -> Self {
        let start = st.out.len();
        Self {
            st,
            ty,
            next: 0,
            last: 0,
            pieces: Vec::new(),
            start,
        }
    }

    #[inline]
    pub(super) fn push<T: Serialize + ?Sized>(
        &mut self,
        index: usize,
        value: &T,
    ) -> Result<(), EncodeError> {
        if index < self.last || self.st.reorder {
            return self.push_piece(index, value);
        }
        let field = &self.ty.fields[index];
        let slot = Slot::Field((index + 1 - self.last) as u32);
        match value.serialize(Ser {
            st: &mut *self.st,
            id: field.id,
            slot,
        }) {
            Ok(true) => self.last = index + 1,
            Ok(false) => {}
            Err(err) => return Err(err.within(&*field.name)),
        }
        self.next = index + 1;
        Ok(())
    }

    #[cold]
    fn push_piece<T: Serialize + ?Sized>(
        &mut self,
        index: usize,
        value: &T,
    ) -> Result<(), EncodeError> {
        if !self.st.reorder {
            return Err(Signal::FieldOrder.into());
        }
        let field = &self.ty.fields[index];
        let start = self.st.out.len();
        // A placeholder of one byte for the number.
        let ser = Ser {
            st: &mut *self.st,
            id: field.id,
            slot: Slot::Field(1),
        };
        if value
            .serialize(ser)
            .map_err(|err| err.within(&*field.name))?
        {
            self.pieces.push((index, start + 1, self.st.out.len()));
        }
        self.next = index + 1;
        Ok(())
    }

    #[inline]
    pub(super) fn end(mut self) -> Result<bool, EncodeError> {
        if !self.pieces.is_empty() {
            self.put_in_order()?;
        }
        put_byte(self.st.out, 0);
        Ok(true)
    }

    #[cold]
    fn put_in_order(&mut self) -> Result<(), EncodeError> {
        self.pieces.sort_by_key(|piece| piece.0);
        let scattered = self.st.out.split_off(self.start);
        let mut last = 0;
        for &(index, start, end) in &self.pieces {
            if index + 1 == last {
                let name = &self.ty.fields[index].name;
                return Err(EncodeErrorKind::Custom(format!("field `{name}` given twice")).into());
            }
            put_uint(self.st.out, (index + 1 - last) as u64);
            self.st
                .out
                .extend_from_slice(&scattered[start - self.start..end - self.start]);
            last = index + 1;
        }
        Ok(())
    }
}

/// A sequence, a struct, or a tuple, which is either.
pub(crate) enum Compound<'a, 's> {
    Items(Items<'a, 's>),
    Fields(Fields<'a, 's>),
}

impl Compound<'_, '_> {
    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        match self {
            Self::Items(items) => {
                items.push(items.elem, value)?;
                items.count += 1;
                Ok(())
            }
            // Tuples are numbered as they come.
            Self::Fields(fields) if fields.next < fields.ty.fields.len() => {
                fields.push(fields.next, value)
            }
            Self::Fields(fields) => {
                let expected = fields.ty.fields.len();
                Err(EncodeErrorKind::Length {
                    expected,
                    found: expected + 1,
                }
                .into())
            }
        }
    }

    #[inline]
    pub(super) fn extend_bytes<I: Iterator<Item: Serialize>>(
        &mut self,
        items: I,
    ) -> Result<(), EncodeError> {
        match self {
            // Clearing a block costs time as well.
            Self::Items(list) if list.declared < 4096 => list.extend_bytes::<128, _>(items),
            Self::Items(list) => list.extend_bytes::<16384, _>(items),
            Self::Fields(_) => Ok(()),
        }
    }

    pub(super) fn close(self) -> Result<bool, EncodeError> {
        match self {
            Self::Items(items) => items.end(),
            Self::Fields(fields) => fields.end(),
        }
    }
}

impl ser::SerializeSeq for Compound<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.close()
    }
}

impl ser::SerializeTuple for Compound<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Compound<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.close()
    }
}

impl ser::SerializeStruct for Compound<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let Self::Fields(fields) = self else {
            return self.element(value);
        };
        let all = &fields.ty.fields;
        let index = match all.get(fields.next) {
            Some(field) if &*field.name == key => fields.next,
            _ => all
                .iter()
                .position(|field| &*field.name == key)
                .ok_or(EncodeErrorKind::UnknownField(key))?,
        };
        fields.push(index, value)
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.close()
    }
}

/// Keys and elements behind a count.
pub(crate) struct MapSer<'a, 's> {
    pub(super) items: Items<'a, 's>,
    pub(super) key: Id,
}

impl ser::SerializeMap for MapSer<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.items.push(self.key, key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.items.push(self.items.elem, value)?;
        self.items.count += 1;
        Ok(())
    }

    fn end(self) -> Result<bool, EncodeError> {
        self.items.end()
    }
}
