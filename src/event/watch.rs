//! One call that is watched.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{Span, field};

use super::list::{CallBegun, CallEnded};
use super::meta::{Direction, Outcome, Side};
use super::observer::{Observer, Shared};

/// What a method is called in events that this side does not have: the peer chose the name.
pub(crate) const UNKNOWN: &str = "unknown";

/// A call from its begin to its end, which is when this is dropped. One that has no outcome by then
/// was cancelled.
#[derive(Debug)]
pub(crate) struct Watch {
    observer: Observer,
    direction: Direction,
    method: String,
    begin: Instant,
    span: Span,
    pub(crate) seq: Option<u64>,
    pub(crate) outcome: Option<Outcome>,
    /// As of the event.
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// The span of a call or a callback, whose target and parent differ.
macro_rules! span {
    ($target:literal, $name:literal, $shared:expr, $direction:expr, $method:expr
        $(, $parent:expr)?) => {
        tracing::debug_span!(
            target: $target,
            $(parent: $parent,)?
            $name,
            plugin = $shared.name(),
            side = $shared.side().as_str(),
            direction = $direction.as_str(),
            method = $method,
            seq = field::Empty,
            traceparent = field::Empty,
            outcome = field::Empty,
            duration = field::Empty,
            sent = field::Empty,
            received = field::Empty,
        )
    };
}

impl Observer {
    /// A call that this side makes, if it is to be watched.
    #[inline]
    pub(crate) fn watch_made(&self, method: &str) -> Option<Box<Watch>> {
        match self.is_watched() {
            true => self.watch(Direction::Made, method, None),
            false => None,
        }
    }

    /// A call of the peer that is to be watched.
    pub(crate) fn watch_served(
        &self,
        method: &str,
        seq: u64,
        traceparent: Option<&str>,
        received: usize,
    ) -> Option<Box<Watch>> {
        let mut watch = self.watch(Direction::Served, method, traceparent)?;
        watch.set_seq(seq);
        watch.received = received as u64;
        Some(watch)
    }

    #[cold]
    fn watch(&self, direction: Direction, method: &str, trace: Option<&str>) -> Option<Box<Watch>> {
        let shared = self.shared()?;
        let span = span(shared, direction, method);
        if let Some(trace) = trace {
            span.record("traceparent", trace);
            if let Some(propagator) = shared.propagator() {
                propagator.extract(&span, trace);
            }
        }
        span.in_scope(|| self.emit(&CallBegun { direction, method }));
        Some(Box::new(Watch {
            observer: self.clone(),
            direction,
            method: method.to_owned(),
            begin: Instant::now(),
            span,
            seq: None,
            outcome: None,
            sent: 0,
            received: 0,
        }))
    }
}

fn span(shared: &Shared, direction: Direction, method: &str) -> Span {
    match (shared.side(), direction) {
        (Side::Host, Direction::Made) => {
            span!("plugwire::call", "call", shared, direction, method)
        }
        (Side::Plugin, Direction::Served) => {
            let session = shared.span();
            span!("plugwire::call", "call", shared, direction, method, session)
        }
        (Side::Plugin, Direction::Made) => {
            span!("plugwire::callback", "callback", shared, direction, method)
        }
        (Side::Host, Direction::Served) => {
            let session = shared.span();
            span!(
                "plugwire::callback",
                "callback",
                shared,
                direction,
                method,
                session
            )
        }
    }
}

impl Watch {
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn set_seq(&mut self, seq: u64) {
        self.seq = Some(seq);
        self.span.record("seq", seq);
    }

    /// The `traceparent` that the call takes along, if the program's tracing library gives one.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let propagator = self.observer.shared()?.propagator()?;
        let trace = propagator.inject(&self.span)?;
        self.span.record("traceparent", &*trace);
        Some(trace)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(Outcome::Cancelled);
        let duration: Duration = self.begin.elapsed();
        self.span.record("outcome", outcome.as_str());
        self.span.record("duration", duration.as_secs_f64());
        self.span.record("sent", self.sent);
        self.span.record("received", self.received);
        self.span.in_scope(|| {
            self.observer.emit(&CallEnded {
                direction: self.direction,
                method: &self.method,
                seq: self.seq,
                outcome,
                duration,
                sent: self.sent,
                received: self.received,
            });
        });
    }
}
