//! Streams of items: one value after the other, in either codec, and at most one error behind them.
//!
//! An item is written as any value is, so that Go's `gob.NewDecoder(conn)` and
//! `gob.NewEncoder(conn)` read and write items. The end is the end of the byte stream. An error is
//! a value of another type, a struct whose first field is `StreamError`, the error's text:
//!
//! ```go
//! type StreamError struct{ StreamError string }
//! ```
//!
//! To a peer that agreed to errors that keep their type, a second field has what the text does not
//! say. It is read always: what is left out is its default.
//!
//! Gob sends a type's description before its first value, so the two types cannot be confused. Go's
//! decoder gives a string or a number no such value, and reports one of the types. A Go author that
//! wants the text adds a field `StreamError string` to the item's struct. MessagePack has no types:
//! there an error is a map whose first key is `StreamError`, with a text that is not empty. An item
//! that would be read as an error is not sent.

use bytes::{Buf, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::config::{CallConfig, Codec};
use super::error::{DecodeError, EncodeError};
#[cfg(feature = "msgpack")]
use super::msgpack;
use super::{rich, scan};
use crate::gob::{self, Encode, Schema};

/// The field by which an error is known.
const MARK: &str = "StreamError";

/// The error that ended a stream, as Go's peers see it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "StreamError")]
struct TextAlone<S> {
    #[serde(rename = "StreamError", default)]
    text: S,
}

/// The error that ended a stream. `D` is what may come with the text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(
    rename = "StreamError",
    bound(deserialize = "D: Deserialize<'de>", serialize = "D: Serialize")
)]
pub(crate) struct StreamFailure<D> {
    #[serde(rename = "StreamError", default)]
    pub(crate) text: String,
    #[serde(rename = "PlugwireDetail", default = "Option::default")]
    pub(crate) detail: Option<D>,
}

/// What stands in a stream.
#[derive(Debug)]
pub(crate) enum Next<T, D> {
    Item(T),
    /// The last value of the stream.
    Failure(StreamFailure<D>),
}

/// Why an item is not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ItemEncodeError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(
        "`{ty}` has a field `{MARK}`, which marks the error that ends a stream: rename the field"
    )]
    Marked { ty: &'static str },
}

/// Writes the items of one stream.
#[derive(Debug)]
pub(crate) enum ItemEncoder {
    Gob {
        encoder: gob::Encoder,
        /// Whether the items' type has been looked at.
        checked: bool,
    },
    #[cfg(feature = "msgpack")]
    MsgPack(msgpack::Encoder),
    Rich,
}

impl ItemEncoder {
    pub(crate) fn new(config: CallConfig) -> Self {
        match config.codec {
            Codec::Gob => ItemEncoder::Gob {
                encoder: gob::Encoder::new(),
                checked: false,
            },
            #[cfg(feature = "msgpack")]
            Codec::MsgPack => ItemEncoder::MsgPack(msgpack::Encoder::new(config.times)),
            Codec::Rich => ItemEncoder::Rich,
        }
    }

    /// Appends an item. After an error `out` is as it was.
    #[inline]
    pub(crate) fn encode<T: Encode>(
        &mut self,
        item: &T,
        out: &mut BytesMut,
    ) -> Result<(), ItemEncodeError> {
        match self {
            ItemEncoder::Gob { encoder, checked } => {
                if !*checked {
                    check::<T>()?;
                    *checked = true;
                }
                encoder.encode(item, out).map_err(EncodeError::from)?;
            }
            #[cfg(feature = "msgpack")]
            ItemEncoder::MsgPack(encoder) => {
                let start = out.len();
                encoder.encode(item, out)?;
                if is_marked(&out[start..]) {
                    out.truncate(start);
                    return Err(marked::<T>());
                }
            }
            ItemEncoder::Rich => {
                let start = out.len();
                rich::encode(item, out).map_err(EncodeError::from)?;
                if is_marked(&out[start..]) {
                    out.truncate(start);
                    return Err(marked::<T>());
                }
            }
        }
        Ok(())
    }

    /// Appends the error that ends the stream: in Go's form if there is only the text.
    pub(crate) fn fail<D: Serialize>(&mut self, failure: StreamFailure<D>, out: &mut BytesMut)
    where
        StreamFailure<D>: Encode,
    {
        let StreamFailure { mut text, detail } = failure;
        if text.is_empty() {
            // An empty text is no error to the receiver.
            text.push_str("unknown error");
        }
        let encoded = match detail {
            None => self.put(&TextAlone { text: &*text }, out),
            detail @ Some(_) => self.put(&StreamFailure { text, detail }, out),
        };
        debug_assert!(encoded.is_ok(), "a text has a form in every codec");
    }

    fn put<T: Encode>(&mut self, value: &T, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            ItemEncoder::Gob { encoder, .. } => Ok(encoder.encode(value, out)?),
            #[cfg(feature = "msgpack")]
            ItemEncoder::MsgPack(encoder) => encoder.encode(value, out),
            ItemEncoder::Rich => Ok(rich::encode(value, out)?),
        }
    }
}

/// Fails for a type whose values could be read as errors.
#[cold]
fn check<T: Encode>() -> Result<(), ItemEncodeError> {
    let schema = Schema::of::<T>().map_err(EncodeError::from)?;
    match schema.has_text_field(MARK) {
        true => Err(marked::<T>()),
        false => Ok(()),
    }
}

