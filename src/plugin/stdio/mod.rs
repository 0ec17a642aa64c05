//! The process's standard output and standard error, sent to the host.
//!
//! ```text
//! println! → pipe → collector (a thread) → backlog → sender (a task) → stream of the connection
//! ```
//!
//! The collector is a thread of its own, since a `println!` that waits for room in the pipe blocks
//! a thread of the plugin's runtime, and that may be the one the rest of this runs on.

#[cfg_attr(not(unix), allow(dead_code, reason = "nothing is captured there"))]
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
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use self::backlog::Backlog;
use self::capture::Capture;
use crate::mux::Stream;
use plugwire_base::rescue::{self, Watch, timeout};

/// How long the host's request to quit may wait for output to be sent.
const DRAIN: Duration = Duration::from_secs(1);

/// How long the end of serving may wait for output that was not sent.
const REST: Duration = Duration::from_millis(500);

/// The capture of both descriptors and the way to the host. Dropping it undoes the capture.
pub(super) struct Stdio {
    /// `None` once undone.
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

/// Whether captured output also goes where it went before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tee {
    Yes,
    No,
}

impl Stdio {
    /// Takes over standard output and standard error.
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

    /// Writes the handshake line to the standard output that the process was started with.
    pub(super) async fn announce(&self, line: &[u8]) -> io::Result<()> {
        match &*self.capture.lock().await {
            Some(capture) => capture.announce(line),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Sends the output over these streams from now on. Earlier ones take over again when these
    /// end.
    pub(super) fn connect(&self, stdout: Stream, stderr: Stream) {
        let _ = self.stdout.streams.send(stdout);
        let _ = self.stderr.streams.send(stderr);
    }

    /// Sends all that has been written so far, then ends the streams. Takes no longer than
    /// [`DRAIN`], whatever the host does.
    pub(super) async fn drain(&self) {
        let sent = async {
            if let Some(capture) = &*self.capture.lock().await {
                capture.collect_now().await;
            }
            self.stdout.backlog.settled().await;
            self.stderr.backlog.settled().await;
        };
        if timeout(DRAIN, sent).await.is_err() {
            tracing::warn!("the host did not read all output before the end");
        }
        self.stdout.backlog.finish();
        self.stderr.backlog.finish();
    }

    /// Makes standard output and standard error what they were. Output that nobody took goes there.
    pub(super) async fn restore(&self) {
        let capture = self.capture.lock().await.take();
        if let Some(capture) = capture {
            self.stdout.backlog.finish();
            self.stderr.backlog.finish();
            if timeout(REST, capture.stop()).await.is_err() {
                tracing::debug!("nobody reads the output that was left over");
            }
        }
    }
}
