//! One line of a plugin's log, as the host sees it.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::timestamp;

/// The severity of a line of a plugin's log. (`hclog.Level`)
///
/// Ordered: the more severe level is greater. hclog's `off` is not the level of a line, and lines
/// without a level are [`Debug`](Self::Debug).
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
    /// space around it. `None` for `off` and for every other word.
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
    pub(super) fn from_prefix(line: &str) -> Option<Self> {
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
/// Its texts are as the plugin wrote them, control characters included. In the `tracing` events
/// that the host makes of records, control characters are [escaped](crate::host::LOG_TARGET).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogRecord {
    /// Its severity.
    pub level: LogLevel,
    /// hclog's `@message`; of any other line the whole line. Bytes that are not UTF-8 are replaced.
    pub message: String,
    /// The name of the logger in the plugin, hclog's `@module`.
    pub module: Option<String>,
    /// When the plugin wrote it, hclog's `@timestamp`, as text.
    pub timestamp: Option<String>,
    /// The same as a time, if its form is that of RFC 3339. hclog's time format can be changed.
    pub time: Option<SystemTime>,
    /// The other key-value pairs, sorted by their keys, as hclog writes them.
    pub fields: Map<String, Value>,
    /// Whether this is a piece of a line that was longer than the host's
    /// [buffer](crate::host::ClientConfig::plugin_log_buffer_size).
    pub is_piece: bool,
    /// The bytes as they were read, without the line break.
    pub raw: Vec<u8>,
}

impl LogRecord {
    /// The record of a line that is not hclog's.
    pub(super) fn verbatim(level: LogLevel, raw: &[u8], text: Cow<'_, str>) -> Self {
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

    /// The record that hclog wrote as this object. `None` if another program wrote it.
    pub(super) fn from_hclog(object: Map<String, Value>, raw: &[u8]) -> Option<Self> {
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
