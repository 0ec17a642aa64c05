//! The process's standard output and standard error, sent to the host.
//!
//! ```text
//! println! → pipe → collector (a thread) → backlog → sender (a task) → stream of the connection
//! ```
//!
//! The collector is a thread of its own: a `println!` that waits for room in the pipe blocks a
//! thread of the plugin's runtime, perhaps its only one.
//!
//! | file | what it does |
//! | --- | --- |
//! | `capture.rs` | replaces the descriptors and puts them back; the collectors |
//! | `backlog.rs` | the bytes between collector and sender, bounded |
//! | `sender.rs` | writes them to the newest connection |
//! | `no_capture.rs` | the same interface where descriptors cannot be replaced |
//!
//! Lock order: [`Stdio::capture`], then the lock of the original descriptors
//! (`sys/standard_streams.rs`). A backlog's lock is held for moments and with no other.

#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "output is only captured on unix")
)]
mod backlog;
mod sender;

#[cfg(unix)]
#[path = "capture.rs"]
mod capture;
#[cfg(not(unix))]
#[path = "no_capture.rs"]
mod capture;

use std::io;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use self::backlog::Backlog;
use self::capture::Capture;
use crate::mux::Stream;
use crate::tuning::plugin as tuning;
use plugwire_base::rescue::{self, Watch, timeout};

/// The captured output and its way to the host. Dropping it undoes the capture.
pub(super) struct Stdio {
    /// `None` once undone. An async lock, since it is held while output is collected.
    capture: Mutex<Option<Capture>>,
    stdout: Output,
    stderr: Output,
    _senders: JoinSet<()>,
}

struct Output {
    backlog: Arc<Backlog>,
    streams: mpsc::UnboundedSender<Stream>,
}

impl Output {
    fn start(senders: &mut JoinSet<()>) -> Self {
        let backlog = Arc::new(Backlog::default());
        let (streams, arriving) = mpsc::unbounded_channel();
        let sending = sender::send(Arc::clone(&backlog), arriving);
        senders.spawn(rescue::guard(sending, Watch::Woken));
        Self { backlog, streams }
    }
}

/// Whether captured output is also written to the original descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tee {
    Yes,
    No,
}

impl Stdio {
    /// Captures standard output and standard error.
    pub(super) fn capture(tee: Tee) -> io::Result<Self> {
        let mut senders = JoinSet::new();
        let stdout = Output::start(&mut senders);
        let stderr = Output::start(&mut senders);
        let capture = Capture::start(
            [Arc::clone(&stdout.backlog), Arc::clone(&stderr.backlog)],
            tee,
        )?;
        Ok(Self {
            capture: Mutex::new(Some(capture)),
            stdout,
            stderr,
            _senders: senders,
        })
    }

    /// Writes the handshake line to the original standard output.
    pub(super) async fn announce(&self, line: &[u8]) -> io::Result<()> {
        match &*self.capture.lock().await {
            Some(capture) => capture.announce(line),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Sends the output over these streams from now on. When they end, earlier ones take over
    /// again.
    pub(super) fn connect(&self, stdout: Stream, stderr: Stream) {
        let _ = self.stdout.streams.send(stdout);
        let _ = self.stderr.streams.send(stderr);
    }

    /// Sends all output that has been written so far, then ends the streams. Takes at most
    /// [`tuning::DRAIN`], whatever the host does.
    pub(super) async fn drain(&self) {
        let sent = async {
            if let Some(capture) = &*self.capture.lock().await {
                capture.collect_now().await;
            }
            self.stdout.backlog.settled().await;
            self.stderr.backlog.settled().await;
        };
        if timeout(tuning::DRAIN, sent).await.is_err() {
            tracing::warn!("the host did not read all output before the end");
        }
        self.stdout.backlog.finish();
        self.stderr.backlog.finish();
    }

    /// Puts standard output and standard error back. Output that no host has read goes there.
    pub(super) async fn restore(&self) {
        let capture = self.capture.lock().await.take();
        if let Some(capture) = capture {
            self.stdout.backlog.finish();
            self.stderr.backlog.finish();
            if timeout(tuning::REST, capture.stop()).await.is_err() {
                tracing::debug!("unsent output is not read from the original descriptors");
            }
        }
    }
}
