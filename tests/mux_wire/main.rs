//! Sessions on the wire: what they do with bytes, connections and peers of all kinds.

mod bulk;
mod ends;
mod frames;
mod memory;
mod peer;
mod raw;
mod resets;
mod rng;
mod turns;
mod within;
