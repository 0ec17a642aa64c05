//! Sessions on the wire: what they do with bytes, connections and peers of all kinds.

mod budget;
mod bulk;
mod ends;
mod frames;
mod life;
mod linger;
mod memory;
mod noise;
mod peer;
mod queue;
mod raw;
mod resets;
mod rng;
mod strict;
mod turns;
mod within;
