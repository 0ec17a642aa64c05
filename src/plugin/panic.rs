//! Panics, as the plugin's log has them.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::hclog::timestamp;
use crate::hclog::writer::Line;
use crate::sys::standard_streams::{self, original_stderr};

/// How much of a backtrace, and of any other text, goes into a record, in bytes of the line: hosts
/// read lines of up to 64 KiB as one.
const BACKTRACE: usize = 32 * 1024;
const TEXT: usize = 8 * 1024;

/// From now on, a panic while the plugin serves is also written to the original standard error. The
/// hook that was there before runs as well, after it.
pub(super) fn log_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Unless the output is captured, the hook before writes to the same place.
            if standard_streams::are_replaced() {
                let report = Report::new(info);
                let text = match ends_the_process() {
                    true => report.as_crash(),
                    false => report.as_record(),
                };
                // In one piece, so that other threads' lines stay out of it. Should it fail, there
                // is nowhere to say so.
                let _ = original_stderr().write_all(text.as_bytes());
            }
            before(info);
        }));
    });
}

/// Whether the process ends by a panic here. A task's panic ends the task, and a thread's the thread,
/// unless the thread is that of `main`, outside of the tasks that may run on it, too.
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
            .unwrap_or("a value that is no string");
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

    /// The way Go prints a panic, because that is what hosts look for: `panic: ` at the start of a line
    /// makes it, and all untagged lines that follow, an error in their log. So it is only for the last
    /// words of a process.
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

    /// One record in hclog's JSON: an error in the host's log, and none of what follows it.
    fn as_record(&self) -> String {
        let mut line = Line::new();
        line.text("@level", "error", TEXT);
        line.text("@message", &format!("panic: {}", self.reason), TEXT);
        line.text("@module", "plugwire::panic", TEXT);
        line.text("@timestamp", &timestamp::now(), TEXT);
        if let Some(location) = &self.location {
            line.text("at", location, TEXT);
        }
        if let Some(backtrace) = &self.backtrace {
            line.text("backtrace", backtrace, BACKTRACE);
        }
        line.text("thread", &self.thread, TEXT);
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

    /// Every byte escaped: still no line that a host reads in pieces.
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

    /// A test runs in a thread of its own, and its panic is caught there.
    #[tokio::test]
    async fn only_main_ends_the_process() {
        assert!(!ends_the_process());
        assert!(!tokio::spawn(async { ends_the_process() }).await.unwrap());
    }
}
