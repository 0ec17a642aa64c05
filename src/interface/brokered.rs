//! What crosses the wire as a broker id.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::{BoxFuture, Error, Interface, Remote};
use crate::broker::{DialError, MuxBroker};
use crate::mux::Stream;
use crate::rpc::Server;
use plugwire_base::chain::logged;
use plugwire_base::notify::notify_and_wait;

/// What crosses the wire as a broker id: `Arc<dyn Trait>` of an [`Interface`],
/// [`Reader`](super::Reader), [`Writer`](super::Writer), and an `Option` of these, whose `None` is
/// the id 0.
///
/// This is a closed set; the trait is there to be named in bounds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross the wire as a broker id",
    note = "interfaces, readers and writers can: `Arc<dyn Trait>` with `#[plugwire::interface]` on the trait, `plugwire::Reader`, `plugwire::Writer`, and `Option`s of them"
)]
pub trait Brokered: Sized + Send + 'static {
    /// Whether it is bytes, of which there may be some on the way when a call returns.
    #[doc(hidden)]
    const STREAM: bool;

    /// Whether there is nothing to lend.
    #[doc(hidden)]
    fn is_none(&self) -> bool {
        false
    }

    /// Gives the peer at the other end of the stream what it asked for, until either side is done
    /// with it, and answers those who wait for bytes. A failure of the thing itself is
    /// [noted](Offer::failed) before the peer learns of it.
    #[doc(hidden)]
    fn serve(
        self,
        stream: Stream,
        broker: MuxBroker,
        offer: &mut Offer,
    ) -> impl Future<Output = ()> + Send;

    /// Connects to what the peer has under an id.
    #[doc(hidden)]
    fn connect(broker: &MuxBroker, id: u32)
    -> impl Future<Output = Result<Self, DialError>> + Send;
}

/// The serving side of a [`Lease`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Offer {
    id: u32,
    state: Arc<State>,
    /// Requests to handle all that has arrived so far, each answered when that is done.
    drains: Option<mpsc::UnboundedReceiver<oneshot::Sender<()>>>,
}

impl Offer {
    /// The next request to handle all that has arrived; waits for ever when none can come any more.
    pub(super) async fn drain(&mut self) -> oneshot::Sender<()> {
        if let Some(requests) = &mut self.drains
            && let Some(answer) = requests.recv().await
        {
            return answer;
        }
        std::future::pending().await
    }

    /// Notes how the thing failed. The peer must not know yet: its reply would come before the
    /// reason that the call fails for.
    pub(super) fn failed(&self, error: io::Error) {
        tracing::debug!(id = self.id, error = %logged(&error), "what was lent failed");
        *lock(&self.state.failure) = Some(error);
    }
}

impl<I: Interface + ?Sized> Brokered for Arc<I> {
    const STREAM: bool = false;

    async fn serve(self, stream: Stream, broker: MuxBroker, _: &mut Offer) {
        let server = Server::new().register(I::SERVICE, self.service(broker.clone()));
        broker.serve(stream, server).await;
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        let client = broker.dial_client(id).await?;
        Ok(I::from_remote(Remote::new(client, broker.clone())))
    }
}

impl<B: Brokered> Brokered for Option<B> {
    const STREAM: bool = B::STREAM;

    fn is_none(&self) -> bool {
        self.is_none()
    }

    async fn serve(self, stream: Stream, broker: MuxBroker, offer: &mut Offer) {
        if let Some(lent) = self {
            lent.serve(stream, broker, offer).await;
        }
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        Ok(match id {
            0 => None,
            id => Some(B::connect(broker, id).await?),
        })
    }
}

/// Has the peer dial what is handed to it, and returns the id to send. What nobody dials in the
/// broker's time is dropped, and so is what the peer has hung up on.
///
/// # Panics
///
/// Outside a tokio runtime: accepting runs as a task of its own.
pub fn lend<B: Brokered>(broker: &MuxBroker, value: B) -> u32 {
    let lent = Lent::new(broker, value);
    if let Some(lease) = lent.lease {
        lease.keep();
    }
    lent.id
}

/// Connects to what the peer has lent under `id`.
///
/// # Errors
///
/// When the peer does not accept the id, or the session is over.
#[must_use]
pub fn dial<B: Brokered>(broker: &MuxBroker, id: u32) -> BoxFuture<'_, Result<B, Error>> {
    // Boxed, since the compiler cannot tell that a future which names `dyn Trait` is `Send`.
    Box::pin(async move { Ok(B::connect(broker, id).await?) })
}

