//! [`Ser`]: one value to be written, and how each kind of basic value is.
//!
//! Most of a value is numbers and strings. What is usual of them is inlined; the rest is not.

use std::fmt::{self, Display, Write};
use std::sync::Arc;

use bytes::BytesMut;

use super::output::{BYTE, Concrete, Output, Slot};
use crate::dynamic::{Any, Value, write};
use crate::error::{EncodeError, EncodeErrorKind, Signal};
use crate::passthrough::{self, Passed};
use crate::raw::{RawValue, transcode};
use crate::types::type_eq::{Steps, type_eq};
use crate::types::{Id, Schema, Type, Types};
use crate::wire::{
    close_length, float_bits, put_byte, put_bytes, put_float, put_int, put_two, put_uint, zigzag,
};

type Result<T> = std::result::Result<T, EncodeError>;

/// Serializes one value. `Ok` says whether anything was written.
pub(super) struct Ser<'a, 's> {
    pub(super) output: &'a mut Output<'s>,
    pub(super) id: Id,
    pub(super) slot: Slot,
}

impl Ser<'_, '_> {
    /// Writes what goes before a value; false when the value is left out.
    pub(super) fn begin(&mut self, zero: bool) -> bool {
        match self.slot {
            Slot::Field(_) if zero => return false,
            Slot::Field(delta) => put_uint(self.output.buf, u64::from(delta)),
            Slot::Elem => {}
            Slot::Alone => put_byte(self.output.buf, 0),
        }
        true
    }

    #[cold]
    pub(super) fn mismatch(&self, found: &'static str) -> EncodeError {
        let expected = match self.id {
            BYTE => "uint8".to_owned(),
            id => self.output.types.describe(id),
        };
        EncodeErrorKind::Mismatch { expected, found }.into()
    }

    #[cold]
    pub(super) fn no_struct(&self, name: &'static str) -> EncodeError {
        match self.id {
            Id::INTERFACE => EncodeErrorKind::Unnamed(name).into(),
            _ => self.mismatch(name),
        }
    }

    /// Writes a value that is one number on the wire: `bits` is zero exactly when the value is.
    #[inline]
    pub(super) fn number(self, bits: u64, id: Id, name: &'static str) -> Result<bool> {
        if self.id != id {
            return self.displaced(id, name, |buf| put_uint(buf, bits));
        }
        match self.slot {
            Slot::Field(_) if bits == 0 => return Ok(false),
            Slot::Field(delta) => put_two(self.output.buf, u64::from(delta), bits),
            Slot::Elem => put_uint(self.output.buf, bits),
            Slot::Alone => put_two(self.output.buf, 0, bits),
        }
        Ok(true)
    }

    #[inline]
    pub(super) fn int(self, value: i64, name: &'static str) -> Result<bool> {
        match self.id {
            // Deserialize asked for the other sign: its type holds, as long as the value fits.
            Id::UINT => match u64::try_from(value) {
                Ok(value) => self.uint(value, name),
                Err(_) => Err(out_of_range(value, "uint")),
            },
            _ => self.number(zigzag(value), Id::INT, name),
        }
    }

    #[inline]
    pub(super) fn uint(self, value: u64, name: &'static str) -> Result<bool> {
        match self.id {
            Id::INT => match i64::try_from(value) {
                Ok(value) => self.int(value, name),
                Err(_) => Err(out_of_range(value, "int")),
            },
            _ => self.number(value, Id::UINT, name),
        }
    }

    #[inline]
    pub(super) fn float(self, value: f64, name: &'static str) -> Result<bool> {
        match self.slot {
            // Negative zero is left out, too, as in Go, and arrives as zero.
            Slot::Field(_) if value == 0.0 && self.id == Id::FLOAT => Ok(false),
            _ => self.number(float_bits(value), Id::FLOAT, name),
        }
    }

    #[inline]
    pub(super) fn text(self, value: &[u8], id: Id, name: &'static str) -> Result<bool> {
        // Both are counted bytes to gob.
        if !matches!(self.id, Id::STRING | Id::BYTES) {
            return self.other_text(value, id, name);
        }
        let len = value.len() as u64;
        match self.slot {
            Slot::Field(_) if len == 0 => return Ok(false),
            Slot::Field(delta) => put_two(self.output.buf, u64::from(delta), len),
            Slot::Elem => put_uint(self.output.buf, len),
            Slot::Alone => put_two(self.output.buf, 0, len),
        }
        self.output.buf.extend_from_slice(value);
        Ok(true)
    }

    /// Counted bytes where the type is neither string nor bytes.
    fn other_text(self, value: &[u8], id: Id, name: &'static str) -> Result<bool> {
        let id = match self.output.types.get(self.id) {
            Some(Type::Opaque { .. }) => self.id,
            _ => id,
        };
        self.basic(value.is_empty(), id, name, |buf| put_bytes(buf, value))
    }

