//! One connection, many streams: yamux as `hashicorp/yamux` behaves.
//!
//! A [`Session`] wraps any `AsyncRead + AsyncWrite` and multiplexes [`Stream`]s over it. The
//! frames are those of the [yamux specification], and the habits those of Go's implementation, which
//! a Go peer relies on:
//!
//! | habit of `hashicorp/yamux` | where it is kept |
//! | --- | --- |
//! | opening and accepting a stream each send an empty window update, with SYN and ACK; a stream without ACK for 75 s ends a Go session | [`Session::open`], [`Session::accept`] |
//! | 256 streams at most wait for their ACK | [`Session::open`] waits |
//! | one frame may carry the whole window of 256 KiB; when half of it was read the peer is told, as Go does with a larger `MaxStreamWindowSize`: up to 64 streams get a window of 1 MiB then | `state` |
//! | a stream too many is reset, the session goes on | `state` |
//! | dropping a stream ends it with FIN, not RST: what comes within its window is still taken, and thrown away | `state`: it lingers until the peer is done, has used up the window or takes too long |
//! | a ping every 30 s, answered within 10 s, and a connection that takes what is written to it within 10 s | `clock` |
//! | a stream that is no more takes no notice of frames | `state` |
//!
//! Beside these: a stream that ends by reset or with its session reads as an error (never as an end of
//! file), closing twice sends one FIN, since Go ends the session at a second one, and no window update
//! is sent for a stream that may be gone at the peer, of which Go logs each.
//!
//! What a peer can make a session hold is bounded: streams by [`Config::max_streams`], what they hold by
//! their windows and by [`Config::max_buffered`] for all together, and what is queued for a peer that does
//! not read by 512 KiB and twelve bytes a stream. A peer that sends what is of no use is told to go, once
//! it is more than [`Config::max_noise`].
//!
//! The rules are in `state`, which knows no connection: bytes go in, bytes come out. `link` joins it
//! to one, and reads and writes; a task of the session, in `driver`, waits for both, and
//! `clock` keeps the time.
//!
//! [yamux specification]: https://github.com/hashicorp/yamux/blob/master/spec.md

#![warn(unreachable_pub)]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod busy_poll;
mod config;
mod connection;
mod driver;
mod error;
pub mod proto;
mod readiness;
mod session;
mod stream;
pub mod transport;
mod tuning;
mod wakers;

pub use config::Config;
pub use error::{Noise, OpenError, SessionError, UnreadError};
pub use session::Session;
pub use stream::{ReadHalf, Stream, WriteHalf};

/// The most bytes that a stream holds which have arrived and are not yet read.
pub const MAX_WINDOW: usize = tuning::WIDE_WINDOW as usize;
