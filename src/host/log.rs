//! Where records go: to `tracing`, and to a callback of the host's.

mod site;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use self::site::Line;
use crate::hclog::{LogLevel, LogParser, LogRecord};
use plugwire_base::escape::{Escaped, escaped};

/// The beginning of the target of the [`tracing`] events that the lines of a plugin's log become.
/// The [instance name](super::ClientConfig::name) and the logger's name follow, such as
/// `plugwire::log::kv::storage::disk` for the logger `storage.disk` of the plugin `kv`. Other
/// characters than letters, digits, `-` and `_` are `_` there. So an `EnvFilter` chooses by plugin
/// and module: `warn,plugwire::log::kv=info,plugwire::log::kv::storage=trace`.
///
/// Each pair is a field of its own. The number of targets and of sets of keys is bounded: 256 of
/// each plugin. A line beyond it, or with more than 16 pairs, has this target alone, and its pairs
/// are JSON in the field `fields`.
///
/// An event is one line, whatever the plugin writes: line breaks, escape sequences and other
/// control characters in its message and its pairs are escaped, as `\n` or `\u{1b}`, and so are the
/// characters that change the direction of text.
pub const LOG_TARGET: &str = "plugwire::log";

type Callback = Box<dyn FnMut(&LogRecord) + Send>;

/// A callback for each record. The clones of a configuration share it. `None` once it has panicked.
///
/// It runs under its lock: only the logs of those clones' plugins wait for it.
#[derive(Clone)]
pub(super) struct OnLog(Arc<Mutex<Option<Callback>>>);

impl OnLog {
    pub(super) fn new(callback: impl FnMut(&LogRecord) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(callback)))))
    }

    fn call(&self, plugin: &str, record: &LogRecord) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(callback) = &mut *shared else {
            return;
        };
        // A panic would end the task that reads the pipe, and the plugin would then fail to write
        // to a pipe without a reader.
        let called = catch_unwind(AssertUnwindSafe(|| callback(record)));
        if called.is_err() {
            tracing::error!(plugin, "the log's callback panicked and is called no more");
            *shared = None;
        }
    }
}

/// The log of one plugin.
pub(super) struct LogSink {
    /// The instance name.
    plugin: String,
    target: String,
    parser: LogParser,
    callback: Option<OnLog>,
}

impl LogSink {
    pub(super) fn new(plugin: String, callback: Option<OnLog>) -> Self {
        Self {
            target: site::target_of(&plugin),
            plugin: escaped(&plugin).into_owned(),
            parser: LogParser::new(),
            callback,
        }
    }

    pub(super) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Takes the next line, or piece of one.
    pub(super) fn line(&mut self, line: &[u8], goes_on: bool) {
        // Without a listener, the line need not be parsed.
        if self.callback.is_none() && LevelFilter::current() == LevelFilter::OFF {
            return;
        }
        let record = self.parser.parse(line, goes_on);
        self.tell(&record);
        if let Some(callback) = &self.callback {
            callback.call(&self.plugin, &record);
        }
    }

    /// Makes the record an event.
    fn tell(&self, record: &LogRecord) {
        let line = Line {
            target: &self.target,
            level: record.level.into(),
            message: &record.message,
            plugin: &self.plugin,
            module: record.module.as_deref(),
            timestamp: record.timestamp.as_deref(),
            pairs: &record.fields,
        };
        if line.tell().is_err() {
            tell_plainly(&self.plugin, record);
        }
    }
}

/// Makes the record an event whose target and fields are fixed when the program is compiled, so all
/// pairs of the plugin are in one field.
fn tell_plainly(plugin: &str, record: &LogRecord) {
    // The plugin's text must stay within its line.
    let module = record.module.as_deref().map(escaped);
    let timestamp = record.timestamp.as_deref().map(escaped);
    // The level of an event is fixed when the program is compiled, too.
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                target: LOG_TARGET,
                $level,
                plugin,
                module = module.as_deref(),
                timestamp = timestamp.as_deref(),
                fields = PairsAsJson::of(record).map(tracing::field::display),
                "{}",
                Escaped(&record.message)
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
struct PairsAsJson<'a>(&'a Map<String, Value>);

impl<'a> PairsAsJson<'a> {
    fn of(record: &'a LogRecord) -> Option<Self> {
        (!record.fields.is_empty()).then_some(Self(&record.fields))
    }
}

impl fmt::Display for PairsAsJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
        Escaped(text).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use tracing::field::{Field, Visit};
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::*;

    /// Keeps the fields of events, as a subscriber that prints them as they are would.
    #[derive(Clone, Default)]
    struct Printed(Arc<Mutex<String>>);

    impl Visit for Printed {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            let _ = write!(self.0.lock().unwrap(), "{field}={value:?};");
        }

        fn record_str(&mut self, field: &Field, value: &str) {
            let _ = write!(self.0.lock().unwrap(), "{field}={value};");
        }
    }

    impl<S: Subscriber> Layer<S> for Printed {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            event.record(&mut self.clone());
        }
    }

    /// What a subscriber prints of a line, and what the callback gets.
    fn logged(line: &[u8]) -> (String, LogRecord) {
        let printed = Printed::default();
        let (sender, records) = std::sync::mpsc::channel();
        let callback = move |record: &LogRecord| sender.send(record.clone()).unwrap();
        let subscriber = tracing_subscriber::registry().with(printed.clone());
        tracing::subscriber::with_default(subscriber, || {
            LogSink::new("p".to_owned(), Some(OnLog::new(callback))).line(line, false);
        });
        let text = printed.0.lock().unwrap().clone();
        (text, records.recv().unwrap())
    }

    #[test]
    fn a_plugin_cannot_forge_a_line_of_the_log() {
        let hostile = "m\n2026 ERROR forged\r\u{1b}[2J\u{7}\u{9b}1m\u{2028}x\u{202e}y\u{7f}";
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let line = format!(
            r#"{{"@level":"info","@message":{0},"@module":{0},"@timestamp":{0},{0}:{0}}}"#,
            json(hostile)
        );
        for line in [line.as_str(), &hostile.replace('\n', "\u{85}")] {
            let (printed, record) = logged(line.as_bytes());
            let bad = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}');
            assert!(printed.contains("forged"), "{printed:?}");
            assert!(!printed.contains(bad), "{printed:?}");
            // A callback gets the unescaped text.
            assert!(record.message.contains(bad), "{record:?}");
        }
    }

    #[test]
    fn a_callback_that_panics_is_called_no_more() {
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        let callback = move |record: &LogRecord| {
            *counted.lock().unwrap() += 1;
            assert_ne!(record.message, "bad");
        };
        let mut sink = LogSink::new("p".to_owned(), Some(OnLog::new(callback)));
        for line in ["good", "bad", "good"] {
            sink.line(line.as_bytes(), false);
        }
        // The panic poisoned only the lock that the callback itself held.
        assert_eq!(*calls.lock().unwrap(), 2);
    }
}
