//! The panic that a plugin's runtime reports on stderr, in Go's words or in Rust's.

use std::process::ExitStatus;
use std::time::Instant;

use crate::rpc::Panic;
use crate::tuning::host as tuning;

/// The module of the records that this crate's plugins write of panics in tasks and threads.
const RECORDED: &str = "plugwire::panic";

/// Looks for a panic among the lines of a plugin's stderr.
#[derive(Debug, Default)]
pub(super) struct LastPanic {
    found: Option<Found>,
    /// What the next line may belong to.
    part: Part,
}

#[derive(Debug)]
struct Found {
    panic: Panic,
    runtime: Runtime,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    /// Ends the process, always. Plugins of this crate report so where it ends them, too.
    Go,
    Rust,
}

/// A part of the report of a panic.
#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    None,
    Text(Runtime),
    /// Between a text in Go's form and the thread or goroutine.
    BeforeThread,
    /// The calls of the goroutine.
    Stack,
}

impl LastPanic {
    /// Takes the next line, given without its line break.
    pub(super) fn line(&mut self, line: &str) {
        match self.part {
            Part::Text(runtime) if belongs_to_text(line, runtime) => return self.add(line),
            Part::Text(Runtime::Go) => self.part = Part::BeforeThread,
            Part::Text(Runtime::Rust) => self.part = Part::None,
            Part::None | Part::BeforeThread | Part::Stack => {}
        }
        if let Some(text) = ["panic: ", "fatal error: "]
            .iter()
            .find_map(|head| line.strip_prefix(head))
        {
            self.begin(text, Runtime::Go, true);
        } else if self.is_place(line) {
        } else if line.starts_with("thread '") {
            self.rust(line);
        } else if line.starts_with('{') && line.contains(RECORDED) {
            self.record(line);
        }
    }

    /// Whether a line says where a panic in Go's form was, or may be before the one that does.
    fn is_place(&mut self, line: &str) -> bool {
        match self.part {
            Part::BeforeThread => {
                if let Some(number) = goroutine(line) {
                    self.place(None, Some(&format!("goroutine {number}")));
                    self.part = Part::Stack;
                } else if let Some((thread, place)) = of_this_crate(line) {
                    self.place(Some(place), Some(thread));
                    self.part = Part::None;
                } else {
                    return line.is_empty() || line.starts_with("[signal ");
                }
            }
            Part::Stack => match line.strip_prefix('\t').and_then(code_line) {
                Some(place) => {
                    self.place(Some(place), None);
                    self.part = Part::None;
                }
                None if line.is_empty() => self.part = Part::None,
                None => {}
            },
            Part::None | Part::Text(_) => return false,
        }
        true
    }

    fn rust(&mut self, line: &str) {
        let thread = line.split('\'').nth(1);
        if let Some((_, place)) = line.split_once(" panicked at ") {
            // Before Rust 1.73 the text came first: `panicked at 'text', src/main.rs:2:5`.
            match place
                .strip_prefix('\'')
                .and_then(|rest| rest.rsplit_once("', "))
            {
                Some((text, place)) => {
                    self.begin(text, Runtime::Rust, false);
                    self.place(Some(place), thread);
                }
                None => {
                    self.begin("", Runtime::Rust, true);
                    self.place(Some(place.trim_end_matches(':')), thread);
                }
            }
        } else if line.ends_with(" has overflowed its stack") {
            self.begin(line.trim_start(), Runtime::Rust, false);
            self.place(None, thread);
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
            self.place(record["at"].as_str(), record["thread"].as_str());
        }
    }

    fn begin(&mut self, text: &str, runtime: Runtime, goes_on: bool) {
        self.found = Some(Found {
            panic: Panic::default(),
            runtime,
            at: Instant::now(),
        });
        if !text.is_empty() {
            self.add(text);
        }
        self.part = match goes_on {
            true => Part::Text(runtime),
            false => Part::None,
        };
    }

    fn add(&mut self, line: &str) {
        let Some(Found { panic, .. }) = &mut self.found else {
            return;
        };
        if !panic.text.is_empty() {
            panic.text.push('\n');
        }
        let room = tuning::PANIC_TEXT.saturating_sub(panic.text.len());
        panic.text.push_str(cut_off(line, room));
    }

    fn place(&mut self, location: Option<&str>, thread: Option<&str>) {
        if let Some(Found { panic, .. }) = &mut self.found {
            let kept = |text: &str| cut_off(text, tuning::PANIC_PLACE).to_owned();
            panic.location = location.map(kept).or(panic.location.take());
            panic.thread = thread.map(kept).or(panic.thread.take());
        }
    }

