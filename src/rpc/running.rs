//! A call that runs.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;

use plugwire_base::abandoned::abandon;

/// The future of a call. Dropped before its end, it is [abandoned](abandon): the streams that the
/// method holds are reset, since it has not written all that it would have.
pub(super) struct Running(Option<BoxFuture<'static, ()>>);

impl Running {
    pub(super) fn new(call: BoxFuture<'static, ()>) -> Self {
        Running(Some(call))
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
