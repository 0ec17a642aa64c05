//! One stream of a session.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use plugwire_base::abandoned::is_abandoned;

use super::connection::{Connection, Shared};
use super::proto::StreamKey;

/// One ordered, reliable byte stream in each direction, with flow control of its own.
///
/// *Reading* ends with an end of file only when the peer finished its side. A stream that the peer
/// reset reads as [`ConnectionReset`](io::ErrorKind::ConnectionReset), and one whose session is
/// gone as [`ConnectionAborted`](io::ErrorKind::ConnectionAborted), each after the bytes that had
/// arrived. That error holds the reason: [`get_ref`](io::Error::get_ref) gives the
/// [`SessionError`](super::SessionError). A stream that this side reset, since its session held too
/// much that was not read, reads as [`QuotaExceeded`](io::ErrorKind::QuotaExceeded), with an
/// [`UnreadError`](super::UnreadError) in it.
///
/// *Writing* needs no flush: what was written goes out within a few turns of the runtime, together
/// with what other streams wrote. A *flush* sends it at once.
///
/// *Shutting down* is a half-close: the peer reads an end of file, and reading goes on here.
///
/// *Dropping* a stream finishes it. What was written before still arrives. What the peer sends from
/// then on is thrown away. A peer that goes on writing until its window is used up gets a reset,
/// and so does one that does not finish its side within
/// [`stream_close_timeout`](super::Config::stream_close_timeout).
///
/// *Resetting* a stream gives it up, for a sender that cannot send everything: the peer reads an
/// error instead of an end of file. See [`reset`](Self::reset). So does dropping one that was not
/// shut down while its thread panics, or with a method's future that is dropped before it ended:
/// what was written is then not all there was to write.
///
/// The two halves may be used from different tasks: see [`into_split`](Self::into_split).
pub struct Stream {
    key: StreamKey,
    finished: AtomicBool,
    reset: AtomicBool,
    session: Arc<Shared>,
}

impl Stream {
    pub(super) fn new(session: Arc<Shared>, key: StreamKey) -> Self {
        Stream {
            key,
            finished: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            session,
        }
    }

    /// The stream's number within its session: odd when the client opened it, even when the
    /// server did.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.key.number()
    }

    /// Ends the stream in both directions as one that failed (RST).
    ///
    /// The peer reads and writes an error from then on, never an end of file. So this is for a
    /// sender whose data is incomplete. A peer of this crate first reads what had arrived; one of
    /// hashicorp/yamux (Go) reads "connection reset" at once, without what it had not read yet.
    ///
    /// What was written before is sent before the reset. What has arrived and was not read is
    /// discarded. Reading and writing fail with [`ConnectionReset`](io::ErrorKind::ConnectionReset)
    /// afterwards, in a task that waits for the stream, too.
    ///
    /// No reset is sent on a stream that has ended already: one that both sides finished, one that
    /// the peer reset, one whose session is gone. Calling this again has no effect.
    pub fn reset(&mut self) {
        self.reset_shared();
    }

    /// Splits the stream into a half that reads and one that writes, each for a task of its own.
    /// Unlike those of [`tokio::io::split`], neither waits for the other.
    ///
    /// The stream is dropped with the second of them.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        let stream = Arc::new(self);
        (ReadHalf(Arc::clone(&stream)), WriteHalf(stream))
    }

    fn check_reset(&self) -> io::Result<()> {
        match self.reset.load(Ordering::Relaxed) {
            true => Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the stream was reset on this side",
            )),
            false => Ok(()),
        }
    }
}

/// What either half of a stream does, and the whole of it.
impl Stream {
    fn reset_shared(&self) {
        if !self.reset.swap(true, Ordering::Relaxed) {
            self.session
                .with(|connection| connection.reset_stream(self.key));
        }
    }

    fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.check_reset()?;
        self.session
            .with(|connection| connection.poll_read(self.key, buffer, cx))
    }

    fn poll_write_shared(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.check_reset()?;
        if self.finished.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the stream was shut down",
            )));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.session
            .with(|connection| connection.poll_send(self.key, data, cx))
    }

    fn flush_shared(&self) {
        // What the connection does not take now, the driver writes as soon as it does.
        self.session.with(Connection::flush_now);
    }

    fn finish_shared(&self) {
        self.finished.store(true, Ordering::Relaxed);
        self.session.with(|connection| connection.finish(self.key));
    }
}

/// The reading half of a [`Stream`].
#[derive(Debug)]
pub struct ReadHalf(Arc<Stream>);

/// The writing half of a [`Stream`]. Shut it down to finish this side: dropped alone, it does not.
#[derive(Debug)]
pub struct WriteHalf(Arc<Stream>);

impl WriteHalf {
    /// Ends the stream in both directions: see [`Stream::reset`].
    pub fn reset(&mut self) {
        self.0.reset_shared();
    }
}

macro_rules! read_by {
    ($type:ty, |$self:ident| $stream:expr) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $self = &*self;
                $stream.poll_read_shared(cx, buffer)
            }
        }
    };
}

macro_rules! write_by {
    ($type:ty, |$self:ident| $stream:expr) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $self = &*self;
                $stream.poll_write_shared(cx, data)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $self = &*self;
                $stream.flush_shared();
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $self = &*self;
                $stream.finish_shared();
                Poll::Ready(Ok(()))
            }
        }
    };
}

read_by!(Stream, |stream| stream);
write_by!(Stream, |stream| stream);
read_by!(ReadHalf, |half| half.0);
write_by!(WriteHalf, |half| half.0);

impl Drop for Stream {
    fn drop(&mut self) {
        if !*self.finished.get_mut() && is_abandoned() {
            self.reset();
        }
        // A stream that was reset is gone, and its place may be another one's.
        if !*self.reset.get_mut() {
            self.session
                .with(|connection| connection.drop_stream(self.key));
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id()).finish()
    }
}
