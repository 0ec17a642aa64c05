//! The byte streams that a session runs over.
//!
//! A session needs `AsyncRead + AsyncWrite`. Two more abilities of a byte stream save it system
//! calls and copies; both are optional:
//!
//! - **Vectored writes**, as `AsyncWrite` has them: a large frame goes from its writer's buffer to
//!   the socket in one call, behind what has gathered. Without it, frames are copied into one
//!   buffer.
//! - **Vectored reads**, which tokio has no trait for: the rest of a large frame goes into its
//!   reader's buffer and what follows it into the session's, in one call. That is
//!   [`Transport::poll_read_vectored`].
//!
//! [`Session::client`](crate::Session::client) takes any `AsyncRead + AsyncWrite`, as [`Plain`].
//! [`Session::client_over`](crate::Session::client_over) takes a `Transport`:
//!
//! | transport | what it does better than tokio's type |
//! | --- | --- |
//! | [`UnixStream`] | vectored reads; no wake-up when the peer reads; works on a blocked runtime |
//! | [`TcpStream`] | on unix: works on a blocked runtime |
//! | [`Plain`] | the adapter for any other type |
//! | `Box<T>` | passes everything on, so `Box<dyn Transport>` is one too |
//!
//! A runtime is blocked while methods that do not yield hold all of its threads.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

mod plain;
#[cfg(feature = "net")]
mod tcp;
#[cfg(all(unix, feature = "net"))]
mod unix;

pub use self::plain::Plain;
#[cfg(feature = "net")]
pub use self::tcp::TcpStream;
#[cfg(all(unix, feature = "net"))]
pub use self::unix::UnixStream;

/// A byte stream that a session runs over.
///
/// Implement it for a type of your own that can read into several buffers at once. For all others,
/// [`Plain`] is enough.
///
/// ```
/// use std::io::{self, IoSliceMut};
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use plugwire_yamux::transport::Transport;
/// use plugwire_yamux::{Config, Session};
/// use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
///
/// /// Counts what is read.
/// struct Counted(DuplexStream, u64);
///
/// impl AsyncRead for Counted {
///     fn poll_read(
///         mut self: Pin<&mut Self>,
///         cx: &mut Context<'_>,
///         buffer: &mut ReadBuf<'_>,
///     ) -> Poll<io::Result<()>> {
///         let before = buffer.filled().len();
///         let read = Pin::new(&mut self.0).poll_read(cx, buffer);
///         self.1 += (buffer.filled().len() - before) as u64;
///         read
///     }
/// }
///
/// impl AsyncWrite for Counted {
///     // As that of `self.0`.
/// #     fn poll_write(
/// #         mut self: Pin<&mut Self>,
/// #         cx: &mut Context<'_>,
/// #         data: &[u8],
/// #     ) -> Poll<io::Result<usize>> {
/// #         Pin::new(&mut self.0).poll_write(cx, data)
/// #     }
/// #     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
/// #         Pin::new(&mut self.0).poll_flush(cx)
/// #     }
/// #     fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
/// #         Pin::new(&mut self.0).poll_shutdown(cx)
/// #     }
/// }
///
/// // It has nothing to add: what is provided reads into one buffer.
/// impl Transport for Counted {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (here, _there) = tokio::io::duplex(1024);
/// let session = Session::client_over(Counted(here, 0), Config::default());
/// # drop(session);
/// # }
/// ```
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// Reads into `buffers`, one after the other, with one read of what is below.
    ///
    /// Returns how many bytes were read in total; 0 is the end of the stream. A byte goes into a
    /// buffer only when those before it are full. If nothing can be read now, the waker of `cx` is
    /// woken once something can, as with [`AsyncRead::poll_read`].
    ///
    /// The provided method reads into the first buffer that is not empty.
    ///
    /// # Errors
    ///
    /// Those of [`AsyncRead::poll_read`].
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        match buffers.iter_mut().find(|buffer| !buffer.is_empty()) {
            Some(first) => poll_read(self, cx, first),
            None => Poll::Ready(Ok(0)),
        }
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self).poll_read_vectored(cx, buffers)
    }
}

/// Reads into one buffer; `Ready(0)` is the end.
fn poll_read<T: AsyncRead + ?Sized>(
    io: Pin<&mut T>,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    ready!(io.poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

/// A session's transport, as the session uses it.
pub(crate) struct Io(Box<dyn Transport>);

impl Io {
    pub(crate) fn new(transport: impl Transport + 'static) -> Io {
        Io(Box::new(transport))
    }

    fn inner(&mut self) -> Pin<&mut dyn Transport> {
        Pin::new(&mut *self.0)
    }

    /// Reads into a buffer; `Ready(0)` is the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        poll_read(self.inner(), cx, buffer)
    }

    /// Reads into `first` and, where the transport can do that, what follows into `second`.
    pub(crate) fn poll_read_both(
        &mut self,
        cx: &mut Context<'_>,
        first: &mut [u8],
        second: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let buffers = &mut [IoSliceMut::new(first), IoSliceMut::new(second)];
        self.inner().poll_read_vectored(cx, buffers)
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        none_written(self.inner().poll_write(cx, data))
    }

    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        none_written(self.inner().poll_write_vectored(cx, slices))
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    pub(crate) fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

/// Fails where a transport takes 0 bytes: it would be written to again without end.
fn none_written(written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    match written {
        Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn read_both(transport: impl Transport + 'static) -> (usize, [u8; 2], [u8; 4]) {
        let mut io = Io::new(transport);
        let (mut first, mut second) = ([0; 2], [0; 4]);
        let n = std::future::poll_fn(|cx| io.poll_read_both(cx, &mut first, &mut second))
            .await
            .unwrap();
        (n, first, second)
    }

    #[tokio::test]
    async fn a_plain_stream_is_read_into_one_buffer() {
        let (here, mut there) = tokio::io::duplex(16);
        there.write_all(b"abcd").await.unwrap();
        assert_eq!(read_both(Plain(here)).await, (2, *b"ab", [0; 4]));
    }

    #[cfg(all(unix, feature = "net"))]
    #[tokio::test]
    async fn a_unix_stream_is_read_into_both_buffers_boxed_or_not() {
        for boxed in [false, true] {
            let (here, mut there) = tokio::net::UnixStream::pair().unwrap();
            there.write_all(b"abcd").await.unwrap();
            let here = UnixStream::new(here).unwrap();
            let read = match boxed {
                false => read_both(here).await,
                true => read_both(Box::new(here) as Box<dyn Transport>).await,
            };
            assert_eq!(read, (4, *b"ab", *b"cd\0\0"));
        }
    }
}
