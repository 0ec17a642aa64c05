//! A call that runs.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;

use plugwire_base::abandoned::abandon;
use tracing::{Instrument, Span};

/// The future of a call. Dropped before its end, it is [abandoned](abandon): the streams that the
/// method holds are reset, since it has not written all that it would have.
pub(super) struct Running(Option<BoxFuture<'static, ()>>);

impl Running {
    pub(super) fn new(call: BoxFuture<'static, ()>) -> Self {
        Running(Some(call))
    }

    /// The same, in a span.
    pub(super) fn in_span(self, span: Option<Span>) -> Self {
        let Some(span) = span else {
            return self;
        };
        let mut this = self;
        let call = this.0.take().map(|call| call.instrument(span).boxed());
        Running(call)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.is_none()
    }
}

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(call) = &mut self.0 else {
            return Poll::Ready(());
        };
        let polled = call.poll_unpin(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            abandon(call);
        }
    }
}
