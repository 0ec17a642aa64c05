//! A stream whose items are sent from elsewhere in the process.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::sync::mpsc;

use super::error::{EncodeItemError, ItemError, SendError};
use crate::interface::Error;
use crate::tuning::interface::ITEMS;
use plugwire_base::abandoned::is_abandoned;

/// The sending end of a [`Stream`](super::Stream): see [`Stream::channel`](super::Stream::channel).
///
/// Cheap to clone. The stream ends with the last clone.
///
/// # Its end
///
/// Dropping the sender finishes the stream: the receiver gets what was sent, and then the end. A
/// sender that is dropped while its thread panics, or with a method that is cancelled, cuts the
/// stream off, and the receiver gets an error. So does [`abort`](Self::abort). A sender among the
/// locals of any other future that is dropped counts as finished: call `abort` where the future may
/// be dropped before all is sent. [`fail`](Self::fail) ends the stream with an error of your own.
///
/// When the receiver drops the stream, sending fails.
pub struct StreamSender<T, E = Error> {
    items: mpsc::Sender<Result<T, E>>,
    fate: Arc<Fate>,
}

/// What one end of a channel has to tell the other beside items.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// A sender was given up before all was sent.
    cut_off: AtomicBool,
    /// Why the stream takes no more items, if it is not that the receiver has gone.
    refused: OnceLock<Arc<EncodeItemError>>,
}

impl Fate {
    pub(super) fn refuse(&self, error: Arc<EncodeItemError>) {
        let _ = self.refused.set(error);
    }
}

impl<T, E> StreamSender<T, E> {
    /// Sends an item. Waits while the receiver is behind, with as many items on the way as the
    /// stream holds.
    ///
    /// An item that was sent has not arrived yet. It is lost when the receiver drops the stream.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is ready, the item is not sent.
    ///
    /// # Errors
    ///
    /// When the receiver has dropped the stream or is gone, and after an item that could not be
    /// encoded.
    pub async fn send(&self, item: T) -> Result<(), SendError> {
        let sent = self.items.send(Ok(item)).await;
        sent.map_err(|_| SendError(self.fate.refused.get().cloned()))
    }

    /// Ends the stream with an error, behind the items that were sent. Other clones may still be
    /// there: what they send from then on does not arrive.
    ///
    /// The receiver gets what it gets of a method's error: from a peer of this crate the value, if
    /// `E` is the error type of a method and its values cross, and from any other its text, as a
    /// [`peer's`](crate::rpc::CallError::Server).
    pub async fn fail(self, error: E) {
        // Without a receiver there is no place for it.
        let _ = self.items.send(Err(error)).await;
    }

    /// Gives the stream up: it does not have all of its items. The receiver gets those that were
    /// sent, and then an error: [`ItemError::CutOff`].
    pub fn abort(self) {
        self.fate.cut_off.store(true, Ordering::Release);
    }

    /// Waits until sending would fail. A source that is costly can stop early.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) {
        self.items.closed().await;
    }

    /// Whether sending would fail.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.items.is_closed()
    }
}

impl<T, E> Clone for StreamSender<T, E> {
    fn clone(&self) -> Self {
        StreamSender {
            items: self.items.clone(),
            fate: Arc::clone(&self.fate),
        }
    }
}

impl<T, E> Drop for StreamSender<T, E> {
    fn drop(&mut self) {
        if is_abandoned() {
            self.fate.cut_off.store(true, Ordering::Release);
        }
    }
}

impl<T, E> fmt::Debug for StreamSender<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").finish_non_exhaustive()
    }
}

/// The two ends of a channel.
pub(super) fn channel<T, E>() -> (StreamSender<T, E>, Sent<T, E>, Arc<Fate>) {
    let (items, receiver) = mpsc::channel(ITEMS);
    let fate = Arc::new(Fate::default());
    let sender = StreamSender {
        items,
        fate: Arc::clone(&fate),
    };
    let sent = Sent {
        receiver,
        batch: Vec::new(),
        taken: 0,
        fate: Arc::clone(&fate),
    };
    (sender, sent, fate)
}

/// The receiving end.
pub(super) struct Sent<T, E> {
    receiver: mpsc::Receiver<Result<T, E>>,
    /// Items that were taken out of the channel together, the first at the end.
    batch: Vec<Result<T, E>>,
    taken: u64,
    fate: Arc<Fate>,
}

// No part of it is pinned.
impl<T, E> Unpin for Sent<T, E> {}

impl<T, E: From<Error>> futures::Stream for Sent<T, E> {
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.batch.is_empty() {
            let received = ready!(this.receiver.poll_recv_many(cx, &mut this.batch, ITEMS));
            if received == 0 {
                let cut_off = this.fate.cut_off.swap(false, Ordering::Acquire);
                return Poll::Ready(cut_off.then(|| {
                    Err(Error::from(ItemError::CutOff {
                        items: this.taken,
                        source: None,
                    })
                    .into())
                }));
            }
            this.batch.reverse();
        }
        this.taken = this.taken.saturating_add(1);
        Poll::Ready(this.batch.pop())
    }
}
