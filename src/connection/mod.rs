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
mod server;

use std::time::Duration;

pub use client::{DispenseError, RpcClient};
pub use server::{PluginSet, RpcServer, ServeHooks};

use crate::InvalidOption;
use crate::gob::Limits;
use crate::mux::{OpenError, SessionError};
use crate::rpc::ServeError;
use crate::{broker, mux, rpc};

/// An error of any kind, as a plugin's own code gives it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Settings of a connection, for either end.
///
/// # All that waits
///
/// Every wait that can be set, with its default and with what go-plugin does: the option's name there,
/// or the time where it has no option. A host has them all in its
/// [`ClientConfig`](crate::host::ClientConfig) or [`AttachConfig`](crate::host::AttachConfig), a plugin
/// in its [`ServeConfig`](crate::plugin::ServeConfig): their own by the methods named, and those of a
/// connection by `connection`, which takes one of these.
///
/// | what is waited for | set by | default | in go-plugin |
/// | --- | --- | --- | --- |
/// | a plugin to start and to answer | `ClientConfig::start_timeout`, `AttachConfig::start_timeout` | 1 min | `StartTimeout`, 1 min; a reattach waits for ever |
/// | connecting, TLS included | `dial_timeout` of both | 10 s | for ever |
/// | a plugin to agree to quit, and as long again to exit | `kill_grace` of both | 2 s | for ever, and 2 s |
/// | a host's TLS handshake, in a plugin | `ServeConfig::tls_handshake_timeout` | 10 s | for ever |
/// | ping, dispense, quit; a host's first three streams | [`control_timeout`](Self::control_timeout) | 1 min | for ever |
/// | the peer to dial a broker id; a stream to be accepted | [`broker::Config::accept_timeout`] | 5 s | 5 s |
/// | the peer to accept a broker id | [`broker::Config::dial_timeout`] | 10 s | for ever |
/// | the next time that a sign of life is asked for | [`mux::Config::keep_alive`] | 30 s | `KeepAliveInterval`, 30 s |
/// | the sign of life; a connection that takes nothing to take more | [`mux::Config::keep_alive_timeout`] | 10 s | `ConnectionWriteTimeout`, 10 s |
/// | the peer to end a stream that was closed here | [`mux::Config::stream_close_timeout`] | 5 min | `StreamCloseTimeout`, 5 min |
/// | what is queued to be written when a session is closed | [`mux::Config::close_timeout`] | 1 s | not at all |
/// | the peer to acknowledge a stream | covered by the deadline of what is done with it | none | `StreamOpenTimeout`, 75 s, which ends the session |
/// | the answer to a call | [`rpc::Client::with_timeout`](crate::rpc::Client::with_timeout) | none | for ever |
///
/// go-plugin gives yamux its defaults, and no way to set them. Beside the waits, 256 connections to a
/// plugin may be without their first three streams
/// ([`ServeConfig::max_pending`](crate::plugin::ServeConfig::max_pending)), 256 streams may be there to
/// be accepted ([`mux::Config::accept_backlog`], `AcceptBacklog`), and 16,384 calls of the peer may run
/// on a stream ([`rpc::Config::max_calls`](crate::rpc::Config::max_calls)). In Go the first and the last
/// have no bound. Nor has what a session holds for readers that do not read (here
/// [`mux::Config::max_buffered`], 256 MiB, and [`mux::Config::max_unaccepted`], 64 MiB), and what a peer
/// may send in vain ([`mux::Config::max_noise`], 2,000 frames a second). For up to 100 µs after something arrived a thread of the runtime may stay awake where
/// that is faster, as Go's scheduler has threads that look for work ([`mux::Config::busy_poll`]).
///
/// The start, dial, control and TLS handshake timeouts cannot be nothing at all, in which nothing can
/// happen: that is an [`InvalidOption`]. A `kill_grace` of nothing kills at once, a broker's timeout of
/// nothing is one that has run out, and a `keep_alive` of nothing is an [`InvalidOption`], too. All may
/// be of any length, [`Duration::MAX`] included.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    mux: mux::Config,
    broker: broker::Config,
    limits: Option<Limits>,
    control_timeout: Duration,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        ConnectionConfig {
            mux: mux::Config::default(),
            broker: broker::Config::default(),
            limits: None,
            control_timeout: Duration::from_secs(60),
        }
    }
}

impl ConnectionConfig {
    /// The session's settings.
    #[must_use]
    pub fn mux(mut self, config: mux::Config) -> Self {
        self.mux = config;
        self
    }

    /// The broker's settings.
    #[must_use]
    pub fn broker(mut self, config: broker::Config) -> Self {
        self.broker = config;
        self
    }

    /// How much of the peer's is taken: of its calls and replies on the control stream, and on every
    /// stream of the broker that has calls. A message that goes beyond ends its stream; on the control
    /// stream, the connection. Default those of the broker's [codec](broker::Config::codec), which are
    /// [`Limits::default`] where nothing else was said, messages of up to 1 GiB.
    ///
    /// ```
    /// use plugwire::connection::ConnectionConfig;
    /// use plugwire::gob::Limits;
    ///
    /// let config = ConnectionConfig::default().limits(Limits::default().max_message(1 << 20));
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// The broker's settings, with the limits that hold for the whole connection.
    fn broker_config(&self) -> broker::Config {
        match self.limits {
            Some(limits) => self.broker.clone().limits(limits),
            None => self.broker.clone(),
        }
    }

    /// How calls on the control stream are written, which is always in gob, and what is taken of them.
    fn control_codec(&self) -> rpc::Config {
        self.broker_config().calls().codec(rpc::Codec::Gob)
    }

    /// How long a call on the control stream may take (ping, dispense, quit), and how long a
    /// plugin waits for a host that connected to open its three streams. Default 1 minute, and more
    /// than nothing; go-plugin waits for ever.
    #[must_use]
    pub fn control_timeout(mut self, timeout: Duration) -> Self {
        self.control_timeout = timeout;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("control_timeout", self.control_timeout)?;
        self.mux.check()?;
        self.broker.check()
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
    #[error("the control stream failed")]
    Control(#[from] ServeError),
    /// The peer connected and did not open its streams in time.
    #[error("the host did not open its control, stdout and stderr streams within {0:?}")]
    Incomplete(Duration),
}
