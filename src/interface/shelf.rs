//! Where a value is that may be lent by serializing it.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::brokered::Brokered;
use super::lease::{Progress, Slot};
use super::scope::{self, Lending, NestedError};

/// A type whose values are lent by serializing them.
pub(super) trait Shelved: Sized {
    /// What it consists of.
    type Inner: Send;

    fn of(inner: Self::Inner) -> Self;

    /// `None` if it is lent.
    fn into_inner(self) -> Option<Self::Inner>;
}

/// Where a value is. Serializing takes the value out, although it has no more than a reference. A
/// value that was lent for a call which failed comes back when it is used again, unless the peer
/// has dialed it.
pub(super) struct Shelf<B: Shelved>(Mutex<Place<B>>);

enum Place<B: Shelved> {
    Here(B::Inner),
    Lent(Slot<B>, Arc<Progress>),
    /// It is with a peer, or stands for a value while its type is learned.
    Gone,
}

impl<B: Shelved> Place<B> {
    /// Takes it back, if it was lent and has returned.
    fn settle(&mut self) {
        if let Place::Lent(slot, progress) = self
            && progress.is_returned()
        {
            let inner = slot.take().and_then(B::into_inner);
            *self = inner.map_or(Place::Gone, Place::Here);
        }
    }
}

impl<B: Shelved> Shelf<B> {
    pub(super) fn new(inner: B::Inner) -> Self {
        Shelf(Mutex::new(Place::Here(inner)))
    }

    /// A value that is not there.
    pub(super) fn empty() -> Self {
        Shelf(Mutex::new(Place::Gone))
    }

    /// The value, to use it on this side.
    pub(super) fn get(&mut self) -> io::Result<&mut B::Inner> {
        let place = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        place.settle();
        match place {
            Place::Here(inner) => Ok(inner),
            Place::Lent(..) | Place::Gone => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "it was sent to another process, and is no longer here",
            )),
        }
    }

    pub(super) fn into_inner(self) -> Option<B::Inner> {
        let mut place = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        place.settle();
        match place {
            Place::Here(inner) => Some(inner),
            Place::Lent(..) | Place::Gone => None,
        }
    }

    /// Lends the value, and returns its id.
    pub(super) fn lend(&self) -> Result<u32, NestedError>
    where
        B: Brokered,
    {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = scope::lend(|| {
            place.settle();
            match std::mem::replace(&mut *place, Place::Gone) {
                Place::Here(inner) => Some(B::of(inner)),
                elsewhere => {
                    *place = elsewhere;
                    None
                }
            }
        })?;
        let Lending { id, slot, progress } = lent;
        if let Some(progress) = progress {
            *place = Place::Lent(slot, progress);
        }
        Ok(id)
    }
}

impl<B: Shelved> fmt::Debug for Shelf<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}
