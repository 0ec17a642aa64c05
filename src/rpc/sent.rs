//! What a caller learns of its call on the way.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tracing::Span;

use super::around::Around;
use super::call_context::is_trace;
use super::call_error::CallError;
use super::client::Client;
use super::time_left::too_late;
use crate::codec::{Message, Undecoded};
use crate::event::{Outcome, Watch};

/// What a caller learns of its call on the way. With the watch of a call that is watched: where
/// this is dropped without an outcome, the call was cancelled.
#[derive(Default)]
pub(crate) struct Sent {
    /// The call's number, once the peer may have the request.
    pub(crate) seq: Option<u64>,
    /// Whether it has one: a call waits for room first.
    pub(super) has_begun: bool,
    watch: Option<Box<Watch>>,
}

impl Sent {
    /// The span to run the call in: none, unless it is watched.
    #[inline]
    pub(crate) fn span(&self) -> Span {
        match &self.watch {
            Some(watch) => watch.span(),
            None => Span::none(),
        }
    }

    /// The trace that the call is part of, in place of that of the context.
    #[inline]
    pub(super) fn trace(&self) -> Option<String> {
        let watch = self.watch.as_ref()?;
        watch.traceparent().filter(|trace| is_trace(trace))
    }

    /// The peer may have the request, with an argument of so many bytes.
    #[inline]
    pub(super) fn sent(&mut self, seq: u64, length: usize) {
        self.seq = Some(seq);
        if let Some(watch) = &mut self.watch {
            watch.set_seq(seq);
            watch.sent = length as u64;
        }
    }

    /// The reply has arrived, of so many bytes.
    #[inline]
    pub(super) fn replied(&mut self, undecoded: &Undecoded) {
        if let Some(watch) = &mut self.watch {
            watch.received = undecoded.len() as u64;
        }
    }

    /// The call has ended.
    #[inline]
    pub(crate) fn ended<R>(self, called: &Result<R, CallError>) {
        if let Some(mut watch) = self.watch {
            watch.outcome = Some(outcome(called));
        }
    }
}

#[cold]
fn outcome<R>(called: &Result<R, CallError>) -> Outcome {
    match called {
        Ok(_) => Outcome::Answered,
        Err(error) if error.is_timeout() => Outcome::TimedOut,
        Err(error) if error.is_disconnected() => Outcome::Lost,
        Err(_) => Outcome::Failed,
    }
}

impl Client {
    /// A call that begins now, watched where that is wanted.
    #[inline]
    pub(crate) fn begin(&self, method: &str) -> Sent {
        Sent {
            watch: self.negotiated().observer().watch_made(method),
            ..Sent::default()
        }
    }

    /// The error of a call whose deadline has passed. The call was dropped.
    pub(super) fn too_late(&self, method: &str, timeout: Duration, begun: bool) -> CallError {
        self.calls().too_late(begun);
        too_late(method, timeout)
    }

    pub(super) fn decode<R, C>(
        &self,
        method: &str,
        reply: Message,
        around: &C,
        brought: &mut C::Brought,
    ) -> Result<(R, Undecoded), CallError>
    where
        R: DeserializeOwned,
        C: Around,
    {
        match around.decode(brought, || reply.body.decode()) {
            Ok(decoded) => Ok((decoded, reply.body)),
            Err(source) => {
                self.calls().tally().undecoded.add(1);
                Err(CallError::Decode {
                    method: method.to_owned(),
                    source,
                })
            }
        }
    }
}
