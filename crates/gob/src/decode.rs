//! Reading: a [`Decoder`] splits a stream into values, a [`RawValue`] becomes a Rust value.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;

use super::de;
pub use super::decode_error::{DecodeError, DecodeErrorKind};
use super::definition;
use super::schema::Schema;
use super::types::{Id, IdMap, Type, Types};
use super::walk::{self, Catalog, Walked, Walker};
use super::wire::{Cursor, read_uint};

/// Decodes the first value of a stream of gobs; the definitions before it are read, what follows is not.
///
/// ```
/// # use plugwire_gob as gob;
/// let bytes = gob::to_vec(&vec!["a", "b"])?;
/// let names: Vec<String> = gob::from_slice(&bytes)?;
/// assert_eq!(names, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the bytes are malformed or incomplete, or hold a value that `T` cannot take.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new();
    let mut rest = bytes;
    loop {
        match decoder.scan(rest)? {
            Scan::More => return Err(DecodeErrorKind::UnexpectedEnd.into()),
            Scan::Definition { end } => rest = &rest[end..],
            Scan::Value { id, start, end, .. } => {
                return de::from_value(
                    &decoder.types,
                    id,
                    &rest[start..end],
                    None,
                    decoder.limits.max_depth,
                );
            }
        }
    }
}

/// Bounds on what a [`Decoder`] accepts.
///
/// What a value takes besides follows the bytes that were received, a message's whole length only once it is there:
///
/// - A definition takes some eight times its bytes, for names of one letter.
/// - A value of a Rust type takes its size, however few bytes were sent of it: a struct whose fields are all zero is one
///   byte. A list takes up to twice that while it grows.
/// - A part of a [`Value`](super::Value) takes up to 100 bytes for each of its own, an [`Any`](super::Any) up to 200.
/// - A map that is read from a Go struct, and a struct with a `#[serde(flatten)]` field, are given names of fields that
///   are not among the bytes of the value, and the latter a zero for each field that was left out. These may take 256 KiB
///   and 256 bytes for each one received, a zero counting as 64 bytes and its name; a map has up to four times that of
///   it. Where it is more, decoding fails with [`TooMuchLeftOut`](DecodeErrorKind::TooMuchLeftOut).
///
/// ```
/// # use plugwire_gob::{Decoder, Limits};
/// let limits = Limits::default().max_message(1 << 20).max_depth(32);
/// let decoder = Decoder::with_limits(limits);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_message: usize,
    max_depth: usize,
    max_types: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 1 << 30,
            max_depth: 128,
            max_types: 10_000,
        }
    }
}

impl Limits {
    /// The longest message, in bytes. 1 GiB by default, as in Go on a 32-bit machine.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// The bound on messages, for other formats that heed it.
    #[must_use]
    pub fn longest_message(&self) -> usize {
        self.max_message
    }

    /// How many structs, slices, maps and interface values may be nested in each other. 128 by default.
    ///
    /// Decoding recurses as deep as the value, so a higher limit wants a larger stack.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.max_depth = levels;
        self
    }

    /// How many types one stream may define. 10,000 by default.
    #[must_use]
    pub fn max_types(mut self, types: usize) -> Self {
        self.max_types = types;
        self
    }
}

/// The receiving end of one stream of gobs: remembers the types that were defined.
///
/// It does no I/O. Append what arrives to a buffer and ask for the next value:
///
/// ```
/// # use plugwire_gob::{self as gob, Decoder};
/// # use bytes::BytesMut;
/// # let sent = gob::to_vec("hello")?;
/// let mut decoder = Decoder::new();
/// let mut buf = BytesMut::new();
/// # let mut last = None;
/// for byte in sent {
///     buf.extend_from_slice(&[byte]);
///     if let Some(value) = decoder.next_value(&mut buf)? {
///         assert_eq!(value.decode::<&str>()?, "hello");
/// #       last = Some(());
///     }
/// }
/// # last.unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    types: Arc<Types>,
    limits: Limits,
    /// Types whose definitions are complete, and whether an interface value can be in them.
    complete: IdMap<u32, bool>,
    partial: Option<Partial>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// A value that a definition inside it has split over several messages.
#[derive(Debug)]
struct Partial {
    id: Id,
    /// Where the value starts, counted from the front of the buffer, which stays there until the value is whole.
    start: usize,
    /// The end of the last message that was read.
    end: usize,
    walker: Walker,
}

/// What the front of the bytes turned out to be.
enum Scan {
    More,
    Definition {
        end: usize,
    },
    /// `end` is the value's end and `next` the message's.
    Value {
        id: Id,
        start: usize,
        end: usize,
        next: usize,
    },
}

