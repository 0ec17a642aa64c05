//! The parts of sequences, maps and structs.

use bytes::BytesMut;
use serde::ser::{self, Impossible, Serialize};

use super::{BYTE, Ser, Slot, State, bare, plain};
use crate::dynamic::write::{DICTIONARY, LIST};
use crate::error::{EncodeError, EncodeErrorKind, Signal};
use crate::types::{Id, StructType, Type};
use crate::wire::{close_length, put_byte, put_uint, uint_len};

/// So many bytes of a list are written at once: few enough to be in the nearest cache when they are.
const BYTES: usize = 8192;

/// So many numbers of a list are written at once, for the same reason.
const NUMBERS: usize = 128;

/// What enum variants with data would be.
pub(crate) type Refused = Impossible<bool, EncodeError>;

/// Elements, or keys and elements, behind a count.
pub(crate) struct Items<'a, 's> {
    st: &'a mut State<'s>,
    /// The type of the keys, in a map.
    key: Id,
    elem: Id,
    /// The count that was written, and where.
    declared: usize,
    at: usize,
    count: usize,
    place: Place,
}

/// Where the items are, which says what is to do behind the last.
#[derive(Clone, Copy)]
enum Place {
    /// In a list or a map, or alone; and all maps, which are written even when they are empty.
    Plain,
    /// A list in a field that begins there, and is cut off again should there be no items.
    Field(usize),
    /// A list in a field of which nothing was written, since there are to be no items.
    LeftOut,
    /// In an array: another count than declared is an error.
    Array,
    /// In an interface value, whose length goes there.
    Interface(usize),
}

impl<'a, 's> Items<'a, 's> {
    /// To be opened as a list or a map. Not in one step: a result of this size would be copied.
    #[inline]
    pub(super) fn new(st: &'a mut State<'s>) -> Self {
        Self {
            st,
            key: Id::STRING,
            elem: Id::INTERFACE,
            declared: 0,
            at: 0,
            count: 0,
            place: Place::Plain,
        }
    }

    pub(super) fn open_list(
        &mut self,
        id: Id,
        slot: Slot,
        len: Option<usize>,
    ) -> Result<(), EncodeError> {
        let (types, start) = (self.st.types, self.st.out.len());
        let mut ser = self.ser(id, slot);
        if id == Id::INTERFACE {
            let at = ser.open_interface("[]interface {}", &LIST)?;
            self.declare(Place::Interface(at), len);
            return Ok(());
        }
        let (elem, array) = match (id, types.get(id)) {
            (Id::BYTES | Id::STRING, _) => (BYTE, None),
            (_, Some(Type::Slice { elem, .. })) => (*elem, None),
            (_, Some(Type::Array { elem, len, .. })) => (*elem, Some(*len as usize)),
            _ => return Err(ser.mismatch("a sequence")),
        };
        // An array is written even when its elements are zeros; an empty slice is left out.
        let written = ser.begin(array.is_none() && len == Some(0));
        let place = match (slot, array) {
            _ if !written => Place::LeftOut,
            (_, Some(_)) => Place::Array,
            (Slot::Field(_), None) => Place::Field(start),
            _ => Place::Plain,
        };
        self.elem = elem;
        self.declare(place, array.or(len));
        Ok(())
    }

    pub(super) fn open_map(
        &mut self,
        id: Id,
        slot: Slot,
        len: Option<usize>,
    ) -> Result<(), EncodeError> {
        let types = self.st.types;
        let mut ser = self.ser(id, slot);
        if id == Id::INTERFACE {
            let at = ser.open_interface("map[string]interface {}", &DICTIONARY)?;
            self.declare(Place::Interface(at), len);
            return Ok(());
        }
        let Some(Type::Map { key, elem, .. }) = types.get(id) else {
            return Err(ser.mismatch("a map"));
        };
        // Go leaves out nil maps and sends empty ones. A Rust map is never nil: left out, it would be nil to Go code,
        // which panics where it writes into it.
        ser.begin(false);
        (self.key, self.elem) = (*key, *elem);
        self.declare(Place::Plain, len);
        Ok(())
    }

    fn ser(&mut self, id: Id, slot: Slot) -> Ser<'_, 's> {
        Ser {
            st: &mut *self.st,
            id,
            slot,
        }
    }

