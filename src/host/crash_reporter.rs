//! Reports to the calls of a plugin how its process died.

use std::process::ExitStatus;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::output::Tail;
use super::process::{Ended, Exit, How};
use crate::rpc::{CoreDump, Crash, Fate, LostCalls, Obituary};
use crate::sys::background::in_background;
use crate::sys::core_dump;
use crate::tuning::host as tuning;

/// Reports to the connections to a plugin how its process ended.
#[derive(Clone)]
pub(super) struct CrashReporter {
    fate: Arc<watch::Sender<Fate>>,
    lost: LostCalls,
}

/// The process that a reporter watches.
pub(super) struct Watched {
    /// Its name, for people.
    pub(super) plugin: String,
    /// Its executable's.
    pub(super) program: String,
    pub(super) pid: Option<u32>,
    /// When it was started. `None` if another host did.
    pub(super) started: Option<Instant>,
    pub(super) exit: Exit,
    pub(super) tail: Tail,
}

impl CrashReporter {
    /// A reporter, and the end that the connections get.
    pub(super) fn new() -> (Self, Obituary) {
        let (sender, receiver) = Obituary::channel();
        let reporter = Self {
            fate: Arc::new(sender),
            lost: receiver.lost(),
        };
        (reporter, receiver)
    }

    /// From now on the end of the process is not a crash, because the host ends it.
    pub(super) fn dismiss(&self) {
        self.decide(Fate::Dismissed);
    }

    /// Waits for the process to end, and reports how it did.
    pub(super) async fn watch(self, watched: Watched) {
        let Watched {
            plugin,
            program,
            pid,
            started,
            exit,
            tail,
        } = watched;
        let Some(Ended { status, how }) = exit.reaped().await else {
            return;
        };
        let uptime = started.map(|started| started.elapsed());
        if how != How::Exited {
            return self.dismiss();
        }
        let core = core_of(status, pid, &program);
        let (_, core) = tokio::join!(timeout(tuning::LAST_LINES, tail.ended()), core);
        self.decide(Fate::Crashed(Arc::new(Crash {
            plugin,
            pid,
            status,
            uptime,
            panic: tail.panic(status),
            core,
            stderr: tail.text(),
            lost: self.lost.clone(),
        })));
    }

    /// Whether the host ends the process.
    pub(super) fn is_dismissed(&self) -> bool {
        matches!(*self.fate.borrow(), Fate::Dismissed)
    }

    /// How the process ended, once that is known. `None` where its host ended it, or where it is
    /// not known in time.
    pub(super) async fn crash(&self) -> Option<Arc<Crash>> {
        let mut fate = self.fate.subscribe();
        let decided = fate.wait_for(|fate| !matches!(fate, Fate::Running));
        match &*timeout(tuning::KILL_WAIT, decided).await.ok()?.ok()? {
            Fate::Crashed(crash) => Some(Arc::clone(crash)),
            Fate::Running | Fate::Dismissed => None,
        }
    }

    /// The first decision stays.
    fn decide(&self, decided: Fate) {
        self.fate.send_if_modified(|fate| {
            let running = matches!(fate, Fate::Running);
            if running {
                *fate = decided;
            }
            running
        });
    }
}

/// The core dump of a process that ended so.
async fn core_of(status: Option<ExitStatus>, pid: Option<u32>, program: &str) -> Option<CoreDump> {
    if !status.is_some_and(has_dumped_core) {
        return None;
    }
    let program = program.to_owned();
    let find = move || core_dump::find(pid?, &program);
    let found = timeout(tuning::LAST_LINES, in_background(find)).await;
    Some(CoreDump {
        file: found.ok().and_then(Result::ok).flatten(),
    })
}

#[cfg(unix)]
fn has_dumped_core(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.core_dumped()
}

#[cfg(not(unix))]
fn has_dumped_core(_: ExitStatus) -> bool {
    false
}
