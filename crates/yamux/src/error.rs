//! Why sessions and streams end.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a session ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// This side closed it.
    #[error("session shutdown")]
    Closed,
    /// This side dropped the client that the connection belonged to. What was obtained through a
    /// client does not keep it.
    #[error(
        "the client of {plugin} was dropped, which ended the connection: keep it for as long as the plugin is used"
    )]
    ClientDropped {
        /// What it was the client of, such as `plugin kv`.
        plugin: Arc<str>,
    },
    /// The peer closed the connection.
    #[error("the peer closed the session")]
    PeerClosed,
    /// The peer did not answer a ping, or read no byte of what was written, for the
    /// [keep-alive timeout](crate::Config::keep_alive_timeout).
    #[error("keepalive timeout")]
    KeepAliveTimeout,
    /// The connection broke.
    #[error("the session's connection failed")]
    Io(#[source] Arc<io::Error>),
    /// The peer sent too many frames that are of no use. The peer got a GoAway. See
    /// [`Config::max_noise`](crate::Config::max_noise).
    #[error("the peer sent too many {noise}, more than {per_second} a second")]
    Noise {
        /// What there was too much of.
        noise: Noise,
        /// How many a second are allowed in the long run.
        per_second: u64,
    },
    /// The peer's bytes are no yamux frames, or break the protocol's rules.
    #[error("the peer does not speak yamux: {0}")]
    Protocol(String),
}

impl SessionError {
    /// The end of a session whose connection failed. The socket of a peer whose process ends fails
    /// in one of several ways.
    pub(crate) fn from_io(error: io::Error) -> Self {
        use io::ErrorKind;
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                SessionError::PeerClosed
            }
            _ => SessionError::Io(Arc::new(error)),
        }
    }
}

/// Why a stream could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The session is over.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// As many streams are open as [`Config::max_streams`](crate::Config::max_streams) allows.
    #[error("{open} streams are open, as many as the session allows")]
    TooManyStreams {
        /// How many are open.
        open: usize,
    },
    /// The peer accepts no more streams: it sent a GoAway.
    #[error("remote end is not accepting connections")]
    GoAway,
    /// Every number that a stream may have was used.
    #[error("streams exhausted")]
    Exhausted,
}

/// Why this side reset a stream although its reader had not asked for that. It is the source of an
/// [`io::Error`] of the kind [`QuotaExceeded`](io::ErrorKind::QuotaExceeded).
///
/// See [`Config::max_buffered`](crate::Config::max_buffered) and
/// [`Config::max_unaccepted`](crate::Config::max_unaccepted).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "the stream was reset: it held most of what its session's streams had not read, which was more than {limit} bytes"
)]
pub struct UnreadError {
    /// The limit that was exceeded, in bytes.
    pub limit: usize,
}

/// A kind of frames that serve no purpose, by which a peer can keep a session busy.
///
/// A peer that works as it should sends few of them. See
/// [`Config::max_noise`](crate::Config::max_noise).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Noise {
    /// Streams that the peer opened where no more were accepted.
    RefusedStreams,
    /// Streams that the peer opened and reset.
    ResetStreams,
    /// Pings, and answers to pings that were not sent.
    Pings,
    /// Frames of a stream that carry no data and change nothing.
    EmptyFrames,
    /// Frames for streams that do not exist, beyond those that were on their way when one ended.
    UnknownStreams,
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Noise::RefusedStreams => "streams that were refused",
            Noise::ResetStreams => "streams that it reset",
            Noise::Pings => "pings",
            Noise::EmptyFrames => "frames that say nothing",
            Noise::UnknownStreams => "frames for streams that do not exist",
        })
    }
}
