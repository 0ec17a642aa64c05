//! The table of a session's streams.

use std::collections::HashMap;

use super::stream::StreamState;

/// Names a stream of a [`Session`](super::Session).
///
/// A number may name another stream after the first one is gone: that is up to the peer. A key
/// never does. Calls with the key of a stream that is gone have no effect, or fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    number: u32,
    slot: u32,
    serial: u64,
}

impl StreamKey {
    /// The stream's number on the wire: odd when the client opened it, even when the server did.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// A small number that no other stream of the session has at the same time: the place of the
    /// stream in a table beside the session. A stream that is opened later may get it again.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// The streams of a session, by key and by number.
///
/// Keys find their stream without hashing: a call looks its stream up several times, and only the
/// frames of the peer come with numbers.
#[derive(Debug, Default)]
pub(super) struct Streams {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    by_number: HashMap<u32, StreamKey>,
    serial: u64,
}

#[derive(Debug)]
struct Slot {
    key: StreamKey,
    state: StreamState,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Adds a stream with a number that no other one has.
    pub(super) fn insert(&mut self, number: u32, state: StreamState) -> StreamKey {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() as u32 - 1
            }
        };
        let serial = self.serial;
        self.serial += 1;
        let key = StreamKey {
            number,
            slot,
            serial,
        };
        self.slots[key.slot()] = Some(Slot { key, state });
        self.by_number.insert(number, key);
        key
    }

    pub(super) fn find(&self, number: u32) -> Option<StreamKey> {
        self.by_number.get(&number).copied()
    }

    pub(super) fn get(&self, key: StreamKey) -> Option<&StreamState> {
        match self.slots.get(key.slot()) {
            Some(Some(slot)) if slot.key == key => Some(&slot.state),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, key: StreamKey) -> Option<&mut StreamState> {
        match self.slots.get_mut(key.slot()) {
            Some(Some(slot)) if slot.key == key => Some(&mut slot.state),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, key: StreamKey) -> Option<StreamState> {
        let slot = self.slots.get_mut(key.slot())?;
        let removed = slot.take_if(|slot| slot.key == key)?;
        self.free.push(key.slot);
        self.by_number.remove(&key.number);
        Some(removed.state)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamKey, &StreamState)> {
        self.slots
            .iter()
            .flatten()
            .map(|slot| (slot.key, &slot.state))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (StreamKey, &mut StreamState)> {
        let slots = self.slots.iter_mut().flatten();
        slots.map(|slot| (slot.key, &mut slot.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_stream_that_is_gone_finds_no_other() {
        let mut streams = Streams::default();
        let one = streams.insert(1, StreamState::new(true));
        assert!(streams.remove(one).is_some());
        let other = streams.insert(1, StreamState::new(false));
        assert_eq!((one.number(), one.slot()), (other.number(), other.slot()));
        assert_ne!(one, other);
        assert!(streams.get(one).is_none());
        assert!(streams.get_mut(one).is_none());
        assert!(streams.remove(one).is_none());
        assert!(streams.get(other).is_some());
        assert_eq!(streams.find(1), Some(other));
        assert_eq!(streams.len(), 1);
    }

    #[test]
    fn slots_are_used_again() {
        let mut streams = Streams::default();
        for number in 0..1000 {
            let key = streams.insert(number, StreamState::new(true));
            assert_eq!(key.slot(), 0);
            streams.remove(key);
        }
        assert_eq!((streams.len(), streams.iter().count()), (0, 0));
    }
}
