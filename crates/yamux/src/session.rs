//! The handle of a session.

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, Semaphore, oneshot, watch};

use super::link::Link;
use super::shared::Shared;
use super::transport::{Io, Plain, Transport};
use super::{Config, OpenError, SessionError, Stream, driver};
use plugwire_base::rescue::{self, Watch};

/// A multiplexed connection.
///
/// The handle can be cloned. The session ends when it is [closed](Session::close), when the last
/// handle is dropped, when the peer ends it, or when the peer gives no sign of life. Its streams end
/// with it; what had arrived on them can still be read.
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
    arrived: Arc<Semaphore>,
    openable: Arc<Semaphore>,
    /// Told when streams may be opened and accepted again.
    room: Arc<Notify>,
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
        self.shared.with(|link| {
            link.closing.get_or_insert(reason);
            link.wake_driver();
        });
    }
}

impl Handle {
    /// Opens or accepts, once there is room to tell the peer.
    async fn with_room<R>(&self, mut work: impl FnMut(&mut Link) -> R) -> R {
        loop {
            // Before the look, so that no room comes unnoticed in between.
            let roomier = self.room.notified();
            let worked = self
                .shared
                .with(|link| link.has_room_for_streams().then(|| work(link)));
            match worked {
                Some(worked) => return worked,
                None => roomier.await,
            }
        }
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
        let link = Link::new(io, config.clone(), client);
        let (arrived, openable) = (link.state.arrived.clone(), link.state.openable.clone());
        let room = link.room.clone();
        let shared = Arc::new(Shared::new(link));
        let (end, ended) = watch::channel(None);
        let ending = driver::Ending(shared.clone());
        let driven = driver::run(ending, config, client, end);
        tokio::spawn(rescue::guard(driven, Watch::Always));
        Session {
            handle: Arc::new(Handle {
                shared,
                arrived,
                openable,
                room,
                ended,
            }),
        }
    }

    /// Opens a stream and tells the peer of it, together with what is written to it at once.
    ///
    /// Waits while 256 opened streams have not been acknowledged by the peer, and while 256 KiB are
    /// queued that the peer does not read. A call that is cancelled has opened nothing.
    pub async fn open(&self) -> Result<Stream, OpenError> {
        let handle = &*self.handle;
        let Ok(permit) = handle.openable.acquire().await else {
            return Err(self.closed().await.into());
        };
        let opened = handle
            .with_room(|link| {
                let opened = link.state.open();
                link.flush_soon();
                opened
            })
            .await;
        match opened {
            Ok(id) => {
                // The stream gives it back once the peer has acknowledged it.
                permit.forget();
                Ok(Stream::new(handle.shared.clone(), id))
            }
            Err(OpenError::Session(_)) => Err(self.closed().await.into()),
            Err(error) => Err(error),
        }
    }

    /// Takes the next stream that the peer opened and acknowledges it.
    ///
    /// Waits while 256 KiB are queued that the peer does not read. A call that is cancelled has taken
    /// nothing.
    pub async fn accept(&self) -> Result<Stream, SessionError> {
        let handle = &*self.handle;
        let permit = handle.arrived.acquire().await;
        let accepted = handle
            .with_room(|link| {
                let accepted = link.state.accept();
                link.flush_soon();
                accepted
            })
            .await;
        if let Ok(permit) = permit {
            permit.forget();
        }
        match accepted {
            Some(id) => Ok(Stream::new(handle.shared.clone(), id)),
            None => Err(self.closed().await),
        }
    }

    /// Waits until what was written to the session's streams before is with the operating
    /// system, as far as the peer's windows let it go.
    pub async fn flush(&self) -> Result<(), SessionError> {
        let (reply, flushed) = oneshot::channel();
        self.handle.shared.with(|link| link.when_flushed(reply));
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

    /// Ends the session without waiting for it to be over, and gives a reason for it to who still uses
    /// it.
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

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle.shared.with(|link| link.state.ended.is_some())
    }
}
