//! Panics, told to the host.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::original::original_stderr;
use super::stdio;

/// From now on, a panic while the plugin serves is also written to the original standard error. The
/// hook that was there before runs as well, after it.
pub(super) fn tell_the_host() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Unless the output is captured, the hook before writes to the same place.
            if stdio::is_captured() {
                // In one piece, so that other threads' lines stay out of it. Should it fail, there
                // is nowhere to say so.
                let _ = original_stderr().write_all(message(info).as_bytes());
            }
            before(info);
        }));
    });
}

/// The message the way Go prints it, because that is what hosts look for: `panic: ` at the start of
/// a line makes it, and what follows, an error in their log.
fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let reason = (payload.downcast_ref::<&str>().copied())
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no string");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("<unnamed>");
    let mut text = format!("panic: {reason}\n\nthread '{thread}'");
    if let Some(location) = info.location() {
        let _ = write!(text, " at {location}");
    }
    text.push('\n');
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        let _ = writeln!(text, "{backtrace}");
    }
    text
}
