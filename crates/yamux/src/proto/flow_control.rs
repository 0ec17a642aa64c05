//! Windows: how much of a stream each side may send before the other has read it.

use super::frame::WINDOW;
use crate::tuning::WIDE_WINDOW;

/// What the peer may send on a stream.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    /// How much more the peer may send.
    available: u32,
    /// How much was read that no window update has granted to the peer.
    consumed: u32,
    /// Whether the window was widened to [`WIDE_WINDOW`].
    wide: bool,
    /// Whether the stream is among those that a window update is to be sent for.
    update_queued: bool,
}

impl Default for ReceiveWindow {
    fn default() -> Self {
        ReceiveWindow {
            available: WINDOW,
            consumed: 0,
            wide: false,
            update_queued: false,
        }
    }
}

impl ReceiveWindow {
    pub(super) fn available(&self) -> u32 {
        self.available
    }

    pub(super) fn is_wide(&self) -> bool {
        self.wide
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.available == 0
    }

    /// The peer sends `n` bytes. An error, with what it may send, where that is more than it may.
    pub(super) fn receive(&mut self, n: u32) -> Result<(), u32> {
        match self.available.checked_sub(n) {
            Some(left) => {
                self.available = left;
                Ok(())
            }
            None => Err(self.available),
        }
    }

    /// `n` bytes were read. True where a window update is due and was not before: the caller sends
    /// one when something is written next.
    pub(super) fn consume(&mut self, n: usize, finished: bool) -> bool {
        self.consumed += n as u32;
        let is_new = !self.update_queued && self.is_update_due(finished);
        self.update_queued |= is_new;
        is_new
    }

    /// Whether a window update is due: once half of the window was read, as in Go.
    ///
    /// A stream that this side `finished` is gone from the peer's table as soon as the peer
    /// finishes its own side, which may already be on its way, and a Go peer logs every frame for a
    /// stream that is gone. So the update of this stream waits until the window is used up: a
    /// peer that goes on needs it then.
    fn is_update_due(&self, finished: bool) -> bool {
        let window = if self.wide { WIDE_WINDOW } else { WINDOW };
        self.consumed >= window / 2 && (!finished || self.available == 0)
    }

    /// The update is no longer queued. Whether it is still due.
    pub(super) fn take_update(&mut self, finished: bool) -> bool {
        self.update_queued = false;
        self.is_update_due(finished)
    }

    /// Grants the peer what was read, and a wide window besides where it `may_widen`. Returns what
    /// the window update says, and whether the window was widened.
    pub(super) fn grant(&mut self, may_widen: bool) -> (u32, bool) {
        let widened = may_widen && !self.wide;
        let mut credit = std::mem::take(&mut self.consumed);
        if widened {
            self.wide = true;
            credit += WIDE_WINDOW - WINDOW;
        }
        self.available += credit;
        (credit, widened)
    }
}

/// What this side may send on a stream.
#[derive(Debug)]
pub(super) struct SendWindow(u32);

impl Default for SendWindow {
    fn default() -> Self {
        SendWindow(WINDOW)
    }
}

impl SendWindow {
    /// How much of `wanted` bytes may be sent.
    pub(super) fn limit(&self, wanted: usize) -> usize {
        wanted.min(self.0 as usize)
    }

    /// `n` bytes are sent, no more than the [limit](Self::limit).
    pub(super) fn take(&mut self, n: usize) {
        self.0 -= n as u32;
    }

    /// The peer grants `n` bytes more. `None` where no window can be as large; otherwise whether
    /// the stream can be written to and could not before.
    pub(super) fn grant(&mut self, n: u32) -> Option<bool> {
        let window = self.0.checked_add(n)?;
        let opened = self.0 == 0 && window > 0;
        self.0 = window;
        Some(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: usize = WINDOW as usize / 2;

    /// A window of which the peer used `received` and the reader read `read` bytes.
    fn used(received: u32, read: usize, finished: bool) -> (ReceiveWindow, bool) {
        let mut window = ReceiveWindow::default();
        window.receive(received).unwrap();
        let due = window.consume(read, finished);
        (window, due)
    }

    #[test]
    fn an_update_is_due_when_half_was_read() {
        // Received, read, finished here; due.
        for (received, read, finished, due) in [
            (WINDOW, 0, false, false),
            (WINDOW, HALF - 1, false, false),
            (WINDOW, HALF, false, true),
            (WINDOW / 2, HALF, false, true),
            // A stream that was finished here waits until the window is used up.
            (WINDOW - 1, HALF, true, false),
            (WINDOW, HALF - 1, true, false),
            (WINDOW, HALF, true, true),
        ] {
            let case = (received, read, finished);
            assert_eq!(used(received, read, finished).1, due, "{case:?}");
        }
    }

    #[test]
    fn an_update_is_queued_once() {
        let (mut window, due) = used(WINDOW, HALF, false);
        assert!(due);
        assert!(!window.consume(1, false));
        assert!(window.take_update(false));
        assert!(window.consume(1, false));
    }

    #[test]
    fn an_update_that_is_no_longer_due_is_left_out() {
        let (mut window, due) = used(WINDOW - 1, HALF, false);
        assert!(due);
        assert!(!window.take_update(true));
    }

    #[test]
    fn a_grant_restores_what_was_read_and_may_widen_once() {
        let (mut window, _) = used(WINDOW, HALF, false);
        assert_eq!(window.grant(false), (WINDOW / 2, false));
        assert_eq!(window.available(), WINDOW / 2);
        window.consume(HALF, false);
        let widened = WINDOW / 2 + WIDE_WINDOW - WINDOW;
        assert_eq!(window.grant(true), (widened, true));
        assert_eq!(window.available(), WIDE_WINDOW);
        assert_eq!(window.grant(true), (0, false));
        assert!(!window.take_update(false));
        // Half of a wide window is more.
        window.receive(WIDE_WINDOW).unwrap();
        assert!(!window.consume(WIDE_WINDOW as usize / 2 - 1, false));
        assert!(window.consume(1, false));
    }

    #[test]
    fn more_than_the_window_is_refused_and_leaves_it_as_it_was() {
        let mut window = ReceiveWindow::default();
        assert_eq!(window.receive(WINDOW + 1), Err(WINDOW));
        assert_eq!(window.receive(WINDOW), Ok(()));
        assert!(window.is_used_up());
        assert_eq!(window.receive(1), Err(0));
        assert_eq!(window.receive(0), Ok(()));
    }

    #[test]
    fn a_send_window_opens_when_it_was_used_up() {
        let mut window = SendWindow::default();
        assert_eq!(window.limit(usize::MAX), WINDOW as usize);
        assert_eq!(window.grant(0), Some(false));
        assert_eq!(window.grant(1), Some(false));
        window.take(WINDOW as usize + 1);
        assert_eq!(window.limit(5), 0);
        assert_eq!(window.grant(0), Some(false));
        assert_eq!(window.grant(3), Some(true));
        assert_eq!(window.limit(5), 3);
        assert_eq!(window.grant(u32::MAX), None);
        assert_eq!(window.limit(5), 3);
    }
}
