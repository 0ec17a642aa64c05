//! The `tracing` events of a test, for all tests of a binary at once.
//!
//! There is one subscriber for the process: with one for each thread, events would be lost whose
//! callsite another thread, without a subscriber, reached first. It keeps each thread's events
//! apart, and the runtime of a `#[tokio::test]` runs on the test's own thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub target: String,
    pub level: Level,
    /// The message and the other fields, as text.
    pub fields: BTreeMap<&'static str, String>,
}

impl Recorded {
    /// The message; empty where there is none.
    pub fn message(&self) -> &str {
        self.fields.get("message").map_or("", |message| message)
    }
}

thread_local! {
    // None: this thread's events are not of interest.
    static EVENTS: RefCell<Option<Vec<Recorded>>> = const { RefCell::new(None) };
}

/// Keeps the events of this thread from now on.
pub fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
    });
    EVENTS.set(Some(Vec::new()));
}

/// This thread's events since [`record`] or the last call, of targets that start with `target`; the
/// others are dropped.
pub fn recorded(target: &str) -> Vec<Recorded> {
    let events = EVENTS.with_borrow_mut(|events| events.as_mut().map(std::mem::take));
    let mut events = events.expect("`record` was called on this thread");
    events.retain(|event| event.target.starts_with(target));
    events
}

struct Recorder;

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        EVENTS.with_borrow_mut(|events| {
            let Some(events) = events else { return };
            let mut fields = Fields::default();
            event.record(&mut fields);
            events.push(Recorded {
                target: event.metadata().target().to_owned(),
                level: *event.metadata().level(),
                fields: fields.0,
            });
        });
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
