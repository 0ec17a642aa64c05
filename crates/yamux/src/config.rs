//! The settings of a session, with the defaults of `hashicorp/yamux`.

use std::sync::Arc;
use std::time::Duration;

use plugwire_base::InvalidOption;

use crate::observer::{Both, Observer};
use crate::proto::frame::WINDOW;

/// What stands in for no pause at all.
const SHORTEST: Duration = Duration::from_millis(1);

/// Settings of a [`Session`](super::Session).
///
/// ```
/// use std::time::Duration;
/// use plugwire_yamux::Config;
///
/// let config = Config::default()
///     .keep_alive(Some(Duration::from_secs(15)))
///     .max_streams(1_000);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) accept_backlog: usize,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) stream_close_timeout: Duration,
    pub(crate) max_streams: usize,
    pub(crate) max_buffered: usize,
    pub(crate) max_unaccepted: usize,
    pub(crate) max_noise: u32,
    pub(crate) busy_poll: Option<Duration>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            accept_backlog: 256,
            keep_alive: Some(Duration::from_secs(30)),
            keep_alive_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(1),
            stream_close_timeout: Duration::from_secs(5 * 60),
            max_streams: 1 << 16,
            max_buffered: 256 << 20,
            max_unaccepted: 64 << 20,
            max_noise: 2_000,
            busy_poll: Some(Duration::from_micros(100)),
            observer: None,
        }
    }
}

impl Config {
    /// How many streams of the peer may wait to be accepted before further ones are reset.
    /// Default 256; at least 1. (`AcceptBacklog`)
    #[must_use]
    pub fn accept_backlog(mut self, streams: usize) -> Self {
        self.accept_backlog = streams;
        self
    }

    /// How often the peer is sent a ping, whatever else it sends. Default 30 s.
    /// (`KeepAliveInterval`)
    ///
    /// `None` turns keep-alive off. A peer that reads no more is not noticed then, either: for a
    /// plugin that is stopped in a debugger.
    #[must_use]
    pub fn keep_alive(mut self, interval: Option<Duration>) -> Self {
        self.keep_alive = interval;
        self
    }

