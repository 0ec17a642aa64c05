//! Values that came past serde: interface values, complex numbers, and values with nothing known about them.

use std::fmt::Display;

use serde::Serializer;

use super::{Ser, Slot, put_display};
use crate::dynamic::{Value, write};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::passthrough::{self, Passed};
use crate::types::{Id, Type, Types};
use crate::wire::put_float;

#[inline]
pub(super) fn is_opaque(types: &Types, id: Id) -> bool {
    matches!(types.get(id), Some(Type::Opaque { .. }))
}

impl Ser<'_, '_> {
    /// Writes what a value prints, into the buffer itself.
    pub(super) fn display<T: Display + ?Sized>(mut self, value: &T) -> Result<bool, EncodeError> {
        if self.id != Id::STRING {
            return self.serialize_str(&value.to_string());
        }
        let start = self.st.out.len();
        self.begin(false);
        let at = self.st.out.len();
        put_display(self.st.out, value)
            .map_err(|_| EncodeErrorKind::Custom("a value that cannot be printed".into()))?;
        if self.st.out.len() == at + 1 && matches!(self.slot, Slot::Field(_)) {
            self.st.out.truncate(start);
            return Ok(false);
        }
        Ok(true)
    }

    /// Writes the value that passes through serde.
    pub(super) fn passed(mut self) -> Result<bool, EncodeError> {
        match passthrough::take() {
            Some(Passed::Any(value)) if self.id == Id::INTERFACE => self.any(&value),
            Some(Passed::Complex(re, im, name)) => {
                let zero = re == 0.0 && im == 0.0;
                self.basic(zero, Id::COMPLEX, name, |out| {
                    put_float(out, re);
                    put_float(out, im);
                })
            }
            Some(Passed::Value(value)) => {
                if !self.begin(value == Value::Nil) {
                    return Ok(false);
                }
                let st = self.st;
                write::value(st.out, st.types, st.interner, self.id, &value)?;
                Ok(true)
            }
            Some(Passed::Any(_)) => Err(self.mismatch("an interface value")),
            Some(Passed::Name(_)) | None => Err(self.mismatch("a unit struct")),
        }
    }
}
