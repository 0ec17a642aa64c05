//! What the deserializers of one value share: the context, the value that is next, and how a
//! visitor reaches its parts.

use ascii::AsciiStr;
use std::sync::Arc;

use bytes::Bytes;

use super::expansion::ExpansionBudget;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::raw::{Bounds, walk};
use crate::types::{Id, IdMap, Marshaler, Type, Types};
use crate::wire::Cursor;

/// What every nested value shares.
pub(super) struct Cx<'t, 'de> {
    pub(super) types: &'t Arc<Types>,
    pub(super) cursor: Cursor<'de>,
    /// The same bytes as the cursor's, when they can be shared instead of copied.
    pub(super) source: Option<&'t Bytes>,
    pub(super) depth: usize,
    pub(super) max_depth: usize,
    /// Whether fields that the receiver does not have are refused.
    pub(super) strict: bool,
    /// For how many elements memory may still be reserved before they are read. Each element takes
    /// at least a byte, so an honest value needs no more than it has bytes. Without this bound,
    /// every level of nesting could reserve for all bytes that are left.
    unclaimed: usize,
    pub(super) budget: ExpansionBudget,
    /// The names of types whose values become interface values.
    pub(super) names: IdMap<u32, Arc<str>>,
}

impl<'t, 'de> Cx<'t, 'de> {
    pub(super) fn new(
        types: &'t Arc<Types>,
        data: &'de [u8],
        source: Option<&'t Bytes>,
        bounds: Bounds,
    ) -> Self {
        Self {
            types,
            cursor: Cursor::new(data),
            source,
            depth: 0,
            max_depth: bounds.max_depth as usize,
            strict: bounds.strict,
            unclaimed: data.len(),
            budget: ExpansionBudget::default(),
            names: IdMap::default(),
        }
    }

    /// For how many of `count` elements memory may be reserved at once.
    #[inline]
    pub(super) fn claim(&mut self, count: usize) -> usize {
        let claimed = count.min(self.unclaimed);
        self.unclaimed -= claimed;
        claimed
    }

    /// Counts bytes that the receiver gets although they were not sent.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.budget.charge(bytes, self.cursor.data.len())
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), DecodeError> {
        if self.depth >= self.max_depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    #[cold]
    fn too_deep(&self) -> DecodeError {
        let max = self.max_depth;
        DecodeErrorKind::TooDeep { max }.into()
    }

    /// The bounds of a value that is kept for later.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            max_depth: (self.max_depth - self.depth) as u32,
            strict: self.strict,
        }
    }

    pub(super) fn skip(&mut self, id: Id) -> Result<(), DecodeError> {
        let types: &'t Types = self.types;
        walk::skip(&mut self.cursor, types, id, self.max_depth - self.depth)
    }

    pub(super) fn interface(&mut self) -> Result<Option<(&'de [u8], Id)>, DecodeError> {
        walk::interface(&mut self.cursor, self.types)
    }
}

/// Reads a value that is not part of a struct, slice or map. All but structs have a zero before
/// them.
pub(super) fn alone<'a, 't, 'de, R>(
    cx: &'a mut Cx<'t, 'de>,
    id: Id,
    read: impl FnOnce(De<'a, 't, 'de>) -> Result<R, DecodeError>,
) -> Result<R, DecodeError> {
    if !cx.types.is_struct(id) {
        walk::singleton(&mut cx.cursor)?;
    }
    read(De { cx, id })
}

/// One value of the type `id`, at the cursor. Two words, so that it is passed in registers.
pub(super) struct De<'a, 't, 'de> {
    pub(super) cx: &'a mut Cx<'t, 'de>,
    pub(super) id: Id,
}

impl<'a, 't, 'de> De<'a, 't, 'de> {
    #[cold]
    pub(super) fn mismatch(self, expected: &'static str) -> DecodeError {
        DecodeErrorKind::Mismatch {
            expected,
            received: self.cx.types.brief(self.id),
        }
        .into()
    }

