//! One call's bytes: how the messages of net/rpc are cut out of a stream and put onto one.
//!
//! A message is two values, a header and a body. [`MessageDecoder`] and [`MessageEncoder`] are the
//! [`tokio_util::codec`] pair for a stream of them: pure, synchronous, fed with bytes in any
//! chunking. Each holds the state of one direction of one connection, since gob defines a type once
//! and refers to it from then on.

mod gob;
#[cfg(feature = "msgpack")]
mod lenient;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "msgpack")]
mod scan;

#[cfg(feature = "msgpack")]
use bytes::Bytes;
use bytes::BytesMut;
use serde::Deserialize;

#[cfg(feature = "msgpack")]
pub use self::scan::MalformedError;
use crate::InvalidOption;
pub use crate::gob::{Encode, Limits};
#[cfg(feature = "msgpack")]
use plugwire_base::escape::Escaped;

/// How the values of a call are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// Go's `encoding/gob`, what go-plugin speaks.
    #[default]
    Gob,
    /// MessagePack, as `hashicorp/net-rpc-msgpackrpc` and ugorji's `codec.GoRpc` have it: structs as
    /// maps keyed by field name. Packer and Consul speak it. (Feature `msgpack`)
    #[cfg(feature = "msgpack")]
    MsgPack,
}

/// How a [`Time`](crate::gob::Time) is written in MessagePack. Every form that Go peers write is read,
/// whichever is written: nil, timestamps of 4, 8 and 12 bytes as extension −1, as `bin` and as `str`,
/// the output of `MarshalBinary`, and text.
#[cfg(feature = "msgpack")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeFormat {
    /// A timestamp of 12 bytes as `bin`, which hashicorp/go-msgpack 2 and ugorji's codec read with
    /// any setting of `WriteExt`. It has no zone: the time arrives in UTC.
    #[default]
    Timestamp,
    /// The output of Go's `Time.MarshalBinary` as `bin`, with the zone. hashicorp/go-msgpack 0.5 reads
    /// nothing else, and neither do later ones where `TimeNotBuiltin` is set, as it is in Consul and
    /// Nomad.
    MarshalBinary,
}

/// How the messages of a connection are written, and how much of the peer's is taken.
///
/// Everything that takes one takes a [`Codec`] as well, for the default limits.
///
/// ```
/// use plugwire::codec::{Codec, Config};
/// use plugwire::gob::Limits;
///
/// let config = Config::new(Codec::Gob).limits(Limits::default().max_message(1 << 20));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config {
    codec: Codec,
    limits: Limits,
    max_calls: usize,
    #[cfg(feature = "msgpack")]
    times: TimeFormat,
}

impl Default for Config {
    fn default() -> Self {
        Config::new(Codec::default())
    }
}

impl Config {
    /// A codec with the default limits.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Config {
            codec,
            limits: Limits::default(),
            max_calls: 16 * 1024,
            #[cfg(feature = "msgpack")]
            times: TimeFormat::default(),
        }
    }

    /// The same in another codec.
    pub(crate) fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// What is taken of the peer: longer or deeper messages end the connection. MessagePack heeds
    /// the length alone; its depth is fixed, at gob's default, and it has no types to define.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How times are written in MessagePack. Default [`TimeFormat::Timestamp`]. Gob has one form.
    #[cfg(feature = "msgpack")]
    #[must_use]
    pub fn times(mut self, format: TimeFormat) -> Self {
        self.times = format;
        self
    }

    /// How many of the peer's calls run at a time on one connection. A server that has so many reads
    /// no further request until one of them ends. Default 16,384, and at least 1. Go's server has no
    /// such bound, and grows with each request.
    ///
    /// A plugin whose calls wait for later calls of the same connection has to allow more calls than
    /// ever wait so.
    #[must_use]
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.max_calls = calls;
        self
    }

    /// The bound on running calls; zero, which nothing could run under, counts as one.
    pub(crate) fn calls(&self) -> usize {
        self.max_calls.max(1)
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        match self.max_calls {
            0 => Err(InvalidOption::new("max_calls", 0, "at least 1")),
            _ => Ok(()),
        }
    }
}

