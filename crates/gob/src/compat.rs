//! What is found out about types although serde does not tell it.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Tells the fields of a struct apart by the key that a name was turned into.
///
/// Derived keys are enums with a variant per field. For other kinds of keys the answer means nothing, and is harmless.
pub(crate) fn field_group<K>(key: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(key).hash(&mut hasher);
    hasher.finish()
}
