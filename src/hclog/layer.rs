//! Events and spans of `tracing`, written as hclog writes its lines.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::pairs::Pairs;
use super::timestamp;
use super::writer::LogValue;
use crate::sys::standard_streams::{OriginalStderr, original_stderr};

/// A layer of [`tracing_subscriber`] that writes events to the plugin's log, the
/// [original standard error](original_stderr), in hclog's JSON. A host, in Go or in Rust, logs them
/// with their level, their module and their pairs.
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
/// is one line, broken here:
///
/// ```json
/// {"@level":"warn","@message":"slow","@module":"kit","@timestamp":"2006-01-02T15:04:05.000000Z",
///  "id":7,"millis":1200,"spans":["request"]}
/// ```
///
/// # What becomes what
///
/// | of an event | in the line |
/// | --- | --- |
/// | its level | `@level` |
/// | its message, or an empty text | `@message` |
/// | its target, unless there is a fixed [`module`](Self::module) | `@module` |
/// | the time, in UTC | `@timestamp` |
/// | its file and line, if [asked for](Self::include_location) | `@caller` |
/// | its fields | pairs |
/// | the fields of the spans around it | pairs; of equal keys the innermost wins |
/// | the names of the spans around it, if any | the pair `spans`, a list, the outermost first |
///
/// Numbers and booleans stay numbers and booleans; everything else becomes text. An error's text
/// includes the texts of its sources, as Go's wrapped errors read. A field that is recorded on a
/// span later counts from then on.
///
/// Each event is written at once, with one write, which blocks while the host does not read.
/// Failures to write are ignored: there is no other place to report them. Hosts read lines of up to
/// 64 KiB. Longer ones arrive in pieces, so put no large data into a log.
///
/// The layer writes every event that reaches it, including those of this crate. Filter it, as
/// above: a host decides which part of a log it shows, but an event that is never written costs
/// least.
pub struct HclogLayer<M = fn() -> OriginalStderr> {
    writer: M,
    module: Option<String>,
    location: bool,
    /// Keeps the lines of threads apart where a writer takes a line in several writes. Innermost of
    /// all locks: it is held for the write only, and the writer must not make events. The values
    /// and the line are made before, so no `Debug` of a user runs under it.
    turns: Mutex<()>,
}

impl HclogLayer {
    /// A layer that writes to the original standard error.
    #[must_use]
    pub fn new() -> Self {
        Self {
            writer: original_stderr,
            module: None,
            location: false,
            turns: Mutex::new(()),
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

    /// Writes to another place: `writer` is called for each line. The writer that it returns must
    /// not make events itself.
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
            turns: self.turns,
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
        // Made before the span is locked: formatting a value may make events, which lock the span.
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
        let scope = context.event_scope(event).into_iter();
        for span in scope.flat_map(|scope| scope.from_root()) {
            spans.push(span.name().to_owned());
            if let Some(known) = span.extensions().get::<Pairs>() {
                pairs.extend(known.clone());
            }
        }
        if !spans.is_empty() {
            pairs.set("spans", LogValue::Texts(spans));
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
                pairs.set_text("@caller", format!("{file}:{number}"));
            }
        }
        // hclog's names of the levels are those of `tracing` in lower case.
        let level = metadata.level().as_str().to_ascii_lowercase();
        pairs.set_text("@level", level);
        pairs.set_text("@message", message);
        pairs.set_text("@module", self.module.as_deref().unwrap_or(target));
        pairs.set_text("@timestamp", timestamp::now());

        let line = pairs.to_line();
        let turn = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = (self.writer)().write_all(line.as_bytes());
        drop(turn);
    }
}
