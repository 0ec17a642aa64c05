//! What the tests of plugwire's crates share.

pub mod alloc;
pub mod broken;
pub mod causes;
pub mod events;
pub mod go;
pub mod gob;
pub mod hex;
pub mod hostile;
pub mod model;
pub mod process;
pub mod rng;
mod within;
pub mod yamux;

pub use within::{DEADLINE, block_until, until, within};
