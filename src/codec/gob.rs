//! Messages in gob: two values one after the other on one gob stream.

use bytes::{Bytes, BytesMut};

use super::message::Header;
use crate::gob::{EncodeError, Encoder, Prepared, UnknownFields};

/// The type and the length before a nil `interface{}` alone, whose value is [`NIL`].
const BEFORE_NIL: [u8; 2] = [3, 0x10];

/// A nil `interface{}` alone: "no struct", and an empty name.
const NIL: [u8; 2] = [0, 0];

/// The same, followed by what a value with a name would have: a type, and a length of zero.
///
/// Go skips a body that it does not use, such as the argument of a method that it does not have. Up
/// to Go 1.26 at least, the skipping expects every interface value to have a type and a length,
/// even a nil one, and takes them from the next call's bytes: the missing method is never answered,
/// and the connection is lost at the next call. (`encoding/gob`, `ignoreInterface`) Where the value
/// is wanted, Go stops reading at the empty name and drops the rest of the message.
const BEFORE_SKIPPABLE_NIL: [u8; 2] = [5, 0x10];
const SKIPPABLE_NIL: [u8; 4] = [0, 0, 0x04, 0];

/// Has the fields logged that a peer sends and the receiver's type does not have, once for a type.
pub(super) fn log_unknown_fields() {
    crate::gob::__private::observe_unknown_fields(|unknown: &UnknownFields| {
        tracing::debug!(
            sender = unknown.sender(),
            receiver = unknown.receiver(),
            fields = ?unknown.fields(),
            "a peer sends fields that the receiver's type does not have; they are skipped"
        );
    });
}

/// Writes headers, and what belongs to the stream in front of a body.
#[derive(Debug, Default)]
pub(super) struct Headers {
    gob: Encoder,
    /// Whether the header's type was sent.
    begun: bool,
}

impl Headers {
    /// See [`MessageEncoder::begin`](super::MessageEncoder::begin).
    #[inline]
    pub(super) fn begin<H>(
        &mut self,
        header: &H,
        body: &Prepared,
        bytes: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<Bytes>, EncodeError>
    where
        H: Header + ?Sized,
    {
        let start = out.len();
        if !header.encode_flat(&mut self.gob, out) {
            self.gob.encode(header.value(), out)?;
        }
        let renumbered = self.gob.begin_prepared(body, bytes, out).inspect_err(|_| {
            // Half a message would leave the peer waiting for the other half.
            out.truncate(start);
            if !self.begun {
                // The definition of the header's type is not sent either.
                self.gob = Encoder::new();
            }
        })?;
        self.begun = true;
        if bytes == NIL && out.ends_with(&BEFORE_NIL) {
            out.truncate(out.len() - BEFORE_NIL.len());
            out.extend_from_slice(&BEFORE_SKIPPABLE_NIL);
            return Ok(Some(Bytes::from_static(&SKIPPABLE_NIL)));
        }
        Ok(renumbered.map(BytesMut::freeze))
    }
}
