//! What the connections of a session count, whether or not that is wanted.
//!
//! A count is written by one task or under one lock, which the work needs anyway, so it is a load
//! and a store. Only those of rare turns are added to atomically. A snapshot reads them without a
//! lock: it may see a call's begin without its end, but no number that never was.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::meta::Direction;
use super::observer::Observer;
use super::snapshot::{Calls, Snapshot};

/// A number that one task writes, or the holder of one lock.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn add(&self, n: usize) {
        let sum = self.get().wrapping_add(n as u64);
        self.0.store(sum, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn set(&self, n: usize) {
        self.0.store(n as u64, Ordering::Relaxed);
    }

    /// For what several may count at once.
    pub(crate) fn add_shared(&self, n: usize) {
        self.0.fetch_add(n as u64, Ordering::Relaxed);
    }

    #[inline]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one connection counts: a client its calls, or a server those that it serves.
#[derive(Debug)]
pub(crate) struct Tally {
    direction: Direction,
    /// Calls.
    pub(crate) begun: Count,
    /// Calls that were answered with a reply, of a client.
    pub(crate) replies: Count,
    /// Calls that ended with an error. Shared, of a server.
    pub(crate) failed: Count,
    /// Calls of a client that were dropped, for whichever reason.
    pub(crate) dropped: Count,
    /// Those of them whose deadline had passed.
    pub(crate) timed_out: Count,
    /// Those of them that did not encode.
    pub(crate) unsent: Count,
    /// Replies to a client that did not decode.
    pub(crate) undecoded: Count,
    /// Calls of a client that failed because their deadline had passed.
    pub(crate) late: Count,
    /// Shared, of a server: calls that were dropped without an answer.
    pub(crate) cancelled: Count,
    /// Calls that had no answer when the connection ended. Shared, of a server.
    pub(crate) lost: Count,
    /// Messages, and their bytes.
    pub(crate) sent: Count,
    pub(crate) sent_bytes: Count,
    pub(crate) received: Count,
    pub(crate) received_bytes: Count,
    /// Bytes in the outbox now.
    pub(crate) outbox: Count,
}

impl Tally {
    pub(super) fn new(direction: Direction) -> Self {
        Tally {
            direction,
            begun: Count::default(),
            replies: Count::default(),
            failed: Count::default(),
            dropped: Count::default(),
            timed_out: Count::default(),
            unsent: Count::default(),
            undecoded: Count::default(),
            late: Count::default(),
            cancelled: Count::default(),
            lost: Count::default(),
            sent: Count::default(),
            sent_bytes: Count::default(),
            received: Count::default(),
            received_bytes: Count::default(),
            outbox: Count::default(),
        }
    }

    fn calls(&self) -> Calls {
        let begun = self.begun.get();
        let (failed, lost) = (self.failed.get(), self.lost.get());
        let calls = match self.direction {
            Direction::Made => {
                let (dropped, late) = (self.dropped.get(), self.late.get());
                let (undecoded, unsent) = (self.undecoded.get(), self.unsent.get());
                let timed_out = self.timed_out.get();
                Calls {
                    begun,
                    answered: self.replies.get().saturating_sub(undecoded),
                    failed: sum([failed, undecoded, unsent]).saturating_sub(late),
                    timed_out: sum([timed_out, late]),
                    cancelled: dropped.saturating_sub(sum([timed_out, unsent])),
                    lost,
                    in_flight: 0,
                }
            }
            Direction::Served => Calls {
                begun,
                answered: self.sent.get().saturating_sub(failed),
                failed,
                timed_out: 0,
                cancelled: self.cancelled.get(),
                lost,
                in_flight: 0,
            },
        };
        Calls {
            in_flight: begun.saturating_sub(calls.ended()),
            ..calls
        }
    }
}

fn sum<const N: usize>(counts: [u64; N]) -> u64 {
    counts.into_iter().fold(0, u64::wrapping_add)
}

/// A connection's tally. With it the connection's counts stay with the session.
#[derive(Debug)]
pub(crate) struct Tallied {
    tally: Arc<Tally>,
    observer: Observer,
}

impl Tallied {
    pub(super) fn new(tally: Arc<Tally>, observer: Observer) -> Self {
        Tallied { tally, observer }
    }

    /// The same, for another part of the connection.
    pub(crate) fn shared(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }
}

impl Deref for Tallied {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Tallied {
    fn drop(&mut self) {
        self.observer.fold(&self.tally);
    }
}

/// The sums of several.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    made: Calls,
    served: Calls,
    sent: [u64; 2],
    received: [u64; 2],
    outbox: u64,
}

impl Totals {
    pub(super) fn add(&mut self, tally: &Tally) {
        self.add_calls(tally, tally.calls());
        self.outbox = self.outbox.wrapping_add(tally.outbox.get());
    }

    /// One whose calls are all over.
    pub(super) fn add_ended(&mut self, tally: &Tally) {
        let mut calls = tally.calls();
        calls.lost = calls
            .lost
            .wrapping_add(std::mem::take(&mut calls.in_flight));
        self.add_calls(tally, calls);
    }

    fn add_calls(&mut self, tally: &Tally, calls: Calls) {
        match tally.direction {
            Direction::Made => self.made.add(&calls),
            Direction::Served => self.served.add(&calls),
        }
        let add = |sums: &mut [u64; 2], counts: [&Count; 2]| {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum = sum.wrapping_add(count.get());
            }
        };
        add(&mut self.sent, [&tally.sent, &tally.sent_bytes]);
        add(&mut self.received, [&tally.received, &tally.received_bytes]);
    }

    pub(super) fn fill(&self, snapshot: &mut Snapshot) {
        snapshot.made = self.made;
        snapshot.served = self.served;
        [snapshot.sent.messages, snapshot.sent.bytes] = self.sent;
        [snapshot.received.messages, snapshot.received.bytes] = self.received;
        snapshot.queues.outbox_bytes = self.outbox;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_counts_adds_up() {
        let tally = Tally::new(Direction::Made);
        tally.begun.add(12);
        tally.replies.add(4);
        tally.undecoded.add(1);
        tally.failed.add(2);
        tally.late.add(1);
        tally.dropped.add(4);
        tally.timed_out.add(1);
        tally.unsent.add(1);
        tally.lost.add(1);
        let calls = Calls {
            begun: 12,
            answered: 3,
            failed: 3,
            timed_out: 2,
            cancelled: 2,
            lost: 1,
            in_flight: 1,
        };
        assert_eq!(tally.calls(), calls);
        let mut totals = Totals::default();
        totals.add(&tally);
        totals.add_ended(&tally);
        assert_eq!((totals.made.begun, totals.made.lost), (24, 3));
        assert_eq!(totals.made.in_flight, 1);
    }
}
