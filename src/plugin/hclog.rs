//! The plugin's log, as hclog writes it.

mod json;
mod pairs;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::Value;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use self::json::line;
use self::pairs::Pairs;
use super::original::{OriginalStderr, original_stderr};
use crate::hclog::timestamp;

/// A layer of [`tracing_subscriber`] that writes events to the plugin's log, the
/// [original standard error](original_stderr), in hclog's JSON. A host, in Go or in Rust, logs them
/// as they were made: with their level, their module and their pairs.
///
/// ```
/// use plugwire::plugin::HclogLayer;
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// tracing_subscriber::registry()
///     .with(HclogLayer::new().with_filter(LevelFilter::INFO))
///     .init();
/// let _request = tracing::info_span!("request", id = 7).entered();
/// tracing::warn!(target: "kit", millis = 1200, "slow");
/// ```
///
/// is one line:
///
/// ```json
/// {"@level":"warn","@message":"slow","@module":"kit","@timestamp":"2006-01-02T15:04:05.000000Z","id":7,"millis":1200,"spans":["request"]}
/// ```
///
/// # What becomes what
///
/// | of an event | in the line |
/// | --- | --- |
/// | its level | `@level` |
/// | its message, or nothing | `@message` |
/// | its target, unless there is a fixed [`module`](Self::module) | `@module` |
/// | the time, in UTC | `@timestamp` |
/// | its file and line, if [asked for](Self::include_location) | `@caller` |
/// | its fields | pairs |
/// | the fields of the spans around it | pairs; an inner span's win over an outer's, the event's win over all |
/// | the names of the spans around it, the outermost first | the pair `spans`, a list, if there are any |
///
/// Numbers and booleans stay what they are, everything else is text. An error's text goes on with
/// those of its sources, as Go's wrapped errors read. Fields that were recorded on a span later
/// count from then on.
///
/// Each event is written at once, with one write, and the write waits where the host does not read.
/// Failures to write are ignored: there is nowhere to tell of them. Hosts read lines of up to
/// 64 KiB; longer ones arrive in pieces, so put no large data into a log.
///
/// The layer writes whatever reaches it, including the events of this crate. Filter it, as above:
/// hosts decide what of a log they show, but what is never written costs least.
pub struct HclogLayer<M = fn() -> OriginalStderr> {
    writer: M,
    module: Option<String>,
    location: bool,
    /// Keeps the lines of threads apart where a writer takes a line in several bites.
    one_at_a_time: Mutex<()>,
}

impl HclogLayer {
    /// A layer that writes to the original standard error.
    #[must_use]
    pub fn new() -> Self {
        Self {
            writer: original_stderr,
            module: None,
            location: false,
            one_at_a_time: Mutex::new(()),
        }
    }
}

impl Default for HclogLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> HclogLayer<M> {
    /// The `@module` of every line, as the name of an hclog logger. Default: each event's target.
    #[must_use]
    pub fn module(mut self, name: impl Into<String>) -> Self {
        self.module = Some(name.into());
        self
    }

    /// Whether `@caller` says where in the source each event is. (`IncludeLocation`) Default off.
    #[must_use]
    pub fn include_location(mut self, include: bool) -> Self {
        self.location = include;
        self
    }

    /// Writes to another place: `writer` is called for each line. What it gives must not make
    /// events itself.
    ///
    /// ```
    /// # use plugwire::plugin::HclogLayer;
    /// let layer = HclogLayer::new().writer(std::io::stdout);
    /// ```
    pub fn writer<N, W>(self, writer: N) -> HclogLayer<N>
    where
        N: Fn() -> W,
        W: Write,
    {
        HclogLayer {
            writer,
            module: self.module,
            location: self.location,
            one_at_a_time: self.one_at_a_time,
        }
    }
}

impl<M> fmt::Debug for HclogLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HclogLayer")
            .field("module", &self.module)
            .field("include_location", &self.location)
            .finish_non_exhaustive()
    }
}

impl<S, M, W> Layer<S> for HclogLayer<M>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    M: Fn() -> W + 'static,
    W: Write,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let pairs = Pairs::of(|visitor| attributes.record(visitor));
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(pairs);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        // Made before the span is locked: showing a value may make events, which look at the span.
        let pairs = Pairs::of(|visitor| record.record(visitor));
        if let Some(span) = context.span(id)
            && let Some(known) = span.extensions_mut().get_mut::<Pairs>()
        {
            known.extend(pairs);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let own = Pairs::of(|visitor| event.record(visitor));
        let mut pairs = Pairs::default();
        let mut spans = Vec::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|s| s.from_root())
        {
            spans.push(Value::from(span.name()));
            if let Some(known) = span.extensions().get::<Pairs>() {
                pairs.extend(known.clone());
            }
        }
        if !spans.is_empty() {
            pairs.set("spans", spans.into());
        }
        pairs.extend(own);

        let metadata = event.metadata();
        // The `log` crate's records come as events of one target, with their own in a field.
        let logged = pairs.take_logged();
        let message = pairs.take_message();
        let target = logged.target.as_deref().unwrap_or(metadata.target());
        if self.location {
            let file = logged.file.as_deref().or(metadata.file());
            let number = logged.line.or(metadata.line());
            if let (Some(file), Some(number)) = (file, number) {
                pairs.set("@caller", format!("{file}:{number}").into());
            }
        }
        pairs.set("@level", level(*metadata.level()).into());
        pairs.set("@message", message.into());
        pairs.set("@module", self.module.as_deref().unwrap_or(target).into());
        pairs.set("@timestamp", timestamp::print(SystemTime::now()).into());

        let line = line(&pairs);
        let _one = self
            .one_at_a_time
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let _ = (self.writer)().write_all(&line);
    }
}

/// hclog's name of a level.
fn level(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}
