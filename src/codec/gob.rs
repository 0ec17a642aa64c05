//! Messages in gob: two values one after the other on one gob stream.

use bytes::BytesMut;

use super::{DecodeError, Message, Value, ValueRepr};
use crate::gob::{self, Encode, EncodeError, RawValue};

#[derive(Debug, Default)]
pub(super) struct Decoder {
    gob: gob::Decoder,
    /// A header whose body has not arrived yet.
    header: Option<RawValue>,
}

impl Decoder {
    pub(super) fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        loop {
            let Some(value) = self.gob.next_value(bytes)? else {
                return Ok(None);
            };
            match self.header.take() {
                None => self.header = Some(value),
                Some(header) => {
                    return Ok(Some(Message {
                        header: Value(ValueRepr::Gob(header)),
                        body: Value(ValueRepr::Gob(value)),
                    }));
                }
            }
        }
    }
}

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
        // Half a message would leave the peer waiting for the other half.
        self.gob
            .encode(body, bytes)
            .inspect_err(|_| bytes.truncate(start))
    }
}