    /// The value's type, if it has a definition.
    #[inline]
    pub(super) fn defined(&self) -> Option<&'t Type> {
        let types: &'t Types = self.cx.types;
        types.get(self.id)
    }

    /// Reads a value of another type than `read` is for. The concrete value of an interface value
    /// may have the right type.
    #[inline(never)]
    pub(super) fn elsewhere<R>(
        self,
        expected: &'static str,
        read: impl for<'b> FnOnce(De<'b, 't, 'de>) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        match self.id {
            Id::INTERFACE => self.concrete(expected, read),
            _ => Err(self.mismatch(expected)),
        }
    }

    /// Gives the bits of a number to a visitor.
    #[inline]
    pub(super) fn number<R>(
        self,
        id: Id,
        expected: &'static str,
        visit: impl FnOnce(u64) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        if self.id == id
            && let Some(bits) = self.cx.cursor.near_uint()
        {
            return visit(bits);
        }
        self.other_number(id, expected, visit)
    }

    /// Kept out of line so that [`number`](Self::number) is small enough to inline.
    #[inline(never)]
    fn other_number<R>(
        self,
        id: Id,
        expected: &'static str,
        visit: impl FnOnce(u64) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        if self.id == id {
            return visit(self.cx.cursor.uint()?);
        }
        self.elsewhere(expected, |de| de.number(id, expected, visit))
    }

    /// Reads the concrete value of an interface value, which must not be nil.
    pub(super) fn concrete<R>(
        self,
        expected: &'static str,
        read: impl for<'b> FnOnce(De<'b, 't, 'de>) -> Result<R, DecodeError>,
    ) -> Result<R, DecodeError> {
        self.cx.enter()?;
        let Some((_, id)) = self.cx.interface()? else {
            let received = "nil".to_owned();
            return Err(DecodeErrorKind::Mismatch { expected, received }.into());
        };
        let result = alone(&mut *self.cx, id, read)?;
        self.cx.depth -= 1;
        Ok(result)
    }

    /// A string or other counted bytes; `None` for a value of another kind.
    #[inline]
    pub(super) fn counted(&mut self) -> Result<Option<&'de [u8]>, DecodeError> {
        match self.id {
            Id::STRING | Id::BYTES => self.cx.cursor.bytes().map(Some),
            _ => match self.defined() {
                Some(Type::Opaque { .. }) => self.cx.cursor.bytes().map(Some),
                _ => Ok(None),
            },
        }
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<Option<&'de str>, DecodeError> {
        match self.id {
            Id::STRING => utf8(self.cx.cursor.bytes()?).map(Some),
            _ => self.other_text(),
        }
    }

    /// The text of a value that is not a string.
    fn other_text(&mut self) -> Result<Option<&'de str>, DecodeError> {
        if let Some(Type::Opaque {
            kind: Marshaler::Gob | Marshaler::Binary,
            ..
        }) = self.defined()
        {
            return Ok(None);
        }
        match self.counted()? {
            Some(bytes) => utf8(bytes).map(Some),
            None => Ok(None),
        }
    }
}

/// How a visitor reaches the parts of a value.
pub(super) trait Parts {
    /// Replaces an error of the visitor by its cause, where that is known.
    #[inline]
    fn explain(&self, error: DecodeError) -> DecodeError {
        error
    }

    /// Skips what the visitor did not ask for, and moves to the end of the value.
    fn finish(&mut self) -> Result<(), DecodeError>;
}

/// Gives a value's parts to a visitor.
///
/// One variable holds the result from the visitor to the caller. To take the value out of a result
/// and put it into another copies it, which cost 4 % of a list of users.
#[inline]
pub(super) fn visit<P: Parts, R>(
    mut parts: P,
    visitor: impl FnOnce(&mut P) -> Result<R, DecodeError>,
) -> Result<R, DecodeError> {
    let mut result = visitor(&mut parts);
    if let Err(error) = result {
        result = Err(parts.explain(error));
    } else if let Err(error) = parts.finish() {
        result = Err(error);
    }
    result
}

/// Texts are mostly short and ASCII, which is found out faster than UTF-8: a call with a string
/// takes 3 % less. A long text that is ASCII up to its last letter would be read twice.
///
/// Kept out of line so that the readers of strings are small.
#[inline(never)]
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    if bytes.len() <= 256
        && let Ok(text) = AsciiStr::from_ascii(bytes)
    {
        return Ok(text.as_str());
    }
    std::str::from_utf8(bytes).map_err(|_| DecodeErrorKind::NotUtf8.into())
}

#[cold]
pub(super) fn out_of_range(value: impl ToString, expected: &'static str) -> DecodeError {
    DecodeErrorKind::OutOfRange {
        value: value.to_string(),
        expected,
    }
    .into()
}
