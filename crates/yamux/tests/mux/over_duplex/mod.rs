//! The tests of the wire over a connection in memory.

mod raw {
    pub type Raw = crate::wire_peer::Raw<crate::wire_peer::Duplex>;
    pub use support::yamux::*;
}

#[path = "../wire/budget.rs"]
mod budget;
#[path = "../wire/ends.rs"]
mod ends;
#[path = "../wire/frames.rs"]
mod frames;
#[path = "../wire/life.rs"]
mod life;
#[path = "../wire/linger.rs"]
mod linger;
#[path = "../wire/noise.rs"]
mod noise;
#[path = "../wire/queue.rs"]
mod queue;
#[path = "../wire/resets.rs"]
mod resets;
#[path = "../wire/room.rs"]
mod room;
#[path = "../wire/session.rs"]
mod session;
#[path = "../wire/strict.rs"]
mod strict;
