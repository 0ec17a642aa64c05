//! Go's `encoding/gob`, for serde.
//!
//! A stream of gobs describes itself: before the first value of a type comes the type's definition. That shapes this
//! module. Encoding needs to know a type and not only a value, and learns it from the type's `Deserialize`; decoding
//! takes any sender's type whose fields have the right names and kinds, skips fields the receiver does not have, and
//! gives zero values to those the sender left out. Nothing has to be registered or declared: derive `Serialize` and
//! `Deserialize`, and name the fields as Go does.
//!
//! ```
//! use plugwire_gob as gob;
//! use serde::{Deserialize, Serialize};
//!
//! // type Person struct { Name string; Age int; Tags []string }
//! #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Person {
//!     name: String,
//!     age: i64,
//!     tags: Vec<String>,
//! }
//!
//! let ann = Person { name: "Ann".into(), age: 40, ..Person::default() };
//! let bytes = gob::to_vec(&ann)?;
//! assert_eq!(gob::from_slice::<Person>(&bytes)?, ann);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Streams of many values, as net/rpc has one in each direction of a connection, go through an [`Encoder`] and a
//! [`Decoder`], which remember the types that were sent. Neither does any I/O; a [`Writer`] and a [`Reader`] do, for
//! files of gobs and blocking connections.
//!
//! # Types
//!
//! | Rust | Go |
//! | --- | --- |
//! | `bool`, `f32`, `f64`, `String`, `&str` | `bool`, `float32`, `float64`, `string` |
//! | `i8` to `i64`, `char` | `int` of any width, `rune` |
//! | `u8` to `u64` | `uint` of any width |
//! | `Vec<u8>`, `&[u8]`, types from `serde_bytes` | `[]byte` |
//! | `Vec<T>`, sets | `[]T` |
//! | `[T; N]` | `[N]T` |
//! | maps | `map[K]V` |
//! | structs | structs with fields of the same names; a map, on arrival, is given the fields that were sent |
//! | tuples, tuple structs | structs with fields `A`, `B`, `C`, … |
//! | newtype structs, `Box<T>` | what is inside |
//! | `Option<T>` | `*T`: `None` is nil and left out; a pointer to zero is left out, too |
//! | enums without data | `string`, the variant's name; with `serde_repr`, an integer |
//! | `()` | a nil `interface{}`; on arrival, anything |
//! | unit structs | `struct{}` |
//! | [`Any`], [`Value`], enums made by [`interface!`] | `interface{}`, `error` and other interface types |
//! | [`Complex`] | `complex64`, `complex128` |
//! | [`Time`] | `time.Time`; a `time.Duration` is an `i64` |
//! | types that implement [`Marshal`], and bytes in [`GobEncoded`] or [`BinaryMarshaled`] | types that implement `GobEncoder` or `BinaryMarshaler` |
//! | addresses, paths, ids and times of other crates | mostly `string`: gob counts as a human-readable format |
//!
//! Go sees only fields whose names begin with a capital letter: `#[serde(rename_all = "PascalCase")]` on a struct is the
//! usual way there.
//!
//! Enums with data have no counterpart, and encoding one is an error. Go's way to say that a value is one of several
//! types is an interface, for which [`interface!`] declares an enum.
//!
//! # Types that cannot be learned
//!
//! Encoding runs a type's `Deserialize` once, against zeros and some well-known texts such as addresses and ids, and notes
//! what it asks for. There are types for which that fails, with an error that names the type and the field:
//!
//! - Those whose `Deserialize` accepts none of what it is tried with. Where they have `Display` and `FromStr`,
//!   `#[serde(with = "plugwire_gob::as_string")]` on the field sends them as text and needs no `Deserialize`; where they
//!   are bytes to Go, [`binary_marshaler`] does.
//! - Structs with a `#[serde(flatten)]` field, of which serde tells nothing beforehand. They decode, and encode with a
//!   [`Schema`] made by hand: see [`to_vec_as`] and [`Encoder::encode_as`], which take any `Serialize`.
//! - `#[serde(untagged)]` enums are interface values, and work as long as they hold basic values, lists and maps. Those
//!   with a tag inside of their content cannot be told to Go.
//!
//! gob does not send zero values of fields, so a field cannot tell zero from absent. A field left out is zero on
//! arrival; `#[serde(default)]` is not needed, and has a say only where a type has no zero value, such as an enum
//! without a variant of the empty name.

#![warn(unreachable_pub)]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod adapters;
mod compat;
mod de;
mod decode;
mod dynamic;
mod encode;
mod error;
mod io;
mod passthrough;
mod prepared;
mod raw;
mod ser;
mod time;
mod trace;
mod types;
mod wire;

pub use self::adapters::array::array;
pub use self::adapters::complex::{Complex, with as complex};
pub use self::adapters::marshaler::with as marshal;
pub use self::adapters::marshaler::{
    BinaryMarshaled, GobEncoded, Marshal, Marshaled, TextMarshaled, binary_marshaler, gob_encoder,
    text_marshaler,
};
pub use self::adapters::text::as_string;
pub use self::decode::from_slice;
pub use self::dynamic::{Any, Named, Value};
pub use self::encode::{Encode, Encoder, to_vec, to_vec_as};
pub use self::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use self::io::{ReadError, Reader, WriteError, Writer};
pub use self::prepared::Prepared;
pub use self::raw::{Decoder, Limits, RawValue};
pub use self::time::{ParseTimeError, Time, TimeRangeError};
pub use self::types::{Marshaler, Schema};
#[doc(inline)]
pub use __gob_interface as interface;

/// What [`interface!`] expands to, and what plugwire's other codecs treat alike.
#[doc(hidden)]
pub mod __private {
    pub use crate::passthrough::{TIME, marshaler as opaque_kind};
    pub use crate::time::TIMESTAMP;
    pub use crate::types::Marshaler as OpaqueKind;
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub use crate::adapters::interface::{
        Interface, decode, deserialize, serialize, unknown, zero,
    };
}
