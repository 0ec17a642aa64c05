//! Messages: pairs of values on one direction of a connection.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use super::config::{CallConfig, Codec};
use super::error::{DecodeError, EncodeError};
use super::gob;
#[cfg(feature = "msgpack")]
use super::msgpack;
use super::{rich, scan};
use crate::gob::__private::FlatField;
use crate::gob::{Encode, Prepared, RawValue};
use crate::tuning::rpc::KEEP_BUFFER;

/// One message: its header, and its value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    /// The request's or response's header.
    pub header: Undecoded,
    /// The argument or the reply.
    pub body: Undecoded,
}

/// A value that has arrived and is not yet decoded.
#[derive(Clone, Debug)]
pub struct Undecoded(UndecodedRepr);

#[derive(Clone, Debug)]
enum UndecodedRepr {
    Gob(RawValue),
    #[cfg(feature = "msgpack")]
    MsgPack(Bytes),
    Rich(Bytes, Depth),
}

/// How deep the value may be.
type Depth = usize;

impl Undecoded {
    /// A header may have fields that this version does not know, whatever the limits are.
    fn into_header(self) -> Self {
        match self.0 {
            UndecodedRepr::Gob(raw) => Undecoded(UndecodedRepr::Gob(raw.allow_unknown_fields())),
            other => Undecoded(other),
        }
    }

    /// Reads the fields of a header that has exactly these, in a codec that says so ahead: see
    /// [`RawValue::read_flat`].
    pub(crate) fn read_flat<'a, const N: usize>(
        &'a self,
        names: &[&'static str; N],
        values: &mut [FlatField<'a>; N],
    ) -> bool {
        match &self.0 {
            UndecodedRepr::Gob(raw) => raw.read_flat(names, values),
            _ => false,
        }
    }

    /// How long the value is as it was sent, in bytes.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            UndecodedRepr::Gob(raw) => raw.encoded_len(),
            #[cfg(feature = "msgpack")]
            UndecodedRepr::MsgPack(bytes) => bytes.len(),
            UndecodedRepr::Rich(bytes, _) => bytes.len(),
        }
    }

    /// Decodes the value.
    ///
    /// # Errors
    ///
    /// When the value is not of the type `T`. The error's text is what a peer gets.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        match &self.0 {
            UndecodedRepr::Gob(raw) => Ok(raw.decode()?),
            #[cfg(feature = "msgpack")]
            UndecodedRepr::MsgPack(bytes) => msgpack::decode(bytes),
            UndecodedRepr::Rich(bytes, depth) => Ok(rich::decode(bytes, *depth)?),
        }
    }
}

/// Cuts messages out of one direction of a connection.
#[derive(Debug)]
pub struct MessageDecoder {
    values: Values,
    /// A header whose body has not arrived yet.
    header: Option<Undecoded>,
}

/// Cuts values out of one direction of a connection.
#[derive(Debug)]
enum Values {
    Gob(crate::gob::Decoder),
    #[cfg(feature = "msgpack")]
    MsgPack(scan::Values),
    Rich(scan::Values, Depth),
}

impl MessageDecoder {
    /// The decoder for a new connection.
    #[must_use]
    pub fn new(config: impl Into<CallConfig>) -> Self {
        let CallConfig { codec, limits, .. } = config.into();
        let values = match codec {
            Codec::Gob => {
                gob::log_unknown_fields();
                Values::Gob(crate::gob::Decoder::with_limits(limits))
            }
            #[cfg(feature = "msgpack")]
            Codec::MsgPack => Values::MsgPack(scan::Values::new(limits)),
            Codec::Rich => Values::Rich(scan::Values::new(limits), limits.deepest()),
        };
        MessageDecoder {
            values,
            header: None,
        }
    }

    /// The header of the next message, while its body has not arrived. A faulty peer may send a
    /// value that is no header, and then wait for an answer instead of sending a body.
    #[must_use]
    pub fn header(&self) -> Option<&Undecoded> {
        self.header.as_ref()
    }

    #[inline]
    fn next_value(&mut self, bytes: &mut BytesMut) -> Result<Option<Undecoded>, DecodeError> {
        let value = match &mut self.values {
            Values::Gob(values) => values.next_value(bytes)?.map(UndecodedRepr::Gob),
            #[cfg(feature = "msgpack")]
            Values::MsgPack(values) => values.next_value(bytes)?.map(UndecodedRepr::MsgPack),
            Values::Rich(values, depth) => {
                let value = values.next_value(bytes)?;
                value.map(|bytes| UndecodedRepr::Rich(bytes, *depth))
            }
        };
        Ok(value.map(Undecoded))
    }
}

impl tokio_util::codec::Decoder for MessageDecoder {
    type Item = Message;
    type Error = DecodeError;

