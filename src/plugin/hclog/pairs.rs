//! The fields of spans and events as key-value pairs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};

use plugwire_base::chain::Chain;

/// Key-value pairs by their keys, in the order of which hclog writes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(pub(super) BTreeMap<String, Value>);

/// What the `log` crate's bridge to `tracing` says of a record.
#[derive(Debug, Default)]
pub(super) struct Logged {
    pub(super) target: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
}

impl Pairs {
    /// The pairs that `record` has visited.
    pub(super) fn of(record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut pairs = Self::default();
        record(&mut pairs);
        pairs
    }

    /// Takes over pairs, in the place of those with the same keys.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    pub(super) fn take_message(&mut self) -> String {
        match self.0.remove("message") {
            Some(Value::String(message)) => message,
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }

    pub(super) fn take_logged(&mut self) -> Logged {
        let mut text = |key| match self.0.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (target, file) = (text("log.target"), text("log.file"));
        let line = self.0.remove("log.line");
        self.0.remove("log.module_path");
        Logged {
            target,
            file,
            line: line
                .and_then(|line| line.as_u64())
                .and_then(|line| line.try_into().ok()),
        }
    }

    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        // A keyword of Rust's is a field only in its raw form.
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.set(name, value.into());
    }
}

impl Visit for Pairs {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.add(field, value),
            // A host would round what has no room in its numbers.
            Err(_) => self.add(field, value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.add(field, value),
            Err(_) => self.add(field, value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.add(field, value);
        } else {
            // JSON has no such numbers.
            self.add(field, value.to_string());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field, Chain(value).to_string());
    }
}
