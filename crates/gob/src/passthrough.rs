//! Values that pass through serde although its data model has no form for them.
//!
//! Types of this crate announce themselves to the serializer, the deserializer and the tracer by
//! the name of a newtype struct, a marker. The value itself, which serde cannot carry, goes through
//! a thread-local slot: the one side puts it there and calls the other, which takes it out before
//! it returns. To other formats a marker is the name of a newtype struct, which they ignore.

use std::cell::Cell;

use crate::dynamic::{Any, Value};
use crate::types::Marshaler;

/// An [`Any`].
pub(crate) const ANY: &str = "$plugwire::gob::Any";
/// A [`Value`].
pub(crate) const VALUE: &str = "$plugwire::gob::Value";
/// A complex number.
pub(crate) const COMPLEX: &str = "$plugwire::gob::Complex";
/// A value that is to be an array to Go: see [`array`](mod@crate::array).
pub(crate) const ARRAY: &str = "$plugwire::gob::Array";
/// A [`Time`](crate::Time), which other formats of plugwire have a form for, too.
pub const TIME: &str = "$plugwire::gob::Time";
/// A zero value of a type with an encoding of its own, which a field leaves out.
pub(crate) const ZERO: &str = "$plugwire::gob::Marshaler::zero";
/// An [`Optional`](crate::Optional).
pub(crate) const OPTIONAL: &str = "$plugwire::gob::Optional";
/// Its fields on the wire: the value, and whether there is one.
pub(crate) const OPTIONAL_FIELDS: [&str; 2] = ["A", "B"];
const GOB: &str = "$plugwire::gob::GobEncoder";
const BINARY: &str = "$plugwire::gob::BinaryMarshaler";
const TEXT: &str = "$plugwire::gob::TextMarshaler";

/// Whether a newtype struct's name is a marker of this crate.
pub(crate) fn is_marker(name: &str) -> bool {
    name.starts_with('$')
}

/// Whether a marker announces an [`Any`] or a [`Value`].
pub(crate) fn is_dynamic(name: &str) -> bool {
    name == ANY || name == VALUE
}

/// Which encoding of its own the type has that a marker announces, if any.
#[must_use]
pub fn marshaler(name: &str) -> Option<Marshaler> {
    match name {
        GOB | TIME => Some(Marshaler::Gob),
        BINARY => Some(Marshaler::Binary),
        TEXT => Some(Marshaler::Text),
        _ => None,
    }
}

/// The marker of a type with an encoding of its own.
pub(crate) fn marker(marshaler: Marshaler) -> &'static str {
    match marshaler {
        Marshaler::Gob => GOB,
        Marshaler::Binary => BINARY,
        Marshaler::Text => TEXT,
    }
}

/// What passes through.
pub(crate) enum Passed {
    Any(Any),
    Value(Value),
    /// The two halves of a complex number, and the name of its Go type.
    Complex(f64, f64, &'static str),
    /// The name of the Go type that is about to be traced.
    Name(&'static str),
}

thread_local! {
    static SLOT: Cell<Option<Passed>> = const { Cell::new(None) };
}

/// Leaves a value for the side that is called next.
pub(crate) fn put(value: Passed) {
    SLOT.set(Some(value));
}

/// Takes the value that the caller has left.
pub(crate) fn take() -> Option<Passed> {
    SLOT.take()
}
