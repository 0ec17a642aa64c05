//! The settings of a connection.

use std::time::Duration;

use crate::InvalidOption;
use crate::codec::Limits;
use crate::event::{self, Propagator, Subscriber};
use crate::handshake::Extensions;
use crate::tuning::connection::CONTROL_TIMEOUT;
use crate::{broker, mux, rpc};

/// Settings of a connection, for either end.
///
/// # All that waits
///
/// Every wait that can be set, with its default and with what go-plugin does: the option's name
/// there, or the time where it has no option. A host sets them in its
/// [`ClientConfig`](crate::host::ClientConfig) or [`AttachConfig`](crate::host::AttachConfig), a
/// plugin in its [`ServeConfig`](crate::plugin::ServeConfig): with the methods named, or, for those
/// of a connection, with `connection`, which takes a `ConnectionConfig`.
///
#[doc = include_str!("waits.md")]
///
/// go-plugin gives yamux its defaults, and no way to set them.
///
/// # Other bounds
///
/// - 256 connections to a plugin may lack their first three streams
///   ([`ServeConfig::max_pending`](crate::plugin::ServeConfig::max_pending)). None in Go.
/// - 256 streams may wait to be accepted ([`mux::Config::accept_backlog`], `AcceptBacklog`).
/// - 16,384 calls of the peer may run on a stream
///   ([`CallConfig::max_calls`](crate::rpc::CallConfig::max_calls)). None in Go.
/// - A session holds 256 MiB for readers that do not read ([`mux::Config::max_buffered`]), and 64
///   MiB of streams that are not accepted ([`mux::Config::max_unaccepted`]). None in Go.
/// - A peer may send 2,000 useless frames a second ([`mux::Config::max_noise`]). None in Go.
///
/// For up to 100 µs after bytes arrived, a thread of the runtime may stay awake where that is
/// faster, as Go's scheduler has threads that look for work ([`mux::Config::busy_poll`]).
///
/// # Zero and none
///
/// A timeout of zero, in which nothing could happen, is an [`InvalidOption`]: the start, dial,
/// control, accept and TLS handshake timeouts, and a `keep_alive`. A `kill_grace` of zero kills at
/// once, and with a `busy_poll` of zero a thread sleeps at once. What can be switched off is an
/// `Option`, off with `None`. Times may be of any length, [`Duration::MAX`] included.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    pub(super) mux: mux::Config,
    broker: broker::BrokerConfig,
    limits: Option<Limits>,
    pub(super) control_timeout: Duration,
    call_timeout: Option<Duration>,
    pub(crate) events: event::Options,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        ConnectionConfig {
            mux: mux::Config::default(),
            broker: broker::BrokerConfig::default(),
            limits: None,
            control_timeout: CONTROL_TIMEOUT,
            call_timeout: None,
            events: event::Options::default(),
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
    pub fn broker(mut self, config: broker::BrokerConfig) -> Self {
        self.broker = config;
        self
    }

    /// How much is accepted from the peer: of its calls and replies on the control stream, and on
    /// every stream of the broker that has calls. A message that exceeds a limit ends its stream;
    /// on the control stream, the connection. The default is that of the broker's
    /// [codec](broker::BrokerConfig::codec): unless set, [`Limits::default`], with messages of up
    /// to 1 GiB.
    ///
    /// ```
    /// use plugwire::codec::Limits;
    /// use plugwire::connection::ConnectionConfig;
    ///
    /// let config = ConnectionConfig::default().limits(Limits::default().max_message(1 << 20));
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// The broker's settings, with the limits and the call timeout of the whole connection.
    pub(super) fn broker_config(&self) -> broker::BrokerConfig {
        let mut config = self.broker.clone();
        if let Some(limits) = self.limits {
            config = config.limits(limits);
        }
        match self.call_timeout {
            Some(timeout) => config.call_timeout(timeout),
            None => config,
        }
    }

    /// The deadline of each call to what is dispensed.
    #[cfg(feature = "host")]
    pub(crate) fn deadline_of_calls(&self) -> Option<Duration> {
        self.broker_config().call_timeout
    }

    /// How calls on the control stream are written, which is always in gob, and how much is
    /// accepted.
    pub(super) fn control_codec(&self) -> rpc::CallConfig {
        self.broker_config().calls().codec(rpc::Codec::Gob)
    }

    /// How long a call on the control stream may take (ping, dispense, quit), and how long a plugin
    /// waits for a host that connected to open its three streams. Default 1 minute. Zero is an
    /// [`InvalidOption`]. go-plugin waits for ever.
    #[must_use]
    pub fn control_timeout(mut self, timeout: Duration) -> Self {
        self.control_timeout = timeout;
        self
    }

    /// The deadline of each call to what is dispensed over the connection, and to each interface
    /// that the peer hands over, unless the handle that it is made through has another: see
    /// [`Remote::with_timeout`](crate::Remote::with_timeout). Default none: that of the broker's
    /// [settings](broker::BrokerConfig::call_timeout), which have none either. Zero is an
    /// [`InvalidOption`]. go-plugin has none.
    #[must_use]
    pub fn call_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.call_timeout = timeout.into();
        self
    }

    /// What this connection is called in logs, spans, metrics and errors: 1 to 64 bytes of text
    /// without control characters, anything else is an [`InvalidOption`]. Default: the file name of
    /// a launched plugin's executable, the address of a plugin that runs already, in the plugin the
    /// file name of its own executable, and `plugin` for an
    /// [`RpcClient`](super::RpcClient) that is made by hand. A host sets it with
    /// [`ClientConfig::name`](crate::host::ClientConfig::name), too.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.events.set_name(name.into());
        self
    }

    /// Has a subscriber learn of each [event](crate::event). May be called again, for another one
    /// beside it. Default none.
    #[must_use]
    pub fn subscriber(mut self, subscriber: impl Subscriber) -> Self {
        self.events.add_subscriber(subscriber);
        self
    }

    /// Connects the spans of both processes: see [`Propagator`]. Default none: a call takes along
    /// what its [context](crate::CallContext) has.
    #[must_use]
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.events.set_propagator(propagator);
        self
    }

    /// The same with another codec of the broker.
    pub(crate) fn codec(mut self, codec: rpc::Codec) -> Self {
        let calls = self.broker.calls().codec(codec);
        self.broker = self.broker.codec(calls);
        self
    }

    /// What a host with these settings offers.
    pub(crate) fn extensions(&self) -> Extensions {
        self.broker.extensions()
    }

    /// The settings of a plugin for any host, and what the plugin answers. It speaks the rich codec
    /// with hosts that ask for it, and gob with all others. A codec that is not negotiated leaves
    /// no choice.
    #[cfg(feature = "plugin")]
    pub(crate) fn for_any_host(self) -> (Self, Extensions) {
        match self.broker.calls().name() {
            rpc::Codec::Gob => (self, Extensions::supported()),
            rpc::Codec::Rich => (self.codec(rpc::Codec::Gob), Extensions::supported()),
            #[cfg(feature = "msgpack")]
            rpc::Codec::MsgPack => (self, Extensions::supported().without(Extensions::MSGPACK)),
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("control_timeout", self.control_timeout)?;
        self.events.check()?;
        self.mux.check()?;
        self.broker_config().check()
    }
}
