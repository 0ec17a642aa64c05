//! Types for what serde has no form for, and modules for `#[serde(with = "…")]`.

mod any;
pub(crate) mod complex;
pub(crate) mod exact;
pub(crate) mod interface;
pub(crate) mod marshaler;
pub(crate) mod nanoseconds;
pub(crate) mod optional;
pub(crate) mod text;
pub(crate) mod tuple;
mod value;
