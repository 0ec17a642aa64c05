//! Fast paths of the serializer. Each does what the plain path does, with less to decide.
//!
//! `plain`: numbers and strings as fields of structs. A derived `Serialize` names a field and gives
//! a reference to it, so the field's Rust type is known without running its `Serialize`. A function
//! for all fields then writes it, in place of two or three for each field, whose results go through
//! memory. A user of `benches/gob` takes 160 ns instead of 230.
//!
//! `scalar`: numbers and strings as elements of lists and maps. The list's type says what each is,
//! so a small serializer asks for a number or a string and nothing else, and numbers are written in
//! blocks. 1 MiB in a `Vec<u8>` takes 38 µs instead of 2.6 ms; 10,000 floats 18 µs instead of 62.
//!
//! Both hold to these invariants:
//!
//! - **The same bytes.** What a fast path writes is what [`Ser`](super::value::Ser) would have
//!   written, zeros left out included.
//! - **All or nothing.** A value that a fast path does not take leaves the buffer as it was. The
//!   plain path then writes it, or says what is wrong: a fast path makes no errors.
//! - **The wire type decides.** A fast path takes a value only where the type of the field or the
//!   element is the one that the Rust type has by default. All else, such as a signed number for an
//!   unsigned type, an interface value or a marker, is for the plain path.
//! - **Order.** `plain` takes only the field that is expected next, and none while fields are
//!   sorted.
//! - **Zeros.** In a field, both zeros of a float are left out; in a list, a zero keeps its sign.
//!
//! `tests/gob/plain.rs` compares both with the plain path.

pub(super) mod plain;
pub(super) mod scalar;
