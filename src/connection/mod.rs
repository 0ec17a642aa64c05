//! One connection between a host and a plugin.
//!
//! The host is the yamux client. It opens three streams, in this order: the control stream, on
//! which it calls the services `Control` and `Dispenser`; the plugin's stdout; the plugin's stderr.
//! Every further stream, whoever opens it, belongs to the [broker].
//! (go-plugin: `rpc_client.go`, `rpc_server.go`)
//!
//! [`RpcClient`] is the host's end and [`RpcServer`] the plugin's. Both take any byte stream;
//! launching processes and finding their sockets is the business of [`host`](crate::host) and
//! [`plugin`](crate::plugin).

mod client;
mod option;
mod server;

use std::time::Duration;

pub use client::{DispenseError, RpcClient};
pub use option::InvalidOption;
pub use server::{PluginSet, RpcServer, ServeHooks};

use crate::mux::{OpenError, SessionError};
use crate::rpc::ServeError;
use crate::{broker, mux};

/// An error of any kind, as a plugin's own code gives it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Settings of a connection, for either end.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    mux: mux::Config,
    broker: broker::Config,
    control_timeout: Duration,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        ConnectionConfig {
            mux: mux::Config::default(),
            broker: broker::Config::default(),
            control_timeout: Duration::from_secs(60),
        }
    }
}

impl ConnectionConfig {
    /// The session's settings.
    pub fn mux(mut self, config: mux::Config) -> Self {
        self.mux = config;
        self
    }

    /// The broker's settings.
    pub fn broker(mut self, config: broker::Config) -> Self {
        self.broker = config;
        self
    }

    /// How long a call on the control stream may take (ping, dispense, quit), and how long a
    /// plugin waits for a host that connected to open its three streams. Default 1 minute;
    /// go-plugin waits for ever.
    pub fn control_timeout(mut self, timeout: Duration) -> Self {
        self.control_timeout = timeout;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("control_timeout", self.control_timeout)
    }
}

/// Why a connection could not be set up or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// An option has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// A stream could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The session ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The peer sent something other than calls on the control stream.
    #[error("the control stream: {0}")]
    Control(#[from] ServeError),
    /// The peer connected and did not open its streams in time.
    #[error("the host did not open its control, stdout and stderr streams within {0:?}")]
    Incomplete(Duration),
}
