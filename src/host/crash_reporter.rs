//! Reports to the calls of a plugin how its process died.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use super::output::Tail;
use super::process::{Ended, Exit, How};
use crate::rpc::{Crash, Fate, Obituary};
use crate::tuning::host as tuning;

/// Reports to the connections to a plugin how its process ended.
#[derive(Clone)]
pub(super) struct CrashReporter(Arc<watch::Sender<Fate>>);

impl CrashReporter {
    /// A reporter, and the end that the connections get.
    pub(super) fn new() -> (Self, Obituary) {
        let (sender, receiver) = Obituary::channel();
        (Self(Arc::new(sender)), receiver)
    }

    /// From now on the end of the process is not a crash, because the host ends it.
    pub(super) fn dismiss(&self) {
        self.decide(Fate::Dismissed);
    }

    /// Waits for the process to end, and reports how it did.
    pub(super) async fn watch(self, plugin: String, pid: Option<u32>, exit: Exit, tail: Tail) {
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

    /// Whether the host ends the process.
    pub(super) fn is_dismissed(&self) -> bool {
        matches!(*self.0.borrow(), Fate::Dismissed)
    }

    /// How the process ended, once that is known. `None` where its host ended it, or where it is
    /// not known in time.
    pub(super) async fn crash(&self) -> Option<Arc<Crash>> {
        let mut fate = self.0.subscribe();
        let decided = fate.wait_for(|fate| !matches!(fate, Fate::Running));
        match &*timeout(tuning::KILL_WAIT, decided).await.ok()?.ok()? {
            Fate::Crashed(crash) => Some(Arc::clone(crash)),
            Fate::Running | Fate::Dismissed => None,
        }
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
