//! The rich codec: MessagePack for every serde type, between plugwire peers.
//!
//! It gives back each value as it was. What serde's derives write is written as `rmp-serde` writes
//! it by name (`rmp_serde::to_vec_named`): structs and variants with fields are maps by name, a
//! variant is its name or a map from its name to its data, `None`, `()` and unit structs are nil.
//! Four extensions carry what MessagePack would confuse:
//!
//! | extension | bytes | what it is |
//! | --- | --- | --- |
//! | 1 | 1 or 4, big-endian | so many `Some` around a nil: `Some(None)`, `Some(())` |
//! | 2 | any | a list of `u8`, such as `Vec<u8>`. serde's bytes are `bin` |
//! | 3 | 16, big-endian | an integer above 64 bits |
//! | 4 | 16, big-endian | a negative integer below 64 bits |
//!
//! The first makes `Option` exact at no cost to other values: a `Some` is only visible where the
//! value in it would be nil. The second is why a `Vec<u8>` survives in an untagged enum or behind
//! `#[serde(flatten)]`: serde keeps copies of values there, and reads no list from a copy of bytes.
//! Such copies are also why types are asked for their human-readable form: serde reads the copies
//! as readable, whatever the format says.
//!
//! serde itself loses some values: an untagged enum is read as the first variant that fits, and no
//! copy of a value has 128 bits.

mod cursor;
mod de;
mod ser;

use std::fmt::{self, Write};

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use self::cursor::Cursor;
use self::de::{Depth, Deserializer};
use self::ser::Serializer;
use super::scan::{MalformedError, Scanner};
use crate::gob::Limits;
use plugwire_base::escape::Escaped;

/// The extensions' types.
mod extension {
    pub(super) const SOMES: u8 = 1;
    pub(super) const BYTE_LIST: u8 = 2;
    pub(super) const LARGE: u8 = 3;
    pub(super) const NEGATIVE: u8 = 4;
}

/// How much of an error's text is kept, in bytes: the text may repeat what the peer sent.
const LONGEST_TEXT: usize = 1024;

/// Why a value was not read or written by the rich codec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RichError {
    /// The type refused the value, or the value the type.
    #[error("rich codec: {}", Escaped(.0))]
    Value(Box<str>),
    /// The value is nested deeper than [`Limits::max_depth`] allows. Each level may have three more
    /// that take no bytes: an enum, an `Option` and a newtype.
    #[error("rich codec: a value of more than {limit} levels")]
    TooDeep {
        /// The most that are accepted.
        limit: usize,
    },
    /// The value ends before it is complete, or bytes follow it.
    #[error("rich codec: the bytes are not one value")]
    Length,
    /// A string is not UTF-8.
    #[error("rich codec: a string that is not UTF-8")]
    Utf8,
    /// An extension that the codec does not write.
    #[error("rich codec: an extension of type {kind} and {length} bytes, which has no meaning")]
    Extension {
        /// The extension's type.
        kind: u8,
        /// How many bytes it has.
        length: usize,
    },
    /// A `Serialize` implementation announced another number of elements or entries than it gave.
    #[error("rich codec: a type announced {announced} elements and gave {given}")]
    Count {
        /// What it announced.
        announced: usize,
        /// What it gave.
        given: usize,
    },
    /// A string, list or map is too long for MessagePack, whose lengths have 32 bits.
    #[error("rich codec: a length of {0}, where 4,294,967,295 is the most")]
    TooLong(usize),
    /// The bytes are no MessagePack.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
}

impl RichError {
    fn text(text: impl fmt::Display) -> Self {
        let mut kept = Kept(String::new());
        // An error is the end of the room.
        let _ = write!(kept, "{text}");
        RichError::Value(kept.0.into())
    }
}

/// The beginning of a text.
struct Kept(String);

impl Write for Kept {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut room = LONGEST_TEXT.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.0.push_str(&text[..room]);
        self.0.push('…');
        Err(fmt::Error)
    }
}

impl serde::ser::Error for RichError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        RichError::text(text)
    }
}

impl serde::de::Error for RichError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        RichError::text(text)
    }
}

/// Appends a value. After an error `out` is as it was.
pub(super) fn encode<T>(value: &T, out: &mut BytesMut) -> Result<(), RichError>
where
    T: Serialize + ?Sized,
{
    let start = out.len();
    let written = value.serialize(Serializer::new(out));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Reads what [`encode`] has written. `bytes` are one value of MessagePack, as a [`Scanner`] finds
/// it.
pub(super) fn decode<'a, T>(bytes: &'a [u8], limit: usize) -> Result<T, RichError>
where
    T: Deserialize<'a>,
{
    let mut cursor = Cursor::new(bytes);
    let value = T::deserialize(Deserializer::whole(&mut cursor, Depth::new(limit)))?;
    match cursor.is_empty() {
        true => Ok(value),
        false => Err(RichError::Length),
    }
}

/// A value alone, for places that hold bytes.
pub(crate) fn to_bytes<T>(value: &T) -> Result<BytesMut, RichError>
where
    T: Serialize + ?Sized,
{
    let mut out = BytesMut::new();
    encode(value, &mut out)?;
    Ok(out)
}

/// Reads the value that is all of `bytes`.
pub(crate) fn from_bytes<'a, T>(bytes: &'a [u8], limits: Limits) -> Result<T, RichError>
where
    T: Deserialize<'a>,
{
    match Scanner::default().scan(bytes, limits.longest_message())? {
        Some(length) if length == bytes.len() => decode(bytes, limits.deepest()),
        _ => Err(RichError::Length),
    }
}

#[cfg(test)]
mod tests;
