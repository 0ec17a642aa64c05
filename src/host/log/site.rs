//! Callsites of events whose target and fields are known only when a plugin writes its log.
//!
//! `tracing` asks its subscribers once for each callsite, and keeps its description for ever. So a
//! callsite is made once for each plugin, module, level and set of keys, and their number is
//! bounded: what a plugin writes beyond it has the plain target.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value};
use tracing::callsite::{self, Callsite, Identifier};
use tracing::field::{self, Field, FieldSet};
use tracing::metadata::{Kind, Metadata};
use tracing::subscriber::Interest;
use tracing::{Event, Level, dispatcher};

use super::LOG_TARGET;
use crate::tuning::host::{LOG_KEY, LOG_PAIRS, LOG_SITES, LOG_SITES_OF_ONE, LOG_TARGET_LENGTH};
use plugwire_base::escape::{Escaped, escaped};

/// The fields of every event, before those of its pairs.
const OWN: [&str; 4] = ["message", "plugin", "module", "timestamp"];

/// How many fields an event has at most.
const FIELDS: usize = OWN.len() + LOG_PAIRS;

/// One callsite. It lasts as long as the process.
struct Site {
    metadata: OnceLock<Metadata<'static>>,
    fields: OnceLock<Vec<Field>>,
    /// Whether no subscriber wants its events.
    unwanted: AtomicBool,
}

impl Callsite for Site {
    fn set_interest(&self, interest: Interest) {
        self.unwanted.store(interest.is_never(), Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata.get().expect("set before it is registered")
    }
}

impl Site {
    /// Makes one. Its memory is never given back, as that of a callsite in the program's text.
    fn leak(target: &str, level: Level, keys: &[&str]) -> &'static Site {
        let leaked = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let names: Vec<&'static str> = OWN
            .into_iter()
            .chain(keys.iter().map(|key| leaked(key)))
            .collect();
        let site: &'static Site = Box::leak(Box::new(Site {
            metadata: OnceLock::new(),
            fields: OnceLock::new(),
            unwanted: AtomicBool::new(false),
        }));
        let names: &'static [&'static str] = Box::leak(names.into_boxed_slice());
        let metadata = site.metadata.get_or_init(|| {
            let fields = FieldSet::new(names, Identifier(site));
            let target = leaked(target);
            Metadata::new(
                "a line of a plugin's log",
                target,
                level,
                None,
                None,
                None,
                fields,
                Kind::EVENT,
            )
        });
        site.fields
            .get_or_init(|| metadata.fields().iter().collect());
        site
    }
}

/// The callsites that there are.
#[derive(Default)]
struct Sites {
    /// By target, level and keys.
    known: HashMap<(String, Level, Vec<String>), &'static Site>,
    /// How many each plugin has, by its target.
    of_plugins: HashMap<String, usize>,
}

/// Under the lock a callsite is looked up or made, and no subscriber is called.
static SITES: LazyLock<Mutex<Sites>> = LazyLock::new(Mutex::default);

/// The callsite, if there is one or room for one.
fn site(plugin: &str, target: String, level: Level, keys: &[&str]) -> Option<&'static Site> {
    let owned = keys.iter().map(|&key| key.to_owned()).collect();
    let made = {
        let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (target, level, owned);
        if let Some(known) = sites.known.get(&key) {
            return Some(known);
        }
        let of_plugin = sites.of_plugins.get(plugin).copied().unwrap_or_default();
        if sites.known.len() >= LOG_SITES || of_plugin >= LOG_SITES_OF_ONE {
            return None;
        }
        let made = Site::leak(&key.0, level, keys);
        sites.known.insert(key, made);
        let of_plugins = sites.of_plugins.entry(plugin.to_owned()).or_default();
        *of_plugins = of_plugins.saturating_add(1);
        made
    };
    // Asks the subscribers, so not under the lock.
    callsite::register(made);
    Some(made)
}

/// A name as a part of a target: what an `EnvFilter` would take for its own syntax is replaced.
fn part(name: &str) -> String {
    let kept = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => c,
        _ => '_',
    };
    name.chars().map(kept).collect()
}

/// The target of a plugin's events.
pub(super) fn target_of(plugin: &str) -> String {
    format!("{LOG_TARGET}::{}", part(plugin))
}

/// What an event says.
pub(super) struct Line<'a> {
    /// The plugin's target.
    pub(super) target: &'a str,
    pub(super) level: Level,
    pub(super) message: &'a str,
    pub(super) plugin: &'a str,
    pub(super) module: Option<&'a str>,
    pub(super) timestamp: Option<&'a str>,
    pub(super) pairs: &'a Map<String, Value>,
}

/// Why a line has no event of its own: it gets one with the plain target.
pub(super) struct Plain;

