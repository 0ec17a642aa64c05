//! HashiCorp [go-plugin]'s net/rpc protocol for Rust: hosts, plugins, and every layer between them.
//!
//! A host launches a plugin as a process and calls it as if it were in its own. The bytes between
//! the two are go-plugin's, so either of them may as well be written in Go.
//!
//! # A plugin and its host
//!
//! What the two share is a trait. [`#[plugwire::interface]`](macro@interface) makes the rest of it:
//! the client, the server and the names on the wire.
//!
//! ```
//! use plugwire::Result;
//! use plugwire::handshake::HandshakeConfig;
//!
//! pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
//!
//! #[plugwire::interface]
//! pub trait Greeter {
//!     async fn greet(&self, name: String, visits: i64) -> Result<String>;
//! }
//! ```
//!
//! A plugin implements it, and serves it under a name:
//!
//! ```no_run
//! use std::sync::Arc;
//! use plugwire::connection::PluginSet;
//! use plugwire::plugin::{ServeConfig, serve};
//! # use plugwire::Result;
//! # use plugwire::handshake::HandshakeConfig;
//! # const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
//! # #[plugwire::interface]
//! # pub trait Greeter {
//! #     async fn greet(&self, name: String, visits: i64) -> Result<String>;
//! # }
//!
//! struct English;
//!
//! #[plugwire::interface]
//! impl Greeter for English {
//!     async fn greet(&self, name: String, visits: i64) -> Result<String> {
//!         match visits {
//!             0 => Err("we have not met".into()),
//!             _ => Ok(format!("Hello again, {name}!")),
//!         }
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() {
//!     let plugins = PluginSet::new().register::<dyn Greeter>("greeter", || Ok(Arc::new(English)));
//!     serve(ServeConfig::new(HANDSHAKE, plugins)).await;
//! }
//! ```
//!
//! A host launches it and calls it:
//!
//! ```no_run
//! use std::process::Command;
//! use plugwire::host::{Client, ClientConfig};
//! # use plugwire::Result;
//! # use plugwire::handshake::HandshakeConfig;
//! # const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
//! # #[plugwire::interface]
//! # pub trait Greeter {
//! #     async fn greet(&self, name: String, visits: i64) -> Result<String>;
//! # }
//!
//! # async fn host() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::launch(ClientConfig::new(HANDSHAKE, Command::new("./greeter"))).await?;
//! let greeter = client.dispense::<dyn Greeter>("greeter").await?;
//! println!("{}", greeter.greet("Ada".into(), 2).await?);
//! client.kill().await;
//! # Ok(())
//! # }
//! ```
//!
//! In Go, the same plugin is a method `Greet(args GreetArgs, resp *string) error` with a struct
//! `GreetArgs` of the fields `Name` and `Visits`.
//!
//! # What crosses the wire by number
//!
//! Interfaces, readers and writers do not fit into an argument, so they cross as a `u32`, under
//! which the other side connects to them. In a trait they are parameters and results like any
//! other: `Arc<dyn Trait>` of another interface, [`Reader`], [`Writer`].
//!
//! ```
//! use std::sync::Arc;
//! use plugwire::{Reader, Result};
//!
//! #[plugwire::interface]
//! pub trait Worker {
//!     /// The plugin calls the host's logger.
//!     async fn work(&self, log: Arc<dyn Logger>) -> Result<u64>;
//!     /// It reads what the host reads from.
//!     async fn import(&self, data: Reader) -> Result<u64>;
//! }
//!
//! #[plugwire::interface]
//! pub trait Logger {
//!     async fn log(&self, line: String) -> Result<()>;
//! }
//! ```
//!
//! # By hand
//!
//! Everything that the attribute does can be written out, for interfaces that no trait describes. A
//! [`Service`](rpc::Service)'s methods are closures, each with one argument and one reply or error,
//! of any serde types; an [`rpc::Client`] calls by name.
//!
//! ```
//! use plugwire::broker::MuxBroker;
//! use plugwire::connection::PluginSet;
//! use plugwire::rpc::{CallError, Client, Service};
//!
//! fn plugins() -> PluginSet {
//!     PluginSet::new().register_service("worker", |broker| {
//!         Ok(Service::new().method("Work", move |log: u32| {
//!             let broker = broker.clone();
//!             async move {
//!                 let log = broker.dial_client(log).await.map_err(|error| error.to_string())?;
//!                 let logged: Result<(), _> = log.call("Plugin.Log", "working").await;
//!                 logged.map(|()| 1u64).map_err(|error| error.to_string())
//!             }
//!         }))
//!     })
//! }
//!
//! /// Hands the plugin a logger to call back. `worker` is the client from `dispense_client`.
//! async fn work(broker: &MuxBroker, worker: &Client) -> Result<u64, CallError> {
//!     let logger = Service::new().method("Log", |line: String| async move {
//!         println!("the plugin says {line}");
//!         Ok::<(), String>(())
//!     });
//!     let id = broker.next_id();
//!     let accepting = broker.clone();
//!     tokio::spawn(async move { accepting.accept_and_serve(id, logger).await });
//!     worker.call("Plugin.Work", &id).await
//! }
//! ```
//!
//! For a reader or writer both sides use the stream itself:
//! [`MuxBroker::accept`](broker::MuxBroker::accept) and
//! [`MuxBroker::dial`](broker::MuxBroker::dial).
//!
//! # Layers
//!
//! Each is usable alone, and imports only from those below it: [`host`] and [`plugin`] (processes),
//! [`handshake`], [`connection`] (one host and one plugin on a byte stream), [`mod@interface`]
//! (traits), [`broker`] (streams by number), [`mux`] (yamux), [`rpc`] (net/rpc), [`codec`] (its
//! messages), [`gob`] (its values). [`event`] says what happens on all of them.
//!
//! # Waiting
//!
//! Only a call without a deadline can wait for ever. Start, dial, accept, quit and the answer to a
//! ping have a deadline each, with go-plugin's defaults; [all of them] are in one table. A call
//! gets one from [`Remote::with_timeout`] or [`rpc::Client::with_timeout`]. Dropping a future gives
//! up only what that future waits for. When the other process dies, all that waits for it fails at
//! once.
//!
//! [all of them]: connection::ConnectionConfig#all-that-waits
//! [go-plugin]: https://github.com/hashicorp/go-plugin

#![warn(unreachable_pub)]
#![forbid(unsafe_code)]
// For times and durations, see clippy.toml. A panic in a test only fails the test.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
// On docs.rs, items that need a feature have a badge.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Host and plugin share rooms, such as `handshake`, `tls` and `sys`. In a build with one of them,
// the other's half of a room has no caller. Builds with both are checked.
#![cfg_attr(
    not(all(feature = "host", feature = "plugin")),
    allow(
        dead_code,
        unused_imports,
        reason = "used by the side that is left out"
    )
)]

