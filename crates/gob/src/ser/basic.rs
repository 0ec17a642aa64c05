//! Basic values: one number or counted bytes.
//!
//! Most of a value is these, so what is usual is inlined and what is not stays out of the way.

use bytes::BytesMut;

use super::{Ser, Slot, dynamic, put_interface};
use crate::error::EncodeError;
use crate::types::Id;
use crate::wire::{float_bits, put_bytes, put_two, put_uint};

impl Ser<'_, '_> {
    /// Writes a basic value, or one in the place of an interface value.
    #[inline]
    pub(super) fn basic(
        mut self,
        zero: bool,
        id: Id,
        name: &'static str,
        put: impl FnOnce(&mut BytesMut),
    ) -> Result<bool, EncodeError> {
        if self.id != id {
            return self.displaced(id, name, put);
        }
        let written = self.begin(zero);
        if written {
            put(self.st.out);
        }
        Ok(written)
    }

    /// Writes a basic value where one of another type belongs: right in the place of an interface value only.
    #[cold]
    fn displaced(
        mut self,
        id: Id,
        name: &'static str,
        put: impl FnOnce(&mut BytesMut),
    ) -> Result<bool, EncodeError> {
        if self.id != Id::INTERFACE {
            return Err(self.mismatch(name));
        }
        self.begin(false);
        put_interface(self.st.out, name, id, put);
        Ok(true)
    }

    /// Writes a value that is one number on the wire: bits that are zero exactly when the value is.
    #[inline]
    pub(super) fn scalar(self, bits: u64, id: Id, name: &'static str) -> Result<bool, EncodeError> {
        if self.id != id {
            return self.displaced(id, name, |out| put_uint(out, bits));
        }
        match self.slot {
            Slot::Field(_) if bits == 0 => return Ok(false),
            Slot::Field(delta) => put_two(self.st.out, u64::from(delta), bits),
            Slot::Elem => put_uint(self.st.out, bits),
            Slot::Alone => put_two(self.st.out, 0, bits),
        }
        Ok(true)
    }

    #[inline]
    pub(super) fn float(self, value: f64, name: &'static str) -> Result<bool, EncodeError> {
        match self.slot {
            // Negative zero is left out too, as in Go, and arrives as zero.
            Slot::Field(_) if value == 0.0 && self.id == Id::FLOAT => Ok(false),
            _ => self.scalar(float_bits(value), Id::FLOAT, name),
        }
    }

    #[inline]
    pub(super) fn text(
        self,
        value: &[u8],
        id: Id,
        name: &'static str,
    ) -> Result<bool, EncodeError> {
        // Either is counted bytes to gob.
        if !matches!(self.id, Id::STRING | Id::BYTES) {
            return self.other_text(value, id, name);
        }
        let len = value.len() as u64;
        match self.slot {
            Slot::Field(_) if len == 0 => return Ok(false),
            Slot::Field(delta) => put_two(self.st.out, u64::from(delta), len),
            Slot::Elem => put_uint(self.st.out, len),
            Slot::Alone => put_two(self.st.out, 0, len),
        }
        self.st.out.extend_from_slice(value);
        Ok(true)
    }

    /// Counted bytes in the place of what is neither string nor bytes.
    fn other_text(self, value: &[u8], id: Id, name: &'static str) -> Result<bool, EncodeError> {
        let id = match self.id {
            _ if dynamic::is_opaque(self.st.types, self.id) => self.id,
            _ => id,
        };
        self.basic(value.is_empty(), id, name, |out| put_bytes(out, value))
    }
}
