//! How a plugin's process ended.

mod report;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

pub use self::report::CrashReport;
use super::lost_calls::LostCalls;
use crate::tuning::rpc::SHOWN_LINES;
use plugwire_base::escape::Escaped;

/// How the process of a plugin ended, when its host had not asked it to.
///
/// Its `Display` is a line, and [`report`](Self::report) a screen.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Crash {
    /// The plugin: the name of its file, or where it listened for a host that reattached.
    pub plugin: String,
    /// Its process id, which may be another process's by now. `None` if its runner gave none.
    pub pid: Option<u32>,
    /// How it exited. `None` if the system does not say, as to a host that reattached.
    pub status: Option<ExitStatus>,
    /// How long it had run. `None` for a host that reattached.
    pub uptime: Option<Duration>,
    /// The panic that ended it, Go's or Rust's. `None` if no panic did.
    pub panic: Option<Panic>,
    /// Its core dump. `None` if the system says that it has written none.
    pub core: Option<CoreDump>,
    /// The last lines it wrote to its stderr, as they came.
    pub stderr: String,
    pub(crate) lost: LostCalls,
}

/// The panic that ended a plugin, as the plugin's runtime reported it on stderr.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panic {
    /// Its text: `index out of range`.
    pub text: String,
    /// Where it happened: `src/main.rs:12:5` in Rust, the first line of code that is not the
    /// runtime's in Go. `None` if the plugin did not say.
    pub location: Option<String>,
    /// The thread's name in Rust, the goroutine's number in Go. `None` if the plugin did not say.
    pub thread: Option<String>,
}

/// The core dump of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CoreDump {
    /// The file. `None` where the system hands dumps to a program, as with systemd-coredump, or
    /// where the file is not found.
    pub file: Option<PathBuf>,
}

/// The calls of one method that a crash has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostCall {
    /// The method, such as `Plugin.Get`.
    pub method: String,
    /// How many calls of it.
    pub calls: usize,
}

impl Crash {
    /// What was in flight: the calls that the crash has left without an answer, by method. Each is
    /// here once it has failed, so all are a moment after the crash. At most 64 methods are kept.
    #[must_use]
    pub fn lost_calls(&self) -> Vec<LostCall> {
        let (by_method, _) = self.lost.by_method();
        let calls = by_method.into_iter();
        calls
            .map(|(method, calls)| LostCall { method, calls })
            .collect()
    }

    /// All that is known, as a text of a screen.
    #[must_use]
    pub fn report(&self) -> CrashReport<'_> {
        CrashReport(self)
    }

    /// The first words of the line and of the report.
    fn name(&self) -> String {
        let plugin = Escaped(&self.plugin);
        match self.pid {
            Some(pid) => format!("plugin {plugin} (process {pid})"),
            None => format!("plugin {plugin}"),
        }
    }
}

/// On one line, whatever the plugin wrote.
impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match self.status {
            Some(status) => write!(f, " exited with {status}")?,
            None => f.write_str(" exited")?,
        }
        if let Some(panic) = &self.panic {
            return write!(f, ", {panic}");
        }
        let lines = self.stderr.lines().filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.collect();
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

/// On one line: `panic at src/main.rs:12:5: index out of range`.
impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("panic")?;
        if let Some(location) = &self.location {
            write!(f, " at {}", Escaped(location))?;
        }
        write!(f, ": {}", Escaped(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash(panic: Option<Panic>, stderr: &str) -> String {
        let crash = Crash {
            plugin: "kv".into(),
            pid: Some(7),
            panic,
            stderr: stderr.into(),
            ..Crash::default()
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
        let mut panic = Panic {
            text: "two\nlines".into(),
            ..Panic::default()
        };
        assert_eq!(
            crash(Some(panic.clone()), "noise"),
            r"plugin kv (process 7) exited, panic: two\nlines"
        );
        panic.location = Some("src/main.rs:7:5".into());
        assert_eq!(
            crash(Some(panic), "noise"),
            r"plugin kv (process 7) exited, panic at src/main.rs:7:5: two\nlines"
        );
    }
}
