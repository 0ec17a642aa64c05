//! What the tests of plugwire's crates share.

pub mod alloc;
pub mod events;
mod within;

pub use within::within;
