//! Lines in, records out.
//!
//! Pure: `host/output.rs` reads the pipe.

#[cfg(test)]
mod tests;

use super::record::{LogLevel, LogRecord};

/// Turns the lines of a plugin's original standard error into records.
///
/// | a line | level | message |
/// | --- | --- | --- |
/// | a JSON object with a known `@level`, as hclog writes them | that level | `@message` |
/// | any other JSON object | debug | the line |
/// | that begins with `[TRACE]`, `[DEBUG]`, `[INFO]`, `[WARN]` or `[ERROR]` | that one | the line |
/// | that begins with `panic: ` or `fatal error: `, and plain lines after it | error | the line |
/// | that Rust prints for a panic or stack overflow, and plain lines after it | error | the line |
/// | anything else | debug | the line |
///
/// A line that is longer than the host's buffer arrives in pieces. They are not parsed; their level
/// is debug, or error in a crash.
///
/// This is what go-plugin does, except where go-plugin loses information: it does not recognise the
/// panics of Rust; the pieces of a crash are debug there; an hclog line whose `@timestamp` has
/// another format is debug and unparsed there, and one whose `@message` is not a text stops the
/// host.
///
/// A [host](crate::host::Client) has a parser for each plugin. Use this type to read a plugin's log
/// from elsewhere, such as a file.
///
/// ```
/// use plugwire::host::{LogLevel, LogParser};
///
/// let mut parser = LogParser::new();
/// let line = br#"{"@level":"warn","@message":"slow","@module":"kit","millis":1200}"#;
/// let record = parser.parse(line, false);
/// assert_eq!(record.level, LogLevel::Warn);
/// assert_eq!(record.message, "slow");
/// assert_eq!(record.module.as_deref(), Some("kit"));
/// assert_eq!(record.fields["millis"], 1200);
///
/// assert_eq!(parser.parse(b"listening", false).level, LogLevel::Debug);
/// assert_eq!(parser.parse(b"panic: out of cheese", false).level, LogLevel::Error);
/// assert_eq!(parser.parse(b"goroutine 1 [running]:", false).level, LogLevel::Error);
/// ```
#[derive(Clone, Debug, Default)]
pub struct LogParser {
    /// Whether a crash has begun: plain lines after its first line belong to it.
    crashing: bool,
    /// Whether the last piece was not the end of its line.
    within_line: bool,
}

impl LogParser {
    /// A parser at the beginning of a log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of the next line, given without its line break, or of the next piece of a line.
    /// `goes_on` says that the line does not end with this piece.
    pub fn parse(&mut self, line: &[u8], goes_on: bool) -> LogRecord {
        let text = String::from_utf8_lossy(line);
        let continues = std::mem::replace(&mut self.within_line, goes_on);
        if continues || goes_on {
            // The beginning of a later piece is not the beginning of a line.
            let level = self.plain_level(if continues { "" } else { &text });
            return LogRecord {
                is_piece: true,
                ..LogRecord::verbatim(level, line, text)
            };
        }
        if let Ok(object) = serde_json::from_str(&text) {
            return LogRecord::from_hclog(object, line)
                .unwrap_or_else(|| LogRecord::verbatim(LogLevel::Debug, line, text));
        }
        let level = LogLevel::from_prefix(&text).unwrap_or_else(|| self.plain_level(&text));
        LogRecord::verbatim(level, line, text)
    }

    /// The level of a line without one of its own.
    fn plain_level(&mut self, line: &str) -> LogLevel {
        self.crashing |= begins_crash(line);
        if self.crashing {
            LogLevel::Error
        } else {
            LogLevel::Debug
        }
    }
}

/// Whether the line is the first one of a crash report of Go's or Rust's runtime.
fn begins_crash(line: &str) -> bool {
    let go = ["panic: ", "fatal error: "];
    // `thread 'main' panicked at src/main.rs:2:5:`, in newer versions with a number after the name.
    let rust = line.starts_with("thread '")
        && (line.contains("' panicked at ")
            || line.contains(") panicked at ")
            || line.ends_with(" has overflowed its stack"));
    rust || go.iter().any(|head| line.starts_with(head))
}
