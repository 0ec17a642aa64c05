//! The handle of a session.

use std::future::poll_fn;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::driver::{self, Request};
use super::{Config, Stream};

/// A multiplexed connection.
///
/// The handle can be cloned. The session ends when it is [closed](Session::close), when the last
/// handle is dropped, when the peer ends it, or when the peer gives no sign of life. Its streams end
/// with it; what had arrived on them can still be read.
///
/// ```
/// use plugwire::mux::{Config, Session};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (here, there) = tokio::io::duplex(64 * 1024);
/// let client = Session::client(here, Config::default());
/// let server = Session::server(there, Config::default());
///
/// let mut sender = client.open().await?;
/// sender.write_all(b"hello").await?;
/// sender.shutdown().await?;
///
/// let mut receiver = server.accept().await?;
/// let mut text = String::new();
/// receiver.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    requests: mpsc::UnboundedSender<Request>,
    accepted: Mutex<mpsc::Receiver<Stream>>,
    ended: watch::Receiver<Option<SessionError>>,
}

/// Why a session ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// It was closed on this side.
    #[error("session shutdown")]
    Closed,
    /// The peer closed the connection.
    #[error("the peer closed the session")]
    PeerClosed,
    /// The peer gave no sign of life within the keep-alive timeout.
    #[error("keepalive timeout")]
    KeepAliveTimeout,
    /// The connection broke.
    #[error("the session's connection failed: {0}")]
    Io(Arc<std::io::Error>),
    /// The peer's bytes are no yamux frames, or break the protocol's rules.
    #[error("the peer does not speak yamux: {0}")]
    Protocol(String),
}

/// Why a stream could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The session is over.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// As many streams are open as [`Config::max_streams`] allows.
    #[error("{open} streams are open, as many as the session allows")]
    TooManyStreams {
        /// How many are open.
        open: usize,
    },
}

impl Session {
    /// Starts the client's side of a session, which opens streams with odd numbers.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the session runs as a task of its own.
    pub fn client<T>(io: T, config: Config) -> Session
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::start(io, config, yamux::Mode::Client)
    }

    /// Starts the server's side of a session, which opens streams with even numbers.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the session runs as a task of its own.
    pub fn server<T>(io: T, config: Config) -> Session
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::start(io, config, yamux::Mode::Server)
    }

    fn start<T>(io: T, config: Config, mode: yamux::Mode) -> Session
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let config = config.possible();
        let (requests, requested) = mpsc::unbounded_channel();
        let (accept, accepted) = mpsc::channel(config.accept_backlog);
        let (end, ended) = watch::channel(None);
        tokio::spawn(driver::run(io, config, mode, requested, accept, end));
        Session {
            shared: Arc::new(Shared {
                requests,
                accepted: Mutex::new(accepted),
                ended,
            }),
        }
    }

    /// Opens a stream and tells the peer of it at once.
    ///
    /// Waits while 256 opened streams have not been acknowledged by the peer.
    pub async fn open(&self) -> Result<Stream, OpenError> {
        let (reply, opened) = oneshot::channel();
        let _ = self.shared.requests.send(Request::Open(reply));
        match opened.await {
            Ok(opened) => opened,
            Err(_) => Err(self.closed().await.into()),
        }
    }

    /// Takes the next stream that the peer opened and acknowledges it.
    pub async fn accept(&self) -> Result<Stream, SessionError> {
        let next = self.shared.accepted.lock().await.recv().await;
        let Some(mut stream) = next else {
            return Err(self.closed().await);
        };
        // A failure means that the session is over, which the stream's reader will be told.
        let _ = poll_fn(|cx| stream.poll_announce(cx)).await;
        Ok(stream)
    }

    /// Waits until what was written to the session's streams before is with the operating
    /// system, as far as the peer's windows let it go.
    pub async fn flush(&self) -> Result<(), SessionError> {
        let (reply, flushed) = oneshot::channel();
        let _ = self.shared.requests.send(Request::Flush(reply));
        match flushed.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.closed().await),
        }
    }

    /// Ends the session: what is queued is still written, as far as that takes no longer than
    /// [`Config::close_timeout`], then the connection is closed.
    pub async fn close(&self) {
        self.start_close();
        self.closed().await;
    }

    /// Ends the session without waiting for it to be over.
    pub(crate) fn start_close(&self) {
        let _ = self.shared.requests.send(Request::Close);
    }

    /// Waits until the session is over and says why.
    pub async fn closed(&self) -> SessionError {
        let mut ended = self.shared.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(SessionError::Closed),
            // The driver was dropped with its runtime.
            Err(_) => SessionError::Closed,
        }
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.shared.ended.borrow().is_some() || self.shared.requests.is_closed()
    }
}
