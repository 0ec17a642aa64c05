//! Whether a call that failed says why.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use plugwire::Error;
use plugwire::rpc::{CallError, Crash};

/// How a plugin fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP. Its host finds out by a check, and kills it.
    Stop,
    /// It aborts.
    Abort,
    /// It exits with [`Fault::CODE`].
    Exit,
    /// `main` panics.
    Panic,
    /// It gets no memory.
    Memory,
}

impl Fault {
    pub const ALL: [Fault; 6] = [
        Fault::Kill,
        Fault::Stop,
        Fault::Abort,
        Fault::Exit,
        Fault::Panic,
        Fault::Memory,
    ];

    /// The exit status of [`Fault::Exit`].
    pub const CODE: i32 = 3;

    /// Whether the process ended so.
    fn is_told_by(self, crash: &Crash) -> bool {
        let Some(status) = crash.status else {
            return false;
        };
        match self {
            Fault::Kill => status.signal() == Some(9),
            // Its host kills it, and that is no crash.
            Fault::Stop => false,
            Fault::Abort | Fault::Memory => status.signal() == Some(6),
            Fault::Exit => status.code() == Some(Self::CODE),
            Fault::Panic => status.code() == Some(101) && crash.panic.is_some(),
        }
    }
}

/// What became of the processes, and when.
#[derive(Default)]
pub struct Judge {
    fates: Mutex<HashMap<u32, (Fault, Instant)>>,
}

impl Judge {
    fn fates(&self) -> MutexGuard<'_, HashMap<u32, (Fault, Instant)>> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is about to fail so.
    pub fn note(&self, pid: u32, fault: Fault) {
        self.fates().insert(pid, (fault, Instant::now()));
    }

    /// The processes that have failed.
    pub fn pids(&self) -> Vec<u32> {
        self.fates().keys().copied().collect()
    }

    /// Whether a process has failed after the call began, or a little before: it may have waited
    /// for the next one.
    fn had_a_fault(&self, begin: Instant, fault: impl Fn(Fault) -> bool) -> bool {
        const BEFORE: std::time::Duration = std::time::Duration::from_secs(4);
        let fates = self.fates();
        let mut faults = fates.values();
        faults.any(|&(how, at)| fault(how) && at + BEFORE >= begin)
    }

    /// What a call that began then failed with, in a word.
    ///
    /// # Errors
    ///
    /// When that is not the true reason.
    pub fn judge(&self, begin: Instant, error: &Error) -> Result<&'static str, String> {
        if let Some(crash) = error.crash() {
            let fate = crash.pid.and_then(|pid| self.fates().get(&pid).copied());
            return match fate {
                Some((fault, _)) if fault.is_told_by(crash) => Ok("crashed"),
                Some((fault, _)) => Err(format!("{fault:?} is reported as {crash:?}")),
                None => Err(format!("no fault is reported as {crash:?}")),
            };
        }
        let told = match error {
            Error::Item(_) => "cut off",
            Error::Call(CallError::Down { .. }) => "down",
            _ if error.is_timeout() => "timed out",
            // Only a process that was stopped is ended by its host.
            _ if error.is_disconnected() => "ended by its host",
            _ => return Err(format!("{error:?}")),
        };
        let is_possible = match told {
            "ended by its host" => self.had_a_fault(begin, |fault| fault == Fault::Stop),
            _ => self.had_a_fault(begin, |_| true),
        };
        match is_possible {
            true => Ok(told),
            false => Err(format!("without a fault: {error:?}")),
        }
    }
}
