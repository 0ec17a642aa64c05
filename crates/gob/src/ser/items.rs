//! The elements of lists, and the entries of maps.

use bytes::BytesMut;
use serde::ser::{self, Serialize};

use super::fast::scalar;
use super::output::{BYTE, Output, Slot};
use super::value::Ser;
use crate::dynamic::write::{DICTIONARY, LIST, LIST_NAME, MAP_NAME};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::{Id, Type};
use crate::wire::{close_length, put_uint, uint_len};

type Result<T> = std::result::Result<T, EncodeError>;

/// Bytes of a list are written in blocks of this size, which fit the nearest cache.
const BYTES: usize = 8192;

/// Numbers of a list are written in blocks of this many, for the same reason.
const NUMBERS: usize = 128;

/// Elements, or keys and elements, behind a count.
pub(crate) struct Items<'a, 's> {
    output: &'a mut Output<'s>,
    /// The type of the keys, in a map.
    key: Id,
    elem: Id,
    /// The count that was written, and where.
    declared: usize,
    at: usize,
    count: usize,
    place: Place,
}

/// Where the items are, which says what follows the last one.
#[derive(Clone, Copy)]
enum Place {
    /// In a list or a map, or alone. Maps are always written, even when they are empty.
    Plain,
    /// A list in a field that begins at this position, and is cut off when it has no items.
    Field(usize),
    /// A list in a field that was not begun, since no items were announced.
    LeftOut,
    /// In an array: another count than declared is an error.
    Array,
    /// In an interface value, whose length goes to this position.
    Interface(usize),
}

impl<'a, 's> Items<'a, 's> {
    /// To be opened as a list or a map. Not in one step: a result of this size would be copied.
    #[inline]
    pub(super) fn new(output: &'a mut Output<'s>) -> Self {
        Self {
            output,
            key: Id::STRING,
            elem: Id::INTERFACE,
            declared: 0,
            at: 0,
            count: 0,
            place: Place::Plain,
        }
    }

    pub(super) fn open_list(&mut self, id: Id, slot: Slot, len: Option<usize>) -> Result<()> {
        let (types, start) = (self.output.types, self.output.buf.len());
        let mut ser = self.ser(id, slot);
        if id == Id::INTERFACE {
            let at = ser.open_interface(LIST_NAME, &LIST)?;
            self.declare(Place::Interface(at), len);
            return Ok(());
        }
        let (elem, array) = match (id, types.get(id)) {
            (Id::BYTES | Id::STRING, _) => (BYTE, None),
            (_, Some(Type::Slice { elem })) => (*elem, None),
            (_, Some(Type::Array { elem, len })) => (*elem, Some(*len as usize)),
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

    pub(super) fn open_map(&mut self, id: Id, slot: Slot, len: Option<usize>) -> Result<()> {
        let types = self.output.types;
        let mut ser = self.ser(id, slot);
        if id == Id::INTERFACE {
            let at = ser.open_interface(MAP_NAME, &DICTIONARY)?;
            self.declare(Place::Interface(at), len);
            return Ok(());
        }
        let Some(Type::Map { key, elem }) = types.get(id) else {
            return Err(ser.mismatch("a map"));
        };
        // Go leaves out nil maps and sends empty ones. A Rust map is never nil: left out, it would
        // be nil to Go code, which panics when it writes into it.
        ser.begin(false);
        (self.key, self.elem) = (*key, *elem);
        self.declare(Place::Plain, len);
        Ok(())
    }

    fn ser(&mut self, id: Id, slot: Slot) -> Ser<'_, 's> {
        Ser {
            output: &mut *self.output,
            id,
            slot,
        }
    }

    /// Writes the count, as far as it is known.
    fn declare(&mut self, place: Place, len: Option<usize>) {
        self.place = place;
        if !matches!(place, Place::LeftOut) {
            self.declared = len.unwrap_or(0);
            self.at = self.output.buf.len();
            put_uint(self.output.buf, self.declared as u64);
        }
    }

    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, id: Id, value: &T) -> Result<()> {
        if scalar::put(self.output.buf, id, value) {
            return Ok(());
        }
        self.push_any(id, value)
    }

    /// What [`scalar::put`] has no way to write.
    #[inline]
    fn push_any<T: Serialize + ?Sized>(&mut self, id: Id, value: &T) -> Result<()> {
        value
            .serialize(Ser {
                output: &mut *self.output,
                id,
                slot: Slot::Elem,
            })
            .map(drop)
            .map_err(|error| at(error, self.count))
    }

    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.push(self.elem, value)?;
        self.count += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn elements<I: Iterator<Item: Serialize>>(&mut self, items: I) -> Result<()> {
        match self.elem {
            BYTE => self.blocks(items, BYTES, scalar::put_block_of_bytes),
            id @ (Id::BOOL | Id::INT | Id::UINT | Id::FLOAT) => {
                self.blocks(items, NUMBERS, |items, buf, room| {
                    scalar::put_block_of_numbers(items, buf, room, id)
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

    /// Writes numbers, block by block.
    #[inline]
    fn blocks<I: Iterator<Item: Serialize>>(
        &mut self,
        mut items: I,
        mut most: usize,
        put_block: impl Fn(&mut I, &mut BytesMut, usize) -> (usize, Option<I::Item>),
    ) -> Result<()> {
        loop {
            let room = self.declared.saturating_sub(self.count).clamp(1, most);
            let (taken, odd) = put_block(&mut items, self.output.buf, room);
            self.count += taken;
            match odd {
                // The full serializer says what is wrong with it, or takes it all the same. The
                // items after it are likely to be of its kind.
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

    /// By reference: passing the items by value would copy them.
    pub(super) fn close(&mut self) -> Result<bool> {
        if self.count != self.declared {
            self.correct_count()?;
        }
        match self.place {
            Place::Plain | Place::Array => {}
            Place::LeftOut => return Ok(false),
            Place::Field(start) if self.count == 0 => {
                self.output.buf.truncate(start);
                return Ok(false);
            }
            Place::Field(_) => {}
            Place::Interface(at) => drop(close_length(self.output.buf, at, 1)),
        }
        Ok(true)
    }

    #[inline(never)]
    fn correct_count(&mut self) -> Result<()> {
        let (expected, found) = (self.declared, self.count);
        if let Place::Array | Place::LeftOut = self.place {
            return Err(EncodeErrorKind::Length { expected, found }.into());
        }
        let buf = &mut *self.output.buf;
        let tail = buf.split_off(self.at + uint_len(expected as u64));
        buf.truncate(self.at);
        put_uint(buf, found as u64);
        buf.extend_from_slice(&tail);
        Ok(())
    }
}

#[cold]
fn at(error: EncodeError, index: usize) -> EncodeError {
    error.within(format!("[{index}]"))
}

impl ser::SerializeMap for Items<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.push(self.key, key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.element(value)
    }

    #[inline]
    fn end(mut self) -> Result<bool> {
        self.close()
    }
}
