//! A stream that is used before the peer has confirmed its id.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::MuxBroker;
use crate::mux::Stream;

/// A dialed stream. What is read begins behind the confirmation; reading fails where that is not
/// given.
pub(super) struct Dialed {
    stream: Stream,
    confirmation: Option<Confirmation>,
}

/// What the peer has yet to send.
struct Confirmation {
    id: u32,
    ack: [u8; 4],
    have: usize,
    /// Ready when it takes too long.
    late: BoxFuture<'static, ()>,
}

impl Dialed {
    pub(super) fn new(stream: Stream, id: u32, broker: MuxBroker) -> Self {
        let late = async move {
            // The broker's task sees to the deadline, so the whole of the broker has to stay.
            let broker = broker;
            let deadlines = &broker.shared.deadlines;
            let after = broker.shared.config.dial_timeout;
            let _ = deadlines.timeout(after, pending::<()>()).await;
        };
        Dialed {
            stream,
            confirmation: Some(Confirmation {
                id,
                ack: [0; 4],
                have: 0,
                late: Box::pin(late),
            }),
        }
    }
}

impl Confirmation {
    fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.have < self.ack.len() {
            let mut buffer = ReadBuf::new(&mut self.ack[self.have..]);
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
                    ready!(self.late.as_mut().poll(cx));
                    return Poll::Ready(Err(self.refused("it took too long")));
                }
            }
        }
        match u32::from_le_bytes(self.ack) {
            ack if ack == self.id => Poll::Ready(Ok(())),
            ack => Poll::Ready(Err(self.refused(format_args!("it accepted id {ack}")))),
        }
    }

    fn refused(&self, why: impl std::fmt::Display) -> io::Error {
        let text = format!("the peer did not accept broker id {}: {why}", self.id);
        io::Error::new(io::ErrorKind::ConnectionRefused, text)
    }
}

impl AsyncRead for Dialed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(confirmation) = &mut this.confirmation {
            ready!(confirmation.poll(&mut this.stream, cx))?;
            this.confirmation = None;
        }
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
