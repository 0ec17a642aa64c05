//! The names of private directories.

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher};

/// The prefix of this crate's names; digits follow. The names of go-plugin have no dash before the
/// digits, which tells the two apart.
const PREFIX: &str = "plugin-dir-";

/// The prefix of go-plugin's names.
#[cfg(feature = "plugin")]
const GO_PREFIX: &str = "plugin-dir";

/// A name that is probably free.
pub(crate) fn fresh() -> String {
    format!("{PREFIX}{}", random())
}

/// The longest name that [`fresh`] gives.
pub(crate) fn longest() -> String {
    format!("{PREFIX}{}", u32::MAX)
}

/// Whether this crate made a directory of this name.
pub(super) fn is_ours(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether go-plugin may have made a directory of this name, if this crate did not.
#[cfg(feature = "plugin")]
pub(super) fn is_of_go(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with(GO_PREFIX))
}

/// A number that differs from process to process and from call to call: the keys of the standard
/// library's hash maps are random.
pub(crate) fn random() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}
