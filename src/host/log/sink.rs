//! Where records go: to `tracing`, and to a callback of the host's.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::{LogLevel, LogParser, LogRecord};

/// The target of the [`tracing`] events that the lines of a plugin's log become.
pub const LOG_TARGET: &str = "plugwire::log";

/// A callback for each record.
pub(in crate::host) type OnLog = Box<dyn FnMut(&LogRecord) + Send>;

/// The log of one plugin.
pub(in crate::host) struct LogSink {
    /// The plugin's file name.
    plugin: String,
    parser: LogParser,
    callback: Option<OnLog>,
}

impl LogSink {
    pub(in crate::host) fn new(plugin: String, callback: Option<OnLog>) -> Self {
        Self {
            plugin,
            parser: LogParser::new(),
            callback,
        }
    }

    pub(in crate::host) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Takes the next line, or piece of one.
    pub(in crate::host) fn line(&mut self, line: &[u8], goes_on: bool) {
        // Where nobody listens, there is no need to look into it.
        if self.callback.is_none() && LevelFilter::current() == LevelFilter::OFF {
            return;
        }
        let record = self.parser.parse(line, goes_on);
        tell(&self.plugin, &record);
        if let Some(callback) = &mut self.callback {
            // A panic would end the reading of the pipe, and with it the plugin, which would write
            // into a pipe without a reader.
            let called = catch_unwind(AssertUnwindSafe(|| callback(&record)));
            if called.is_err() {
                let plugin = &*self.plugin;
                tracing::error!(plugin, "the log's callback panicked and is called no more");
                self.callback = None;
            }
        }
    }
}

/// Makes the record an event. Names of an event's fields are part of the program, so the pairs,
/// whose names are the plugin's, share a field.
fn tell(plugin: &str, record: &LogRecord) {
    // The level belongs to the place in the code as well.
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                target: LOG_TARGET,
                $level,
                plugin,
                module = record.module.as_deref(),
                timestamp = record.timestamp.as_deref(),
                fields = Pairs::of(record).map(tracing::field::display),
                "{}",
                record.message
            )
        };
    }
    match record.level {
        LogLevel::Trace => event!(Level::TRACE),
        LogLevel::Debug => event!(Level::DEBUG),
        LogLevel::Info => event!(Level::INFO),
        LogLevel::Warn => event!(Level::WARN),
        LogLevel::Error => event!(Level::ERROR),
    }
}

/// Key-value pairs, shown as a JSON object.
struct Pairs<'a>(&'a Map<String, Value>);

impl<'a> Pairs<'a> {
    fn of(record: &'a LogRecord) -> Option<Self> {
        (!record.fields.is_empty()).then_some(Self(&record.fields))
    }
}

impl fmt::Display for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_callback_that_panics_is_called_no_more() {
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        let callback = move |record: &LogRecord| {
            *counted.lock().unwrap() += 1;
            assert_ne!(record.message, "bad");
        };
        let mut sink = LogSink::new("p".to_owned(), Some(Box::new(callback)));
        for line in ["good", "bad", "good"] {
            sink.line(line.as_bytes(), false);
        }
        // The panic poisoned nothing but what the callback itself held.
        assert_eq!(*calls.lock().unwrap(), 2);
    }
}
