//! What the tests of plugwire's crates share.

pub mod alloc;
mod within;

pub use within::within;
