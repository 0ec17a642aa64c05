//! Which codec a connection has, and its limits.

use crate::InvalidOption;
use crate::gob::Limits;
use crate::tuning::rpc::MAX_CALLS;

/// How the values of a call are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// Go's `encoding/gob`, go-plugin's own codec.
    #[default]
    Gob,
    /// MessagePack, as `hashicorp/net-rpc-msgpackrpc` and ugorji's `codec.GoRpc` write it: structs
    /// as maps keyed by field name. Packer and Consul use it. (Feature `msgpack`)
    #[cfg(feature = "msgpack")]
    MsgPack,
    /// Any serde type, and each value exactly: variants with data, `Option<Option<_>>`,
    /// `Some(0)`, `None` in lists, integers of 128 bits, maps with any key. MessagePack by name,
    /// between plugwire peers only: see [`ClientConfig::codec`](crate::host::ClientConfig::codec).
    Rich,
}

/// How a [`Time`](crate::gob::Time) is written in MessagePack. Every form that Go peers write is
/// read, whichever is written: nil, timestamps of 4, 8 and 12 bytes as extension −1, as `bin` and
/// as `str`, the output of `MarshalBinary`, and text.
#[cfg(feature = "msgpack")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeFormat {
    /// A timestamp of 12 bytes as `bin`, which hashicorp/go-msgpack 2 and ugorji's codec read with
    /// any setting of `WriteExt`. It has no zone: the time arrives in UTC.
    #[default]
    Timestamp,
    /// The output of Go's `Time.MarshalBinary` as `bin`, with the zone. hashicorp/go-msgpack 0.5
    /// reads no other form. Neither do later versions where `TimeNotBuiltin` is set, as it is in
    /// Consul and Nomad.
    MarshalBinary,
}

/// How the calls of a connection are written, and how much is accepted from the peer.
///
/// Every function that takes a `CallConfig` takes a [`Codec`] as well, for the default limits.
///
/// ```
/// use plugwire::codec::{CallConfig, Codec, Limits};
///
/// let config = CallConfig::new(Codec::Gob).limits(Limits::default().max_message(1 << 20));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CallConfig {
    pub(super) codec: Codec,
    pub(super) limits: Limits,
    max_calls: usize,
    #[cfg(feature = "msgpack")]
    pub(super) times: TimeFormat,
}

impl Default for CallConfig {
    fn default() -> Self {
        CallConfig::new(Codec::default())
    }
}

impl CallConfig {
    /// A codec with the default limits.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        CallConfig {
            codec,
            limits: Limits::default(),
            max_calls: MAX_CALLS,
            #[cfg(feature = "msgpack")]
            times: TimeFormat::default(),
        }
    }

    /// Which codec it is.
    pub(crate) fn name(&self) -> Codec {
        self.codec
    }

    /// The same limits in another codec.
    pub(crate) fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// What is accepted from the peer: a longer or deeper message ends the connection. MessagePack
    /// heeds the length alone. Its depth is fixed, at gob's default, and it has no types to define.
    /// The rich codec heeds length and depth.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How times are written in MessagePack. Default [`TimeFormat::Timestamp`]. Gob has one form.
    #[cfg(feature = "msgpack")]
    #[must_use]
    pub fn times(mut self, format: TimeFormat) -> Self {
        self.times = format;
        self
    }

    /// How many of the peer's calls run at a time on one connection. While as many run, the server
    /// reads no further request. Default 16,384, and at least 1. Go's server has no bound, and
    /// grows with each request.
    ///
    /// A plugin whose calls wait for later calls of the same connection must allow more calls than
    /// the number that ever waits.
    #[must_use]
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.max_calls = calls;
        self
    }

    /// The bound on running calls. Zero, which no call could run under, counts as one.
    pub(crate) fn calls(&self) -> usize {
        self.max_calls.max(1)
    }

    /// Whether values are those of Go's gob, which cannot say every Rust type.
    pub(crate) fn is_gob(&self) -> bool {
        matches!(self.codec, Codec::Gob)
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        match self.max_calls {
            0 => Err(InvalidOption::new("max_calls", 0, "at least 1")),
            _ => Ok(()),
        }
    }
}

impl From<Codec> for CallConfig {
    fn from(codec: Codec) -> Self {
        CallConfig::new(codec)
    }
}
