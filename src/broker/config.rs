//! The settings of a broker.

use std::time::Duration;

use crate::InvalidOption;
use crate::codec::{CallConfig, Codec, Limits};
use crate::handshake::Extensions;
use crate::tuning::broker::{ACCEPT_TIMEOUT, DIAL_TIMEOUT};

/// Settings of a [`MuxBroker`](super::MuxBroker).
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    pub(super) accept_timeout: Duration,
    pub(super) dial_timeout: Duration,
    pub(super) codec: CallConfig,
    pub(crate) call_timeout: Option<Duration>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        BrokerConfig {
            accept_timeout: ACCEPT_TIMEOUT,
            dial_timeout: DIAL_TIMEOUT,
            codec: CallConfig::default(),
            call_timeout: None,
        }
    }
}

impl BrokerConfig {
    /// How long [`MuxBroker::accept`](super::MuxBroker::accept) waits for the peer to dial, and how
    /// long a stream of the peer waits to be accepted before it is closed. Default 5 s, fixed in
    /// go-plugin. Zero is an [`InvalidOption`].
    ///
    /// It also bounds what a reply or an item of a stream lends and the peer does not dial: a
    /// caller with this crate says so when it drops the call, a Go peer has no way to.
    #[must_use]
    pub fn accept_timeout(mut self, timeout: Duration) -> Self {
        self.accept_timeout = timeout;
        self
    }

    /// How long [`MuxBroker::dial`](super::MuxBroker::dial) waits for the peer to accept. Default
    /// 10 s, twice as long as a go-plugin peer lets a stream wait before it closes it. go-plugin
    /// itself waits for ever. Zero is an [`InvalidOption`].
    #[must_use]
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// The deadline of each call to an interface that the broker connects to, unless the handle
    /// that it is made through has another: see
    /// [`Remote::with_timeout`](crate::Remote::with_timeout). Default none. Zero is an
    /// [`InvalidOption`]. go-plugin has none.
    #[must_use]
    pub fn call_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.call_timeout = timeout.into();
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("accept_timeout", self.accept_timeout)?;
        InvalidOption::check_duration("dial_timeout", self.dial_timeout)?;
        if let Some(timeout) = self.call_timeout {
            InvalidOption::check_duration("call_timeout", timeout)?;
        }
        self.codec.check()
    }

    /// How the calls of [`MuxBroker::dial_client`](super::MuxBroker::dial_client) and
    /// [`MuxBroker::accept_and_serve`](super::MuxBroker::accept_and_serve) are written, how much is
    /// accepted from the peer, and how many of its calls [run at a time](CallConfig::max_calls).
    /// Default [`Codec::Gob`](crate::rpc::Codec::Gob).
    #[must_use]
    pub fn codec(mut self, codec: impl Into<CallConfig>) -> Self {
        self.codec = codec.into();
        self
    }

    /// What a host with these settings offers: it asks for the rich codec only if it has it.
    pub(crate) fn extensions(&self) -> Extensions {
        match self.codec.name() {
            Codec::Rich => Extensions::supported(),
            _ => Extensions::supported().without(Extensions::MSGPACK),
        }
    }

    /// The same codec with other limits.
    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.codec = self.codec.limits(limits);
        self
    }

    /// How calls are written, and how much is accepted of them.
    pub(crate) fn calls(&self) -> CallConfig {
        self.codec
    }
}
