//! What the calls of a plugin that died are told.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use super::output::Tail;
use super::process::{Ended, Exit, How};
use crate::rpc::{Crash, Fate};
use crate::tuning::host as tuning;

/// Tells the connections to a plugin what becomes of its process.
#[derive(Clone)]
pub(super) struct Obituary(Arc<watch::Sender<Fate>>);

impl Obituary {
    /// What tells, and what the connections learn from.
    pub(super) fn new() -> (Self, crate::rpc::Obituary) {
        let (sender, receiver) = crate::rpc::Obituary::channel();
        (Self(Arc::new(sender)), receiver)
    }

    /// From now on the end of the process is no crash: it is what the host wants.
    pub(super) fn dismiss(&self) {
        self.decide(Fate::Dismissed);
    }

    /// Waits for the process to end, and tells how.
    pub(super) async fn write(self, plugin: String, pid: u32, exit: Exit, tail: Tail) {
        let Some(Ended { status, how }) = exit.reaped().await else {
            return;
        };
        if how != How::Exited {
            return self.dismiss();
        }
        let _ = timeout(tuning::LAST_LINES, tail.ended()).await;
        self.decide(Fate::Crashed(Arc::new(Crash {
            plugin,
            pid,
            status,
            panic: tail.panic(status),
            stderr: tail.text(),
        })));
    }

    /// The first decision stays.
    fn decide(&self, decided: Fate) {
        self.0.send_if_modified(|fate| {
            let running = matches!(fate, Fate::Running);
            if running {
                *fate = decided;
            }
            running
        });
    }
}