#[cold]
fn marked<T>() -> ItemEncodeError {
    ItemEncodeError::Marked {
        ty: std::any::type_name::<T>(),
    }
}

/// Reads the items of one stream.
#[derive(Debug)]
pub(crate) struct ItemDecoder {
    values: Values,
    /// Whether a part of a value was taken out of the buffer.
    begun: bool,
}

#[derive(Debug)]
enum Values {
    Gob {
        decoder: gob::Decoder,
        /// The number of a type that errors do not have; 0 is no type's.
        plain: u32,
    },
    #[cfg(feature = "msgpack")]
    MsgPack(scan::Values),
    Rich(scan::Values, usize),
}

impl ItemDecoder {
    pub(crate) fn new(config: CallConfig) -> Self {
        let values = match config.codec {
            Codec::Gob => Values::Gob {
                decoder: gob::Decoder::with_limits(config.limits),
                plain: 0,
            },
            #[cfg(feature = "msgpack")]
            Codec::MsgPack => Values::MsgPack(scan::Values::new(config.limits)),
            Codec::Rich => Values::Rich(scan::Values::new(config.limits), config.limits.deepest()),
        };
        ItemDecoder {
            values,
            begun: false,
        }
    }

    /// Takes the next item off the front of `bytes` once it is complete. Between calls, bytes may
    /// only be appended. After an error the stream cannot be read any further.
    #[inline]
    pub(crate) fn next<T: DeserializeOwned, D: DeserializeOwned>(
        &mut self,
        bytes: &mut BytesMut,
    ) -> Result<Option<Next<T, D>>, DecodeError> {
        let had = bytes.len();
        let next = match &mut self.values {
            Values::Gob { decoder, plain } => decoder
                .read_next(bytes, |front| {
                    let number = front.type_number();
                    if number != *plain {
                        if let Some(failure) = failure(&front)? {
                            return Ok(Next::Failure(failure));
                        }
                        if !front.has_text_field(MARK) {
                            *plain = number;
                        }
                    }
                    front.decode().map(Next::Item)
                })?
                .transpose()?,
            #[cfg(feature = "msgpack")]
            Values::MsgPack(values) => match values.next_length(bytes)? {
                None => None,
                Some(length) => {
                    let value = &bytes[..length];
                    let text = || msgpack::decode(value).ok();
                    let next = match is_failure(value, text, || msgpack::decode(value).ok()) {
                        Some(failure) => Next::Failure(failure),
                        None => Next::Item(msgpack::decode(value)?),
                    };
                    bytes.advance(length);
                    Some(next)
                }
            },
            Values::Rich(values, depth) => match values.next_length(bytes)? {
                None => None,
                Some(length) => {
                    let value = &bytes[..length];
                    let text = || rich::decode(value, *depth).ok();
                    let next = match is_failure(value, text, || rich::decode(value, *depth).ok()) {
                        Some(failure) => Next::Failure(failure),
                        None => Next::Item(rich::decode(value, *depth)?),
                    };
                    bytes.advance(length);
                    Some(next)
                }
            },
        };
        match &next {
            Some(_) => self.begun = false,
            None => self.begun |= bytes.len() < had,
        }
        Ok(next)
    }

    /// Whether the stream may end here: behind an item, or before the first.
    pub(crate) fn is_between_items(&self, rest: &BytesMut) -> bool {
        rest.is_empty() && !self.begun
    }
}

/// The error that a gob is, if it is one. A Go author may send items and errors as one struct, in
/// which the text of items is empty.
#[cold]
fn failure<D: DeserializeOwned>(
    front: &gob::__private::Front<'_>,
) -> Result<Option<StreamFailure<D>>, gob::DecodeError> {
    if !front.has_text_field(MARK) {
        return Ok(None);
    }
    let TextAlone { text }: TextAlone<String> = front.decode()?;
    Ok(filled(text, || front.decode().ok()))
}

/// The error of a text that is not empty. Of a detail that is none, the text is left.
fn filled<D>(
    text: String,
    decode: impl FnOnce() -> Option<StreamFailure<D>>,
) -> Option<StreamFailure<D>> {
    if text.is_empty() {
        return None;
    }
    let detail = decode().and_then(|failure| failure.detail);
    Some(StreamFailure { text, detail })
}

/// Whether a MessagePack value is a map with the mark as its first key.
fn is_marked(value: &[u8]) -> bool {
    let entries = match value {
        [0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..] | [0xdf, _, _, _, _, rest @ ..] => rest,
        _ => return false,
    };
    // A string of up to 31 bytes, and one with its length in a byte.
    let key = match entries {
        [0xab, key @ ..] | [0xd9, 0x0b, key @ ..] => key,
        _ => return false,
    };
    key.starts_with(MARK.as_bytes())
}

/// The error that a MessagePack value is, if it is one.
fn is_failure<D>(
    value: &[u8],
    text: impl FnOnce() -> Option<TextAlone<String>>,
    decode: impl FnOnce() -> Option<StreamFailure<D>>,
) -> Option<StreamFailure<D>> {
    if !is_marked(value) {
        return None;
    }
    filled(text()?.text, decode)
}
