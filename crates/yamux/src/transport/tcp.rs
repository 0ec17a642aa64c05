//! A TCP socket that works also while all threads of the runtime are blocked.
//!
//! Tokio asks the system which sockets are ready when one of its threads has nothing else to do. While
//! none has, the [rescuing thread](plugwire_base::rescue) tries the socket itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use plugwire_base::rescue;

/// No signal where the peer is gone. Where there is no such flag, the socket has an option of it, which
/// tokio sets.
#[cfg(not(target_vendor = "apple"))]
const QUIET: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const QUIET: SendFlags = SendFlags::empty();

/// A connected TCP socket.
pub struct TriedTcpStream(pub TcpStream);

/// What a try of the socket gives in place of what the runtime does not know.
fn tried<T>(mut attempt: impl FnMut() -> rustix::io::Result<T>) -> Poll<io::Result<T>> {
    loop {
        match attempt() {
            Ok(done) => return Poll::Ready(Ok(done)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error.into())),
        }
    }
}

impl TriedTcpStream {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl AsyncRead for TriedTcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.as_mut().stream().poll_read(cx, buffer);
        if read.is_ready() || !rescue::is_rescuing() {
            return read;
        }
        let space = buffer.initialize_unfilled();
        let tried = tried(|| recv(&self.0, &mut *space, RecvFlags::empty()));
        tried.map_ok(|(read, _)| buffer.advance(read))
    }
}

impl AsyncWrite for TriedTcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().stream().poll_write(cx, data);
        if written.is_ready() || !rescue::is_rescuing() {
            return written;
        }
        tried(|| send(&self.0, data, QUIET))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().stream().poll_write_vectored(cx, slices);
        let first = slices.iter().find(|slice| !slice.is_empty());
        match first {
            Some(first) if written.is_pending() && rescue::is_rescuing() => {
                tried(|| send(&self.0, first, QUIET))
            }
            _ => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
