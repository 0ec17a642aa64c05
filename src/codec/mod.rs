//! One call's bytes: how the messages of net/rpc are cut out of a stream and put onto one.
//!
//! A message is two values, a header and a body. [`MessageDecoder`] and [`MessageEncoder`] are the
//! [`tokio_util::codec`] pair for a stream of them: pure, synchronous, fed with bytes in any
//! chunking. Each holds the state of one direction of one connection, since gob defines a type once
//! and refers to it from then on.

mod gob;

use bytes::BytesMut;
use serde::Deserialize;

pub use crate::gob::Encode;

/// How the values of a call are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// Go's `encoding/gob`, what go-plugin speaks.
    #[default]
    Gob,
}

/// One message: what it is about, and its value.
#[derive(Clone, Debug)]
pub struct Message {
    /// The request's or response's header.
    pub header: Value,
    /// The argument or the reply.
    pub body: Value,
}

/// A value that has arrived and is not yet decoded.
#[derive(Clone, Debug)]
pub struct Value(ValueRepr);

#[derive(Clone, Debug)]
enum ValueRepr {
    Gob(crate::gob::RawValue),
}

impl Value {
    /// Decodes the value. The text of the error is what a peer is told.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        match &self.0 {
            ValueRepr::Gob(raw) => Ok(raw.decode()?),
        }
    }
}

/// Why bytes are no message, or a message's value is not what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The gob is malformed, or holds another type.
    #[error(transparent)]
    Gob(#[from] crate::gob::DecodeError),
    /// The stream failed or ended within a message.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Why a value could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value is not one that gob can say.
    #[error(transparent)]
    Gob(#[from] crate::gob::EncodeError),
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Cuts messages out of one direction of a connection.
#[derive(Debug)]
pub struct MessageDecoder(gob::Decoder);

impl MessageDecoder {
    /// The decoder for a fresh connection.
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::Gob => MessageDecoder(gob::Decoder::default()),
        }
    }
}

impl tokio_util::codec::Decoder for MessageDecoder {
    type Item = Message;
    type Error = DecodeError;

    /// Takes one message off the front of `bytes` once it is there. After an error the stream
    /// cannot be read any further.
    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        self.0.decode(bytes)
    }
}

/// Writes messages for one direction of a connection.
#[derive(Debug)]
pub struct MessageEncoder(gob::Encoder);

impl MessageEncoder {
    /// The encoder for a fresh connection.
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::Gob => MessageEncoder(gob::Encoder::default()),
        }
    }
}

impl<H, B> tokio_util::codec::Encoder<(&H, &B)> for MessageEncoder
where
    H: Encode + ?Sized,
    B: Encode + ?Sized,
{
    type Error = EncodeError;

    /// Appends one message. After an error `bytes` is as it was, and so is the encoder.
    fn encode(&mut self, message: (&H, &B), bytes: &mut BytesMut) -> Result<(), EncodeError> {
        Ok(self.0.encode(message.0, message.1, bytes)?)
    }
}
