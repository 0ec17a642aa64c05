//! One connection, many streams: yamux as `hashicorp/yamux` behaves.
//!
//! A [`Session`] wraps any `AsyncRead + AsyncWrite` and multiplexes [`Stream`]s over it, on tokio.
//! For other runtimes, simulations and fuzzers, [`proto`] is the same protocol without a
//! connection: bytes go in, bytes come out.
//!
//! ```
//! use plugwire_yamux::{Config, Session};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Any connection will do: a TCP or unix socket, TLS, or one in memory.
//! let (here, there) = tokio::io::duplex(64 * 1024);
//!
//! // One side is the client, the other the server. Both may open streams.
//! let server = tokio::spawn(async move {
//!     let session = Session::server(there, Config::default());
//!     while let Ok(stream) = session.accept().await {
//!         tokio::spawn(async move {
//!             let (mut read, mut write) = stream.into_split();
//!             tokio::io::copy(&mut read, &mut write).await?;
//!             write.shutdown().await
//!         });
//!     }
//! });
//!
//! let session = Session::client(here, Config::default());
//! let mut stream = session.open().await?;
//! stream.write_all(b"hello").await?;
//! stream.shutdown().await?;
//! let mut echo = String::new();
//! stream.read_to_string(&mut echo).await?;
//! assert_eq!(echo, "hello");
//!
//! session.close().await;
//! server.await?;
//! # Ok(())
//! # }
//! ```
//!
//! The frames are those of the [yamux specification], and the habits those of Go's implementation,
//! which a Go peer relies on:
//!
//! | habit of `hashicorp/yamux` | where it is kept |
//! | --- | --- |
//! | Opening and accepting a stream each send an empty window update, with SYN and ACK. A stream without ACK for 75 s ends a Go session. | [`Session::open`], [`Session::accept`] |
//! | At most 256 streams wait for their ACK. | [`Session::open`] waits |
//! | One frame may carry the whole window of 256 KiB. When half of it was read, a window update grants more, as in Go with a larger `MaxStreamWindowSize`: up to 64 streams get a window of 1 MiB then. | `proto/flow_control.rs` |
//! | A stream too many is reset, the session goes on. | `proto/session/input.rs` |
//! | Dropping a stream ends it with FIN, not RST. What comes within its window is taken and thrown away, until the peer is done, has used up the window or takes too long. | `proto/stream.rs` |
//! | A ping every 30 s, answered within 10 s, and a connection that takes what is written to it within 10 s. | `proto/keep_alive.rs` |
//! | A frame for a stream that is gone is ignored. | `proto/session/input.rs` |
//!
//! Beside these: a stream that ends by reset or with its session reads as an error (never as an end
//! of file). Closing twice sends one FIN, since Go ends the session at a second one. No window
//! update is sent for a stream that may be gone at the peer, as Go logs each of those.
//!
//! What a peer can make a session hold is bounded: streams by [`Config::max_streams`], what they
//! hold by their windows and by [`Config::max_buffered`] for all together, and what is queued for a
//! peer that does not read by 512 KiB and twelve bytes a stream. A peer that sends more useless
//! frames than [`Config::max_noise`] gets a GoAway.
//!
//! # How it is built
//!
//! [`proto::Session`] has the rules: no I/O, no clock, no task. `connection` holds one behind the
//! session's lock, together with the socket, and does all reads and writes; the order of locks is
//! written there. `wakers` keeps the wakers of all tasks that wait. `driver` is the task of a
//! session: it waits for the socket and the time. `busy_poll` decides whether it stays awake for
//! what comes next. [`transport`] has the sockets, `tuning` each tuned constant with its
//! measurement.
//!
//! [yamux specification]: https://github.com/hashicorp/yamux/blob/master/spec.md

#![warn(unreachable_pub)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod busy_poll;
mod config;
mod connection;
mod driver;
mod error;
#[cfg(all(test, plugwire_loom))]
mod loom;
mod observer;
pub mod proto;
mod readiness;
mod session;
mod stream;
mod sync;
pub mod transport;
mod tuning;
mod wakers;

pub use config::Config;
pub use error::{Noise, OpenError, SessionError, UnreadError};
pub use observer::{Observation, Observer, Stats};
pub use session::Session;
pub use stream::{ReadHalf, Stream, WriteHalf};

/// The most bytes that a stream holds which have arrived and are not yet read.
pub const MAX_WINDOW: usize = tuning::WIDE_WINDOW as usize;
