//! A subscriber of `tracing` that keeps each thread's spans apart, as `support::events` does with
//! events.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A span that has ended, or an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Traced {
    pub target: String,
    pub name: &'static str,
    /// The names of the spans around it, from the inner to the outer.
    pub within: Vec<&'static str>,
    pub fields: BTreeMap<&'static str, String>,
}

thread_local! {
    static TRACED: RefCell<Option<Vec<Traced>>> = const { RefCell::new(None) };
}

/// Keeps the spans and events of this thread from now on.
pub fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
    });
    TRACED.set(Some(Vec::new()));
}

/// Those of this thread since the last call, of targets that start with `target`.
pub fn recorded(target: &str) -> Vec<Traced> {
    let traced = TRACED.with_borrow_mut(|traced| traced.as_mut().map(std::mem::take));
    let mut traced = traced.expect("`record` was called on this thread");
    traced.retain(|traced| traced.target.starts_with(target));
    traced
}

/// The spans alone.
pub fn spans(target: &str) -> Vec<Traced> {
    let mut spans = recorded(target);
    spans.retain(|span| !span.name.is_empty());
    spans
}

pub struct Recorder;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let scope = context.event_scope(event).into_iter().flatten();
        keep(Traced {
            target: event.metadata().target().to_owned(),
            name: "",
            within: scope.map(|span| span.name()).collect(),
            fields: fields.0,
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let fields = span.extensions_mut().remove::<Fields>();
        keep(Traced {
            target: span.metadata().target().to_owned(),
            name: span.name(),
            within: span.scope().skip(1).map(|span| span.name()).collect(),
            fields: fields.unwrap_or_default().0,
        });
    }
}

fn keep(kept: Traced) {
    let _ = TRACED.try_with(|traced| {
        if let Some(traced) = &mut *traced.borrow_mut() {
            traced.push(kept);
        }
    });
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
