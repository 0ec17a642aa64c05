//! Go's `encoding/gob` for serde.
//!
//! A stream of gobs describes itself: the definition of a type comes before the first value of it.
//! So encoding needs to know a type and not only a value: it learns the type from its
//! `Deserialize`. Decoding takes any sender's type whose fields have the right names and kinds,
//! skips fields that the receiver does not have, and gives zero values to those that the sender
//! left out. Types need no registration: derive `Serialize` and `Deserialize`, and name the fields
//! as Go does.
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
//! Streams of many values, such as net/rpc's two of a connection, go through an [`Encoder`] and a
//! [`Decoder`], which remember the types that were sent. Neither does I/O. A [`StreamWriter`] and a
//! [`StreamReader`] do, for files of gobs and blocking connections.
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
//! | `[T; N]`, and tuples with [`mod@array`] | `[N]T` |
//! | maps | `map[K]V` |
//! | structs | structs with the same field names; a received map gives the fields that were sent |
//! | tuples, tuple structs | structs with fields `A`, `B`, `C`, … |
//! | newtype structs, `Box<T>` | what is inside |
//! | `Option<T>` | `*T`: `None` is nil and left out; so is a pointer to zero, so **`Some(0)` arrives as `None`** |
//! | [`Optional<T>`](Optional) | `struct { A T; B bool }`: `B` says whether there is a value |
//! | enums without data | `string`, the variant's name; with `serde_repr`, an integer |
//! | `()` | a nil `interface{}`; received, anything |
//! | unit structs | `struct{}` |
//! | [`Any`], [`Value`], enums made by [`interface!`] | interface types, `error` |
//! | [`Complex`] | `complex64`, `complex128` |
//! | [`Time`] | `time.Time` |
//! | [`Duration`](std::time::Duration) with [`mod@duration`], `i64` | `time.Duration` |
//! | types with [`Marshal`] or [`GobEncoded`] | types with `GobEncode` |
//! | types with [`Marshal`] or [`BinaryMarshaled`] | types with `MarshalBinary` |
//! | addresses, paths, ids and times of other crates | mostly `string`: gob is human-readable |
//!
//! Go sees only fields whose names begin with a capital letter. The usual way to have them is
//! `#[serde(rename_all = "PascalCase")]` on the struct.
//!
//! Enums with data have no counterpart, and encoding one is an error. In Go, a value that is one of
//! several types is an interface value: [`interface!`] declares an enum for it.
//!
//! # Types that cannot be learned
//!
//! To learn a type, encoding runs its `Deserialize` once, against zeros and well-known texts such
//! as addresses and ids, and notes what it asks for. That fails for some types, with an error that
//! names the type and the field:
//!
//! - Those whose `Deserialize` accepts none of the samples. Where they have `Display` and
//!   `FromStr`, `#[serde(with = "plugwire_gob::as_string")]` on the field sends them as text and
//!   needs no `Deserialize`; where they are bytes to Go, [`binary_marshaler`] does.
//! - Structs with a `#[serde(flatten)]` field, whose fields serde does not list. They decode, and
//!   encode with a [`Schema`] made by hand: [`to_vec_as`] and [`Encoder::encode_as`] take any
//!   `Serialize`.
//! - `#[serde(untagged)]` enums are interface values, and work where they hold basic values, lists
//!   and maps. Enums with a tag inside their content have no form in Go.
//!
//! A type that can be learned may still have values that gob cannot carry, such as a `None` in a
//! list. [`Schema::losses`] lists them.
//!
//! gob does not send zero values of fields, so a field cannot distinguish zero from absent. A field
//! left out is zero on arrival, and `#[serde(default)]` is not needed. It has an effect only where
//! the type has no zero value, such as an enum without a variant of the empty name.
//!
//! # Fields that one side lacks
//!
//! Fields that the receiver lacks are skipped, as in Go, so that a sender may be newer.
//! [`unknown_fields`] lists them, and [`Limits::refuse_unknown_fields`] makes them an error. Two
//! structs without a common field are an error in any place; Go refuses them only where the value
//! stands alone.
//!
//! # Trust
//!
//! Bytes from anywhere decode to a value or an error, in memory and stack bounded by [`Limits`].

#![warn(unreachable_pub)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

// The layers, from the bottom up. Each imports only from those before it: `tests/gob/layers.rs`.

// What can go wrong.
mod error;

// Integers, floats, counted bytes.
mod wire;

// Types, tables of them, their definitions.
mod types;

// Messages and values without serde.
mod raw;

// Values of types that only the sender knows.
mod dynamic;

// Values that serde cannot carry, and the markers that announce them.
mod passthrough;

// What serde does not offer and is found out.
mod compat;

// serde: learning types from `Deserialize`, the serializer, the deserializer.
mod trace;

mod ser;

mod de;

// Streams, going out and coming in.
mod encode;

mod prepared;

mod decode;

// Headers of messages, without serde.
mod flat;

// Types that serde has no form for.
mod adapters;

mod time;

// Streams over `std::io`.
mod io;

pub use self::adapters::complex::{Complex, with as complex};
pub use self::adapters::marshaler::with as marshal;
pub use self::adapters::marshaler::{
    BinaryMarshaled, GobEncoded, Marshal, Marshaled, TextMarshaled, binary_marshaler, gob_encoder,
    text_marshaler,
};
pub use self::adapters::nanoseconds::duration;
pub use self::adapters::optional::Optional;
pub use self::adapters::text::as_string;
pub use self::adapters::tuple::array;
pub use self::decode::from_slice;
pub use self::dynamic::{Any, Named, Value};
pub use self::encode::{Encode, Encoder, to_vec, to_vec_as};
pub use self::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use self::io::{ReadError, StreamReader, StreamWriter, WriteError};
pub use self::prepared::Prepared;
pub use self::raw::{Decoder, Limits, RawValue};
pub use self::time::{ParseTimeError, Time, TimeRangeError};
pub use self::types::{Loss, LossKind, Marshaler, Schema, UnknownFields, unknown_fields};
#[doc(inline)]
pub use __gob_interface as interface;

/// For the code that [`interface!`] expands to, and for plugwire's other codecs.
#[doc(hidden)]
pub mod __private {
    pub use crate::adapters::exact::ask as ask_for_all;
    pub use crate::flat::FlatField;
    pub use crate::passthrough::{TIME, marshaler as opaque_kind};
    pub use crate::raw::Front;
    pub use crate::time::TIMESTAMP;
    pub use crate::trace::is_tracing;
    pub use crate::types::Marshaler as OpaqueKind;
    pub use crate::types::unknown::observe as observe_unknown_fields;
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub use crate::adapters::interface::{
        Interface, decode, deserialize, serialize, unknown, zero,
    };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
