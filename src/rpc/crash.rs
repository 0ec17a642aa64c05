//! The end of a plugin's process, for the calls that it leaves without an answer.

use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::tuning::rpc::SHOWN_LINES;
use plugwire_base::escape::Escaped;

/// How the process of a plugin ended, when its host had not asked it to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Crash {
    /// The plugin: the name of its file, or where it listened for a host that reattached.
    pub plugin: String,
    /// Its process id, which may be another process's by now. `None` if its runner gave none.
    pub pid: Option<u32>,
    /// How it exited. `None` if the system does not say, as to a host that reattached.
    pub status: Option<ExitStatus>,
    /// The text of the panic that ended it, Go's or Rust's: `index out of range`. `None` if no
    /// panic did.
    pub panic: Option<String>,
    /// The last lines it wrote to its stderr, as they came.
    pub stderr: String,
}

/// On one line, whatever the plugin wrote.
impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Crash {
            plugin,
            pid,
            status,
            panic,
            stderr,
        } = self;
        write!(f, "plugin {}", Escaped(plugin))?;
        if let Some(pid) = pid {
            write!(f, " (process {pid})")?;
        }
        match status {
            Some(status) => write!(f, " exited with {status}")?,
            None => f.write_str(" exited")?,
        }
        if let Some(panic) = panic {
            return write!(f, ", panic: {}", Escaped(panic));
        }
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.is_empty()).collect();
        for (at, line) in lines[lines.len().saturating_sub(SHOWN_LINES)..]
            .iter()
            .enumerate()
        {
            let before = match at {
                0 => ", its last lines on stderr: ",
                _ => " | ",
            };
            write!(f, "{before}{}", Escaped(line))?;
        }
        Ok(())
    }
}

/// The state of a plugin's process, for the connections to it.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fate {
    /// It runs.
    #[default]
    Running,
    /// It ended of itself.
    Crashed(Arc<Crash>),
    /// Its host ends it.
    Dismissed,
}

/// Where the connections to a plugin learn how its process ended. With the default they never do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Obituary(Option<watch::Receiver<Fate>>);

impl Obituary {
    /// The end that tells, and the end that learns.
    pub(crate) fn channel() -> (watch::Sender<Fate>, Obituary) {
        let (sender, receiver) = watch::channel(Fate::Running);
        (sender, Obituary(Some(receiver)))
    }

    /// How the process ended, if it ends before the deadline and its host has not asked it to.
    pub(super) async fn crash(&self, deadline: Instant) -> Option<Arc<Crash>> {
        let mut fate = self.0.clone()?;
        let decided = fate.wait_for(|fate| !matches!(fate, Fate::Running));
        let decided = timeout_at(deadline, decided).await;
        match &*decided.ok()?.ok()? {
            Fate::Crashed(crash) => Some(Arc::clone(crash)),
            Fate::Running | Fate::Dismissed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::rpc::SESSION_LOST;

    fn crash(panic: Option<&str>, stderr: &str) -> String {
        let crash = Crash {
            plugin: "kv".into(),
            pid: Some(7),
            status: None,
            panic: panic.map(str::to_owned),
            stderr: stderr.into(),
        };
        crash.to_string()
    }

    #[test]
    fn a_crash_is_shown_on_one_line() {
        assert_eq!(crash(None, ""), "plugin kv (process 7) exited");
        assert_eq!(
            crash(None, "1\n2\n3\n\n4\n5\n\u{1b}[31m6\n"),
            r"plugin kv (process 7) exited, its last lines on stderr: 2 | 3 | 4 | 5 | \u{1b}[31m6"
        );
        assert_eq!(
            crash(Some("two\nlines"), "noise"),
            r"plugin kv (process 7) exited, panic: two\nlines"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_a_process_that_lives_has_an_end() {
        let (sender, obituary) = Obituary::channel();
        let start = Instant::now();
        assert!(obituary.crash(start + SESSION_LOST).await.is_none());
        assert_eq!(start.elapsed(), SESSION_LOST);
        sender.send_replace(Fate::Dismissed);
        assert!(
            obituary
                .crash(Instant::now() + SESSION_LOST)
                .await
                .is_none()
        );
        assert_eq!(start.elapsed(), SESSION_LOST);
        assert!(
            Obituary::default()
                .crash(Instant::now() + SESSION_LOST)
                .await
                .is_none()
        );
        assert_eq!(start.elapsed(), SESSION_LOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_known_crash_needs_no_wait() {
        let (sender, obituary) = Obituary::channel();
        sender.send_replace(Fate::Crashed(Arc::default()));
        drop(sender);
        assert!(obituary.crash(Instant::now()).await.is_some());
    }
}
