//! How each stream ended at the peer's side.
//!
//! The `yamux` crate reads "the peer is done" (FIN), "the peer gave up" (RST) and "the session is
//! gone" alike, as an end of file. A reader has to tell them apart, or a cut-off transfer passes for
//! a whole one. The frames say which it was, so [`Wire`](super::wire::Wire) notes it here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the peer last said of its side of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It may still write.
    Open,
    /// It wrote everything it wanted to.
    Finished,
    /// It gave the stream up.
    Reset,
}

/// The streams of a session that are open or not yet let go of.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<HashMap<u32, End>>);

impl Ends {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, End>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream exists from now on.
    pub(super) fn opened(&self, id: u32) {
        self.lock().insert(id, End::Open);
    }

    /// The peer ended its side. Ids that are not open are not noted, so that a peer cannot fill
    /// the table by naming them.
    pub(super) fn ended(&self, id: u32, end: End) {
        if let Some(entry) = self.lock().get_mut(&id)
            && *entry != End::Reset
        {
            *entry = end;
        }
    }

    /// How the peer's side stands; [`End::Open`] for a stream unknown.
    pub(super) fn get(&self, id: u32) -> End {
        self.lock().get(&id).copied().unwrap_or(End::Open)
    }

    /// Nobody will ask for this stream again.
    pub(super) fn forget(&self, id: u32) {
        self.lock().remove(&id);
    }

    /// How many streams exist.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}
