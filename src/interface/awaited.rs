//! Streams that are not there yet.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// A stream, or half of one, that a value was decoded for before it was connected. Reading and
/// writing wait for it.
#[derive(Debug)]
pub(super) enum Awaited<S> {
    Waiting(oneshot::Receiver<S>),
    Here(S),
    /// It was not connected.
    Lost,
}

/// Where the stream is put.
pub(super) type Filler<S> = oneshot::Sender<S>;

/// A stream that is not there yet, and where to put it.
pub(super) fn awaited<S>() -> (Filler<S>, Awaited<S>) {
    let (filler, stream) = oneshot::channel();
    (filler, Awaited::Waiting(stream))
}

impl<S: Unpin> Awaited<S> {
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut S>>> {
        if let Awaited::Waiting(stream) = self {
            *self = match ready!(Pin::new(stream).poll(cx)) {
                Ok(stream) => Awaited::Here(stream),
                Err(_) => Awaited::Lost,
            };
        }
        Poll::Ready(match self {
            Awaited::Here(stream) => Ok(Pin::new(stream)),
            Awaited::Waiting(_) | Awaited::Lost => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the stream was not connected",
            )),
        })
    }

    /// The stream, if it is there.
    pub(super) fn get(&mut self) -> Option<&mut S> {
        if let Awaited::Waiting(stream) = self
            && let Ok(stream) = stream.try_recv()
        {
            *self = Awaited::Here(stream);
        }
        match self {
            Awaited::Here(stream) => Some(stream),
            Awaited::Waiting(_) | Awaited::Lost => None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Awaited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(cx))?.poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Awaited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_stream(cx))?.poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(cx))?.poll_shutdown(cx)
    }
}