    /// Writes the count, as far as it is known.
    fn declare(&mut self, place: Place, len: Option<usize>) {
        self.place = place;
        if !matches!(place, Place::LeftOut) {
            self.declared = len.unwrap_or(0);
            self.at = self.st.out.len();
            put_uint(self.st.out, self.declared as u64);
        }
    }

    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, id: Id, value: &T) -> Result<(), EncodeError> {
        if bare::put(self.st.out, id, value) {
            return Ok(());
        }
        self.push_any(id, value)
    }

    /// What [`bare::put`] has no way to write.
    #[inline]
    fn push_any<T: Serialize + ?Sized>(&mut self, id: Id, value: &T) -> Result<(), EncodeError> {
        value
            .serialize(Ser {
                st: &mut *self.st,
                id,
                slot: Slot::Elem,
            })
            .map(drop)
            .map_err(|err| at(err, self.count))
    }

    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(self.elem, value)?;
        self.count += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn elements<I: Iterator<Item: Serialize>>(
        &mut self,
        items: I,
    ) -> Result<(), EncodeError> {
        match self.elem {
            BYTE => self.blocks(items, BYTES, bare::put_block_of_bytes),
            id @ (Id::BOOL | Id::INT | Id::UINT | Id::FLOAT) => {
                self.blocks(items, NUMBERS, |items, out, room| {
                    bare::put_block_of_numbers(items, out, room, id)
                })
            }
            // With the type known beforehand, the loop need not ask for it.
            Id::STRING => {
                for item in items {
                    self.push(Id::STRING, &item)?;
                    self.count += 1;
                }
                Ok(())
            }
            elem => {
                for item in items {
                    self.push_any(elem, &item)?;
                    self.count += 1;
                }
                Ok(())
            }
        }
    }

    /// Writes numbers, so many at once.
    #[inline]
    fn blocks<I: Iterator<Item: Serialize>>(
        &mut self,
        mut items: I,
        mut most: usize,
        put_block: impl Fn(&mut I, &mut BytesMut, usize) -> (usize, Option<I::Item>),
    ) -> Result<(), EncodeError> {
        loop {
            let room = self.declared.saturating_sub(self.count).clamp(1, most);
            let (taken, odd) = put_block(&mut items, self.st.out, room);
            self.count += taken;
            match odd {
                // Says what is wrong with it, unless it is right after all. The next ones will not be others.
                Some(item) => {
                    self.push_any(self.elem, &item)?;
                    self.count += 1;
                    most = 1;
                }
                None if taken < room => return Ok(()),
                None => {}
            }
        }
    }

    /// By reference: to give the items away would copy them.
    pub(super) fn close(&mut self) -> Result<bool, EncodeError> {
        if self.count != self.declared {
            self.correct_count()?;
        }
        match self.place {
            Place::Plain | Place::Array => {}
            Place::LeftOut => return Ok(false),
            Place::Field(start) if self.count == 0 => {
                self.st.out.truncate(start);
                return Ok(false);
            }
            Place::Field(_) => {}
            Place::Interface(at) => drop(close_length(self.st.out, at, 1)),
        }
        Ok(true)
    }

    #[inline(never)]
    fn correct_count(&mut self) -> Result<(), EncodeError> {
        let (expected, found) = (self.declared, self.count);
        if let Place::Array | Place::LeftOut = self.place {
            return Err(EncodeErrorKind::Length { expected, found }.into());
        }
        replace_uint(self.st.out, self.at, expected as u64, found as u64);
        Ok(())
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
    pub(super) last: usize,
    /// Where the fields begin, and the pieces of them: only when they are being put in order.
    start: usize,
    first: usize,
}

/// A field that was written in any order, without its number.
pub(crate) struct Piece {
    index: usize,
    start: usize,
    end: usize,
}

impl<'a, 's> Fields<'a, 's> {
    #[inline]
    pub(super) fn new(st: &'a mut State<'s>, ty: &'s StructType) -> Self {
        let (start, first) = (st.out.len(), st.pieces.len());
        Self {
            st,
            ty,
            next: 0,
            last: 0,
            start,
            first,
        }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let all = &self.ty.fields;
        let index = match all.get(self.next) {
            Some(field) if field.is_called(key) => self.next,
            _ => all
                .iter()
                .position(|field| &*field.name == key)
                .ok_or(EncodeErrorKind::UnknownField(key))?,
        };
        self.push(index, value)
    }

    /// One function for all fields of a type, for what is not usual.
    #[cold]
    fn field_apart<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.field(key, value)
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
        let (start, count) = (self.st.out.len(), self.st.pieces.len());
        // A placeholder of one byte for the number.
        let ser = Ser {
            st: &mut *self.st,
            id: field.id,
            slot: Slot::Field(1),
        };
        let result = value.serialize(ser);
        // A struct within that failed leaves pieces behind, and not everybody heeds an error.
        self.st.pieces.truncate(count);
        if result.map_err(|err| err.within(&*field.name))? {
            let end = self.st.out.len();
            self.st.pieces.push(Piece {
                index,
                start: start + 1,
                end,
            });
        }
        self.next = index + 1;
        Ok(())
    }

    #[inline]
    pub(super) fn close(self) -> Result<bool, EncodeError> {
        if self.st.reorder {
            put_in_order(self.st, self.ty, self.start, self.first)?;
        }
        put_byte(self.st.out, 0);
        Ok(true)
    }
}

/// Not by reference to the fields, which would have to be copied for that.
#[cold]
fn put_in_order(
    st: &mut State<'_>,
    ty: &StructType,
    start: usize,
    first: usize,
) -> Result<(), EncodeError> {
    st.pieces[first..].sort_by_key(|piece| piece.index);
    let scattered = st.out.split_off(start);
    let mut last = 0;
    for piece in st.pieces.drain(first..) {
        if piece.index + 1 == last {
            let name = &ty.fields[piece.index].name;
            return Err(EncodeErrorKind::Custom(format!("field `{name}` given twice")).into());
        }
        put_uint(st.out, (piece.index + 1 - last) as u64);
        st.out
            .extend_from_slice(&scattered[piece.start - start..piece.end - start]);
        last = piece.index + 1;
    }
    Ok(())
}

/// A sequence or a tuple, which can be a struct.
pub(crate) enum Compound<'a, 's> {
    Items(Items<'a, 's>),
    Fields(Fields<'a, 's>),
}

impl Compound<'_, '_> {
    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        match self {
            Self::Items(items) => items.element(value),
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

    fn close(self) -> Result<bool, EncodeError> {
        match self {
            Self::Items(mut items) => items.close(),
            Self::Fields(fields) => fields.close(),
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

impl ser::SerializeStruct for Fields<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let written = match (plain::number(value), plain::text(value)) {
            (Some(number), _) => self.number(key, number),
            (_, Some(text)) => self.text(key, text),
            _ => return self.field(key, value),
        };
        match written {
            true => Ok(()),
            false => self.field_apart(key, value),
        }
    }

    #[inline]
    fn end(self) -> Result<bool, EncodeError> {
        self.close()
    }
}

impl ser::SerializeMap for Items<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.push(self.key, key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    #[inline]
    fn end(mut self) -> Result<bool, EncodeError> {
        self.close()
    }
}
