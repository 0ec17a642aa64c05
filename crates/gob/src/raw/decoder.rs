//! [`Decoder`]: splits a stream into values.

use std::sync::Arc;

use bytes::{Buf, BytesMut};

use super::limits::{Bounds, Limits};
use super::value::RawValue;
use super::walk::{self, Catalog, Walked, Walker};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::types::definition;
use crate::types::{Id, IdMap, Type, Types};
use crate::wire::{Cursor, read_uint};

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

/// A value that is split over several messages by a definition inside it.
#[derive(Debug)]
struct Partial {
    id: Id,
    /// Where the value starts, from the front of the buffer, which stays until the value is whole.
    start: usize,
    /// The end of the last message that was read.
    end: usize,
    walker: Walker,
}

/// What is at the front of the bytes.
pub(super) enum Scan {
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
    /// None means that more bytes must arrive first; definitions that did arrive were taken out of
    /// the buffer. Between calls, bytes may only be appended to it.
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
                        bounds: self.limits.bounds(),
                    }));
                }
            }
        }
    }

    /// The first value of a stream that has arrived as a whole: its type, and its bytes.
    pub(crate) fn first_value<'de>(
        &mut self,
        bytes: &'de [u8],
    ) -> Result<(Id, &'de [u8]), DecodeError> {
        let mut rest = bytes;
        loop {
            match self.scan(rest)? {
                Scan::More => return Err(DecodeErrorKind::UnexpectedEnd.into()),
                Scan::Definition { end } => rest = &rest[end..],
                Scan::Value { id, start, end, .. } => return Ok((id, &rest[start..end])),
            }
        }
    }

    /// The types that the stream has defined.
    pub(crate) fn types(&self) -> &Arc<Types> {
        &self.types
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.limits.bounds()
    }

    pub(super) fn scan(&mut self, input: &[u8]) -> Result<Scan, DecodeError> {
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
        let mut walker = Walker::new(id, self.limits.depth());
        match walker.run(&mut cursor, self)? {
            Walked::Done => Ok(whole(id, start, end, &cursor)),
            Walked::Message => {
                let partial = Partial {
                    id,
                    start,
                    end,
                    walker,
                };
                self.resume(input, partial)
            }
        }
    }

    /// Goes on with a value in the next message.
    fn resume(&mut self, input: &[u8], mut partial: Partial) -> Result<Scan, DecodeError> {
        loop {
            let Some((_, end)) = self.message(input, partial.end)? else {
                self.partial = Some(partial);
                return Ok(Scan::More);
            };
            let (len, max) = (end - partial.start, self.limits.longest_message());
            if len > max {
                let len = len as u64;
                return Err(DecodeErrorKind::MessageTooBig { len, max }.into());
            }
            // The message's length is also the length that the walk expects after a definition.
            let mut cursor = Cursor {
                data: &input[..end],
                pos: partial.end,
            };
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
        // A length that overflows is too big under any limit.
        let max = self.limits.longest_message();
        let end = usize::try_from(len)
            .ok()
            .filter(|len| *len <= max)
            .and_then(|len| start.checked_add(len))
            .ok_or(DecodeErrorKind::MessageTooBig { len, max })?;
        Ok((end <= input.len()).then_some((start, end)))
    }

    fn holds_interface(&mut self, id: Id) -> Result<bool, DecodeError> {
        self.types
            .holds_interface(id, &mut self.complete)
            .map_err(walk::undefined)
    }
}

/// A value that was walked to its end. What its message holds behind that is dropped, as in Go: the
/// peers of net/rpc rely on it to skip a nil interface value.
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
        let max = self.limits.types();
        if self.types.len() >= max {
            return Err(DecodeErrorKind::TooManyTypes { max }.into());
        }
        let new = id >= i64::from(Id::FIRST_USER.0) && self.types.insert(Id(id as u32), ty);
        if new {
            Ok(())
        } else {
            Err(DecodeErrorKind::DuplicateType { id }.into())
        }
    }
}
