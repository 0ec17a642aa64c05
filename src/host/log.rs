//! The log of a plugin: lines in, records out. Pure; reading the pipe is `output.rs`'s business.

mod sink;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};

pub use self::sink::LOG_TARGET;
pub(super) use self::sink::{LogSink, OnLog};
use crate::hclog::timestamp;

/// How much a line of a plugin's log matters. (`hclog.Level`)
///
/// Ordered: what matters more is greater. hclog's `off` is no level of a line, and lines without a
/// level are [`Debug`](Self::Debug).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// hclog's `trace`.
    Trace,
    /// hclog's `debug`.
    Debug,
    /// hclog's `info`.
    Info,
    /// hclog's `warn`.
    Warn,
    /// hclog's `error`.
    Error,
}

impl LogLevel {
    /// The level of this name, as `hclog.LevelFromString` reads it: in any case, with any white
    /// space around it. `off` is none, as is every other word.
    fn from_name(name: &str) -> Option<Self> {
        Some(match &*name.trim().to_lowercase() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            _ => return None,
        })
    }

    /// The level that a line begins with, such as `[INFO]`.
    fn from_prefix(line: &str) -> Option<Self> {
        [
            ("[TRACE]", Self::Trace),
            ("[DEBUG]", Self::Debug),
            ("[INFO]", Self::Info),
            ("[WARN]", Self::Warn),
            ("[ERROR]", Self::Error),
        ]
        .into_iter()
        .find_map(|(prefix, level)| line.starts_with(prefix).then_some(level))
    }

    /// hclog's name of the level.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Trace => Self::TRACE,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Info => Self::INFO,
            LogLevel::Warn => Self::WARN,
            LogLevel::Error => Self::ERROR,
        }
    }
}

/// One line of a plugin's log.
///
/// Its texts are as the plugin wrote them, control characters included. The `tracing` events that the
/// host makes of them have these [written out](LOG_TARGET).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogRecord {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says: hclog's `@message`, and for any other line the whole of it. Bytes that are no
    /// UTF-8 are replaced.
    pub message: String,
    /// The name of the logger in the plugin, hclog's `@module`.
    pub module: Option<String>,
    /// When the plugin wrote it, hclog's `@timestamp`, as text.
    pub timestamp: Option<String>,
    /// The same as a time, if it is one of RFC 3339. hclog's time format can be changed.
    pub time: Option<SystemTime>,
    /// The key-value pairs, all but the four above, in the order of their keys, as hclog writes
    /// them.
    pub fields: Map<String, Value>,
    /// Whether this is not a line but a piece of one, which was longer than the host's
    /// [buffer](super::ClientConfig::plugin_log_buffer_size).
    pub is_piece: bool,
    /// The bytes as they came, without the line break.
    pub raw: Vec<u8>,
}

impl LogRecord {
    /// A line that says nothing about itself.
    fn verbatim(level: LogLevel, raw: &[u8], text: Cow<'_, str>) -> Self {
        Self {
            level,
            message: text.into_owned(),
            module: None,
            timestamp: None,
            time: None,
            fields: Map::new(),
            is_piece: false,
            raw: raw.to_owned(),
        }
    }

    /// The record that hclog wrote as this object, if it did.
    fn from_hclog(object: Map<String, Value>, raw: &[u8]) -> Option<Self> {
        let level = LogLevel::from_name(object.get("@level")?.as_str()?)?;
        let mut record = Self::verbatim(level, raw, Cow::Borrowed(""));
        for (key, value) in object {
            match (&*key, value) {
                ("@level", _) => {}
                ("@message", Value::String(message)) => record.message = message,
                ("@message", _) => return None,
                ("@module", Value::String(module)) => record.module = Some(module),
                ("@timestamp", Value::String(text)) => {
                    record.time = timestamp::parse(&text);
                    record.timestamp = Some(text);
                }
                (_, value) => _ = record.fields.insert(key, value),
            }
        }
        Some(record)
    }
}

/// Turns the lines of a plugin's original standard error into records.
///
/// | a line | level | message |
/// | --- | --- | --- |
/// | a JSON object with a known `@level`, as hclog writes them | that level | `@message` |
/// | any other JSON object | debug | the line |
/// | that begins with `[TRACE]`, `[DEBUG]`, `[INFO]`, `[WARN]` or `[ERROR]` | that level | the line |
/// | that begins with `panic: ` or `fatal error: `, and every line of no kind above from then on | error | the line |
/// | that Rust prints for a panic or a stack overflow, and from then on likewise | error | the line |
/// | anything else | debug | the line |
///
/// A line longer than the host's buffer comes in pieces. They are not looked into and are debug,
/// or error in a crash.
///
/// This is what go-plugin does, with differences where it would lose something: it knows
/// nothing of Rust's panics; the pieces of a crash are debug there; an hclog line whose `@timestamp`
/// is in another format is debug and unparsed there, and one whose `@message` is no text stops
/// the host.
///
/// A [host](super::Client) has a parser of its own for each plugin. This type is for who reads such
/// a log elsewhere.
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
    /// From the head of a crash on, plain lines belong to it.
    crashing: bool,
    /// The last piece was not the end of its line.
    within_line: bool,
}

impl LogParser {
    /// A parser at the beginning of a log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of the next line, given without its line break, or of the next piece of a line:
    /// `goes_on` says that the line does not end here.
    pub fn parse(&mut self, line: &[u8], goes_on: bool) -> LogRecord {
        let text = String::from_utf8_lossy(line);
        let continues = std::mem::replace(&mut self.within_line, goes_on);
        if continues || goes_on {
            // What begins within a line is no beginning.
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

/// Whether a runtime, Go's or Rust's, begins to report a crash.
fn begins_crash(line: &str) -> bool {
    let go = ["panic: ", "fatal error: "];
    // `thread 'main' panicked at src/main.rs:2:5:`, in newer versions with a number after the name.
    let rust = line.starts_with("thread '")
        && (line.contains("' panicked at ")
            || line.contains(") panicked at ")
            || line.ends_with(" has overflowed its stack"));
    rust || go.iter().any(|head| line.starts_with(head))
}
