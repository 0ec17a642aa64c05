//! Byte strings for receivers that ask for a sequence. A `Vec<u8>` is copied as a whole.
//!
//! serde fills a `Vec` element by element and has no way to say that the elements are contiguous.
//! But the visitor of a `Vec<u8>` can be recognised by its type.

use std::cell::Cell;

use serde::de::Visitor;

use crate::compat::byte_vec_visitor;
use crate::de::access::Bytewise;
use crate::error::{DecodeError, DecodeErrorKind};

/// Gives bytes to a visitor of a sequence, which must take all of them.
pub(in crate::de) fn visit_seq<'de, V: Visitor<'de>>(
    bytes: &'de [u8],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    if super::is_on()
        && let Some(value) = copy::<V>(bytes)
    {
        return Ok(value);
    }
    let left = Cell::new(0);
    let value = visitor.visit_seq(Bytewise {
        bytes: bytes.iter(),
        left: &left,
    })?;
    match left.get() {
        0 => Ok(value),
        rest => Err(DecodeErrorKind::ArrayLength {
            count: bytes.len() as u64,
            len: (bytes.len() - rest) as u64,
        }
        .into()),
    }
}

/// The value of serde's own visitor of `Vec<u8>`. Other visitors may make anything of the bytes.
fn copy<'de, V: Visitor<'de>>(bytes: &[u8]) -> Option<V::Value> {
    let mut value: Option<V::Value> = None;
    if let Ok(value) = castaway::cast!(&mut value, &mut Option<Vec<u8>>)
        && byte_vec_visitor() == Some(typeid::of::<V>())
    {
        *value = Some(bytes.to_vec());
    }
    value
}
