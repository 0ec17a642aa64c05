//! The panic that a plugin's runtime reports on stderr, in Go's words or in Rust's.

use crate::tuning::host as tuning;
use std::process::ExitStatus;
use std::time::Instant;

/// The module of the records that this crate's plugins write of panics in tasks and threads.
const RECORDED: &str = "plugwire::panic";

/// Looks for a panic among the lines of a plugin's stderr.
#[derive(Debug, Default)]
pub(super) struct LastPanic {
    found: Option<Panic>,
    /// Whether the next line may belong to the text, and whose it is.
    within: Option<Runtime>,
}

#[derive(Debug)]
struct Panic {
    text: String,
    runtime: Runtime,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    /// Ends the process, always. Plugins of this crate report so where it ends them, too.
    Go,
    Rust,
}

impl LastPanic {
    /// Takes the next line, given without its line break.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(runtime) = self.within {
            if belongs_to_text(line, runtime) {
                self.add(line);
                return;
            }
            self.within = None;
        }
        if let Some(text) = ["panic: ", "fatal error: "]
            .iter()
            .find_map(|head| line.strip_prefix(head))
        {
            self.begin(text, Runtime::Go, true);
        } else if line.starts_with("thread '") {
            self.rust(line);
        } else if line.starts_with('{') && line.contains(RECORDED) {
            self.record(line);
        }
    }

    fn rust(&mut self, line: &str) {
        if let Some((_, place)) = line.split_once(" panicked at ") {
            // Before Rust 1.73 the text came first: `panicked at 'text', src/main.rs:2:5`.
            match place
                .strip_prefix('\'')
                .and_then(|rest| rest.rsplit_once("', "))
            {
                Some((text, _)) => self.begin(text, Runtime::Rust, false),
                None => self.begin("", Runtime::Rust, true),
            }
        } else if line.ends_with(" has overflowed its stack") {
            self.begin(line.trim_start(), Runtime::Rust, false);
        }
    }

    fn record(&mut self, line: &str) {
        let Ok(record) = serde_json::from_str::<serde_json::Value>(line) else {
            return;
        };
        if record["@module"] == RECORDED
            && let Some(text) = record["@message"].as_str()
        {
            let text = text.strip_prefix("panic: ").unwrap_or(text);
            self.begin(text, Runtime::Rust, false);
        }
    }

    fn begin(&mut self, text: &str, runtime: Runtime, goes_on: bool) {
        self.found = Some(Panic {
            text: String::new(),
            runtime,
            at: Instant::now(),
        });
        if !text.is_empty() {
            self.add(text);
        }
        self.within = goes_on.then_some(runtime);
    }

    fn add(&mut self, line: &str) {
        let Some(Panic { text, .. }) = &mut self.found else {
            return;
        };
        if !text.is_empty() {
            text.push('\n');
        }
        let room = tuning::PANIC_TEXT.saturating_sub(text.len());
        let end = line.char_indices().map(|(at, _)| at).find(|&at| at >= room);
        text.push_str(&line[..end.unwrap_or(line.len())]);
    }

    /// The text of the panic that ended a process that exited so just now.
    pub(super) fn of(&self, status: Option<ExitStatus>) -> Option<String> {
        let panic = self.found.as_ref()?;
        if status.is_some_and(|status| status.success() || was_ended_from_outside(status)) {
            return None;
        }
        let ended_it = panic.runtime == Runtime::Go || panic.at.elapsed() < tuning::RECENT_PANIC;
        ended_it.then(|| panic.text.clone())
    }
}

/// Whether a line after the head of a panic is part of its text.
fn belongs_to_text(line: &str, runtime: Runtime) -> bool {
    let ends = match runtime {
        Runtime::Go => {
            line.is_empty() || line.starts_with("goroutine ") || line.starts_with("[signal ")
        }
        Runtime::Rust => line.starts_with("note: ") || line.starts_with("stack backtrace:"),
    };
    !ends && !line.starts_with('{')
}

#[cfg(unix)]
fn was_ended_from_outside(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;

    [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP]
        .iter()
        .any(|signal| status.signal() == Some(signal.as_raw()))
}

#[cfg(not(unix))]
fn was_ended_from_outside(_: ExitStatus) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic_in(lines: &str) -> Option<String> {
        let mut last = LastPanic::default();
        for line in lines.lines() {
            last.line(line);
        }
        last.of(None)
    }

    #[test]
    fn each_runtime_s_panic_is_known() {
        for (lines, text) in [
            (
                "panic: out of cheese\n\ngoroutine 1 [running]:\nmain.main()\n",
                "out of cheese",
            ),
            (
                "panic: two\nlines\n\tpanic: and another\n\ngoroutine 1 [running]:\n",
                "two\nlines\n\tpanic: and another",
            ),
            (
                "panic: runtime error: index out of range [5] with length 1\n[signal SIGSEGV]\n",
                "runtime error: index out of range [5] with length 1",
            ),
            (
                "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1",
                "all goroutines are asleep - deadlock!",
            ),
            (
                "thread 'main' (123) panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1`",
                "boom",
            ),
            (
                "thread 'a b' panicked at src/main.rs:2:5:\nleft\n right\nstack backtrace:\n   0: x",
                "left\n right",
            ),
            (
                "thread '<unnamed>' panicked at 'it's gone', src/main.rs:2:5\nnote: run",
                "it's gone",
            ),
            (
                "thread 'main' has overflowed its stack\nfatal runtime error: stack overflow",
                "thread 'main' has overflowed its stack",
            ),
            (
                r#"{"@level":"error","@message":"panic: in \"a\"\nthread","@module":"plugwire::panic"}"#,
                "in \"a\"\nthread",
            ),
        ] {
            assert_eq!(panic_in(lines).as_deref(), Some(text), "{lines}");
        }
    }

    #[test]
    fn other_lines_are_no_panic() {
        for lines in [
            "",
            "don't panic: it is fine",
            "thread 'main' is busy",
            r#"{"@level":"error","@message":"panic: x","@module":"other","by":"plugwire::panic"}"#,
            r#"{"plugwire::panic"#,
        ] {
            assert_eq!(panic_in(lines), None, "{lines}");
        }
    }

    #[test]
    fn a_long_text_is_cut_off() {
        let long = format!("panic: {}\n{}", "ä".repeat(10_000), "more");
        assert!(panic_in(&long).unwrap().len() <= tuning::PANIC_TEXT + 2);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_killed_did_not_panic() {
        use std::os::unix::process::ExitStatusExt;

        let mut last = LastPanic::default();
        last.line("thread 'worker' panicked at src/main.rs:2:5:");
        last.line("survived");
        for (status, expected) in [
            (9, false),
            (15, false),
            (0, false),
            (6, true),
            (101 << 8, true),
        ] {
            let status = ExitStatus::from_raw(status);
            assert_eq!(last.of(Some(status)).is_some(), expected, "{status}");
        }
    }
}
