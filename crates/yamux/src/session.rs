//! The handle of a session.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use plugwire_base::rescue::{self, Watch};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};

use super::connection::{Connection, Shared, now};
use super::driver::{self, CloseOnDrop};
use super::transport::{Io, Plain, Transport};
use super::wakers::Ticket;
use super::{Config, OpenError, SessionError, Stats, Stream, proto};

/// A multiplexed connection.
///
/// The handle can be cloned. The session ends when it is [closed](Session::close), when the last
/// handle is dropped, when the peer ends it, or when the peer gives no sign of life. Its streams
/// end with it; what had arrived on them can still be read.
///
/// ```
/// use plugwire_yamux::{Config, Session};
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
    handle: Arc<Handle>,
}

/// What the clones of a handle share: the last one ends the session.
struct Handle {
    shared: Arc<Shared>,
    ended: watch::Receiver<Option<SessionError>>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("ended", &*self.ended.borrow())
            .finish_non_exhaustive()
    }
}

impl Handle {
    fn start_close(&self, reason: SessionError) {
        self.shared
            .with(|connection| connection.start_close(reason));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.start_close(SessionError::Closed);
    }
}

impl Session {
    /// Starts the client's side of a session, which opens streams with odd numbers.
    ///
    /// A [`Transport`] belongs to [`client_over`](Self::client_over): here it would be
    /// read into one buffer at a time.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the session runs as a task of its own, which needs tokio's timers.
    pub fn client<T>(io: T, config: Config) -> Session
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::client_over(Plain(io), config)
    }

    /// Starts the server's side of a session, which opens streams with even numbers.
    ///
    /// A [`Transport`] belongs to [`server_over`](Self::server_over): here it would be
    /// read into one buffer at a time.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the session runs as a task of its own, which needs tokio's timers.
    pub fn server<T>(io: T, config: Config) -> Session
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::server_over(Plain(io), config)
    }

    /// Starts the client's side of a session over a [`Transport`], such as
    /// [`transport::UnixStream`](crate::transport::UnixStream).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the session runs as a task of its own, which needs tokio's timers.
    pub fn client_over(transport: impl Transport + 'static, config: Config) -> Session {
        Self::start(Io::new(transport), config, true)
    }

    /// Starts the server's side of a session over a [`Transport`], such as
    /// [`transport::UnixStream`](crate::transport::UnixStream).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the session runs as a task of its own, which needs tokio's timers.
    pub fn server_over(transport: impl Transport + 'static, config: Config) -> Session {
        Self::start(Io::new(transport), config, false)
    }

    fn start(io: Io, config: Config, client: bool) -> Session {
        let config = config.clamped();
        let session = match client {
            true => proto::Session::client(config.clone(), now()),
            false => proto::Session::server(config.clone(), now()),
        };
        let shared = Arc::new(Shared::new(Connection::new(io, session)));
        let (end, ended) = watch::channel(None);
        let driven = driver::run(CloseOnDrop(shared.clone()), config, client, end);
        tokio::spawn(rescue::guard(driven, Watch::Always));
        Session {
            handle: Arc::new(Handle { shared, ended }),
        }
    }

    /// Opens a stream and tells the peer of it, together with what is written to it at once.
    ///
    /// Waits while 256 opened streams have not been acknowledged by the peer, and while 256 KiB are
    /// queued that the peer does not read. A call that is cancelled has opened no
    /// stream.
    ///
    /// # Errors
    ///
    /// If the session is over, the peer accepts no streams, as many are open as
    /// [`Config::max_streams`] allows, or all numbers were used.
    pub async fn open(&self) -> Result<Stream, OpenError> {
        let shared = &self.handle.shared;
        let mut place = Place::new(shared, Connection::stop_opening);
        let opened = poll_fn(|cx| {
            let ticket = &mut place.ticket;
            shared.with(|connection| connection.poll_open(ticket, cx))
        });
        match opened.await {
            Ok(key) => Ok(Stream::new(shared.clone(), key)),
            Err(OpenError::Session(_)) => Err(self.closed().await.into()),
            Err(error) => Err(error),
        }
    }

    /// Takes the next stream that the peer opened and acknowledges it.
    ///
    /// Waits while 256 KiB are queued that the peer does not read. A call that is cancelled has
    /// taken nothing.
    ///
    /// # Errors
    ///
    /// If the session is over and all streams of the peer were accepted.
    pub async fn accept(&self) -> Result<Stream, SessionError> {
        let shared = &self.handle.shared;
        let mut place = Place::new(shared, Connection::stop_accepting);
        let accepted = poll_fn(|cx| {
            let ticket = &mut place.ticket;
            shared.with(|connection| connection.poll_accept(ticket, cx))
        });
        match accepted.await {
            Ok(key) => Ok(Stream::new(shared.clone(), key)),
            Err(_) => Err(self.closed().await),
        }
    }

    /// Waits until what was written to the session's streams before is with the operating
    /// system, as far as the peer's windows let it go.
    ///
    /// # Errors
    ///
    /// If the session ends before that.
    pub async fn flush(&self) -> Result<(), SessionError> {
        let (reply, flushed) = oneshot::channel();
        self.handle
            .shared
            .with(|connection| connection.when_flushed(reply));
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
    pub fn start_close(&self) {
        self.handle.start_close(SessionError::Closed);
    }

    /// Ends the session without waiting for it to be over. Those that still use it get `reason`.
    pub fn start_close_for(&self, reason: SessionError) {
        self.handle.start_close(reason);
    }

    /// Waits until the session is over and says why.
    pub async fn closed(&self) -> SessionError {
        let mut ended = self.handle.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(SessionError::Closed),
            // The driver was dropped with its runtime.
            Err(_) => SessionError::Closed,
        }
    }

    /// How many streams there are, of both sides, those included that were dropped here and that
    /// the peer has not ended yet.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.handle.shared.with(|connection| connection.streams())
    }

    /// The session in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.shared.with(|connection| connection.stats())
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle
            .shared
            .with(|connection| connection.ended().is_some())
    }
}

/// The place of a caller that opens or accepts a stream among others that do. A caller that is
/// cancelled gives it up, so that the next one has its turn.
struct Place<'a> {
    ticket: Ticket,
    shared: &'a Shared,
    give_up: fn(&mut Connection, &mut Ticket),
}

impl<'a> Place<'a> {
    fn new(shared: &'a Shared, give_up: fn(&mut Connection, &mut Ticket)) -> Self {
        Place {
            ticket: Ticket::default(),
            shared,
            give_up,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.ticket.is_waiting() {
            self.shared
                .with(|connection| (self.give_up)(connection, &mut self.ticket));
        }
    }
}
