//! What the tests of plugwire's crates share.

pub mod alloc;
pub mod events;
pub mod gob;
pub mod rng;
mod within;
pub mod yamux;

pub use within::within;
