//! What becomes of a stream that was dropped here while the peer may still write.
//!
//! As a socket does: the peer is told that nothing more comes (FIN); what it had already sent is
//! thrown away; if it sends more, or never ends its side, it is told that nobody reads (RST), so
//! that its copy ends instead of waiting for a window that never opens.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::ends::{End, Ends};

/// How a lingering stream came to its end.
pub(super) enum Lingered {
    /// The peer ended its side, or the session is gone.
    Done,
    /// The peer has to be told that nobody reads; holds the stream's id.
    Reset(u32),
}

/// A dropped stream on its way out, driven by the session's driver.
pub(super) struct Linger {
    /// `None` once it is over.
    stream: Option<yamux::Stream>,
    finish: Finish,
    ends: Arc<Ends>,
    deadline: Pin<Box<Sleep>>,
}

enum Finish {
    /// FIN has yet to be queued.
    Due,
    /// FIN is queued; what the peer had sent before is thrown away.
    Discarding,
    /// Nothing was left unread: whatever comes now came after the drop.
    Empty,
}

impl Linger {
    pub(super) fn new(
        stream: yamux::Stream,
        finished: bool,
        ends: Arc<Ends>,
        timeout: Duration,
    ) -> Self {
        Linger {
            stream: Some(stream),
            finish: if finished {
                Finish::Discarding
            } else {
                Finish::Due
            },
            ends,
            deadline: Box::pin(tokio::time::sleep(timeout)),
        }
    }

    fn poll_end(
        stream: &mut yamux::Stream,
        finish: &mut Finish,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let mut scratch = [0; 4096];
        loop {
            let stream = Pin::new(&mut *stream);
            match finish {
                Finish::Due => match stream.poll_close(cx) {
                    Poll::Ready(Ok(())) => *finish = Finish::Discarding,
                    Poll::Ready(Err(_)) => return Poll::Ready(false),
                    Poll::Pending => return Poll::Pending,
                },
                Finish::Discarding => match stream.poll_read(cx, &mut scratch) {
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending => {
                        *finish = Finish::Empty;
                        return Poll::Pending;
                    }
                },
                Finish::Empty => match stream.poll_read(cx, &mut scratch) {
                    Poll::Ready(Ok(1..)) => return Poll::Ready(true),
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

impl Future for Linger {
    type Output = Lingered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Lingered> {
        let this = &mut *self;
        let Some(stream) = &mut this.stream else {
            return Poll::Ready(Lingered::Done);
        };
        let id = stream.id().val();
        let reset = match Self::poll_end(stream, &mut this.finish, cx) {
            Poll::Ready(reset) => reset && this.ends.get(id) == End::Open,
            Poll::Pending if this.deadline.as_mut().poll(cx).is_ready() => true,
            Poll::Pending => return Poll::Pending,
        };
        this.stream = None;
        this.ends.forget(id);
        Poll::Ready(if reset {
            Lingered::Reset(id)
        } else {
            Lingered::Done
        })
    }
}
