//! HashiCorp [go-plugin]'s net/rpc protocol for Rust: hosts, plugins, and every layer between them.
//!
//! A host launches a plugin as a process and calls it as if it were in its own. The bytes between
//! the two are go-plugin's, so either of them may as well be written in Go.
//!
//! # A plugin and its host
//!
//! A plugin offers services by name. A service's methods are closures: one argument, one reply or
//! error, any serde types.
//!
//! ```no_run
//! use plugwire::connection::PluginSet;
//! use plugwire::handshake::HandshakeConfig;
//! use plugwire::plugin::{ServeConfig, serve};
//! use plugwire::rpc::Service;
//! use serde::{Deserialize, Serialize};
//!
//! /// Go's `type Guest struct { Name string; Visits int }`.
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Guest {
//!     name: String,
//!     visits: i64,
//! }
//!
//! const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
//!
//! #[tokio::main]
//! async fn main() {
//!     let plugins = PluginSet::new().register("greeter", |_broker| {
//!         Ok(Service::new().method("Greet", |guest: Guest| async move {
//!             match guest.visits {
//!                 0 => Err("we have not met"),
//!                 _ => Ok(format!("Hello again, {}!", guest.name)),
//!             }
//!         }))
//!     });
//!     serve(ServeConfig::new(HANDSHAKE, plugins)).await;
//! }
//! ```
//!
//! A host launches it and calls it:
//!
//! ```no_run
//! # use plugwire::handshake::HandshakeConfig;
//! # const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
//! use std::process::Command;
//! use plugwire::host::{Client, ClientConfig};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)]
//! # #[serde(rename_all = "PascalCase")]
//! # struct Guest { name: String, visits: i64 }
//!
//! # async fn host() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::launch(ClientConfig::new(HANDSHAKE, Command::new("./greeter"))).await?;
//! let greeter = client.dispense("greeter").await?;
//! let guest = Guest { name: "Ada".into(), visits: 2 };
//! let greeting: String = greeter.call("Plugin.Greet", &guest).await?;
//! client.kill().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What crosses the wire by number
//!
//! Interfaces, readers and writers do not fit into an argument, so they cross as a `u32`. One side
//! reserves the number and accepts a stream under it, the other side dials it:
//!
//! ```
//! use plugwire::broker::MuxBroker;
//! use plugwire::rpc::{CallError, Client, Service};
//!
//! /// Hands the plugin a logger that it calls back.
//! async fn work(broker: &MuxBroker, plugin: &Client) -> Result<u64, CallError> {
//!     let logger = Service::new().method("Log", |line: String| async move {
//!         println!("the plugin says {line}");
//!         Ok::<(), String>(())
//!     });
//!     let id = broker.next_id();
//!     let accepting = broker.clone();
//!     tokio::spawn(async move { accepting.accept_and_serve(id, logger).await });
//!     plugin.call("Plugin.Work", &id).await
//! }
//! ```
//!
//! On the plugin's side `broker.dial_client(id)` gives the client to call. For a reader or writer
//! both sides use the stream itself: [`MuxBroker::accept`](broker::MuxBroker::accept) and
//! [`MuxBroker::dial`](broker::MuxBroker::dial).
//!
//! # Layers
//!
//! Each is usable alone, and imports only from those below it: [`host`] and [`plugin`] (processes),
//! [`handshake`], [`connection`] (one host and one plugin on a byte stream), [`broker`] (streams by
//! number), [`mux`] (yamux), [`rpc`] (net/rpc), [`codec`] (its messages), [`gob`] (its values).
//!
//! # Waiting
//!
//! Nothing waits for ever unless it is a call without a deadline: start, dial, accept, quit and the
//! peer's sign of life have one each, with go-plugin's defaults; [all of them] are in one table. A call
//! gets one from [`rpc::Client::with_timeout`]. Dropping any future gives up what it waits for and
//! nothing else. When the other process dies, everything that waits for it fails at once.
//!
//! [all of them]: connection::ConnectionConfig#all-that-waits
//! [go-plugin]: https://github.com/hashicorp/go-plugin

#![warn(missing_docs)]
#![forbid(unsafe_code)]
// Lints look at the whole crate, where every function has its caller.
#![cfg_attr(
    not(all(
        feature = "host",
        feature = "plugin",
        feature = "msgpack",
        feature = "hclog"
    )),
    allow(dead_code, unused_imports, reason = "what is left out would use it")
)]

pub mod broker;
pub mod codec;
pub mod connection;
pub mod gob;
#[cfg(all(unix, any(feature = "host", feature = "plugin")))]
mod group;
pub mod handshake;
#[cfg(feature = "host")]
pub mod host;
mod instant;
pub mod mux;
#[cfg(feature = "plugin")]
pub mod plugin;
#[cfg(any(feature = "host", feature = "plugin"))]
#[cfg_attr(not(unix), allow(dead_code, reason = "sockets are no files there"))]
mod private_dir;
#[cfg(all(unix, any(feature = "host", feature = "plugin")))]
mod readiness;
pub mod rpc;
#[cfg(any(feature = "host", feature = "hclog"))]
mod timestamp;
#[cfg(all(feature = "tls", any(feature = "host", feature = "plugin")))]
mod tls;
#[cfg(all(unix, any(feature = "host", feature = "plugin")))]
mod unix_stream;

/// The TLS library, in the version whose configurations this crate takes.
#[cfg(feature = "tls")]
pub use rustls;

/// The README's examples, compiled with the workspace's tests, which have every feature on.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;
