//! Sessions on the wire: what they do with bytes, connections and peers of all kinds.
//!
//! The tests in `wire/` speak frames with a session by hand. They run over each kind of connection:
//! `over_duplex::frames::…`, `over_vectored::frames::…`, `over_unix::frames::…`.

mod bulk;
mod busy_poll;
mod memory;
mod peer;
mod session;
#[cfg(unix)]
mod transport;
mod turns;
mod wire_peer;

#[allow(
    clippy::duplicate_mod,
    reason = "the same tests over another connection"
)]
mod over_duplex;
#[cfg(unix)]
#[allow(
    clippy::duplicate_mod,
    reason = "the same tests over another connection"
)]
mod over_unix;
#[allow(
    clippy::duplicate_mod,
    reason = "the same tests over another connection"
)]
mod over_vectored;

#[global_allocator]
static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;
