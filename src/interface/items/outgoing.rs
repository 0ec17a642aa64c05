//! Items that are sent to a peer.

use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::AsyncWrite;

use super::error::EncodeItemError;
use super::{Fate, Source};
use crate::broker::MuxBroker;
use crate::codec::{Encode, ItemEncodeError, ItemEncoder, StreamFailure};
use crate::interface::lease::Lease;
use crate::interface::own_error::known;
use crate::interface::stream::LentStream;
use crate::interface::{Error, scope};
use crate::mux::WriteHalf;
use crate::rpc::{Detail, Failure};
use crate::tuning::interface::{ITEM_BYTES, ITEM_WRITES};
use crate::tuning::rpc::{KEEP_BUFFER, SMALL_READ};

/// The items of a stream on their way to a peer.
///
/// Items are encoded one behind the other into one buffer, which is written when it is full or when
/// there is no further item yet. Only then, too, is it flushed, so that a lone item goes out at
/// once.
pub(super) struct Outgoing<T, E> {
    items: Source<T, E>,
    /// Where what the items bring along is lent.
    broker: MuxBroker,
    encoder: ItemEncoder,
    buffer: BytesMut,
    /// How much of the buffer was written.
    written: usize,
    /// How many items were encoded.
    sent: u64,
    /// Whether the last value is in the buffer.
    is_over: bool,
    peer: LentStream<WriteHalf>,
}

/// What became of a stream.
pub(super) enum Outcome {
    /// All was written, or the peer has gone.
    Over,
    /// An item does not encode. The peer does not know yet.
    Refused(io::Error),
}

/// Why the buffer is to be written.
enum Due {
    Full,
    /// There is no further item yet.
    Idle,
    Over,
}

impl<T, E> Outgoing<T, E>
where
    T: Encode,
    E: Display + 'static,
{
    pub(super) fn new(items: Source<T, E>, peer: WriteHalf, broker: MuxBroker) -> Self {
        Outgoing {
            items,
            encoder: ItemEncoder::new(broker.calls()),
            broker,
            buffer: BytesMut::new(),
            written: 0,
            sent: 0,
            is_over: false,
            peer: LentStream::new(peer),
        }
    }

    /// Sends on. After [`Outcome::Refused`] there is more to send: the error.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        for _ in 0..ITEM_WRITES {
            let due = match self.fill(cx) {
                Ok(due) => due,
                Err(error) => return Poll::Ready(self.refuse(error)),
            };
            if ready!(self.poll_write(cx)).is_err() {
                return Poll::Ready(Outcome::Over);
            }
            match due {
                Due::Full => {}
                Due::Idle => {
                    // An idle stream holds no more than it needs for a few items.
                    if self.buffer.capacity() > SMALL_READ {
                        self.buffer = BytesMut::new();
                    }
                    // What the connection does not take now, the session writes as soon as it does.
                    let _ = Pin::new(&mut self.peer.stream).poll_flush(cx);
                    return Poll::Pending;
                }
                Due::Over => {
                    self.peer.is_whole = true;
                    let _ = Pin::new(&mut self.peer.stream).poll_shutdown(cx);
                    return Poll::Ready(Outcome::Over);
                }
            }
        }
        // Source and peer are as fast as this side: other tasks get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Encodes items until there is enough to write.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<Due, EncodeItemError> {
        loop {
            if self.is_over {
                return Ok(Due::Over);
            }
            if self.buffer.len() >= ITEM_BYTES {
                return Ok(Due::Full);
            }
            match self.items.poll_item(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    self.sent = self.sent.saturating_add(1);
                    self.encode(&item).map_err(|source| EncodeItemError {
                        item: self.sent,
                        source,
                    })?;
                }
                Poll::Ready(Some(Err(error))) => self.fail(failure(&error)),
                Poll::Ready(None) => self.is_over = true,
                Poll::Pending => return Ok(Due::Idle),
            }
        }
    }

    fn encode(&mut self, item: &T) -> Result<(), ItemEncodeError> {
        // What needs no drop has no interface, reader, writer or stream in it.
        if !std::mem::needs_drop::<T>() {
            return self.encoder.encode(item, &mut self.buffer);
        }
        let mut leases = Vec::new();
        let (encoder, buffer) = (&mut self.encoder, &mut self.buffer);
        scope::encode(&self.broker, &mut leases, || encoder.encode(item, buffer))?;
        // As those of a reply, they outlive the stream.
        leases.into_iter().for_each(Lease::keep);
        Ok(())
    }

    fn fail(&mut self, Failure { text, detail }: Failure) {
        // As behind the text of a call's error.
        let detail = detail.filter(|_| self.broker.negotiated().errors());
        let detail = detail.map(Detail::bounded);
        let detail = detail.filter(|detail| !detail.is_empty());
        let failure = StreamFailure { text, detail };
        self.encoder.fail(failure, &mut self.buffer);
        self.is_over = true;
    }

    /// Ends the stream for both sides, with an item that does not encode.
    #[cold]
    fn refuse(&mut self, error: EncodeItemError) -> Outcome {
        let error = Arc::new(error);
        let failure = Error::other(Arc::clone(&error));
        self.fail(failure.failure());
        if let Some(fate) = &self.items.fate {
            Fate::refuse(fate, Arc::clone(&error));
        }
        self.items.end();
        Outcome::Refused(io::Error::other(error))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let rest = &self.buffer[self.written..]
            && !rest.is_empty()
        {
            let stream = Pin::new(&mut self.peer.stream);
            let written = ready!(stream.poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.written = 0;
        match self.buffer.capacity() > KEEP_BUFFER {
            true => self.buffer = BytesMut::new(),
            false => self.buffer.clear(),
        }
        Poll::Ready(Ok(()))
    }
}

/// What the peer gets of an error.
fn failure<E: Display + 'static>(error: &E) -> Failure {
    match (castaway::cast!(error, &Error), known::<E>()) {
        (Ok(error), _) => error.failure(),
        (Err(error), Some(form)) => form.failure_of(error),
        (Err(error), None) => error.to_string().into(),
    }
}
