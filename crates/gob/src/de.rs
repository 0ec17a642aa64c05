//! The serde deserializer of one value.
//!
//! `context` has what all files here share: the cursor, limits, and [`De`](context::De), the value
//! that is next. `deserializer` says what each kind of Rust type takes; `compound` chooses how a
//! visitor reaches the parts of lists, maps and structs; `access`, `fields` and `struct_as_map` are
//! those ways. `fit` checks whether two structs have to do with each other, and `optional` reads
//! a value or none. `zero` stands for what was not sent. `fast` has the fast paths.

mod access;
mod compound;
mod context;
mod deserializer;
mod dynamic;
mod expansion;
mod fast;
mod field_quirks;
mod fields;
mod fit;
mod optional;
mod parts;
mod struct_as_map;
mod zero;

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

pub(crate) use self::context::utf8;
use self::context::{Cx, alone};
use self::field_quirks::QUIRKS;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::raw::Bounds;
use crate::types::{Id, Types};

/// Decodes a value that is not part of another.
pub(crate) fn from_value<'de, T: Deserialize<'de>>(
    types: &Arc<Types>,
    id: Id,
    data: &'de [u8],
    source: Option<&Bytes>,
    bounds: Bounds,
) -> Result<T, DecodeError> {
    QUIRKS.read(|| {
        let mut cx = Cx::new(types, data, source, bounds);
        alone(&mut cx, id, T::deserialize)
            .map_err(|error| error.target(std::any::type_name::<T>()))
            .and_then(|value| match cx.cursor.remaining() {
                0 => Ok(value),
                _ => Err(DecodeErrorKind::TrailingData.into()),
            })
    })
}

/// The value of a field that was not sent.
pub(crate) fn zero_value<T: serde::de::DeserializeOwned>() -> Result<T, DecodeError> {
    T::deserialize(zero::Zero::new(&Types::default(), None, 64))
}
