//! A crash as a text of a screen.

use std::fmt;

use super::{CoreDump, Crash, Panic};
use crate::tuning::rpc::REPORTED_LINES;
use plugwire_base::escape::Escaped;

/// A crash as a text of a screen; see [`Crash::report`]. What the plugin wrote is escaped, so it
/// cannot control a terminal.
#[derive(Clone, Copy, Debug)]
pub struct CrashReport<'a>(pub(super) &'a Crash);

impl fmt::Display for CrashReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crash = self.0;
        write!(f, "{} crashed", crash.name())?;
        if let Some(uptime) = crash.uptime {
            write!(f, " after {uptime:.1?}")?;
        }
        writeln!(f)?;
        match crash.status {
            Some(status) => writeln!(f, "  exit       {status}")?,
            None => writeln!(f, "  exit       unknown")?,
        }
        if let Some(core) = &crash.core {
            writeln!(f, "  core dump  {}", Core(core))?;
        }
        if let Some(panic) = &crash.panic {
            write_panic(f, panic)?;
        }
        write_lost(f, crash)?;
        write_stderr(f, &crash.stderr)
    }
}

struct Core<'a>(&'a CoreDump);

impl fmt::Display for Core<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.file {
            Some(file) => write!(f, "{}", Escaped(&file.to_string_lossy())),
            None => f.write_str("written where the system keeps it"),
        }
    }
}

fn write_panic(f: &mut fmt::Formatter<'_>, panic: &Panic) -> fmt::Result {
    f.write_str("  panic     ")?;
    if let Some(location) = &panic.location {
        write!(f, " at {}", Escaped(location))?;
    }
    if let Some(thread) = &panic.thread {
        write!(f, " in {}", Escaped(thread))?;
    }
    writeln!(f)?;
    write_lines(f, panic.text.lines())
}

fn write_lost(f: &mut fmt::Formatter<'_>, crash: &Crash) -> fmt::Result {
    let (by_method, others) = crash.lost.by_method();
    let calls = others + by_method.iter().map(|(_, calls)| calls).sum::<usize>();
    match calls {
        0 => return writeln!(f, "  in flight  no calls"),
        1 => writeln!(f, "  in flight  1 call")?,
        calls => writeln!(f, "  in flight  {calls} calls")?,
    }
    for (method, calls) in &by_method {
        writeln!(f, "    {calls:>6} {}", Escaped(method))?;
    }
    if others > 0 {
        writeln!(f, "    {others:>6} of other methods")?;
    }
    Ok(())
}

fn write_stderr(f: &mut fmt::Formatter<'_>, stderr: &str) -> fmt::Result {
    let lines: Vec<&str> = stderr.lines().collect();
    if lines.is_empty() {
        return writeln!(f, "  stderr     no lines");
    }
    let shown = &lines[lines.len().saturating_sub(REPORTED_LINES)..];
    writeln!(f, "  stderr     the last of its lines")?;
    write_lines(f, shown.iter().copied())
}

fn write_lines<'a>(
    f: &mut fmt::Formatter<'_>,
    lines: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    for line in lines {
        writeln!(f, "    {}", Escaped(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::rpc::obituary::{Fate, Obituary};

    #[tokio::test]
    async fn a_report_has_all_that_is_known() {
        let (sender, obituary) = Obituary::channel();
        let crash = Arc::new(Crash {
            plugin: "kv".into(),
            pid: Some(7),
            uptime: Some(Duration::from_millis(3210)),
            panic: Some(Panic {
                text: "out of\ncheese".into(),
                location: Some("src/main.rs:7:5".into()),
                thread: Some("main".into()),
            }),
            core: Some(CoreDump {
                file: Some("/tmp/core.7".into()),
            }),
            stderr: (0..100).map(|n| format!("line {n}\u{7}\n")).collect(),
            lost: obituary.lost(),
            ..Crash::default()
        });
        sender.send_replace(Fate::Crashed(crash.clone()));
        for method in ["Plugin.Get", "Plugin.Get", "Plugin.Put"] {
            let lost = obituary.crash_of(method, Instant::now()).await;
            assert!(lost.is_some());
        }
        let report = crash.report().to_string();
        let (begin, lines) = report.split_once("    line ").unwrap();
        assert_eq!(
            begin,
            "plugin kv (process 7) crashed after 3.2s\n  \
               exit       unknown\n  \
               core dump  /tmp/core.7\n  \
               panic      at src/main.rs:7:5 in main\n    \
                 out of\n    cheese\n  \
               in flight  3 calls\n         \
                 2 Plugin.Get\n         \
                 1 Plugin.Put\n  \
               stderr     the last of its lines\n"
        );
        assert_eq!(lines.lines().count(), REPORTED_LINES);
        assert!(lines.ends_with("line 99\\u{7}\n"), "{lines}");
    }

    #[test]
    fn a_report_of_what_is_unknown_says_so() {
        let crash = Crash {
            plugin: "kv".into(),
            ..Crash::default()
        };
        let report = "plugin kv crashed\n  exit       unknown\n  in flight  no calls\n  \
                      stderr     no lines\n";
        assert_eq!(crash.report().to_string(), report);
    }
}
