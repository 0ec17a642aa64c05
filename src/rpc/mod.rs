//! Go's `net/rpc`: calls by name, overlapping, over any byte stream.
//!
//! [`Client`] and [`Server`] need only an `AsyncRead + AsyncWrite`: a stream of a
//! [session](crate::mux), a socket, a pipe. A call names a service and a method (`Plugin.Greet`).
//! It takes one argument and gives one reply, each of any serde type. Replies come in any order.
//!
//! ```
//! use plugwire::rpc::{Client, Codec, Server, Service};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), plugwire::rpc::CallError> {
//! let service = Service::new()
//!     .method("Double", |n: i64| async move { Ok::<_, String>(n * 2) })
//!     .method("Fail", |_: ()| async { Err::<(), _>("not today") });
//! let server = Server::new().register("Plugin", service);
//!
//! let (here, there) = tokio::io::duplex(4096);
//! tokio::spawn(async move { server.serve(there, Codec::Gob).await });
//!
//! let client = Client::new(here, Codec::Gob);
//! let doubled: i64 = client.call("Plugin.Double", &21).await?;
//! assert_eq!(doubled, 42);
//!
//! let error = client.call::<_, ()>("Plugin.Fail", &()).await.unwrap_err();
//! assert_eq!(error.to_string(), "not today");
//!
//! let error = client.call::<_, ()>("Plugin.Hi", &()).await.unwrap_err();
//! assert!(error.is_method_not_found());
//! assert_eq!(error.to_string(), "rpc: can't find method Plugin.Hi");
//! # Ok(())
//! # }
//! ```

// Locks. A connection has three, and a task holds one of them at a time, so they have no order:
//
// - the outbox's queue (`outbox.rs`): the types that the peer knows, and what waits to be written.
//   Under it, the first message takes gob's lock of known types (`gob::schema`), for the header;
// - a client's calls that wait for replies (`in_flight.rs`);
// - the deadlines of the connection (`deadline.rs`).
//
// Under none of them runs code of a user, a waker is used, or a system call made. A value is
// encoded before the queue is locked (`Scratch`). The stream is taken out of the queue while it is
// written to, so the lock of the session below (`plugwire_yamux`) is not taken under a lock of this
// room either. Wakers and channels are used after unlocking.

mod around;
pub(crate) mod call_context;
mod call_error;
mod client;
mod crash;
pub(crate) mod deadline;
mod detail;
mod end;
mod in_flight;
mod inbox;
mod io;
mod lost_calls;
mod message;
mod method;
mod negotiated;
mod obituary;
mod outbox;
mod peer_error;
mod registry;
mod request_error;
mod responder;
mod running;
mod running_calls;
mod sent;
mod server;
mod service;
mod serving;
mod time_left;
mod untaken;

#[cfg(feature = "msgpack")]
pub use crate::codec::TimeFormat;
pub use crate::codec::{CallConfig, Codec, Encode};
pub(crate) use around::Around;
pub use call_context::CallContext;
pub use call_error::CallError;
pub use client::Client;
pub(crate) use client::Untaken;
pub use crash::{CoreDump, Crash, CrashReport, LostCall, Panic};
pub(crate) use detail::{Detail, Failure};
pub use end::EndReason;
pub(crate) use io::Halves;
#[cfg(feature = "host")]
pub(crate) use lost_calls::LostCalls;
pub(crate) use message::ASK;
pub use message::Empty;
pub(crate) use negotiated::{Negotiated, Peer};
#[cfg(feature = "host")]
pub(crate) use obituary::Fate;
pub(crate) use obituary::Obituary;
pub use peer_error::PeerError;
pub use registry::Registry;
pub use request_error::RequestError;
pub use server::Server;
pub use service::Service;
pub(crate) use service::boxed_failure;
pub(crate) use serving::{Role, Share};
pub(crate) use time_left::{Deadline, deadline, too_late};
pub(crate) use untaken::Lent;
