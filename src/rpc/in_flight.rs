//! The calls that wait for their replies.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::call_error::CallError;
use super::end::EndReason;
use crate::codec::Message;

/// What a waiting call gets.
pub(super) type Outcome = Result<Message, CallError>;

/// Sequence numbers and the calls that own them.
pub(super) struct InFlight {
    next: u64,
    waiting: HashMap<u64, oneshot::Sender<Outcome>, BuildHasherDefault<SeqHasher>>,
    /// Set once no reply can come any more.
    ended: Option<Ended>,
}

/// Why no reply comes any more, and since when.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) reason: EndReason,
    pub(super) at: Instant,
}

/// Spreads sequence numbers, which are given out in order here and by nobody else, so that no peer
/// can choose what collides.
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
    pub(super) fn new() -> Self {
        InFlight {
            next: 0,
            waiting: HashMap::default(),
            ended: None,
        }
    }

    /// Numbers a new call, unless no reply can come any more.
    pub(super) fn begin(&mut self) -> Result<(u64, oneshot::Receiver<Outcome>), Ended> {
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        let seq = self.next;
        self.next += 1;
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(seq, sender);
        Ok((seq, receiver))
    }

    /// Hands a reply to its call. False when nobody waits for it, as after a call was abandoned.
    pub(super) fn complete(&mut self, seq: u64, outcome: Outcome) -> bool {
        match self.waiting.remove(&seq) {
            Some(waiting) => waiting.send(outcome).is_ok(),
            None => false,
        }
    }

    /// The call no longer waits.
    pub(super) fn abandon(&mut self, seq: u64) {
        self.waiting.remove(&seq);
    }

    /// No reply comes any more: fails every waiting call and every later one. The first reason stays.
    pub(super) fn end(&mut self, reason: &EndReason) {
        self.ended.get_or_insert_with(|| Ended {
            reason: reason.clone(),
            at: Instant::now(),
        });
        for (_, waiting) in self.waiting.drain() {
            let _ = waiting.send(Err(reason.of_pending()));
        }
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

    #[test]
    fn every_call_gets_a_number_of_its_own() {
        let mut calls = InFlight::new();
        let numbers: Vec<u64> = (0..3)
            .filter_map(|_| calls.begin().ok())
            .map(|c| c.0)
            .collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(calls.len(), 3);
    }

    #[test]
    fn an_abandoned_call_s_reply_is_nobody_s() {
        let mut calls = InFlight::new();
        let (seq, _receiver) = calls.begin().ok().unwrap();
        calls.abandon(seq);
        assert!(!calls.complete(seq, Err(CallError::Shutdown(EndReason::Closed))));
        assert_eq!(calls.len(), 0);
    }

    #[test]
    fn the_end_fails_waiting_calls_and_later_ones() {
        let mut calls = InFlight::new();
        let (_, mut receiver) = calls.begin().ok().unwrap();
        calls.end(&EndReason::PeerClosed);
        assert!(matches!(
            receiver.try_recv(),
            Ok(Err(CallError::UnexpectedEof(EndReason::PeerClosed)))
        ));
        assert!(calls.begin().is_err());
    }
}
