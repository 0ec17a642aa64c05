//! What crosses the wire as a broker id.

use super::check::TypeCheck;
use super::lease::{InReply, Loaned, Offer, Slot, lease};
use super::{BoxFuture, Error};
use crate::broker::{DialError, MuxBroker};
use crate::mux::Stream;
use crate::rpc::call_context;
use plugwire_base::chain::logged;
use tracing::Instrument;

/// What crosses the wire as a broker id: `Arc<dyn Trait>` of an [`Interface`](super::Interface),
/// [`Reader`](super::Reader), [`Writer`](super::Writer), [`Stream`](super::Stream), and an `Option`
/// of these, whose `None` is the id 0.
///
/// This is a closed set: the trait exists to be named in bounds, and cannot be implemented.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross the wire as a broker id",
    note = "interfaces, readers, writers and streams can: `Arc<dyn Trait>` with \
            `#[plugwire::interface]` on the trait, `plugwire::Reader`, `plugwire::Writer`, \
            `plugwire::Stream<T>` of items that cross themselves, and `Option`s of them"
)]
pub trait Brokered: sealed::Sealed + Sized + Send + 'static {
    /// Whether it consists of bytes or items, some of which may be in transit when a call returns.
    #[doc(hidden)]
    const STREAM: bool;

    /// Checks the types of an interface's methods.
    #[doc(hidden)]
    fn check_types(_: &mut TypeCheck) {}

    /// Whether there is nothing to lend.
    #[doc(hidden)]
    fn is_none(&self) -> bool {
        false
    }

    /// Serves the peer at the other end of the stream until either side is done, and answers
    /// requests to drain it. A failure of the thing itself is [noted](Offer::failed) before the
    /// peer learns of it.
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

pub(super) mod sealed {
    /// Only this crate implements it.
    pub trait Sealed {}
}

impl<B: Brokered> sealed::Sealed for Option<B> {}

impl<B: Brokered> Brokered for Option<B> {
    const STREAM: bool = B::STREAM;

    fn check_types(check: &mut TypeCheck) {
        B::check_types(check);
    }

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

/// Offers a value to the peer, and returns the id to send. A value that the peer does not dial
/// within the [broker's time](crate::broker::BrokerConfig::accept_timeout) is dropped. One that it
/// has dialed is dropped when it hangs up.
///
/// # Panics
///
/// Outside a tokio runtime: accepting runs as a task of its own.
pub fn lend<B: Brokered>(broker: &MuxBroker, value: B) -> u32 {
    let lent = offer(broker, value);
    if let Some(lease) = lent.lease {
        lease.keep();
    }
    lent.id
}

/// Offers a value to the caller of the method that the current task serves, and returns the id for
/// the reply. It is dropped too when the caller says that it does not want the reply any more.
#[doc(hidden)]
pub fn lend_in_reply<B: Brokered>(broker: &MuxBroker, value: B) -> u32 {
    let lent = offer(broker, value);
    if let Some(lease) = lent.lease {
        call_context::lend(Box::new(InReply(vec![lease])));
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

/// Offers a value to the peer for as long as the lease is held.
pub(super) fn offer<B: Brokered>(broker: &MuxBroker, value: B) -> Loaned<B> {
    if value.is_none() {
        return Loaned {
            id: 0,
            slot: Slot::new(value),
            lease: None,
        };
    }
    let id = broker.next_id();
    let slot = Slot::new(value);
    let (offer, lease) = lease(id, B::STREAM);
    let span = broker.observer().stream_span(id);
    let offered = serve(broker.clone(), slot.clone(), offer).instrument(span);
    let task = tokio::spawn(offered).abort_handle();
    Loaned {
        id,
        slot,
        lease: Some(lease.of(task)),
    }
}

/// Accepts the id and serves what is in the slot. Ends with the stream or the session, or when the
/// peer does not dial in time.
async fn serve<B: Brokered>(broker: MuxBroker, slot: Slot<B>, mut offer: Offer) {
    let id = offer.id();
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
            tracing::debug!(id, error = %logged(&error), "what was lent was not dialed");
            return;
        }
    };
    offer.dialed(!B::STREAM);
    let Some(value) = slot.take() else {
        return;
    };
    // The slot would keep a second reference while the value is served.
    drop(slot);
    value.serve(stream, broker.clone(), &mut offer).await;
}
