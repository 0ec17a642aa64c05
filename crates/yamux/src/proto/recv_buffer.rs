//! What has arrived on a stream and was not read yet.

use super::frame::WINDOW;
use crate::tuning::{KEPT_BUFFER, SPARE_BUFFER};

/// Bytes in the order of their arrival. The space behind them stays initialised when they are read,
/// so it is zeroed once and not for every read from the socket.
#[derive(Debug, Default)]
pub(super) struct RecvBuffer {
    space: Vec<u8>,
    start: usize,
    end: usize,
}

impl RecvBuffer {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// How much memory it takes.
    pub(super) fn size(&self) -> usize {
        self.space.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// What was not read yet.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.space[self.start..self.end]
    }

    /// Takes away the first `n` bytes of [`bytes`](Self::bytes), which were read.
    pub(super) fn consume(&mut self, n: usize, spare: &mut Vec<u8>) {
        self.start += n;
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
            if self.space.len() > KEPT_BUFFER {
                self.release(spare);
            }
        }
    }

    pub(super) fn extend(&mut self, bytes: &[u8], spare: &mut Vec<u8>) {
        self.reserve(bytes.len(), spare);
        self.room(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Makes room for `n` more bytes. `spare` is a buffer that another stream no longer uses.
    pub(super) fn reserve(&mut self, n: usize, spare: &mut Vec<u8>) {
        if self.is_empty() && n > self.space.len() && spare.len() >= n {
            std::mem::swap(&mut self.space, spare);
        }
        if self.space.len() - self.end < n {
            let unread = self.start == 0;
            self.space.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            // Twice as much as there is: otherwise every small arrival in a full buffer would move
            // all of it. Where nothing was read yet, a window is enough.
            let needed = self.end + n;
            let size = match unread && needed <= WINDOW as usize {
                true => (2 * self.end).clamp(needed, WINDOW as usize),
                false => needed.max(2 * self.end),
            };
            if size > self.space.len() {
                // Exactly, since it counts against what a session may hold.
                self.space.reserve_exact(size - self.space.len());
                self.space.resize(size, 0);
            }
        }
    }

    /// The space of the next `n` bytes, which was [reserved](Self::reserve). What is written to it
    /// counts once it is [`filled`](Self::filled).
    pub(super) fn room(&mut self, n: usize) -> &mut [u8] {
        &mut self.space[self.end..self.end + n]
    }

    /// `n` bytes were written to the space that [`room`](Self::room) gave.
    pub(super) fn filled(&mut self, n: usize) {
        self.end += n;
    }

    /// Throws everything away.
    pub(super) fn release(&mut self, spare: &mut Vec<u8>) {
        let space = std::mem::take(self).space;
        if space.len() > spare.len() && space.len() <= SPARE_BUFFER {
            *spare = space;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_stays_full_keeps_its_order_and_its_size() {
        const FULL: usize = 64 * 1024;
        let (mut received, mut spare) = (RecvBuffer::default(), Vec::new());
        let byte = |at: usize| (at * 31 + (at >> 8)) as u8;
        for at in 0..FULL {
            received.extend(&[byte(at)], &mut spare);
        }
        for at in 0..10 * FULL {
            assert_eq!(received.bytes()[0], byte(at));
            received.consume(1, &mut spare);
            received.extend(&[byte(at + FULL)], &mut spare);
            assert_eq!(received.len(), FULL);
        }
        assert!(received.space.len() <= 4 * FULL);
    }

    #[test]
    fn the_next_stream_takes_over_a_large_buffer() {
        let (mut one, mut other) = (RecvBuffer::default(), RecvBuffer::default());
        let mut spare = Vec::new();
        one.extend(&[1; 100_000], &mut spare);
        one.consume(100_000, &mut spare);
        assert_eq!((one.space.len(), spare.len()), (0, 100_000));
        other.extend(&[2; 50_000], &mut spare);
        assert_eq!((other.space.len(), spare.len()), (100_000, 0));
        assert!(other.bytes().iter().all(|byte| *byte == 2));
    }

    /// A buffer of `size` bytes of which `start..end` are unread.
    fn buffer(start: usize, end: usize, size: usize) -> RecvBuffer {
        RecvBuffer {
            space: vec![0; size],
            start,
            end,
        }
    }

    #[test]
    fn a_buffer_grows_to_twice_what_it_holds_and_by_no_byte_more() {
        const WINDOW: usize = super::WINDOW as usize;
        // Where the unread bytes are, in how much space, for how many more, and the size after it.
        for (start, end, size, more, expected) in [
            // There is room.
            (0, 12, 16, 4, 16),
            (0, 0, 16, 16, 16),
            // Nothing was read yet: twice as much, what is needed, or a window.
            (0, 100, 100, 1, 200),
            (0, 100, 100, 150, 250),
            (0, WINDOW - 60_000, WINDOW - 60_000, 8_000, WINDOW),
            (0, WINDOW, WINDOW, 1, 2 * WINDOW),
            // Some was: what is unread moves to the front first.
            (50, 60, 60, 20, 60),
            (10, 100, 100, 20, 180),
            (1, WINDOW, WINDOW, 2, 2 * (WINDOW - 1)),
        ] {
            let mut received = buffer(start, end, size);
            received.reserve(more, &mut Vec::new());
            let case = (start, end, size, more);
            assert_eq!(received.space.len(), expected, "{case:?}");
            assert_eq!(received.space.capacity(), expected, "{case:?}");
            assert_eq!(received.len(), end - start, "{case:?}");
        }
    }

    #[test]
    fn the_spare_buffer_is_taken_only_where_it_is_needed_and_large_enough() {
        for (size, more, spare_size, expected) in [
            (8, 8, 64, (8, 64)),
            (8, 9, 64, (64, 8)),
            (8, 65, 64, (65, 64)),
            (8, 64, 64, (64, 8)),
        ] {
            let (mut received, mut spare) = (buffer(0, 0, size), vec![0; spare_size]);
            received.reserve(more, &mut spare);
            let sizes = (received.space.len(), spare.len());
            assert_eq!(sizes, expected, "{more} bytes into {size}");
        }
    }

    #[test]
    fn small_buffers_are_kept_and_large_ones_handed_on() {
        for (size, expected) in [
            (KEPT_BUFFER, (KEPT_BUFFER, 0)),
            (KEPT_BUFFER + 1, (0, KEPT_BUFFER + 1)),
            (SPARE_BUFFER, (0, SPARE_BUFFER)),
            (SPARE_BUFFER + 1, (0, 0)),
        ] {
            let (mut received, mut spare) = (buffer(0, 5, size), Vec::new());
            received.consume(5, &mut spare);
            assert_eq!((received.space.len(), spare.len()), expected, "{size}");
        }
        // A larger one is at hand.
        let mut spare = vec![0; 20_000];
        buffer(0, 5, 10_000).release(&mut spare);
        assert_eq!(spare.len(), 20_000);
    }
}