    /// Takes one message off the front of `bytes` once it is complete. Between calls, bytes may
    /// only be appended. After an error the stream cannot be read any further.
    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        let header = match self.header.take() {
            Some(header) => header,
            None => match self.next_value(bytes)? {
                Some(header) => header.into_header(),
                None => return Ok(None),
            },
        };
        match self.next_value(bytes)? {
            Some(body) => Ok(Some(Message { header, body })),
            None => {
                self.header = Some(header);
                Ok(None)
            }
        }
    }
}

/// The header of a message.
pub(crate) trait Header {
    type Value: Encode + ?Sized;

    fn value(&self) -> &Self::Value;

    /// Appends the header, if it is of texts and numbers alone and the stream has had one before.
    fn encode_flat(&self, _gob: &mut crate::gob::Encoder, _out: &mut BytesMut) -> bool {
        false
    }
}

/// A header of any kind.
struct AnyHeader<'a, H: ?Sized>(&'a H);

impl<H: Encode + ?Sized> Header for AnyHeader<'_, H> {
    type Value = H;

    fn value(&self) -> &H {
        self.0
    }
}

/// Encodes bodies. It has no state, so that a connection's callers encode at the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BodyEncoder {
    Gob,
    #[cfg(feature = "msgpack")]
    MsgPack(msgpack::Encoder),
    Rich,
}

/// What a [`MessageEncoder`] has to know of a body that a [`BodyEncoder`] has encoded.
#[derive(Debug)]
pub(crate) enum EncodedBody {
    Gob(Prepared),
    /// No codec but gob has something to say in front of a body.
    Plain,
}

impl BodyEncoder {
    pub(crate) fn new(config: CallConfig) -> Self {
        match config.codec {
            Codec::Gob => BodyEncoder::Gob,
            #[cfg(feature = "msgpack")]
            Codec::MsgPack => BodyEncoder::MsgPack(msgpack::Encoder::new(config.times)),
            Codec::Rich => BodyEncoder::Rich,
        }
    }

    /// Appends the body's bytes to `out`. After an error `out` is as it was.
    #[inline]
    pub(crate) fn encode<B>(self, body: &B, out: &mut BytesMut) -> Result<EncodedBody, EncodeError>
    where
        B: Encode + ?Sized,
    {
        match self {
            BodyEncoder::Gob => Ok(EncodedBody::Gob(Prepared::new(body, out)?)),
            #[cfg(feature = "msgpack")]
            BodyEncoder::MsgPack(encoder) => {
                encoder.encode(body, out)?;
                Ok(EncodedBody::Plain)
            }
            BodyEncoder::Rich => {
                rich::encode(body, out)?;
                Ok(EncodedBody::Plain)
            }
        }
    }
}

/// Writes messages for one direction of a connection.
#[derive(Debug)]
pub struct MessageEncoder {
    headers: Headers,
    bodies: BodyEncoder,
    /// Room for a body.
    scratch: BytesMut,
}

#[derive(Debug)]
enum Headers {
    Gob(gob::Headers),
    #[cfg(feature = "msgpack")]
    MsgPack(msgpack::Encoder),
    Rich,
}

impl MessageEncoder {
    /// The encoder for a new connection.
    #[must_use]
    pub fn new(config: impl Into<CallConfig>) -> Self {
        let bodies = BodyEncoder::new(config.into());
        let headers = match bodies {
            BodyEncoder::Gob => Headers::Gob(gob::Headers::default()),
            #[cfg(feature = "msgpack")]
            BodyEncoder::MsgPack(encoder) => Headers::MsgPack(encoder),
            BodyEncoder::Rich => Headers::Rich,
        };
        MessageEncoder {
            headers,
            bodies,
            scratch: BytesMut::new(),
        }
    }

    /// Appends a message up to its body, whose bytes have to follow: those returned, or `bytes`
    /// where there are none. After an error `out` is as it was, and so is the encoder.
    ///
    /// This runs no code of the body's type.
    #[inline]
    pub(crate) fn begin<H>(
        &mut self,
        header: &H,
        body: &EncodedBody,
        bytes: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<Bytes>, EncodeError>
    where
        H: Header + ?Sized,
    {
        match (&mut self.headers, body) {
            (Headers::Gob(headers), EncodedBody::Gob(body)) => {
                Ok(headers.begin(header, body, bytes, out)?)
            }
            #[cfg(feature = "msgpack")]
            (Headers::MsgPack(encoder), _) => encoder.encode(header.value(), out).map(|()| None),
            (Headers::Rich, _) => {
                rich::encode(header.value(), out)?;
                Ok(None)
            }
            (Headers::Gob(_), EncodedBody::Plain) => {
                unreachable!("a connection has one codec in a direction")
            }
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
    fn encode(
        &mut self,
        (header, body): (&H, &B),
        bytes: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let encoded = self.bodies.encode(body, &mut scratch)?;
        let other = self.begin(&AnyHeader(header), &encoded, &scratch, bytes)?;
        bytes.extend_from_slice(other.as_deref().unwrap_or(&scratch));
        if scratch.capacity() <= KEEP_BUFFER {
            self.scratch = scratch;
        }
        Ok(())
    }
}
