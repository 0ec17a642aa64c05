//! Frames that wait for the connection.

use super::frame::{HEADER, Header};
use crate::tuning::{HIGH_WATER, STREAMS_WAIT};

/// What was queued and not written yet, in one piece.
///
/// All of it is bounded, however much the peer does and however little it reads. Data waits at
/// [`HIGH_WATER`], streams are not opened or accepted above [`STREAMS_WAIT`], control frames that
/// answer the peer's stop the reading at [`HIGH_WATER`], and window updates are not queued above
/// it. What is left is what a stream may say once, such as its end: twelve bytes each.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    bytes: Vec<u8>,
    /// How much of `bytes` the connection has taken.
    written: usize,
    /// How many bytes are control frames that answer what was read. The peer does not answer these
    /// in turn, so two sides that stop reading because of them do not wait for each other.
    control_bytes: usize,
}

impl SendQueue {
    pub(super) fn push(&mut self, header: Header) {
        self.push_bytes(&header.encode(), &[]);
    }

    /// Queues a frame that answers what was read.
    pub(super) fn push_answer(&mut self, header: Header) {
        self.push(header);
        self.control_bytes += HEADER;
    }

    /// Queues a data frame, or the rest of one.
    pub(super) fn push_bytes(&mut self, header: &[u8], body: &[u8]) {
        if self.written >= HIGH_WATER {
            // The queue may never be empty while the connection is behind. What was written must
            // not pile up before what was not.
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(body);
    }

    /// What the connection has not taken.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether too many answers wait for more to be read, which could need others.
    pub(super) fn is_full_of_answers(&self) -> bool {
        self.control_bytes > HIGH_WATER
    }

    /// Whether `n` bytes of data may be queued.
    pub(super) fn has_room_for(&self, n: usize) -> bool {
        self.len() + n <= HIGH_WATER
    }

    /// Whether a stream may be opened or accepted.
    pub(super) fn has_room_for_streams(&self) -> bool {
        self.len() <= STREAMS_WAIT
    }

    /// Whether a window update may be queued.
    pub(super) fn has_room_for_windows(&self) -> bool {
        self.len() <= HIGH_WATER
    }

    /// The connection took the first `n` bytes of what was [unwritten](Self::unwritten).
    pub(super) fn took(&mut self, n: usize) {
        self.written += n;
        self.control_bytes = self.control_bytes.saturating_sub(n);
    }

    /// Everything was written, or never will be.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(HIGH_WATER);
        self.written = 0;
        self.control_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{ACK, Kind};
    use super::*;

    const ANSWER: Header = Header {
        kind: Kind::Ping,
        flags: ACK,
        stream: 0,
        length: 7,
    };

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut queue = SendQueue::default();
        queue.push(ANSWER);
        queue.push_bytes(b"head", b"body");
        let expected = [&ANSWER.encode()[..], b"headbody"].concat();
        let mut left = Vec::new();
        while !queue.is_empty() {
            left.extend_from_slice(&queue.unwritten()[..1]);
            queue.took(1);
        }
        assert_eq!(left, expected);
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
        let mut queue = SendQueue::default();
        queue.push_bytes(&[], &[0; 1000]);
        for _ in 0..10_000 {
            queue.push_bytes(&[], &[0; 1000]);
            queue.took(1000);
        }
        assert_eq!(queue.len(), 1000);
        assert!(queue.bytes.capacity() <= 4 * HIGH_WATER);
    }

    #[test]
    fn what_was_written_is_moved_over_seldom() {
        let mut queue = SendQueue::default();
        queue.push_bytes(&[], &vec![0; 2 * HIGH_WATER]);
        queue.took(HIGH_WATER - 1);
        queue.push_bytes(&[], &[0]);
        assert_eq!(queue.bytes.len(), 2 * HIGH_WATER + 1);
        queue.took(1);
        queue.push_bytes(&[], &[0]);
        assert_eq!(queue.bytes.len(), HIGH_WATER + 2);
    }

    #[test]
    fn each_kind_of_frame_has_a_bound_of_its_own() {
        // How much waits, and what may still be queued: data, window updates, streams.
        for (waits, expected) in [
            (0, [true, true, true]),
            (HIGH_WATER - 1, [true, true, true]),
            (HIGH_WATER, [false, true, true]),
            (HIGH_WATER + 1, [false, false, true]),
            (STREAMS_WAIT, [false, false, true]),
            (STREAMS_WAIT + 1, [false, false, false]),
        ] {
            let mut queue = SendQueue::default();
            queue.push_bytes(&[], &vec![0; waits]);
            let room = [
                queue.has_room_for(1),
                queue.has_room_for_windows(),
                queue.has_room_for_streams(),
            ];
            assert_eq!(room, expected, "{waits} bytes wait");
        }
    }

    #[test]
    fn answers_count_until_they_are_written() {
        let mut queue = SendQueue::default();
        queue.push_bytes(&[], &[0; HIGH_WATER]);
        let most = HIGH_WATER / HEADER;
        for _ in 0..most {
            queue.push_answer(ANSWER);
        }
        assert!(!queue.is_full_of_answers());
        queue.push_answer(ANSWER);
        assert!(queue.is_full_of_answers());
        queue.took(HEADER);
        assert!(!queue.is_full_of_answers());
        queue.push_answer(ANSWER);
        assert!(queue.is_full_of_answers());
        queue.took((most + 1) * HEADER - HIGH_WATER);
        assert_eq!(queue.control_bytes, HIGH_WATER);
        assert!(!queue.is_full_of_answers());
        queue.push_answer(ANSWER);
        assert!(queue.is_full_of_answers());
        queue.clear();
        assert!(!queue.is_full_of_answers());
    }
}