impl From<Codec> for Config {
    fn from(codec: Codec) -> Self {
        Config::new(codec)
    }
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
    #[cfg(feature = "msgpack")]
    MsgPack(Bytes),
}

impl Value {
    /// Decodes the value. The text of the error is what a peer is told.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        match &self.0 {
            ValueRepr::Gob(raw) => Ok(raw.decode()?),
            #[cfg(feature = "msgpack")]
            ValueRepr::MsgPack(bytes) => msgpack::decode(bytes),
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
    /// The MessagePack holds another type.
    #[cfg(feature = "msgpack")]
    #[error("msgpack: {}", Escaped(.0))]
    MsgPack(Box<rmp_serde::decode::Error>),
    /// The bytes are no MessagePack, or more than is taken.
    #[cfg(feature = "msgpack")]
    #[error(transparent)]
    Malformed(#[from] MalformedError),
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
    /// The value is not one that MessagePack can say.
    #[cfg(feature = "msgpack")]
    #[error("msgpack: {0}")]
    MsgPack(Box<rmp_serde::encode::Error>),
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Cuts messages out of one direction of a connection.
#[derive(Debug)]
pub struct MessageDecoder(DecoderRepr);

#[derive(Debug)]
enum DecoderRepr {
    Gob(gob::Decoder),
    #[cfg(feature = "msgpack")]
    MsgPack(msgpack::Decoder),
}

impl MessageDecoder {
    /// The decoder for a fresh connection.
    pub fn new(config: impl Into<Config>) -> Self {
        let Config { codec, limits, .. } = config.into();
        MessageDecoder(match codec {
            Codec::Gob => DecoderRepr::Gob(gob::Decoder::new(limits)),
            #[cfg(feature = "msgpack")]
            Codec::MsgPack => DecoderRepr::MsgPack(msgpack::Decoder::new(limits)),
        })
    }

    /// The header of the next message, while the body is still to come. A peer that went wrong may
    /// have sent a header that is none, and wait for an answer instead of sending more.
    pub fn header(&self) -> Option<&Value> {
        match &self.0 {
            DecoderRepr::Gob(decoder) => decoder.header.as_ref(),
            #[cfg(feature = "msgpack")]
            DecoderRepr::MsgPack(decoder) => decoder.header.as_ref(),
        }
    }
}

impl tokio_util::codec::Decoder for MessageDecoder {
    type Item = Message;
    type Error = DecodeError;

    /// Takes one message off the front of `bytes` once it is there. Between calls, bytes may only
    /// be appended. After an error the stream cannot be read any further.
    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        match &mut self.0 {
            DecoderRepr::Gob(decoder) => decoder.decode(bytes),
            #[cfg(feature = "msgpack")]
            DecoderRepr::MsgPack(decoder) => decoder.decode(bytes),
        }
    }
}

/// Writes messages for one direction of a connection.
#[derive(Debug)]
pub struct MessageEncoder(EncoderRepr);

#[derive(Debug)]
enum EncoderRepr {
    Gob(gob::Encoder),
    #[cfg(feature = "msgpack")]
    MsgPack(msgpack::Encoder),
}

impl MessageEncoder {
    /// The encoder for a fresh connection.
    pub fn new(config: impl Into<Config>) -> Self {
        let config = config.into();
        MessageEncoder(match config.codec {
            Codec::Gob => EncoderRepr::Gob(gob::Encoder::default()),
            #[cfg(feature = "msgpack")]
            Codec::MsgPack => EncoderRepr::MsgPack(msgpack::Encoder::new(config.times)),
        })
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
        match &mut self.0 {
            EncoderRepr::Gob(encoder) => Ok(encoder.encode(message.0, message.1, bytes)?),
            #[cfg(feature = "msgpack")]
            EncoderRepr::MsgPack(encoder) => encoder.encode(message.0, message.1, bytes),
        }
    }
}
