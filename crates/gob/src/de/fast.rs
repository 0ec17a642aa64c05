//! Fast paths of the deserializer. Each gives what the plain path gives, with less to decide.
//!
//! `positional`: derived structs whose sender has the same fields in the same order. The visitor
//! takes them as a sequence, so no name is compared and no value waits in an `Option`.
//!
//! `text`: a `String` in a positional field, in a list or as the key of a map, checked and copied
//! in one pass where it is needed, without a visitor.
//!
//! `number`: a number or a `bool` in a positional field, without a visitor.
//!
//! `bytes`: a `Vec<u8>`, by one copy in place of one push for each byte.
//!
//! What each gains is in `docs/gob-speed.md`. They hold to these invariants:
//!
//! - **The same value or the same error.** An error has the same kind and the same path.
//! - **The plain path decides in doubt.** A fast path takes only what it knows to be usual: a short
//!   ASCII text, a number with eight bytes behind it. For all else the cursor stays, and the plain
//!   path reads the value or says what is wrong.
//! - **The types decide.** `text`, `number` and `bytes` compare the ids of Rust types, so they
//!   apply to `String`, the numbers and `Vec<u8>` themselves, and only where the wire has the type
//!   that the Rust type has by default.
//! - **A visitor has shown that it takes fields by position.** `positional` applies to a visitor
//!   that `serde_derive` wrote (`compat`), which was given all its fields by name once, without two
//!   names for one field, and about which no quirk is known (`field_quirks`).
//! - **Bounds hold.** Depth, counts and the reserve for elements are checked as on the plain path.
//!
//! `equivalence` decodes values of random types both ways and compares.

pub(super) mod bytes;
pub(super) mod number;
pub(super) mod positional;
pub(super) mod text;

#[cfg(test)]
mod equivalence;

/// Whether the seed is that of a type that deserializes itself.
#[inline(always)]
fn is_for<'de, T: serde::de::DeserializeSeed<'de>, V: 'static>() -> bool {
    use std::any::TypeId;
    use std::marker::PhantomData;

    is_on() && typeid::of::<T>() == TypeId::of::<PhantomData<V>>()
}

/// Whether fast paths apply: always, but for the test that compares them with the plain path.
#[inline(always)]
fn is_on() -> bool {
    #[cfg(test)]
    return !equivalence::PLAIN.get();
    #[cfg(not(test))]
    true
}