impl Line<'_> {
    /// Has the subscribers of `tracing` learn of the line, as an event with the plugin's and the
    /// module's target, and a field for each pair.
    pub(super) fn tell(&self) -> Result<(), Plain> {
        let keys: Vec<&str> = self.pairs.keys().map(String::as_str).collect();
        if keys.len() > LOG_PAIRS || !keys.iter().all(|key| is_field(key)) {
            return Err(Plain);
        }
        let mut target = self.target.to_owned();
        let modules = self.module.into_iter().flat_map(|module| module.split('.'));
        for module in modules.filter(|module| !module.is_empty()) {
            target.push_str("::");
            target.push_str(&part(module));
        }
        if target.len() > LOG_TARGET_LENGTH {
            return Err(Plain);
        }
        let site = site(self.target, target, self.level, &keys).ok_or(Plain)?;
        if !site.unwanted.load(Ordering::Relaxed) {
            self.tell_at(site);
        }
        Ok(())
    }

    fn tell_at(&self, site: &'static Site) {
        let (Some(metadata), Some(fields)) = (site.metadata.get(), site.fields.get()) else {
            return;
        };
        let is_wanted = dispatcher::get_default(|dispatch| dispatch.enabled(metadata));
        let Some(first) = fields.first().filter(|_| is_wanted) else {
            return;
        };
        let module = self.module.map(escaped);
        let timestamp = self.timestamp.map(escaped);
        let pairs: Vec<Pair> = self.pairs.values().map(Pair::of).collect();

        // What is without a value is not recorded.
        let mut values: [(&Field, Option<&dyn field::Value>); FIELDS] = [(first, None); FIELDS];
        let message = field::display(Escaped(self.message));
        let (module, timestamp) = (module.as_deref(), timestamp.as_deref());
        let own: [Option<&dyn field::Value>; OWN.len()] = [
            Some(&message),
            Some(&self.plugin),
            module.as_ref().map(|module| module as _),
            timestamp.as_ref().map(|timestamp| timestamp as _),
        ];
        let all = own.into_iter().chain(pairs.iter().map(Pair::value));
        for (place, (field, value)) in values.iter_mut().zip(fields.iter().zip(all)) {
            *place = (field, value);
        }
        Event::dispatch(metadata, &metadata.fields().value_set(&values));
    }
}

/// Whether a key can be a field's name beside those of every event.
fn is_field(key: &str) -> bool {
    let has_room = (1..=LOG_KEY).contains(&key.len());
    has_room
        && !OWN.contains(&key)
        && key != "fields"
        && !key.contains(char::is_control)
        && *escaped(key) == *key
}

/// The value of a pair, as a field.
enum Pair {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    /// Of several values, as JSON.
    Json(field::DisplayValue<String>),
}

impl Pair {
    fn of(value: &Value) -> Self {
        match value {
            Value::Bool(value) => Pair::Bool(*value),
            Value::String(text) => Pair::Text(escaped(text).into_owned()),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => Pair::Signed(value),
                (_, Some(value), _) => Pair::Unsigned(value),
                (_, _, Some(value)) => Pair::Float(value),
                _ => Pair::json(value),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => Pair::json(value),
        }
    }

    fn json(value: &Value) -> Self {
        Pair::Json(field::display(Escaped(value).to_string()))
    }

    fn value(&self) -> Option<&dyn field::Value> {
        Some(match self {
            Pair::Bool(value) => value,
            Pair::Signed(value) => value,
            Pair::Unsigned(value) => value,
            Pair::Float(value) => value,
            Pair::Text(value) => value,
            Pair::Json(value) => value,
        })
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_a_bounded_number_of_callsites() {
        let mut plain = 0;
        for number in 0..LOG_SITES_OF_ONE + 50 {
            let line = Line {
                target: "plugwire::log::flood",
                level: Level::INFO,
                message: "m",
                plugin: "flood",
                module: Some(&format!("m{number}")),
                timestamp: None,
                pairs: &Map::new(),
            };
            plain += usize::from(line.tell().is_err());
        }
        assert_eq!(plain, 50);
        let sites = SITES.lock().unwrap();
        assert_eq!(sites.of_plugins["plugwire::log::flood"], LOG_SITES_OF_ONE);
    }

    #[test]
    fn a_target_has_no_signs_that_filters_know() {
        assert_eq!(
            target_of("kv=trace,[x]::y z"),
            "plugwire::log::kv_trace__x___y_z"
        );
    }

    #[test]
    fn names_of_fields_are_short_and_no_others() {
        assert!(
            ["a", "user id", "http.status", "é"]
                .into_iter()
                .all(is_field)
        );
        let long = "k".repeat(LOG_KEY + 1);
        for key in ["", "message", "plugin", "fields", "a\nb", "\u{202e}", &long] {
            assert!(!is_field(key), "{key:?}");
        }
    }
}
