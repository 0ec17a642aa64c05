//! Reports of panics, for the plugin's log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::hclog::timestamp;
use crate::hclog::writer::Line;
use crate::sys::standard_streams::{self, original_stderr};
use crate::tuning::plugin as tuning;

/// From now on, a panic while the plugin serves is also written to the original standard error. The
/// panic hook from before runs afterwards.
///
/// The hook takes one lock, that of the original descriptors, and only to copy them: a panic while
/// another lock is held does not block.
pub(super) fn log_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Unless output is captured, the hook from before writes to the same place.
            if standard_streams::are_replaced() {
                let report = Report::new(info);
                let text = match ends_the_process() {
                    true => report.as_crash(),
                    false => report.as_record(),
                };
                // One write, so that no line of another thread comes between. There is no other
                // place to report a failure to.
                let _ = original_stderr().write_all(text.as_bytes());
            }
            before(info);
        }));
    });
}

/// Whether a panic here ends the process. A panic in a task ends the task, and one in a thread ends
/// the thread; only one in the thread of `main`, outside of a task, ends the process.
fn ends_the_process() -> bool {
    let in_main = || std::thread::current().name() == Some("main");
    cfg!(panic = "abort") || in_main() && tokio::task::try_id().is_none()
}

struct Report<'a> {
    reason: &'a str,
    thread: String,
    location: Option<String>,
    backtrace: Option<String>,
}

impl<'a> Report<'a> {
    fn new(info: &'a PanicHookInfo<'_>) -> Self {
        let payload = info.payload();
        let reason = (payload.downcast_ref::<&str>().copied())
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a value that is not a string");
        let thread = std::thread::current();
        let backtrace = Backtrace::capture();
        Report {
            reason,
            thread: thread.name().unwrap_or("<unnamed>").to_owned(),
            location: info.location().map(ToString::to_string),
            backtrace: (backtrace.status() == BacktraceStatus::Captured)
                .then(|| backtrace.to_string()),
        }
    }

    /// In the form of Go, which hosts look for: a line that begins with `panic: `, and all untagged
    /// lines after it, are errors in their log. So this is only for the end of a process.
    fn as_crash(&self) -> String {
        let mut text = format!("panic: {}\n\nthread '{}'", self.reason, self.thread);
        if let Some(location) = &self.location {
            let _ = write!(text, " at {location}");
        }
        text.push('\n');
        if let Some(backtrace) = &self.backtrace {
            let _ = writeln!(text, "{backtrace}");
        }
        text
    }

    /// One record in hclog's JSON: an error in the host's log, which leaves the lines after it
    /// alone.
    fn as_record(&self) -> String {
        let mut line = Line::new();
        line.text("@level", "error", tuning::PANIC_FIELD);
        line.text(
            "@message",
            &format!("panic: {}", self.reason),
            tuning::PANIC_FIELD,
        );
        line.text("@module", "plugwire::panic", tuning::PANIC_FIELD);
        line.text("@timestamp", &timestamp::now(), tuning::PANIC_FIELD);
        if let Some(location) = &self.location {
            line.text("at", location, tuning::PANIC_FIELD);
        }
        if let Some(backtrace) = &self.backtrace {
            line.text("backtrace", backtrace, tuning::BACKTRACE);
        }
        line.text("thread", &self.thread, tuning::PANIC_FIELD);
        line.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(reason: &str) -> Report<'_> {
        Report {
            reason,
            thread: "tokio-rt-worker".to_owned(),
            location: Some("src/main.rs:7:5".to_owned()),
            backtrace: Some("   0: main\n   1: start\n".to_owned()),
        }
    }

    #[test]
    fn a_crash_reads_as_in_go() {
        let text = "panic: out of cheese\n\nthread 'tokio-rt-worker' at src/main.rs:7:5\n   0: main\n   1: start\n\n";
        assert_eq!(report("out of cheese").as_crash(), text);
    }

    #[test]
    fn a_panic_that_is_survived_is_one_line() {
        let line = report("\"a\"\\\n\r\u{1b}[31m\u{85}é").as_record();
        let (begin, rest) = line.split_once("\"@timestamp\":\"").unwrap();
        assert_eq!(
            begin,
            "{\"@level\":\"error\",\"@message\":\"panic: \\\"a\\\"\\\\\\n\\r\\u001b[31m\u{85}é\",\
             \"@module\":\"plugwire::panic\","
        );
        assert!(rest.ends_with(
            "\",\"at\":\"src/main.rs:7:5\",\"backtrace\":\"   0: main\\n   1: start\\n\",\"thread\":\"tokio-rt-worker\"}\n"
        ));
    }

    /// With every character escaped, a host still reads the line as one.
    #[test]
    fn a_panic_of_any_length_fits_into_a_line() {
        let long = "\u{1}".repeat(1 << 20);
        let mut report = report(&long);
        report.backtrace = Some(long.clone());
        report.thread = long.clone();
        report.location = Some(long.clone());
        let line = report.as_record();
        assert!(line.len() < 65_536, "{}", line.len());
        assert_eq!(line.matches('\n').count(), 1);
    }

    /// A test runs in a thread of its own, which catches its panic.
    #[tokio::test]
    async fn only_main_ends_the_process() {
        assert!(!ends_the_process());
        assert!(!tokio::spawn(async { ends_the_process() }).await.unwrap());
    }
}