    /// The panic that ended a process that exited so just now.
    pub(super) fn of(&self, status: Option<ExitStatus>) -> Option<Panic> {
        let found = self.found.as_ref()?;
        if status.is_some_and(|status| status.success() || was_ended_from_outside(status)) {
            return None;
        }
        let ended_it = found.runtime == Runtime::Go || found.at.elapsed() < tuning::RECENT_PANIC;
        ended_it.then(|| found.panic.clone())
    }
}

/// A text of no more than about so much room, in bytes.
fn cut_off(text: &str, room: usize) -> &str {
    let end = text.char_indices().map(|(at, _)| at).find(|&at| at >= room);
    &text[..end.unwrap_or(text.len())]
}

/// The number in `goroutine 1 [running]:`.
fn goroutine(line: &str) -> Option<&str> {
    let (number, _) = line.strip_prefix("goroutine ")?.split_once(' ')?;
    number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(number)
}

/// The thread and the place in `thread 'main' at src/main.rs:7:5`, as plugins of this crate write
/// them behind a text in Go's form.
fn of_this_crate(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("thread '")?.rsplit_once("' at ")
}

/// The place in a line of a goroutine's stack, `/src/main.go:4 +0x25`, unless it is the runtime's.
fn code_line(line: &str) -> Option<&str> {
    let place = line.split(" +0x").next()?;
    (place.contains(".go:") && !place.contains("/src/runtime/")).then_some(place)
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

    fn panic_in(lines: &str) -> Option<Panic> {
        let mut last = LastPanic::default();
        for line in lines.lines() {
            last.line(line);
        }
        last.of(None)
    }

    #[test]
    fn each_runtime_s_panic_is_known() {
        for (lines, text, location, thread) in [
            (
                "panic: out of cheese\n\ngoroutine 7 [running]:\nmain.main()\n\t/x/main.go:4 +0x25\n",
                "out of cheese",
                "/x/main.go:4",
                "goroutine 7",
            ),
            (
                "panic: two\nlines\n\tpanic: and another\n\ngoroutine 1 [running]:\n\
                 panic({0x1?, 0x2?})\n\t/go/src/runtime/panic.go:770 +0x132\n\
                 main.f(...)\n\t/x/f.go:9\n",
                "two\nlines\n\tpanic: and another",
                "/x/f.go:9",
                "goroutine 1",
            ),
            (
                "panic: runtime error: index out of range [5] with length 1\n[signal SIGSEGV]\n\n\
                 goroutine 1 [running]:\n\nmain.f(...)\n\t/x/f.go:9\n",
                "runtime error: index out of range [5] with length 1",
                "",
                "goroutine 1",
            ),
            (
                "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1",
                "all goroutines are asleep - deadlock!",
                "",
                "",
            ),
            (
                "panic: boom\n\nthread 'a' at src/main.rs:2:5\n   0: main\n",
                "boom",
                "src/main.rs:2:5",
                "a",
            ),
            (
                "thread 'main' (123) panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1`",
                "boom",
                "src/main.rs:2:5",
                "main",
            ),
            (
                "thread 'a b' panicked at src/main.rs:2:5:\nleft\n right\nstack backtrace:\n   0: x",
                "left\n right",
                "src/main.rs:2:5",
                "a b",
            ),
            (
                "thread '<unnamed>' panicked at 'it's gone', src/main.rs:2:5\nnote: run",
                "it's gone",
                "src/main.rs:2:5",
                "<unnamed>",
            ),
            (
                "thread 'main' has overflowed its stack\nfatal runtime error: stack overflow",
                "thread 'main' has overflowed its stack",
                "",
                "main",
            ),
            (
                r#"{"@level":"error","@message":"panic: in \"a\"\nthread","@module":"plugwire::panic"}"#,
                "in \"a\"\nthread",
                "",
                "",
            ),
            (
                r#"{"@message":"panic: x","@module":"plugwire::panic","at":"a.rs:1:2","thread":"t"}"#,
                "x",
                "a.rs:1:2",
                "t",
            ),
        ] {
            let panic = panic_in(lines).unwrap();
            assert_eq!(panic.text, text, "{lines}");
            assert_eq!(panic.location.unwrap_or_default(), location, "{lines}");
            assert_eq!(panic.thread.unwrap_or_default(), thread, "{lines}");
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
        assert!(panic_in(&long).unwrap().text.len() <= tuning::PANIC_TEXT + 2);
        let long = format!("thread 'main' panicked at {}:\n", "ä".repeat(10_000));
        let location = panic_in(&long).unwrap().location.unwrap();
        assert!(location.len() <= tuning::PANIC_PLACE + 1);
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
