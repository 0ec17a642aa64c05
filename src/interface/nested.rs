//! For `#[serde(with = "plugwire::brokered")]`: an interface in a field of a struct.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Arc;
//! use plugwire::{Reader, Result};
//! use serde::{Deserialize, Serialize};
//!
//! #[plugwire::interface]
//! pub trait Progress {
//!     async fn at(&self, percent: u32) -> Result<()>;
//! }
//!
//! /// type Job struct { Name string; Input uint32; Progress uint32; Hooks map[string]uint32 }
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! pub struct Job {
//!     name: String,
//!     /// Readers, writers and streams need no attribute, unless they are in an `Option`.
//!     input: Reader,
//!     #[serde(with = "plugwire::brokered")]
//!     progress: Option<Arc<dyn Progress>>,
//!     #[serde(with = "plugwire::brokered")]
//!     hooks: HashMap<String, Arc<dyn Progress>>,
//! }
//!
//! #[plugwire::interface]
//! pub trait Worker {
//!     async fn run(&self, jobs: Vec<Job>) -> Result<()>;
//! }
//! ```
//!
//! Each interface, reader, writer or stream is a `uint32` to Go: the broker id under which the
//! other side connects to it, and 0 for `None`. It may be in an `Option`, a `Vec`, a `VecDeque`,
//! the values of a `HashMap` or `BTreeMap`, a tuple, a `Box` or a `Result`, at any depth, beside
//! numbers and strings. A parameter or result whose type shows an interface in one of these needs
//! no attribute.
//!
//! # When it crosses
//!
//! Only in a call of an interface: in an argument, a reply, or an item of a
//! stream. Anywhere else, to encode or decode the value is an error.
//!
//! Readers, writers and streams are lent by encoding them, as if they were moved. They come back
//! when the call fails before the other side has connected to them. Until then, to send or use one
//! again is an error. An interface is shared, and may be sent any number of times.
//!
//! All that a value holds is connected before the method, or the caller, gets the value. When that
//! fails, so does the call.

use serde::de::Deserializer;
use serde::ser::Serializer;

pub use super::shape::Nested;
use super::shape::Shape;

/// Writes the value: its interfaces, readers, writers and streams as broker ids.
///
/// # Errors
///
/// Those of the serializer, and outside of a call of an interface.
pub fn serialize<T: Nested, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    T::Shape::serialize(value, serializer)
}

/// Reads a value.
///
/// # Errors
///
/// Those of the deserializer, for an id that is 0 or occurs twice, and outside of a call of an
/// interface.
pub fn deserialize<'de, T: Nested, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Shape::deserialize(deserializer)
}
