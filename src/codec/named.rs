//! A value in MessagePack by itself, for peers that both have this crate: structs are maps keyed by
//! field name, and every serde type has a form.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How deep a value may be nested, as for gob.
const MAX_DEPTH: usize = 128;

/// The bytes of a value. `None` if serde cannot write it.
pub(crate) fn to_vec<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(value).ok()
}

/// The value of bytes that a peer sent. `None` if they are no value of this type.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut deserializer).ok()
}
