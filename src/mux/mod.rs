//! One connection, many streams: yamux as `hashicorp/yamux` behaves.
//!
//! A [`Session`] wraps any `AsyncRead + AsyncWrite` and multiplexes [`Stream`]s over it. The
//! frames are those of the [yamux specification]; the state machine is the `yamux` crate, which
//! nothing outside this module names. The crate and Go's implementation agree on the frames but
//! not on the habits, and a Go peer relies on the habits, so they are mended here:
//!
//! | habit of `hashicorp/yamux` | where it is kept |
//! | --- | --- |
//! | opening a stream tells the peer at once | [`Session::open`] sends an empty data frame with SYN |
//! | accepting a stream acknowledges it at once; a stream without ACK for 75 s ends a Go session | [`Session::accept`] sends an empty data frame with ACK |
//! | the halves of a stream are used from two tasks | the crate keeps a waker for each since 0.14.1 |
//! | one frame may carry the whole window | no window grows past the crate's largest frame, 1 MiB |
//! | a stream too many is refused alone | the driver resets it; the crate's own limit is never reached |
//! | dropping a stream ends it with FIN, not RST | dropped streams linger until the peer is done |
//! | few system calls | buffered in `wire`, flushed once per turn of the driver |
//!
//! Beside these: a ping every 30 s whose answer is awaited for 10 s, a stream that ends by reset or
//! with its session reads as an error (never as an end of file), and closing twice sends one FIN,
//! since Go ends the session at a second one.
//!
//! [yamux specification]: https://github.com/hashicorp/yamux/blob/master/spec.md

mod config;
mod driver;
mod ends;
mod linger;
mod session;
mod stream;
mod wire;

pub use config::Config;
pub use session::{OpenError, Session, SessionError};
pub use stream::Stream;
