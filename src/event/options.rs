//! The options of observing a connection.

use std::fmt;
use std::sync::Arc;

use super::list::Subscriber;
use super::meta::{Event, Meta, Side};
use super::observer::{Guarded, emit};
use super::propagator::Propagator;
use crate::InvalidOption;
use crate::tuning::event::LONGEST_NAME;
use plugwire_base::escape::escaped;

/// How a connection is observed.
#[derive(Clone)]
pub(crate) struct Options {
    name: Option<Arc<str>>,
    pub(super) subscribers: Arc<[Guarded]>,
    added: Vec<Arc<dyn Subscriber>>,
    pub(super) propagator: Option<Arc<dyn Propagator>>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            name: None,
            subscribers: Arc::new([]),
            added: Vec::new(),
            propagator: None,
        }
    }
}

impl Options {
    pub(crate) fn set_name(&mut self, name: impl Into<Arc<str>>) {
        self.name = Some(name.into());
    }

    /// Sets a name where there is none: any text, of which a part becomes the name.
    pub(crate) fn set_default_name(&mut self, name: &str) {
        self.name.get_or_insert_with(|| shown(name).into());
    }

    /// The name that was set.
    pub(crate) fn own_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The instance name.
    pub(crate) fn name(&self) -> Arc<str> {
        self.name.clone().unwrap_or_else(|| "plugin".into())
    }

    pub(crate) fn add_subscriber(&mut self, subscriber: impl Subscriber) {
        self.added.push(Arc::new(subscriber));
        let guarded = self.added.iter().cloned().map(Guarded::new);
        self.subscribers = guarded.collect();
    }

    pub(crate) fn set_propagator(&mut self, propagator: impl Propagator) {
        self.propagator = Some(Arc::new(propagator));
    }

    /// Has subscribers and `tracing` learn of something that happens without a connection.
    #[cfg(feature = "host")]
    pub(crate) fn emit(&self, event: &impl Event) {
        let name = self.name();
        let meta = Meta {
            plugin: &name,
            side: Side::Host,
        };
        emit(&meta, &self.subscribers, event);
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        let Some(name) = self.own_name() else {
            return Ok(());
        };
        if (1..=LONGEST_NAME).contains(&name.len()) && *shown(name) == *name {
            return Ok(());
        }
        let expected = "1 to 64 bytes of text without control characters";
        Err(InvalidOption::new("name", name, expected))
    }
}

/// A text as a name: escaped, and no longer than a name is.
fn shown(text: &str) -> String {
    let mut name = escaped(text).replace('\t', " ");
    while name.len() > LONGEST_NAME {
        name.pop();
    }
    name
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("name", &self.name)
            .field("subscribers", &self.added)
            .field("propagator", &self.propagator)
            .finish()
    }
}
