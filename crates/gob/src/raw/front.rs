//! [`Front`]: a value that is read where it stands.

use std::sync::Arc;

use bytes::{Buf, BytesMut};

use super::decoder::{Decoder, Scan};
use super::limits::Bounds;
use crate::error::DecodeError;
use crate::types::{Id, Schema, Type, Types};

/// The next value of a stream, at the front of the buffer in which it arrived.
#[derive(Debug)]
pub struct Front<'a> {
    pub(crate) types: &'a Arc<Types>,
    pub(crate) id: Id,
    pub(crate) bytes: &'a [u8],
    pub(crate) bounds: Bounds,
}

impl Front<'_> {
    /// The number that the stream has given the value's type. A number keeps its meaning.
    #[must_use]
    pub fn type_number(&self) -> u32 {
        self.id.0
    }

    /// Whether the value is a struct with a string of this name, as it was sent.
    #[must_use]
    pub fn has_text_field(&self, name: &str) -> bool {
        self.types.has_text_field(self.id, name)
    }
}

impl Schema {
    /// Whether values are structs with a string of this name.
    #[doc(hidden)]
    #[must_use]
    pub fn has_text_field(&self, name: &str) -> bool {
        self.types.has_text_field(self.root, name)
    }
}

impl Types {
    fn has_text_field(&self, id: Id, name: &str) -> bool {
        let Some(Type::Struct(ty)) = self.get(id) else {
            return false;
        };
        // A sender can define many fields and send values of a byte each: this is a binary search.
        let place = ty.place(0, name);
        place.is_some_and(|place| ty.fields[place].id == Id::STRING)
    }
}

impl Decoder {
    /// Reads the next value and removes it from `buf`, with the definitions before it. Costs less
    /// than [`next_value`](Self::next_value) where values are small and many.
    ///
    /// `None` means the same as there.
    ///
    /// # Errors
    ///
    /// When the bytes are malformed. Nothing after that point of the stream can be read.
    #[doc(hidden)]
    pub fn read_next<R>(
        &mut self,
        buf: &mut BytesMut,
        read: impl FnOnce(Front<'_>) -> R,
    ) -> Result<Option<R>, DecodeError> {
        loop {
            match self.scan(buf)? {
                Scan::More => return Ok(None),
                Scan::Definition { end } => buf.advance(end),
                Scan::Value {
                    id,
                    start,
                    end,
                    next,
                } => {
                    let result = read(Front {
                        types: self.types(),
                        id,
                        bytes: &buf[start..end],
                        bounds: self.bounds(),
                    });
                    buf.advance(next);
                    return Ok(Some(result));
                }
            }
        }
    }
}
