//! Messages in gob: two values one after the other on one gob stream.

use bytes::BytesMut;

use super::{DecodeError, Message, Value, ValueRepr};
use crate::gob::{self, Encode, EncodeError, Limits};

#[derive(Debug)]
pub(super) struct Decoder {
    gob: gob::Decoder,
    /// A header whose body has not arrived yet.
    pub(super) header: Option<Value>,
}

impl Decoder {
    pub(super) fn new(limits: Limits) -> Self {
        Decoder {
            gob: gob::Decoder::with_limits(limits),
            header: None,
        }
    }

    pub(super) fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        loop {
            let Some(value) = self.gob.next_value(bytes)? else {
                return Ok(None);
            };
            let value = Value(ValueRepr::Gob(value));
            match self.header.take() {
                None => self.header = Some(value),
                Some(header) => {
                    return Ok(Some(Message {
                        header,
                        body: value,
                    }));
                }
            }
        }
    }
}

/// A nil `interface{}`: a message of three bytes, with the type, "no struct", and an empty name.
const NIL: [u8; 4] = [3, 0x10, 0, 0];

/// The same, followed by what a value with a name would have: a type and a length, here of nothing.
///
/// Go skips a body that it has no use for, such as the argument of a method it does not have. Up to
/// Go 1.26 at least, its skipping expects every interface value to have a type and a length, even a
/// nil one, and takes them from the next call's bytes: the missing method is never answered, and
/// the connection is lost at the next call. (`encoding/gob`, `ignoreInterface`) Where the value is
/// wanted, Go stops reading at the empty name and drops the rest of the message.
const SKIPPABLE_NIL: [u8; 6] = [5, 0x10, 0, 0, 0x04, 0];

#[derive(Debug, Default)]
pub(super) struct Encoder {
    gob: gob::Encoder,
    /// Whether the header's type was sent.
    begun: bool,
}

impl Encoder {
    pub(super) fn encode<H, B>(
        &mut self,
        header: &H,
        body: &B,
        bytes: &mut BytesMut,
    ) -> Result<(), EncodeError>
    where
        H: Encode + ?Sized,
        B: Encode + ?Sized,
    {
        if !self.begun {
            // The header's type is defined in front of the first header, which must not be taken
            // back. So the first body is tried on its own before anything is written.
            gob::to_vec(body)?;
        }
        let start = bytes.len();
        self.gob.encode(header, bytes)?;
        self.begun = true;
        let body_start = bytes.len();
        // Half a message would leave the peer waiting for the other half.
        self.gob
            .encode(body, bytes)
            .inspect_err(|_| bytes.truncate(start))?;
        if bytes[body_start..] == NIL {
            bytes.truncate(body_start);
            bytes.extend_from_slice(&SKIPPABLE_NIL);
        }
        Ok(())
    }
}
