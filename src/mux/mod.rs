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
//! | dropping a stream ends it with FIN, not RST | `state`: it lingers until the peer is done |
//! | a stream that is no more takes no notice of frames | `state` |
//!
//! Beside these: a ping after 30 s of silence whose answer is awaited for 10 s, a stream that ends
//! by reset or with its session reads as an error (never as an end of file), and closing twice sends
//! one FIN, since Go ends the session at a second one.
//!
//! The rules are in `state`, which knows no connection: bytes go in, bytes come out. `link` joins it
//! to one, and reads and writes; a task of the session, in `driver`, waits for both and keeps the
//! time.
//!
//! [yamux specification]: https://github.com/hashicorp/yamux/blob/master/spec.md

mod busy_poll;
mod config;
mod driver;
mod frame;
mod io;
mod link;
mod readiness;
mod received;
mod session;
mod shared;
mod state;
mod stream;
mod wakes;

pub use config::Config;
pub use session::{OpenError, Session, SessionError};
pub use stream::Stream;
