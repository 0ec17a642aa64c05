//! A connection of a host and a plugin: what is taken of a peer, and what is known of it.

mod check;
#[cfg(feature = "macros")]
mod dispense;
mod limits;
