//! The last lines of a plugin's stderr.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::last_panic::LastPanic;
use crate::rpc::Panic;
use crate::tuning::host as tuning;

/// The last lines of a plugin's stderr, for the error when it does not start, or crashes.
#[derive(Clone, Default)]
pub(in crate::host) struct Tail(Arc<TailState>);

#[derive(Default)]
struct TailState {
    /// Held for one line at a time, and never with another lock.
    written: Mutex<Written>,
    /// Whether no more lines come.
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct Written {
    lines: VecDeque<String>,
    panic: LastPanic,
}

impl Tail {
    pub(super) fn push(&self, line: &[u8]) {
        let start = String::from_utf8_lossy(&line[..line.len().min(tuning::TAIL_LINE)]);
        let whole = String::from_utf8_lossy(line);
        let mut written = self.written();
        written.panic.line(&whole);
        if written.lines.len() == tuning::TAIL_LINES {
            written.lines.pop_front();
        }
        written.lines.push_back(start.into_owned());
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        let written = self.0.written.lock();
        written.unwrap_or_else(PoisonError::into_inner)
    }

    /// The panic that ended a process which exited so just now.
    pub(in crate::host) fn panic(&self, status: Option<ExitStatus>) -> Option<Panic> {
        self.written().panic.of(status)
    }

    /// From now on no more lines come.
    pub(in crate::host) fn end(&self) {
        self.0.ended.send_replace(true);
    }

    /// Waits for the last line.
    pub(in crate::host) async fn ended(&self) {
        let mut ended = self.0.ended.subscribe();
        let _ = ended.wait_for(|&ended| ended).await;
    }

    pub(in crate::host) fn text(&self) -> String {
        let written = self.written();
        written
            .lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let tail = Tail::default();
        for line in 0..100 {
            tail.push(format!("line {line}").as_bytes());
        }
        let text = tail.text();
        assert_eq!(text.lines().count(), tuning::TAIL_LINES);
        assert!(
            text.starts_with("line 36\n") && text.ends_with("\nline 99"),
            "{text}"
        );
    }

    #[test]
    fn the_tail_shortens_long_lines() {
        let tail = Tail::default();
        tail.push(&[b'x'; 100_000]);
        assert_eq!(tail.text().len(), tuning::TAIL_LINE);
    }
}
