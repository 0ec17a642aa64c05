//! The end of a plugin's process, as the calls that it leaves without an answer tell it.

use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use plugwire_base::escape::Escaped;

/// How many of the last lines on stderr an error's text has.
const SHOWN: usize = 5;

/// How long a call that lost its connection waits for the news that the process has ended. A process
/// that dies loses its connections first and is reaped a moment later; one that lives and has dropped
/// the whole connection is rare.
pub(super) const SESSION_LOST: Duration = Duration::from_millis(500);

/// The same of a connection whose stream the peer has ended: more often by itself than by dying.
pub(super) const STREAM_ENDED: Duration = Duration::from_millis(100);

/// How the process of a plugin ended that nobody had asked to end.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Crash {
    /// The plugin: the name of its file, or where it listened for a host that reattached.
    pub plugin: String,
    /// Its process id, which may be another's by now. `None` where its runner gave none.
    pub pid: Option<u32>,
    /// How it exited. `None` where the system would not say, as to a host that reattached.
    pub status: Option<ExitStatus>,
    /// What its runtime said of the panic that ended it, Go's or Rust's: `index out of range`. `None`
    /// where it was none.
    pub panic: Option<String>,
    /// The last lines it wrote to its stderr, as they came.
    pub stderr: String,
}

/// All on one line, whatever the plugin wrote.
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
        for (at, line) in lines[lines.len().saturating_sub(SHOWN)..]
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

/// What became of a plugin's process, for the connections to it.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fate {
    /// Nothing so far.
    #[default]
    Running,
    /// It ended of itself.
    Crashed(Arc<Crash>),
    /// Its host ends it.
    Dismissed,
}

/// Where the connections to a plugin learn how its process ended. The default never tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Obituary(Option<watch::Receiver<Fate>>);

impl Obituary {
    /// What tells, and what learns.
    pub(crate) fn channel() -> (watch::Sender<Fate>, Obituary) {
        let (sender, receiver) = watch::channel(Fate::Running);
        (sender, Obituary(Some(receiver)))
    }

    /// How the process ended, if it does so until then, without having been asked to.
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
    fn a_crash_is_told_on_one_line() {
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
    async fn a_process_that_lives_is_not_waited_for_without_end() {
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
    async fn a_crash_that_is_known_is_told_at_once() {
        let (sender, obituary) = Obituary::channel();
        sender.send_replace(Fate::Crashed(Arc::default()));
        drop(sender);
        assert!(obituary.crash(Instant::now()).await.is_some());
    }
}
