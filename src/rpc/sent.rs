//! What a caller learns of its call on the way, and calls that are watched.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::around::Around;
use super::call_context::is_trace;
use super::call_error::CallError;
use super::client::Client;
use super::time_left::{Deadline, too_late};
use crate::codec::{Encode, Message, Undecoded};
use crate::event::{Observer, Outcome, Watch};

/// What a caller learns of its call on the way.
#[derive(Default)]
pub(crate) struct Sent {
    /// The call's number, once the peer may have the request.
    pub(crate) seq: Option<u64>,
    /// Whether it has one: a call waits for room first.
    pub(super) has_begun: bool,
    /// The length of the encoded argument, in bytes.
    pub(super) bytes: usize,
    /// That of the reply.
    pub(super) received: usize,
    /// The trace that the call is part of, in place of that of the context.
    pub(super) trace: Option<Arc<str>>,
}

impl Sent {
    fn of(watch: &Watch) -> Self {
        Sent {
            trace: watch
                .traceparent()
                .filter(|trace| is_trace(trace))
                .map(Into::into),
            ..Sent::default()
        }
    }
}

/// A call under way. When it is dropped, the watch learns what is known of it.
struct Watched {
    watch: Watch,
    sent: Sent,
}

impl Watched {
    fn new(watch: Watch) -> Self {
        let sent = Sent::of(&watch);
        Watched { watch, sent }
    }

    fn ended<R>(&mut self, called: &Result<R, CallError>) {
        self.watch.outcome = Some(match called {
            Ok(_) => Outcome::Answered,
            Err(error) if error.is_timeout() => Outcome::TimedOut,
            Err(error) if error.is_disconnected() => Outcome::Lost,
            Err(_) => Outcome::Failed,
        });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(seq) = self.sent.seq {
            self.watch.set_seq(seq);
        }
        self.watch.sent = self.sent.bytes as u64;
        self.watch.received = self.sent.received as u64;
    }
}

impl Client {
    /// What the calls of the session report to.
    pub(super) fn observer(&self) -> &Observer {
        self.negotiated().observer()
    }

    pub(super) async fn call_watched<A, R>(
        &self,
        watch: Watch,
        method: &str,
        argument: &A,
    ) -> Result<R, CallError>
    where
        A: Encode + ?Sized,
        R: DeserializeOwned,
    {
        let mut watched = Watched::new(watch);
        let span = watched.watch.span();
        let calling = self.call_unwatched(method, argument, &mut watched.sent);
        let called = calling.instrument(span).await;
        watched.ended(&called);
        called
    }

    /// As [`call`](Self::call), with something around the values, and with a deadline in place of
    /// this handle's, which is not later than the one inherited: see [`deadline`]. Returns the
    /// reply undecoded, too. Sets the call's number in `sent` once the peer may have the request:
    /// with it the reply can be given back, by [`untaken`](Self::untaken).
    ///
    /// [`deadline`]: super::deadline
    pub(crate) async fn call_asking<A, R, C>(
        &self,
        method: &str,
        argument: &A,
        around: &C,
        brought: &mut C::Brought,
        deadline: Deadline,
        sent: &mut Sent,
    ) -> Result<(R, Undecoded), CallError>
    where
        A: Encode + ?Sized,
        R: DeserializeOwned,
        C: Around,
    {
        match self.observer().watch_made(method) {
            None => {
                self.call_unwatched_asking(method, argument, around, brought, deadline, sent)
                    .await
            }
            Some(watch) => {
                let watched = Watched::new(watch);
                Box::pin(async move {
                    let mut watched = watched;
                    let span = watched.watch.span();
                    let own = &mut watched.sent;
                    let calling = self
                        .call_unwatched_asking(method, argument, around, brought, deadline, own);
                    let called = calling.instrument(span).await;
                    sent.seq = watched.sent.seq;
                    if let Ok((_, undecoded)) = &called {
                        watched.sent.received = undecoded.len();
                    }
                    watched.ended(&called);
                    called
                })
                .await
            }
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
