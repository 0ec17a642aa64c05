//! Output on its way from the collector to the sender.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::tuning::plugin::{BACKLOG, STALL};

/// Bytes in order, bounded. Shared by the collector and the sender, which run on different
/// runtimes.
#[derive(Default)]
pub(super) struct Backlog {
    /// Held for moments, and never while another lock is taken.
    contents: Mutex<Contents>,
    changed: Notify,
}

#[derive(Default)]
struct Contents {
    bytes: VecDeque<u8>,
    /// Bytes were taken that the stream has not flushed yet.
    unflushed: bool,
    /// The bytes ever taken. Distinguishes a slow reader from one that has stopped.
    taken: u64,
    /// The value of `taken` after a full wait without progress. Until it changes, writers do not
    /// wait.
    stalled_at: Option<u64>,
    dropped: u64,
    /// No more is sent. Output that still arrives is kept without a bound: it is what two pipes
    /// hold.
    finished: bool,
}

impl Backlog {
    /// Adds output. Waits for room while a reader makes progress, and otherwise drops the bytes.
    pub(super) async fn push(&self, bytes: &[u8]) {
        loop {
            let taken = {
                let mut contents = self.contents();
                if contents.has_room(bytes.len()) {
                    drop(contents);
                    return self.push_now(bytes);
                }
                if contents.stalled_at == Some(contents.taken) {
                    contents.dropped += bytes.len() as u64;
                    return;
                }
                contents.taken
            };
            let progress = self.until(|contents| contents.taken != taken || contents.finished);
            if tokio::time::timeout(STALL, progress).await.is_err() {
                self.contents().stalled_at = Some(taken);
                tracing::warn!("no host reads the plugin's output, dropping it");
            }
        }
    }

    /// Adds output without waiting for room. For the contents of a pipe, which are bounded.
    pub(super) fn push_now(&self, bytes: &[u8]) {
        let mut contents = self.contents();
        if contents.dropped > 0 {
            let note = format!("\n[{} bytes of output were dropped]\n", contents.dropped);
            contents.bytes.extend(note.as_bytes());
            contents.dropped = 0;
        }
        contents.bytes.extend(bytes);
        drop(contents);
        self.changed.notify_waiters();
    }

    /// Copies the first bytes into `chunk`, up to its capacity.
    pub(super) fn peek(&self, chunk: &mut Vec<u8>) {
        chunk.clear();
        let contents = self.contents();
        let (front, _) = contents.bytes.as_slices();
        chunk.extend_from_slice(&front[..front.len().min(chunk.capacity())]);
    }

    /// Removes the first `count` bytes, which a stream has taken.
    pub(super) fn taken(&self, count: usize) {
        let mut contents = self.contents();
        let count = count.min(contents.bytes.len());
        contents.bytes.drain(..count);
        contents.taken += count as u64;
        contents.unflushed = true;
        drop(contents);
        self.changed.notify_waiters();
    }

    /// The stream has flushed the bytes that it took, or has ended.
    pub(super) fn flushed(&self) {
        self.contents().unflushed = false;
        self.changed.notify_waiters();
    }

    /// Ends the sending.
    pub(super) fn finish(&self) {
        self.contents().finished = true;
        self.changed.notify_waiters();
    }

    /// Removes the bytes that were not sent.
    pub(super) fn rest(&self) -> Vec<u8> {
        std::mem::take(&mut self.contents().bytes).into()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.contents().bytes.is_empty()
    }

    /// Waits for bytes to send. `false` if sending has ended.
    pub(super) async fn arrived(&self) -> bool {
        self.until(|contents| contents.finished || !contents.bytes.is_empty())
            .await;
        !self.contents().finished
    }

    /// Waits until everything has been sent.
    pub(super) async fn settled(&self) {
        self.until(|contents| contents.bytes.is_empty() && !contents.unflushed)
            .await;
    }

    async fn until(&self, condition: impl Fn(&Contents) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the check, so that a change in between is not missed.
            changed.as_mut().enable();
            if condition(&self.contents()) {
                return;
            }
            changed.await;
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn has_room(&self, bytes: usize) -> bool {
        self.finished || self.bytes.len() + bytes <= BACKLOG
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn taken(backlog: &Backlog, most: usize) -> Vec<u8> {
        let mut chunk = Vec::with_capacity(most);
        backlog.peek(&mut chunk);
        backlog.taken(chunk.len());
        chunk
    }

    #[tokio::test]
    async fn bytes_come_out_in_order() {
        let backlog = Backlog::default();
        backlog.push(b"one ").await;
        backlog.push(b"two").await;
        let mut all = Vec::new();
        while !backlog.is_empty() {
            all.extend(taken(&backlog, 3));
        }
        assert_eq!(all, b"one two");
    }

    #[tokio::test]
    async fn a_look_removes_no_bytes() {
        let backlog = Backlog::default();
        backlog.push(b"abc").await;
        let mut chunk = Vec::with_capacity(2);
        for _ in 0..2 {
            backlog.peek(&mut chunk);
            assert_eq!(chunk, b"ab");
        }
        assert_eq!(backlog.rest(), b"abc");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_backlog_waits_for_a_reader() {
        let backlog = Arc::new(Backlog::default());
        backlog.push(&vec![1; BACKLOG]).await;
        let writer = Arc::clone(&backlog);
        let push = tokio::spawn(async move { writer.push(b"more").await });
        tokio::time::sleep(STALL / 2).await;
        assert!(!push.is_finished());
        assert_eq!(taken(&backlog, 100).len(), 100);
        push.await.unwrap();
        assert!(backlog.rest().ends_with(b"more"));
    }

    #[tokio::test(start_paused = true)]
    async fn unread_output_is_dropped_and_counted() {
        let backlog = Backlog::default();
        backlog.push(&vec![1; BACKLOG]).await;
        let start = tokio::time::Instant::now();
        for _ in 0..10 {
            backlog.push(b"0123456789").await;
        }
        assert_eq!(start.elapsed(), STALL, "only the first one waits");
        while !backlog.is_empty() {
            taken(&backlog, 65536);
        }
        backlog.push(b"later").await;
        assert_eq!(
            backlog.rest(),
            b"\n[100 bytes of output were dropped]\nlater"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_returns_is_waited_for_again() {
        let backlog = Backlog::default();
        backlog.push(&vec![1; BACKLOG]).await;
        backlog.push(b"lost").await;
        taken(&backlog, 1);
        let start = tokio::time::Instant::now();
        backlog.push(b"lost too").await;
        assert_eq!(start.elapsed(), STALL);
    }

    #[tokio::test]
    async fn settled_means_flushed() {
        let backlog = Arc::new(Backlog::default());
        backlog.settled().await;
        backlog.push(b"x").await;
        taken(&backlog, 1);
        let waiter = Arc::clone(&backlog);
        let settled = tokio::spawn(async move { waiter.settled().await });
        tokio::task::yield_now().await;
        assert!(!settled.is_finished());
        backlog.flushed();
        settled.await.unwrap();
    }

    #[tokio::test]
    async fn a_finished_backlog_never_waits() {
        let backlog = Backlog::default();
        backlog.finish();
        backlog.push(&vec![1; BACKLOG + 1]).await;
        backlog.push(b"x").await;
        assert!(!backlog.arrived().await);
        assert_eq!(backlog.rest().len(), BACKLOG + 2);
    }
}
