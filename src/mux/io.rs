//! What a session runs over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(all(unix, any(feature = "host", feature = "plugin")))]
use crate::unix_stream::QuietUnixStream;

/// A connection of any type. That of most plugins is known, since it can do what tokio has no trait
/// for: read into two buffers at once.
pub(super) enum Io {
    #[cfg(all(unix, any(feature = "host", feature = "plugin")))]
    Unix(QuietUnixStream),
    Other(Box<dyn Stream>),
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Io {
    pub(super) fn new<T>(io: T) -> Io
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        #[cfg(all(unix, any(feature = "host", feature = "plugin")))]
        let io = match castaway::cast!(io, QuietUnixStream) {
            Ok(unix) => return Io::Unix(unix),
            Err(other) => other,
        };
        Io::Other(Box::new(io))
    }

    fn inner(&mut self) -> Pin<&mut dyn Stream> {
        match self {
            #[cfg(all(unix, any(feature = "host", feature = "plugin")))]
            Io::Unix(unix) => Pin::new(unix),
            Io::Other(other) => Pin::new(&mut **other),
        }
    }

    /// Reads into a buffer; `Ready(0)` is the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(self.inner().poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Reads into `first` and, where that can be done at once, what comes behind it into `second`.
    pub(super) fn poll_read_both(
        &mut self,
        cx: &mut Context<'_>,
        first: &mut [u8],
        second: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            #[cfg(all(unix, any(feature = "host", feature = "plugin")))]
            Io::Unix(unix) => unix.poll_read_both(cx, first, second),
            Io::Other(_) => self.poll_read(cx, first),
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        none_written(self.inner().poll_write(cx, data))
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        none_written(self.inner().poll_write_vectored(cx, slices))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    pub(super) fn is_write_vectored(&self) -> bool {
        match self {
            #[cfg(all(unix, any(feature = "host", feature = "plugin")))]
            Io::Unix(unix) => unix.is_write_vectored(),
            Io::Other(other) => other.is_write_vectored(),
        }
    }
}

/// A connection that takes nothing of something would be asked for ever.
fn none_written(written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    match written {
        Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => written,
    }
}
