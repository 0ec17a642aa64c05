//! Strings for those who want a `String`.
//!
//! That is what most of what is decoded consists of, so it is made where it is wanted. serde would have it made by a function
//! of its own, whose result is copied on before it has reached the memory: the copy waits for it.

use std::any::TypeId;
use std::marker::PhantomData;

use serde::de::DeserializeSeed;

use super::utf8;
use crate::gob::decode::DecodeError;
use crate::gob::types::Id;
use crate::gob::wire::Cursor;

/// Whether a value of this type, for this seed, is one for [`next`].
#[inline]
pub(super) fn is_plain<'de, T: DeserializeSeed<'de>>(id: Id) -> bool {
    id == Id::STRING && typeid::of::<T>() == TypeId::of::<PhantomData<String>>()
}

/// What the seed `PhantomData<String>` makes of the text at the cursor. Never None for it.
#[inline]
pub(super) fn next<'de, T: DeserializeSeed<'de>>(
    cursor: &mut Cursor<'de>,
) -> Result<Option<T::Value>, DecodeError> {
    let mut value: Option<T::Value> = None;
    if let Ok(value) = castaway::cast!(&mut value, &mut Option<String>) {
        *value = Some(utf8(cursor.bytes()?)?.to_owned());
    }
    Ok(value)
}