    /// Writes what a value prints, into the buffer itself.
    pub(super) fn display<T: Display + ?Sized>(mut self, value: &T) -> Result<bool> {
        if self.id != Id::STRING {
            return self.text(value.to_string().as_bytes(), Id::STRING, "string");
        }
        let start = self.output.buf.len();
        self.begin(false);
        let at = self.output.buf.len();
        put_display(self.output.buf, value)
            .map_err(|_| EncodeErrorKind::Custom("a value that cannot be printed".into()))?;
        if self.output.buf.len() == at + 1 && matches!(self.slot, Slot::Field(_)) {
            self.output.buf.truncate(start);
            return Ok(false);
        }
        Ok(true)
    }

    /// Writes a basic value, or one in the place of an interface value.
    fn basic(
        mut self,
        zero: bool,
        id: Id,
        name: &'static str,
        put: impl FnOnce(&mut BytesMut),
    ) -> Result<bool> {
        if self.id != id {
            return self.displaced(id, name, put);
        }
        let written = self.begin(zero);
        if written {
            put(self.output.buf);
        }
        Ok(written)
    }

    /// Writes a basic value where the type is another one, which only an interface type may be.
    #[cold]
    fn displaced(
        mut self,
        id: Id,
        name: &'static str,
        put: impl FnOnce(&mut BytesMut),
    ) -> Result<bool> {
        if self.id != Id::INTERFACE {
            return Err(self.mismatch(name));
        }
        self.begin(false);
        write::basic_interface(self.output.buf, name, id, put);
        Ok(true)
    }

    /// Starts a list or a map in the place of an interface value: its table holds that type alone.
    ///
    /// Returns where the value's length goes.
    pub(super) fn open_interface(&mut self, name: &str, types: &Arc<Types>) -> Result<usize> {
        self.begin(false);
        let id = self.output.interner.define(types, Id::FIRST_USER)?;
        put_bytes(self.output.buf, name.as_bytes());
        put_int(self.output.buf, i64::from(id.0));
        let at = self.output.buf.len();
        self.output.buf.extend_from_slice(&[0, 0]);
        Ok(at)
    }

    pub(super) fn nil(mut self) -> bool {
        let written = self.begin(true);
        if written {
            put_byte(self.output.buf, 0);
        }
        written
    }

    /// Writes the value that passes through serde.
    pub(super) fn passed(mut self) -> Result<bool> {
        match passthrough::take() {
            Some(Passed::Any(value)) => self.any(&value),
            Some(Passed::Complex(re, im, name)) => {
                let zero = re == 0.0 && im == 0.0;
                self.basic(zero, Id::COMPLEX, name, |buf| {
                    put_float(buf, re);
                    put_float(buf, im);
                })
            }
            Some(Passed::Value(Value::Interface { name, schema, .. }))
                if name.is_empty() && self.id == Id::INTERFACE =>
            {
                Err(self.stop(schema, false))
            }
            Some(Passed::Value(value)) => {
                let written = self.begin(value == Value::Nil);
                if written {
                    let output = self.output;
                    write::value(output.buf, output.types, output.interner, self.id, &value)?;
                }
                Ok(written)
            }
            Some(Passed::Name(_)) | None => Err(self.mismatch("a unit struct")),
        }
    }

    /// Stops the encoder at a value of a type of its own.
    #[cold]
    fn stop(self, schema: Schema, has_name: bool) -> EncodeError {
        self.output.concrete = Some(Concrete { schema, has_name });
        Signal::Concrete.into()
    }

    /// Writes a value of a type of its own, in a place that has been given that type.
    fn part(mut self, value: &RawValue) -> Result<bool> {
        let place = (self.output.types, self.id);
        if !type_eq(place, (&value.types, value.id), &mut Steps::default()) {
            return Err(self.mismatch("a value of another type"));
        }
        self.begin(false);
        let Output { buf, interner, .. } = self.output;
        transcode::put_part(buf, interner, value)?;
        Ok(true)
    }

    fn any(mut self, value: &Any) -> Result<bool> {
        match value {
            Any::Named(named) if self.id != Id::INTERFACE => return self.part(&named.value),
            _ if self.id != Id::INTERFACE => return Err(self.mismatch("an interface value")),
            Any::Nil => return Ok(self.nil()),
            Any::Named(named) if !named.registered && !self.output.by_name => {
                return Err(self.stop(named.value.schema(), true));
            }
            Any::Named(named) => {
                self.begin(false);
                let Output { buf, interner, .. } = self.output;
                transcode::put_interface(buf, interner, &named.name, &named.value)?;
            }
            _ => {
                self.begin(false);
                write::any(self.output.buf, value);
            }
        }
        Ok(true)
    }
}

#[cold]
pub(super) fn out_of_range(value: impl ToString, expected: &'static str) -> EncodeError {
    EncodeErrorKind::OutOfRange {
        value: value.to_string(),
        expected,
    }
    .into()
}

/// Appends what a value prints, as a string. What it printed before it failed stays there.
pub(super) fn put_display<T: Display + ?Sized>(buf: &mut BytesMut, value: &T) -> fmt::Result {
    let at = buf.len();
    put_byte(buf, 0);
    write!(buf, "{value}")?;
    close_length(buf, at, 1);
    Ok(())
}