/// Something lent to the peer for a call.
#[derive(Debug)]
pub(super) struct Lent<B> {
    pub(super) id: u32,
    pub(super) slot: Slot<B>,
    pub(super) lease: Option<Lease>,
}

/// Where the thing is until the peer has dialed.
#[derive(Debug)]
pub(super) struct Slot<B>(Arc<Mutex<Option<B>>>);

impl<B> Slot<B> {
    pub(super) fn take(&self) -> Option<B> {
        lock(&self.0).take()
    }
}

/// The hold on what is lent. Dropping it takes back what the peer has not dialed, and ends a stream
/// that it has dialed: unless it is [kept](Lease::keep) or the call was [answered](Lease::answered).
#[derive(Debug)]
pub(super) struct Lease {
    state: Arc<State>,
    /// Of a stream.
    drains: Option<mpsc::UnboundedSender<oneshot::Sender<()>>>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct State {
    /// The peer has it.
    dialed: AtomicBool,
    /// It stays with the peer, or is offered for as long as the broker offers.
    kept: AtomicBool,
    failure: Mutex<Option<io::Error>>,
}

impl<B: Brokered> Lent<B> {
    pub(super) fn new(broker: &MuxBroker, value: B) -> Lent<B> {
        if value.is_none() {
            return Lent {
                id: 0,
                slot: Slot(Arc::new(Mutex::new(Some(value)))),
                lease: None,
            };
        }
        let id = next_id(broker);
        let slot = Arc::new(Mutex::new(Some(value)));
        let state = Arc::new(State::default());
        let (drains, requested) = B::STREAM.then(mpsc::unbounded_channel).unzip();
        let offer = Offer {
            id,
            state: state.clone(),
            drains: requested,
        };
        let offered = serve(broker.clone(), slot.clone(), offer);
        let task = tokio::spawn(offered).abort_handle();
        Lent {
            id,
            slot: Slot(slot),
            lease: Some(Lease {
                state,
                drains,
                task,
            }),
        }
    }
}

impl Lease {
    /// Leaves it to the broker's deadline to give up what nobody dials, and to the peer to hang up.
    pub(super) fn keep(self) {
        self.state.kept.store(true, Ordering::Relaxed);
    }

    /// The peer has answered the call that this was lent for. What it has dialed is its own from now
    /// on; a call that gave no answer is over for it, too.
    pub(super) fn answered(&self) {
        if self.state.dialed.load(Ordering::Relaxed) {
            self.state.kept.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until all that the peer has sent so far has been handled, and a failure noted that the
    /// peer may have met.
    pub(super) async fn drained(&self) {
        // When it is over, it is handled.
        if let Some(drains) = &self.drains {
            notify_and_wait(drains, |answer| answer).await;
        }
    }

    /// How the thing failed, if it has.
    pub(super) fn failure(&self) -> Option<io::Error> {
        lock(&self.state.failure).take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.state.kept.load(Ordering::Relaxed) {
            self.task.abort();
        }
    }
}

/// Accepts the id and serves what is in the slot. Ends with the stream or the session, or when
/// nobody dials in time.
async fn serve<B: Brokered>(broker: MuxBroker, slot: Arc<Mutex<Option<B>>>, mut offer: Offer) {
    let id = offer.id;
    let accept = broker.accept(id);
    tokio::pin!(accept);
    let accepted = loop {
        tokio::select! {
            biased;
            accepted = &mut accept => break accepted,
            // The peer cannot have sent anything before it was accepted.
            answer = offer.drain() => drop(answer),
        }
    };
    let stream = match accepted {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(id, error = %logged(&error), "what was lent was not asked for");
            return;
        }
    };
    offer.state.dialed.store(true, Ordering::Relaxed);
    if !B::STREAM {
        // An interface may be for later, as that of a subscriber is. Its calls say when it has gone.
        offer.state.kept.store(true, Ordering::Relaxed);
    }
    // Not held on to while it is served.
    let Some(value) = lock(&slot).take() else {
        return;
    };
    value.serve(stream, broker.clone(), &mut offer).await;
}

/// An id that is not that of nothing, 0, which the ids get to after 2^32 of them.
fn next_id(broker: &MuxBroker) -> u32 {
    match broker.next_id() {
        0 => broker.next_id(),
        id => id,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
