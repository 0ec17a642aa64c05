//! Items that a peer sends.

use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use tokio_util::io::poll_read_buf;

use super::error::ItemError;
use crate::broker::MuxBroker;
use crate::codec::{DecodeError, ItemDecoder, Next, StreamFailure};
use crate::interface::around::{self, Unconnected};
use crate::interface::awaited::Awaited;
use crate::interface::own_error::known;
use crate::interface::scope::{self, Dial};
use crate::interface::{BoxFuture, Error};
use crate::mux;
use crate::rpc::{CallError, Detail, PeerError};
use crate::tuning::interface::ITEM_READS;
use crate::tuning::rpc::{LARGE_READ, SMALL_READ};

/// The items of a peer's stream. What has arrived is decoded where it is taken, so that there is no
/// task between the connection and the receiver.
pub(super) struct Incoming<T, E> {
    stream: Awaited<mux::Stream>,
    /// Where what the items bring along is connected.
    broker: MuxBroker,
    /// An item that has arrived and is not connected yet.
    connecting: Option<Connecting<T>>,
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

type Connecting<T> = BoxFuture<'static, Result<T, Unconnected>>;

// No part of it is pinned but what is boxed.
impl<T, E> Unpin for Incoming<T, E> {}

impl<T, E> Incoming<T, E> {
    pub(super) fn new(stream: Awaited<mux::Stream>, broker: &MuxBroker) -> Self {
        Incoming {
            stream,
            decoder: ItemDecoder::new(broker.calls()),
            broker: broker.clone(),
            connecting: None,
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

impl<T: DeserializeOwned + Send + 'static, E> Incoming<T, E> {
    /// The next item of what has arrived, and what it is to be connected to.
    #[allow(clippy::type_complexity, reason = "a name for it would say no more")]
    fn decode(&mut self) -> Result<Option<(Next<T, Detail>, Vec<Dial>)>, DecodeError> {
        let mut dials = Vec::new();
        let next = match std::mem::needs_drop::<T>() {
            // What needs no drop has no interface, reader, writer or stream in it.
            false => self.decoder.next(&mut self.buffer)?,
            true => {
                let (decoder, buffer) = (&mut self.decoder, &mut self.buffer);
                scope::decode(&self.broker, &mut dials, || decoder.next(buffer))?
            }
        };
        Ok(next.map(|next| (next, dials)))
    }

    /// Begins to connect an item to all that it brought along.
    #[cold]
    fn connect(&mut self, dials: Vec<Dial>, item: T) {
        let broker = self.broker.clone();
        self.connecting = Some(Box::pin(async move {
            around::connect(&broker, dials, item, |_, _| None).await
        }));
    }

    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, Error>> {
        let Some(connecting) = &mut self.connecting else {
            return Poll::Ready(Ok(None));
        };
        let connected = ready!(connecting.as_mut().poll(cx));
        self.connecting = None;
        Poll::Ready(match connected {
            Ok(item) => Ok(Some(item)),
            Err(Unconnected { error, .. }) => Err(Error::Connect {
                place: format!("item {} of the stream", self.items),
                source: error,
            }),
        })
    }
}

impl<T, E> futures::Stream for Incoming<T, E>
where
    T: DeserializeOwned + Send + 'static,
    E: From<Error> + 'static,
{
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match ready!(this.poll_connected(cx)) {
                Ok(None) => {}
                Ok(Some(item)) => return Poll::Ready(Some(Ok(item))),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            let had = this.buffer.len();
            match this.decode() {
                Ok(Some((Next::Item(item), dials))) => {
                    this.items = this.items.saturating_add(1);
                    if had > LARGE_READ && this.buffer.is_empty() {
                        // One large item costs an idle stream no memory.
                        this.buffer = BytesMut::new();
                    }
                    if dials.is_empty() {
                        return Poll::Ready(Some(Ok(item)));
                    }
                    this.connect(dials, item);
                    continue;
                }
                Ok(Some((Next::Failure(failure), _))) => {
                    return Poll::Ready(Some(Err(sent(failure))));
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

/// The error that the sender has sent: as its own type, if the value came and is of this type.
#[cold]
fn sent<E: From<Error> + 'static>(failure: StreamFailure<Detail>) -> E {
    let StreamFailure { text, detail } = failure;
    let error = CallError::Server(PeerError::new(text, detail)).into();
    match known::<E>() {
        Some(form) => form.caught(error),
        None => E::from(error),
    }
}
