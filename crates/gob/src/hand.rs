//! A way for a value past serde.

use std::cell::Cell;

use super::{Any, Value};

/// A value on its way past serde.
pub(crate) enum Hand {
    Any(Any),
    Value(Value),
    /// The two halves of a complex number, and the name of its Go type.
    Complex(f64, f64, &'static str),
    /// The name of the Go type that is about to be traced.
    Name(&'static str),
}

thread_local! {
    /// Carries a value past serde, between this module's serializer or deserializer and the value's type.
    ///
    /// serde has no way to pass on a value that is not made of its own data model, and a received value with its table
    /// of types is not. Whoever puts something here calls the one who takes it out before returning.
    static HAND: Cell<Option<Hand>> = const { Cell::new(None) };
}

pub(crate) fn hand_over(value: Hand) {
    HAND.set(Some(value));
}

pub(crate) fn take_over() -> Option<Hand> {
    HAND.take()
}
