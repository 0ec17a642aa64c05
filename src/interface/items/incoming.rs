//! Items that a peer sends.

use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use tokio_util::io::poll_read_buf;

use super::error::ItemError;
use crate::codec::{CallConfig, DecodeError, ItemDecoder, Next};
use crate::interface::Error;
use crate::mux;
use crate::rpc::CallError;
use crate::tuning::interface::ITEM_READS;
use crate::tuning::rpc::{LARGE_READ, SMALL_READ};

/// The items of a peer's stream. What has arrived is decoded where it is taken, so that there is no
/// task between the connection and the receiver.
pub(super) struct Incoming<T, E> {
    stream: mux::Stream,
    decoder: ItemDecoder,
    /// What has arrived and is not decoded.
    buffer: BytesMut,
    /// Room for the next read: more for a peer that sends much.
    room: usize,
    /// How many items came.
    items: u64,
    /// How many reads there were since one had to wait.
    reads: u32,
    items_of: PhantomData<fn() -> Result<T, E>>,
}

impl<T, E> Incoming<T, E> {
    pub(super) fn new(stream: mux::Stream, config: CallConfig) -> Self {
        Incoming {
            stream,
            decoder: ItemDecoder::new(config),
            buffer: BytesMut::new(),
            room: SMALL_READ,
            items: 0,
            reads: 0,
            items_of: PhantomData,
        }
    }

    /// Reads what has arrived. Returns how much that was.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.reads == ITEM_READS {
            // The sender is as fast as this side: other tasks get their turn.
            self.reads = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.buffer.reserve(self.room);
        let polled = poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.buffer);
        let Poll::Ready(read) = polled else {
            self.reads = 0;
            return Poll::Pending;
        };
        let read = read?;
        self.reads += 1;
        if read >= self.room {
            self.room = (self.room * 4).min(LARGE_READ);
        } else if read < SMALL_READ {
            self.room = SMALL_READ;
        }
        Poll::Ready(Ok(read))
    }

    fn cut_off(&self, source: Option<io::Error>) -> Error {
        let items = self.items;
        ItemError::CutOff { items, source }.into()
    }

    #[cold]
    fn undecoded(&self, source: DecodeError) -> Error {
        let item = self.items.saturating_add(1);
        ItemError::Decode { item, source }.into()
    }
}

impl<T, E> futures::Stream for Incoming<T, E>
where
    T: DeserializeOwned,
    E: From<Error>,
{
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let had = this.buffer.len();
            match this.decoder.next(&mut this.buffer) {
                Ok(Some(Next::Item(item))) => {
                    this.items = this.items.saturating_add(1);
                    if had > LARGE_READ && this.buffer.is_empty() {
                        // One large item costs an idle stream no memory.
                        this.buffer = BytesMut::new();
                    }
                    return Poll::Ready(Some(Ok(item)));
                }
                Ok(Some(Next::Failure(failure))) => {
                    let error = Error::from(CallError::Server(failure.text.into()));
                    return Poll::Ready(Some(Err(error.into())));
                }
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(this.undecoded(error).into()))),
            }
            let end = match ready!(this.poll_fill(cx)) {
                Ok(1..) => continue,
                Ok(0) if this.decoder.is_between_items(&this.buffer) => None,
                Ok(0) => Some(Err(this.cut_off(None).into())),
                Err(error) => Some(Err(this.cut_off(Some(error)).into())),
            };
            return Poll::Ready(end);
        }
    }
}
