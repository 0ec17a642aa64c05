//! What the tests of plugwire's crates share.

pub mod alloc;
pub mod events;
pub mod gob;
mod within;

pub use within::within;