pub mod broker;
pub mod codec;
pub mod connection;
pub mod event;
pub mod handshake;
#[cfg(any(feature = "host", feature = "plugin"))]
mod hclog;
#[cfg(feature = "host")]
pub mod host;
pub mod interface;
#[cfg(feature = "plugin")]
pub mod plugin;
pub mod rpc;
#[cfg(any(feature = "host", feature = "plugin"))]
mod sys;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(feature = "host", feature = "plugin"))]
mod tls;
mod tuning;

#[doc(inline)]
pub use plugwire_gob as gob;
#[doc(inline)]
pub use plugwire_yamux as mux;

#[doc(inline)]
pub use plugwire_base::InvalidOption;

pub use interface::nested as brokered;
pub use interface::{BrokeredStream, Error, Reader, Remote, Result, Stream, StreamSender, Writer};
#[cfg(feature = "macros")]
#[doc = include_str!("interface/attribute.md")]
#[doc = "```"]
#[doc = "# use std::sync::Arc;"]
#[doc = "# use plugwire::{Remote, Result, interface::BoxFuture};"]
#[doc = "# #[plugwire::interface] pub trait AddHelper {}"]
#[doc = "# #[plugwire::interface] pub trait Subscription {}"]
#[doc = include_str!("../docs/interface-expanded.rs")]
#[doc = "```"]
pub use plugwire_macros::interface;
pub use rpc::CallContext;
pub use rpc::call_context::call;

/// The TLS library, in the version whose configurations this crate takes.
#[cfg(feature = "tls")]
pub use rustls;

/// The README's examples, compiled with the workspace's tests, which turn every feature on.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;
