//! Readers and writers that fail or never end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// Fails, read or written.
pub struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("the disk is gone")))
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::other("the disk is full")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Has no data and no end.
pub struct Stuck {
    read: Option<oneshot::Sender<()>>,
    _dropped: oneshot::Sender<()>,
}

/// What happens to a [`Stuck`].
pub struct Watch {
    /// Resolves when it is first read.
    pub read: oneshot::Receiver<()>,
    /// Fails when it is dropped.
    pub dropped: oneshot::Receiver<()>,
}

impl Stuck {
    #[must_use]
    pub fn new() -> (Stuck, Watch) {
        let ((read, is_read), (dropped, is_dropped)) = (oneshot::channel(), oneshot::channel());
        let stuck = Stuck {
            read: Some(read),
            _dropped: dropped,
        };
        let watch = Watch {
            read: is_read,
            dropped: is_dropped,
        };
        (stuck, watch)
    }
}

impl AsyncRead for Stuck {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(read) = self.read.take() {
            let _ = read.send(());
        }
        Poll::Pending
    }
}
