//! The message being written, and where in it a value goes.

use bytes::BytesMut;

use crate::raw::Interner;
use crate::types::{Id, Schema, Types};

/// What every part of one value shares.
pub(crate) struct Output<'s> {
    pub(crate) buf: &'s mut BytesMut,
    pub(crate) types: &'s Types,
    pub(crate) interner: &'s mut Interner,
    /// Sorts the fields of structs whose `Serialize` gives them in another order than the type has.
    pub(crate) reorder: bool,
    /// The fields so far of the structs being sorted, the outermost struct's first.
    pub(crate) pieces: Vec<Piece>,
    /// A value that stopped the encoder: see [`Concrete`].
    pub(crate) concrete: Option<Concrete>,
    /// Whether values without a registered name are sent under the name that they have, if any.
    pub(crate) by_name: bool,
}

/// A value with a type of its own that has no registered name, where an interface type is expected.
pub(crate) struct Concrete {
    pub(crate) schema: Schema,
    /// Whether it has any name.
    pub(crate) has_name: bool,
}

/// A field that waits to be sorted, without its number.
pub(crate) struct Piece {
    pub(super) index: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Where a value goes, which decides about zeros.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Slot {
    /// A field, this far from the last one written. Zeros are left out.
    Field(u32),
    /// An element, whatever its value.
    Elem,
    /// A value that is not in a struct: a zero byte takes the place of the field number.
    Alone,
}

/// A one-byte element of a byte string. No type of the format.
pub(super) const BYTE: Id = Id(u32::MAX);
