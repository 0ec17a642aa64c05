//! The locks and atomics of a session: those of the standard library, or, for the tests in `loom`,
//! those that loom models.

#[cfg(all(test, plugwire_loom))]
pub(crate) use loom::sync::{Mutex, atomic::AtomicBool};
#[cfg(not(all(test, plugwire_loom)))]
pub(crate) use std::sync::{Mutex, atomic::AtomicBool};
