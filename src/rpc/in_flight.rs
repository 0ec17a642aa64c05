//! The calls that wait for their replies.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::call_error::CallError;
use super::end::EndReason;
use crate::codec::Message;
use crate::event::Tallied;

/// What a waiting call gets.
pub(super) type Outcome = Result<Message, CallError>;

/// Gives a call its outcome. Not to be used under the lock of the calls: it wakes a task, and may
/// take a system call for that.
pub(super) type Waiter = oneshot::Sender<Outcome>;

/// Sequence numbers and the calls that own them.
pub(super) struct InFlight {
    next: u64,
    waiting: HashMap<u64, Waiter, BuildHasherDefault<SeqHasher>>,
    /// Set once no reply can come any more.
    ended: Option<Ended>,
    tally: Tallied,
}

/// Why no reply comes any more, and since when.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) reason: EndReason,
    pub(super) at: Instant,
}

/// Spreads sequence numbers. They are given out in order and only here, so no peer can choose
/// numbers that collide.
#[derive(Default)]
struct SeqHasher(u64);

impl Hasher for SeqHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, seq: u64) {
        // 2^64 divided by the golden ratio: neighbours end up far apart, in the upper bits too.
        self.0 = (self.0 ^ seq).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl InFlight {
    pub(super) fn new(tally: Tallied) -> Self {
        InFlight {
            next: 0,
            waiting: HashMap::default(),
            ended: None,
            tally,
        }
    }

    /// Numbers a new call, unless no reply can come any more.
    pub(super) fn begin(&mut self) -> Result<(u64, oneshot::Receiver<Outcome>), Ended> {
        self.tally.begun.add(1);
        if let Some(ended) = &self.ended {
            self.tally.lost.add(1);
            return Err(ended.clone());
        }
        let seq = self.next;
        self.next += 1;
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(seq, sender);
        Ok((seq, receiver))
    }

    /// Takes the call of a number out, which was abandoned. `None` when it no longer waits.
    #[must_use]
    pub(super) fn remove(&mut self, seq: u64) -> Option<Waiter> {
        let waiter = self.waiting.remove(&seq);
        self.tally.dropped.add(usize::from(waiter.is_some()));
        waiter
    }

    /// The same of a call that was answered.
    #[must_use]
    pub(super) fn answered(&mut self, seq: u64, outcome: &Outcome) -> Option<Waiter> {
        let waiter = self.waiting.remove(&seq)?;
        match outcome {
            Ok(_) => self.tally.replies.add(1),
            Err(_) => self.tally.failed.add(1),
        }
        Some(waiter)
    }

    /// The deadline of a call has passed. One that waited for room has not begun.
    pub(super) fn too_late(&mut self, has_begun: bool) {
        if !has_begun {
            self.tally.begun.add(1);
            self.tally.dropped.add(1);
        }
        self.tally.timed_out.add(1);
    }

    /// Where calls are counted.
    pub(super) fn tally(&self) -> &Tallied {
        &self.tally
    }

    /// No reply comes any more: gives the calls that wait, which are to fail for this reason. Later
    /// ones fail at once. The first reason stays.
    #[must_use]
    pub(super) fn end(&mut self, reason: &EndReason) -> Vec<Waiter> {
        self.ended.get_or_insert_with(|| Ended {
            reason: reason.clone(),
            at: Instant::now(),
        });
        self.tally.lost.add(self.waiting.len());
        self.waiting.drain().map(|(_, waiter)| waiter).collect()
    }

    /// Why no reply comes any more.
    pub(super) fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Direction, Observer};

    fn in_flight() -> InFlight {
        InFlight::new(Observer::default().tally(Direction::Made))
    }

    #[test]
    fn every_call_gets_a_number_of_its_own() {
        let mut calls = in_flight();
        let numbers: Vec<u64> = (0..3)
            .filter_map(|_| calls.begin().ok())
            .map(|c| c.0)
            .collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(calls.len(), 3);
    }

    #[test]
    fn an_abandoned_call_gets_no_reply() {
        let mut calls = in_flight();
        let (seq, receiver) = calls.begin().ok().unwrap();
        drop(calls.remove(seq));
        assert!(calls.remove(seq).is_none());
        assert_eq!(calls.len(), 0);
        drop(receiver);
    }

    #[test]
    fn the_end_takes_waiting_calls_out_and_refuses_later_ones() {
        let mut calls = in_flight();
        let begun = calls.begin().ok().unwrap();
        assert_eq!(calls.end(&EndReason::PeerClosed).len(), 1);
        assert_eq!(calls.len(), 0);
        assert!(calls.begin().is_err());
        assert!(calls.end(&EndReason::Closed).is_empty());
        let ended = calls.ended().unwrap();
        assert!(matches!(ended.reason, EndReason::PeerClosed));
        drop(begun);
    }
}
