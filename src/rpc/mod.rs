//! Go's `net/rpc`: calls by name, overlapping, over any byte stream.
//!
//! [`Client`] and [`Server`] need only an `AsyncRead + AsyncWrite`: a stream of a
//! [session](crate::mux), a socket, a pipe. A call names a service and a method (`Plugin.Greet`),
//! and takes one argument and gives one reply, each any serde type. Replies come in any order.
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

mod call_error;
mod client;
mod crash;
pub(crate) mod deadline;
mod end;
mod in_flight;
mod inbox;
mod message;
mod outbox;
mod running;
mod server;
mod service;

#[cfg(feature = "msgpack")]
pub use crate::codec::TimeFormat;
pub use crate::codec::{Codec, Config, Encode};
pub use call_error::CallError;
pub use client::Client;
pub use crash::Crash;
#[cfg(feature = "host")]
pub(crate) use crash::Fate;
pub(crate) use crash::Obituary;
pub use end::EndReason;
pub use message::Empty;
pub use server::{ServeError, Server};
pub use service::Service;
pub(crate) use service::boxed_text;

/// What a connection needs of the byte stream under it.
trait Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Io for T {}

/// Any byte stream: clients and servers do not carry its type around.
type BoxIo = Box<dyn Io>;
