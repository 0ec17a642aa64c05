//! One connection between a host and a plugin.
//!
//! The host is the yamux client. It opens three streams, in this order: the control stream, on
//! which it calls the services `Control` and `Dispenser`; the plugin's stdout; the plugin's stderr.
//! Every further stream, whichever side opens it, belongs to the [broker](crate::broker).
//! (go-plugin: `rpc_client.go`, `rpc_server.go`)
//!
//! [`RpcClient`] is the host's end and [`RpcServer`] the plugin's. Both take any byte stream.
//! [`host`](crate::host) and [`plugin`](crate::plugin) launch processes and find their sockets.

mod client;
mod config;
mod context;
mod error;
mod server;

pub use client::{DispenseError, RpcClient};
pub use config::ConnectionConfig;
pub use context::{DispenseContext, Peer};
pub use error::ConnectionError;
pub use server::{PluginSet, RpcServer, ServeHooks};

/// An error of any kind, as a plugin's own code returns it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