    /// How long the answer to a ping may take, and how long the connection may take no byte of what
    /// is written, before the session ends. Default 10 s. (`ConnectionWriteTimeout`)
    ///
    /// So a peer that stops is noticed after 40 s at most, and earlier while something is written
    /// to it. The time counts from when the ping is written.
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.keep_alive_timeout = timeout;
        self
    }

    /// How long closing the session may take to write what is still queued. Default 1 s.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How long a stream that was closed here may stay open at the peer before it is reset.
    /// Default 5 minutes. (`StreamCloseTimeout`)
    #[must_use]
    pub fn stream_close_timeout(mut self, timeout: Duration) -> Self {
        self.stream_close_timeout = timeout;
        self
    }

    /// How many streams may be open at once, both sides' together. Default 65,536.
    ///
    /// Above it a stream of the peer is reset and [`Session::open`](super::Session::open) fails;
    /// the session and its other streams go on.
    #[must_use]
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.max_streams = streams;
        self
    }

    /// How much memory may hold what has arrived on the session's streams and is not read, in
    /// bytes. Default 256 MiB, which is a full window of each of a thousand streams; at least 256
    /// KiB.
    ///
    /// Above it the streams that hold most are reset, and their readers get an
    /// [`UnreadError`](super::UnreadError); the session and its other streams go on. When half of
    /// it is used, no stream gets a window of 1 MiB any more.
    #[must_use]
    pub fn max_buffered(mut self, bytes: usize) -> Self {
        self.max_buffered = bytes;
        self
    }

    /// How much of [`max_buffered`](Self::max_buffered) may be held by streams that were not
    /// accepted yet. Default 64 MiB, which is a full window of each stream of the default
    /// [`accept_backlog`](Self::accept_backlog); at least 256 KiB.
    #[must_use]
    pub fn max_unaccepted(mut self, bytes: usize) -> Self {
        self.max_unaccepted = bytes;
        self
    }

    /// How many frames of each kind of [`Noise`](super::Noise) the peer may send in a second, and
    /// ten times as many at once. Default 2,000; at least 1. Of streams that it opens and resets it
    /// is ten times each number.
    ///
    /// A peer that sends more gets a GoAway, and the session ends with
    /// [`SessionError::Noise`](super::SessionError::Noise). Peers that work as they should stay far
    /// below: what was on its way to a stream when it ended does not count.
    #[must_use]
    pub fn max_noise(mut self, frames_per_second: u32) -> Self {
        self.max_noise = frames_per_second;
        self
    }

    /// How long the session's task may keep a thread of the runtime from sleeping after something
    /// has arrived. Default 100 µs; with `None` the thread sleeps at once.
    ///
    /// Waking a core that sleeps takes longer than most calls do. So the task may ask for more in
    /// each turn of the runtime, in which all other tasks run, too. Where no core is free, this
    /// does the opposite: it keeps the peer from running. So the session tries both, for a
    /// millisecond each in every 50, and between these tries waits in the way that brought more. It
    /// never stays awake with one core to run on, while a session begins, while large frames come
    /// and go, while the peer takes longer than the limit, and where calls come from the `block_on`
    /// of a multi-threaded runtime.
    #[must_use]
    pub fn busy_poll(mut self, limit: Option<Duration>) -> Self {
        self.busy_poll = limit;
        self
    }

    /// Has an observer learn what happens on the session. May be called again, for another one
    /// beside it. Default none.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(match self.observer.take() {
            None => observer,
            Some(first) => Arc::new(Both(first, observer)),
        });
        self
    }

    /// Refuses what a connection cannot work with. A session that is started with settings of that
    /// kind takes the nearest ones that it can.
    ///
    /// # Errors
    ///
    /// The first option that has no possible value, with what it expects.
    pub fn check(&self) -> Result<(), InvalidOption> {
        if self.accept_backlog == 0 {
            return Err(InvalidOption::new("accept_backlog", 0, "at least 1 stream"));
        }
        // A connection is three streams, and what it brings about needs a fourth.
        if self.max_streams < 4 {
            return Err(InvalidOption::new(
                "max_streams",
                self.max_streams,
                "at least 4 streams",
            ));
        }
        for (option, bytes) in [
            ("max_buffered", self.max_buffered),
            ("max_unaccepted", self.max_unaccepted),
        ] {
            if bytes < WINDOW as usize {
                return Err(InvalidOption::new(
                    option,
                    bytes,
                    "at least 262144 bytes, the window of a stream",
                ));
            }
        }
        if self.max_noise == 0 {
            return Err(InvalidOption::new(
                "max_noise",
                0,
                "at least 1 frame a second",
            ));
        }
        if let Some(interval) = self.keep_alive {
            InvalidOption::check_duration("keep_alive", interval)?;
        }
        if let Some(limit) = self.busy_poll {
            InvalidOption::check_duration("busy_poll", limit)?;
        }
        InvalidOption::check_duration("keep_alive_timeout", self.keep_alive_timeout)
    }

    /// The settings nearest to these that a session can have.
    pub(crate) fn clamped(mut self) -> Self {
        self.accept_backlog = self.accept_backlog.max(1);
        self.max_streams = self.max_streams.max(1);
        self.max_buffered = self.max_buffered.max(WINDOW as usize);
        self.max_unaccepted = self.max_unaccepted.max(WINDOW as usize);
        self.max_noise = self.max_noise.max(1);
        // Without a pause between two looks at the clock no other work would be done.
        self.keep_alive = self.keep_alive.map(|interval| interval.max(SHORTEST));
        self.keep_alive_timeout = self.keep_alive_timeout.max(SHORTEST);
        self.busy_poll = self.busy_poll.filter(|limit| !limit.is_zero());
        self
    }
}
