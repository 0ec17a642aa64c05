//! Sessions on the wire: what they do with bytes, connections and peers of all kinds.

mod budget;
mod bulk;
mod busy_poll;
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
mod session;
mod strict;
#[cfg(unix)]
mod transport;
mod turns;

#[global_allocator]
static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;
