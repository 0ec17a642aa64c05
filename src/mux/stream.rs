//! One stream of a session.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead as _, AsyncWrite as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use super::ends::{End, Ends};

/// A stream dropped by its holder, for the driver to see out.
pub(super) struct Dropped {
    pub(super) stream: yamux::Stream,
    /// Whether FIN is queued already.
    pub(super) finished: bool,
}

/// One ordered, reliable byte stream in each direction, with flow control of its own.
///
/// *Reading* ends with an end of file only when the peer finished its side. A stream that the peer
/// reset reads as [`ConnectionReset`](io::ErrorKind::ConnectionReset), and one whose session is gone
/// as [`ConnectionAborted`](io::ErrorKind::ConnectionAborted), each after the bytes that had
/// arrived.
///
/// *Shutting down* is a half-close: the peer reads an end of file, and reading goes on here.
///
/// *Dropping* a stream finishes it. What was written before still arrives. A peer that goes on
/// writing is told by a reset that nobody reads.
///
/// The two halves may be used from different tasks, for instance through [`tokio::io::split`].
pub struct Stream {
    /// `Some` until dropped.
    inner: Option<yamux::Stream>,
    id: u32,
    finished: bool,
    ends: Arc<Ends>,
    dropped: mpsc::UnboundedSender<Dropped>,
}

impl Stream {
    pub(super) fn new(
        inner: yamux::Stream,
        ends: Arc<Ends>,
        dropped: mpsc::UnboundedSender<Dropped>,
    ) -> Self {
        Stream {
            id: inner.id().val(),
            inner: Some(inner),
            finished: false,
            ends,
            dropped,
        }
    }

    /// The stream's number within its session: odd when the client opened it, even when the
    /// server did.
    pub fn id(&self) -> u32 {
        self.id
    }

    fn inner(&mut self) -> Pin<&mut yamux::Stream> {
        Pin::new(self.inner.as_mut().expect("present until drop"))
    }

    /// Sends an empty data frame, which carries the SYN or ACK that is due.
    pub(super) fn poll_announce(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_write(cx, &[]).map_ok(|_| ())
    }

    /// Why no more can be read although the peer did not finish.
    fn cut_off(&self) -> io::Error {
        match self.ends.get(self.id) {
            End::Reset => io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the stream was reset by the peer",
            ),
            End::Open | End::Finished => io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the stream's session is closed",
            ),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // It fails only where a window update cannot be sent, since the session is gone.
        let read = ready!(self.inner().poll_read(cx, buffer.initialize_unfilled()));
        let n = read.unwrap_or_default();
        buffer.advance(n);
        if n == 0 && self.ends.get(self.id) != End::Finished {
            return Poll::Ready(Err(self.cut_off()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.finished {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the stream was shut down",
            )));
        }
        if data.is_empty() {
            // The crate would send a frame for it.
            return Poll::Ready(Ok(0));
        }
        let written = ready!(self.inner().poll_write(cx, data));
        Poll::Ready(written.map_err(|_| self.cut_off()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Written bytes are with the driver, which writes them as soon as it runs.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Go ends the whole session at a second FIN, and the crate would send one.
        if !self.finished {
            // An error means that the stream is gone, which is as closed as can be.
            let _ = ready!(self.inner().poll_close(cx));
            self.finished = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(stream) = self.inner.take() else {
            return;
        };
        match self.ends.get(self.id) {
            // Nothing more can come, and the crate sends the FIN that may be due.
            End::Finished | End::Reset => self.ends.forget(self.id),
            End::Open => {
                let finished = self.finished;
                let _ = self.dropped.send(Dropped { stream, finished });
            }
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish()
    }
}
