//! The fields of spans and events as key-value pairs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::writer::{Line, LogValue};
use plugwire_base::chain::Chain;

/// Key-value pairs, sorted by their keys as hclog does.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(BTreeMap<String, LogValue>);

/// What `tracing-log`, the bridge from the `log` crate, says of a record.
#[derive(Debug, Default)]
pub(super) struct Logged {
    pub(super) target: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
}

impl Pairs {
    /// The pairs that `record` visits.
    pub(super) fn of(record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut pairs = Self::default();
        record(&mut pairs);
        pairs
    }

    /// Adds pairs. They replace those with the same keys.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn set(&mut self, key: &str, value: LogValue) {
        self.0.insert(key.to_owned(), value);
    }

    pub(super) fn set_text(&mut self, key: &str, text: impl Into<String>) {
        self.set(key, LogValue::Text(text.into()));
    }

    pub(super) fn take_message(&mut self) -> String {
        let message = self.0.remove("message");
        message.map(LogValue::into_text).unwrap_or_default()
    }

    pub(super) fn take_logged(&mut self) -> Logged {
        let mut text = |key| match self.0.remove(key) {
            Some(LogValue::Text(text)) => Some(text),
            _ => None,
        };
        let (target, file) = (text("log.target"), text("log.file"));
        let line = self.0.remove("log.line");
        self.0.remove("log.module_path");
        let line = match line {
            Some(LogValue::Unsigned(line)) => line.try_into().ok(),
            Some(LogValue::Signed(line)) => line.try_into().ok(),
            _ => None,
        };
        Logged { target, file, line }
    }

    /// The line of these pairs, with its line break.
    pub(super) fn to_line(&self) -> String {
        let mut line = Line::new();
        for (key, value) in &self.0 {
            line.value(key, value);
        }
        line.finish()
    }

    fn add(&mut self, field: &Field, value: LogValue) {
        let name = field.name();
        // A keyword of Rust is a field only in its raw form.
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.set(name, value);
    }

    fn add_text(&mut self, field: &Field, text: impl Into<String>) {
        self.add(field, LogValue::Text(text.into()));
    }
}

impl Visit for Pairs {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add_text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add_text(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, LogValue::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, LogValue::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, LogValue::Unsigned(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            // A host would round a number that 64 bits do not hold.
            Err(_) => self.add_text(field, value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.add_text(field, value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.add(field, LogValue::Float(value));
        } else {
            // JSON has no such numbers.
            self.add_text(field, value.to_string());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add_text(field, Chain(value).to_string());
    }
}