impl Decoder {
    /// A decoder for a new stream.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A decoder with other bounds than the default ones.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            types: Arc::default(),
            limits,
            complete: IdMap::default(),
            partial: None,
        }
    }

    /// Splits the next value off the front of `buf`, with the definitions before it.
    ///
    /// None means that more bytes must arrive first; definitions that did arrive have been taken out of the buffer.
    /// Between calls, bytes may only be appended to it.
    ///
    /// # Errors
    ///
    /// When the bytes are malformed. Nothing after that point of the stream can be read.
    pub fn next_value(&mut self, buf: &mut BytesMut) -> Result<Option<RawValue>, DecodeError> {
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
                    let mut bytes = buf.split_to(next);
                    bytes.truncate(end);
                    bytes.advance(start);
                    return Ok(Some(RawValue {
                        types: self.types.clone(),
                        id,
                        bytes: bytes.freeze(),
                        max_depth: self.limits.max_depth,
                    }));
                }
            }
        }
    }

    fn scan(&mut self, input: &[u8]) -> Result<Scan, DecodeError> {
        if let Some(partial) = self.partial.take() {
            return self.resume(input, partial);
        }
        let Some((start, end)) = self.message(input, 0)? else {
            return Ok(Scan::More);
        };
        let mut cursor = Cursor {
            data: &input[..end],
            pos: start,
        };
        let id = cursor.int()?;
        if id < 0 {
            let ty = definition::read(&mut cursor)?;
            if cursor.remaining() != 0 {
                return Err(DecodeErrorKind::TrailingData.into());
            }
            self.define(walk::negate(id)?, ty)?;
            return Ok(Scan::Definition { end });
        }
        let id = walk::concrete(id, &self.types)?;
        let start = cursor.pos;
        if !self.holds_interface(id)? {
            return Ok(Scan::Value {
                id,
                start,
                end,
                next: end,
            });
        }
        if !self.types.is_struct(id) {
            walk::singleton(&mut cursor)?;
        }
        let mut walker = Walker::new(id, self.limits.max_depth);
        match walker.run(&mut cursor, self)? {
            Walked::Done => Ok(whole(id, start, end, &cursor)),
            Walked::Message => self.resume(
                input,
                Partial {
                    id,
                    start,
                    end,
                    walker,
                },
            ),
        }
    }

    /// Goes on with a value in the next message.
    fn resume(&mut self, input: &[u8], mut partial: Partial) -> Result<Scan, DecodeError> {
        loop {
            let Some((_, end)) = self.message(input, partial.end)? else {
                self.partial = Some(partial);
                return Ok(Scan::More);
            };
            // The message's length is also the length that the walk expects after a definition.
            let mut cursor = Cursor {
                data: &input[..end],
                pos: partial.end,
            };
            if end - partial.start > self.limits.max_message {
                let len = (end - partial.start) as u64;
                return Err(DecodeErrorKind::MessageTooBig {
                    len,
                    max: self.limits.max_message,
                }
                .into());
            }
            partial.end = end;
            match partial.walker.run(&mut cursor, self)? {
                Walked::Done => return Ok(whole(partial.id, partial.start, end, &cursor)),
                Walked::Message => {}
            }
        }
    }

    /// The bounds of the message at `at`, when it is there as a whole.
    fn message(&self, input: &[u8], at: usize) -> Result<Option<(usize, usize)>, DecodeError> {
        let Some((len, width)) = read_uint(input.get(at..).unwrap_or_default())? else {
            return Ok(None);
        };
        if len == 0 {
            return Err(DecodeErrorKind::EmptyMessage.into());
        }
        let start = at + width;
        // What no memory can hold is too big under any limit.
        let end = usize::try_from(len)
            .ok()
            .filter(|len| *len <= self.limits.max_message)
            .and_then(|len| start.checked_add(len))
            .ok_or(DecodeErrorKind::MessageTooBig {
                len,
                max: self.limits.max_message,
            })?;
        Ok((end <= input.len()).then_some((start, end)))
    }

    fn holds_interface(&mut self, id: Id) -> Result<bool, DecodeError> {
        self.types
            .holds_interface(id, &mut self.complete)
            .map_err(|id| {
                DecodeErrorKind::UndefinedType {
                    id: i64::from(id.0),
                }
                .into()
            })
    }
}

/// A value that was walked to its end. Whatever its message holds behind that is dropped, as Go does: net/rpc peers rely
/// on it where they help each other to skip a nil interface value.
fn whole(id: Id, start: usize, next: usize, cursor: &Cursor<'_>) -> Scan {
    Scan::Value {
        id,
        start,
        end: cursor.pos,
        next,
    }
}

impl Catalog for Decoder {
    fn types(&self) -> &Types {
        &self.types
    }

    fn check(&mut self, id: Id) -> Result<(), DecodeError> {
        self.holds_interface(id).map(drop)
    }

    fn define(&mut self, id: i64, ty: Type) -> Result<(), DecodeError> {
        if self.types.len() >= self.limits.max_types {
            return Err(DecodeErrorKind::TooManyTypes {
                max: self.limits.max_types,
            }
            .into());
        }
        let new = id >= i64::from(Id::FIRST_USER.0) && self.types.insert(Id(id as u32), ty);
        if new {
            Ok(())
        } else {
            Err(DecodeErrorKind::DuplicateType { id }.into())
        }
    }
}

/// One value of a stream, not decoded yet, with the types it needs. Cheap to clone and to send to another task.
#[derive(Clone)]
pub struct RawValue {
    pub(crate) types: Arc<Types>,
    pub(crate) id: Id,
    /// The value as it stands in a message, behind the type id. May contain whole definitions, which are in `types`.
    pub(crate) bytes: Bytes,
    pub(crate) max_depth: usize,
}

impl RawValue {
    /// Decodes the value. Strings and bytes can be borrowed from it.
    ///
    /// # Errors
    ///
    /// When the value is malformed or `T` cannot take it. The stream it came from is not affected.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        de::from_value(
            &self.types,
            self.id,
            &self.bytes,
            Some(&self.bytes),
            self.max_depth,
        )
    }

    /// The value's type, as the sender described it: what [`Encoder::encode_as`](super::Encoder::encode_as) takes.
    #[must_use]
    pub fn schema(&self) -> Schema {
        Schema::new(self.types.clone(), self.id)
    }

    /// The value's type as Go would write it, as far as the wire tells: `[]string`, `map[string]int`, `Person`.
    #[must_use]
    pub fn go_type(&self) -> String {
        self.types.describe(self.id)
    }
}

impl fmt::Debug for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawValue")
            .field("type", &self.go_type())
            .field("bytes", &self.bytes)
            .finish()
    }
}
