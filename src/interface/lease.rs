//! What is lent to a peer, and the hold on it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::rpc::Lent;
use plugwire_base::chain::logged;
use plugwire_base::notify::notify_and_wait;

/// Something lent to the peer for a call.
#[derive(Debug)]
pub(super) struct Loaned<B> {
    pub(super) id: u32,
    pub(super) slot: Slot<B>,
    /// `None` if there is nothing to dial.
    pub(super) lease: Option<Lease>,
}

/// Where the thing is until the peer has dialed.
#[derive(Debug)]
pub(super) struct Slot<B>(Arc<Mutex<Option<B>>>);

impl<B> Slot<B> {
    pub(super) fn new(value: B) -> Self {
        Slot(Arc::new(Mutex::new(Some(value))))
    }

    pub(super) fn take(&self) -> Option<B> {
        lock(&self.0).take()
    }
}

impl<B> Clone for Slot<B> {
    fn clone(&self) -> Self {
        Slot(Arc::clone(&self.0))
    }
}

/// What both ends of a lease know.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The peer has dialed.
    dialed: AtomicBool,
    /// The peer keeps it, or the broker offers it until its own deadline.
    kept: AtomicBool,
    /// The lease is over, and what was not dialed may be taken out of its slot.
    returned: AtomicBool,
    failure: Mutex<Option<io::Error>>,
}

impl Progress {
    /// Whether what was lent was taken back, if the peer has not dialed it.
    pub(super) fn is_returned(&self) -> bool {
        self.returned.load(Ordering::Relaxed)
    }
}

/// A request to handle all that has arrived, answered when that is done.
type Drain = oneshot::Sender<()>;

/// The two ends of what is lent under an id: `has_bytes` for a reader or writer.
pub(super) fn lease(id: u32, has_bytes: bool) -> (Offer, LeaseWithoutTask) {
    let progress = Arc::new(Progress::default());
    let (drains, requested) = has_bytes.then(mpsc::unbounded_channel).unzip();
    let offer = Offer {
        id,
        progress: Arc::clone(&progress),
        drains: requested,
    };
    (offer, LeaseWithoutTask { progress, drains })
}

/// The serving end of a [`Lease`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Offer {
    id: u32,
    progress: Arc<Progress>,
    drains: Option<mpsc::UnboundedReceiver<Drain>>,
}

impl Offer {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// The next request to handle all that has arrived. Pending for ever when none can come any
    /// more.
    pub(super) async fn drain(&mut self) -> Drain {
        if let Some(requests) = &mut self.drains
            && let Some(answer) = requests.recv().await
        {
            return answer;
        }
        std::future::pending().await
    }

    /// The peer has dialed. An interface `stays`: a subscriber, for example, may be called later,
    /// and its calls fail when it has gone.
    pub(super) fn dialed(&self, stays: bool) {
        self.progress.dialed.store(true, Ordering::Relaxed);
        if stays {
            self.progress.kept.store(true, Ordering::Relaxed);
        }
    }

    /// Notes how the thing failed. The peer must not know yet: its reply would arrive before the
    /// reason why the call fails.
    pub(super) fn failed(&self, error: io::Error) {
        tracing::debug!(id = self.id, error = %logged(&error), "what was lent failed");
        *lock(&self.progress.failure) = Some(error);
    }
}

/// A [`Lease`] whose task is not started yet.
pub(super) struct LeaseWithoutTask {
    progress: Arc<Progress>,
    drains: Option<mpsc::UnboundedSender<Drain>>,
}

impl LeaseWithoutTask {
    /// `task` serves the [`Offer`].
    pub(super) fn of(self, task: AbortHandle) -> Lease {
        Lease {
            progress: self.progress,
            drains: self.drains,
            task,
        }
    }
}

/// The hold on what is lent. Dropping it takes back what the peer has not dialed, and ends a stream
/// that it has dialed: unless it is [kept](Lease::keep) or the call was
/// [answered](Lease::answered).
#[derive(Debug)]
pub(super) struct Lease {
    progress: Arc<Progress>,
    /// Of a stream.
    drains: Option<mpsc::UnboundedSender<Drain>>,
    task: AbortHandle,
}

impl Lease {
    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Leaves it offered until the broker's deadline, or until the peer hangs up.
    pub(super) fn keep(self) {
        self.progress.kept.store(true, Ordering::Relaxed);
    }

    /// The peer has answered the call that this was lent for. It keeps what it has dialed. A call
    /// without an answer ends for the peer, too.
    pub(super) fn answered(&self) {
        if self.progress.dialed.load(Ordering::Relaxed) {
            self.progress.kept.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until all that the peer has sent so far has been handled, and any failure that the
    /// peer may have met has been noted.
    pub(super) async fn drained(&self) {
        // An offer that has ended has handled all.
        if let Some(drains) = &self.drains {
            notify_and_wait(drains, |answer| answer).await;
        }
    }

    /// How the thing failed, if it has.
    pub(super) fn failure(&self) -> Option<io::Error> {
        lock(&self.progress.failure).take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.progress.kept.load(Ordering::Relaxed) {
            self.progress.returned.store(true, Ordering::Relaxed);
            self.task.abort();
        }
    }
}

/// What a reply lends.
#[derive(Debug)]
pub(super) struct InReply(pub(super) Vec<Lease>);

impl Lent for InReply {
    fn is_settled(&self) -> bool {
        let is_settled = |lease: &Lease| {
            lease.progress.dialed.load(Ordering::Relaxed) || lease.task.is_finished()
        };
        self.0.iter().all(is_settled)
    }

    fn keep(mut self: Box<Self>) {
        self.0.drain(..).for_each(Lease::keep);
    }
}

impl Drop for InReply {
    fn drop(&mut self) {
        // What the caller has dialed, its own drop ends.
        self.0.iter().for_each(Lease::answered);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something lent for a call: its id, and the thing itself until the peer has dialed.
#[doc(hidden)]
#[derive(Debug)]
pub struct Loan<B> {
    pub(super) id: u32,
    pub(super) slot: Slot<B>,
}

impl<B> Loan<B> {
    /// The id that the peer dials.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Takes the thing back. `None` when the peer has it.
    #[must_use]
    pub fn take_back(self) -> Option<B> {
        self.slot.take()
    }
}
