//! A dialed stream that is used before the peer has acknowledged its id.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, ReadBuf};

use crate::mux::ReadHalf;

/// Reads what follows the acknowledgement. Reading fails if the peer does not send it.
pub(crate) struct Acknowledged {
    stream: ReadHalf,
    ack: Option<Ack>,
}

/// What the peer has yet to send.
struct Ack {
    id: u32,
    bytes: [u8; 4],
    have: usize,
    /// Ready when the peer takes too long.
    timeout: BoxFuture<'static, ()>,
}

impl Acknowledged {
    pub(super) fn new(
        stream: ReadHalf,
        id: u32,
        timeout: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let ack = Some(Ack {
            id,
            bytes: [0; 4],
            have: 0,
            timeout: Box::pin(timeout),
        });
        Acknowledged { stream, ack }
    }
}

impl Ack {
    fn poll(&mut self, stream: &mut ReadHalf, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.have < self.bytes.len() {
            let mut buffer = ReadBuf::new(&mut self.bytes[self.have..]);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    return Poll::Ready(Err(self.refused("the stream was closed")));
                }
                Poll::Ready(Ok(())) => self.have += buffer.filled().len(),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Poll::Ready(Err(self.refused(&error)));
                }
                // The whole session is gone.
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(self.timeout.as_mut().poll(cx));
                    // A future that was ready may not be polled again.
                    self.timeout = Box::pin(pending());
                    return Poll::Ready(Err(self.refused("it took too long")));
                }
            }
        }
        match u32::from_le_bytes(self.bytes) {
            id if id == self.id => Poll::Ready(Ok(())),
            id => Poll::Ready(Err(self.refused(format_args!("it accepted id {id}")))),
        }
    }

    fn refused(&self, why: impl std::fmt::Display) -> io::Error {
        let text = format!("the peer did not accept broker id {}: {why}", self.id);
        io::Error::new(io::ErrorKind::ConnectionRefused, text)
    }
}

impl AsyncRead for Acknowledged {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(ack) = &mut this.ack {
            ready!(ack.poll(&mut this.stream, cx))?;
            this.ack = None;
        }
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}
