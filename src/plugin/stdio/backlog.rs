//! Output on its way from the collector to the sender.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How much is kept before writers have to wait.
const LIMIT: usize = 1024 * 1024;

/// How long they wait for a reader that does not read at all. After that output is dropped: the
/// reader may be waiting for this very process to go on.
const STALL: Duration = Duration::from_secs(5);

/// Bytes in order, bounded. Shared by the collector and the sender, which run on different
/// runtimes.
#[derive(Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Bytes were taken that the stream has not flushed yet.
    unflushed: bool,
    /// How much was ever taken. Tells a slow reader from one that stands still.
    taken: u64,
    /// The value of `taken` when a full wait was in vain. While it stays the same, nobody waits.
    stalled_at: Option<u64>,
    dropped: u64,
    /// Nothing more is sent after this. What still comes is kept without a bound, because little
    /// can.
    finished: bool,
}

impl Backlog {
    /// Adds output. Waits for room while a reader makes any, and otherwise drops the bytes.
    pub(super) async fn push(&self, bytes: &[u8]) {
        loop {
            let taken = {
                let mut state = self.state();
                if state.has_room(bytes.len()) {
                    drop(state);
                    return self.push_now(bytes);
                }
                if state.stalled_at == Some(state.taken) {
                    state.dropped += bytes.len() as u64;
                    return;
                }
                state.taken
            };
            let progress = self.until(|state| state.taken != taken || state.finished);
            if tokio::time::timeout(STALL, progress).await.is_err() {
                self.state().stalled_at = Some(taken);
                tracing::warn!("nobody reads the plugin's output, dropping it");
            }
        }
    }

    /// Adds output, room or not. For what a pipe holds at a given moment, which is little.
    pub(super) fn push_now(&self, bytes: &[u8]) {
        let mut state = self.state();
        if state.dropped > 0 {
            let note = format!("\n[{} bytes of output were dropped]\n", state.dropped);
            state.bytes.extend(note.as_bytes());
            state.dropped = 0;
        }
        state.bytes.extend(bytes);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Copies the first bytes into `chunk`, up to its capacity.
    pub(super) fn peek(&self, chunk: &mut Vec<u8>) {
        chunk.clear();
        let state = self.state();
        let (front, _) = state.bytes.as_slices();
        chunk.extend_from_slice(&front[..front.len().min(chunk.capacity())]);
    }

    /// Removes the first `count` bytes, which a stream has taken.
    pub(super) fn taken(&self, count: usize) {
        let mut state = self.state();
        let count = count.min(state.bytes.len());
        state.bytes.drain(..count);
        state.taken += count as u64;
        state.unflushed = true;
        drop(state);
        self.changed.notify_waiters();
    }

    /// The stream has flushed what it took, or is gone and never will.
    pub(super) fn flushed(&self) {
        self.state().unflushed = false;
        self.changed.notify_waiters();
    }

    /// Nothing more is to be sent.
    pub(super) fn finish(&self) {
        self.state().finished = true;
        self.changed.notify_waiters();
    }

    /// What was not sent.
    pub(super) fn rest(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().bytes).into()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state().bytes.is_empty()
    }

    /// Waits for bytes to send. `false` when there will be none.
    pub(super) async fn arrived(&self) -> bool {
        self.until(|state| state.finished || !state.bytes.is_empty())
            .await;
        !self.state().finished
    }

    /// Waits until everything has been sent.
    pub(super) async fn settled(&self) {
        self.until(|state| state.bytes.is_empty() && !state.unflushed)
            .await;
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Enlisted before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if condition(&self.state()) {
                return;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, bytes: usize) -> bool {
        self.finished || self.bytes.len() + bytes <= LIMIT
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
    async fn a_look_takes_nothing() {
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
        backlog.push(&vec![1; LIMIT]).await;
        let writer = Arc::clone(&backlog);
        let push = tokio::spawn(async move { writer.push(b"more").await });
        tokio::time::sleep(STALL / 2).await;
        assert!(!push.is_finished());
        assert_eq!(taken(&backlog, 100).len(), 100);
        push.await.unwrap();
        assert!(backlog.rest().ends_with(b"more"));
    }

    #[tokio::test(start_paused = true)]
    async fn output_nobody_reads_is_dropped_and_said_to_be() {
        let backlog = Backlog::default();
        backlog.push(&vec![1; LIMIT]).await;
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
        backlog.push(&vec![1; LIMIT]).await;
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
        backlog.push(&vec![1; LIMIT + 1]).await;
        backlog.push(b"x").await;
        assert!(!backlog.arrived().await);
        assert_eq!(backlog.rest().len(), LIMIT + 2);
    }
}
