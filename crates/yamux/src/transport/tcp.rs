//! A TCP socket that works also while all threads of the runtime are blocked.
//!
//! Tokio asks the system which sockets are ready when one of its threads is idle. While none is,
//! the [rescuing thread](plugwire_base::rescue) tries the socket itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream as Socket;

use plugwire_base::rescue;

use super::Transport;

/// A connected TCP socket, for sessions.
///
/// On unix it is read and written also while methods block all threads of the runtime. Tokio's type
/// waits then, until one of the methods ends.
/// See [`Session::client_over`](crate::Session::client_over).
#[derive(Debug)]
pub struct TcpStream(Socket);

impl TcpStream {
    /// Takes over a connected socket.
    #[must_use]
    pub fn new(stream: Socket) -> Self {
        TcpStream(stream)
    }

    fn socket(self: Pin<&mut Self>) -> Pin<&mut Socket> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl Transport for TcpStream {}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.as_mut().socket().poll_read(cx, buffer);
        if read.is_ready() || !rescue::is_rescuing() {
            return read;
        }
        let tried = attempt::read(&self.0, buffer.initialize_unfilled());
        tried.map_ok(|read| buffer.advance(read))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().socket().poll_write(cx, data);
        if written.is_ready() || !rescue::is_rescuing() {
            return written;
        }
        attempt::write(&self.0, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().socket().poll_write_vectored(cx, slices);
        let first = slices.iter().find(|slice| !slice.is_empty());
        match first {
            Some(first) if written.is_pending() && rescue::is_rescuing() => {
                attempt::write(&self.0, first)
            }
            _ => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_shutdown(cx)
    }
}

/// Tries of a socket whose readiness the runtime does not know.
#[cfg(unix)]
mod attempt {
    use std::io;
    use std::task::Poll;

    use rustix::net::{RecvFlags, SendFlags, recv, send};
    use tokio::net::TcpStream;

    /// No signal where the peer is gone. On a system without this flag tokio sets the socket's
    /// option.
    #[cfg(not(target_vendor = "apple"))]
    const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
    #[cfg(target_vendor = "apple")]
    const NO_SIGNAL: SendFlags = SendFlags::empty();

    pub(super) fn read(socket: &TcpStream, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        tried(|| recv(socket, &mut *buffer, RecvFlags::empty()).map(|(read, _)| read))
    }

    pub(super) fn write(socket: &TcpStream, data: &[u8]) -> Poll<io::Result<usize>> {
        tried(|| send(socket, data, NO_SIGNAL))
    }

    fn tried(mut attempt: impl FnMut() -> rustix::io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            match attempt() {
                Ok(done) => return Poll::Ready(Ok(done)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

/// Without a way to try a socket, it waits for the runtime.
#[cfg(not(unix))]
mod attempt {
    use std::io;
    use std::task::Poll;

    use tokio::net::TcpStream;

    pub(super) fn read(_: &TcpStream, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    pub(super) fn write(_: &TcpStream, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}
