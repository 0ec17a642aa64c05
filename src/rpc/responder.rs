//! The answer to one call.

use std::sync::Arc;

use super::around::Around;
use super::call_context;
use super::detail::{Detail, Failure};
use super::message::{DETAIL, Empty, ExtendedResponse, Response};
use super::outbox::{Outbox, SendError};
use super::untaken::{Lent, Untaken};
use crate::codec::Encode;
use crate::event::{Outcome, Watch};
use plugwire_base::abandoned::is_abandoned;

/// What the responders of a connection share.
pub(super) struct Answers {
    pub(super) outbox: Outbox,
    /// What replies have lent to a caller that can cancel.
    pub(super) untaken: Untaken,
}

impl Answers {
    pub(super) fn new(outbox: Outbox) -> Self {
        Answers {
            outbox,
            untaken: Untaken::default(),
        }
    }
}

/// Answers one call, exactly once. A method that panics drops it, which is an answer too. A call
/// that is cancelled gets no answer.
pub(super) struct Responder {
    answers: Arc<Answers>,
    method: Arc<str>,
    seq: u64,
    caller: Caller,
    answered: bool,
    /// Of a call that is watched.
    watch: Option<Box<Watch>>,
}

/// What the caller understands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    /// What an error says beside its text.
    pub(super) errors: bool,
    /// Cancels.
    pub(super) calls: bool,
}

impl Responder {
    pub(super) fn new(
        answers: Arc<Answers>,
        method: Arc<str>,
        seq: u64,
        caller: Caller,
        watch: Option<Box<Watch>>,
    ) -> Self {
        Responder {
            answers,
            method,
            seq,
            caller,
            answered: false,
            watch,
        }
    }

    /// The service and method called.
    pub(super) fn method(&self) -> &str {
        &self.method
    }

    pub(super) async fn reply<R, C>(mut self, reply: &R, around: &C, mut brought: C::Brought)
    where
        R: Encode,
        C: Around,
    {
        self.answers.outbox.ready().await;
        self.answered = true;
        let sent = around.encode(&mut brought, || self.send("", reply));
        let mut lent = call_context::take_lent();
        lent.extend(around.replied(brought));
        if !lent.is_empty() {
            self.lend(lent, sent.is_ok());
        }
        self.fail_unless_sent(sent);
    }

    /// Leaves what the reply lends to the caller. Without a reply it knows of none of it.
    #[cold]
    fn lend(&self, lent: Vec<Box<dyn Lent>>, sent: bool) {
        match self.caller.calls {
            true if sent => self.answers.untaken.replied(self.seq, lent),
            false if sent => lent.into_iter().for_each(Lent::keep),
            _ => {}
        }
    }

    /// Replies without waiting for room.
    pub(super) fn reply_now<R: Encode>(mut self, reply: &R) {
        self.answered = true;
        let sent = self.send("", reply);
        self.fail_unless_sent(sent);
    }

    fn fail_unless_sent(&mut self, sent: Result<(), SendError>) {
        if let Err(SendError::Encode(error)) = sent {
            let text = format!("rpc: error encoding the reply of {}: {error}", self.method);
            let _ = self.send(&text, &Empty {});
        }
    }

    pub(super) async fn fail(mut self, Failure { text, detail }: Failure) {
        self.answers.outbox.ready().await;
        let detail = detail.filter(|_| self.caller.errors).map(Detail::bounded);
        if let Some(detail) = detail.filter(|detail| !detail.is_empty())
            && self.send_detail(&text, &detail).is_ok()
        {
            self.answered = true;
            return;
        }
        self.fail_now(&text);
    }

    /// Answers without waiting for room.
    pub(super) fn fail_now(mut self, error: &str) {
        self.answered = true;
        let _ = self.send(or_unspecified(error), &Empty {});
    }

    fn send_detail(&mut self, error: &str, detail: &Detail) -> Result<(), SendError> {
        let response = ExtendedResponse {
            service_method: &self.method,
            seq: self.seq,
            error: or_unspecified(error),
            detail: DETAIL,
        };
        let sent = self.answers.outbox.send(&response, detail);
        self.note(true, sent)
    }

    fn send<R: Encode>(&mut self, error: &str, reply: &R) -> Result<(), SendError> {
        let response = Response {
            service_method: &self.method,
            seq: self.seq,
            error,
        };
        let sent = self.answers.outbox.send(&response, reply);
        self.note(!error.is_empty(), sent)
    }

    /// Counts the answer. One that did not encode is followed by another.
    #[inline]
    fn note(&mut self, failed: bool, sent: Result<usize, SendError>) -> Result<(), SendError> {
        let tally = self.answers.outbox.tally();
        let outcome = match (&sent, failed) {
            (Ok(_), false) => Outcome::Answered,
            (Ok(_), true) => {
                tally.failed.add_shared(1);
                Outcome::Failed
            }
            (Err(SendError::Closed), _) => {
                tally.lost.add_shared(1);
                Outcome::Lost
            }
            (Err(SendError::Encode(_)), _) => Outcome::Failed,
        };
        if let Some(watch) = &mut self.watch {
            watch.outcome = Some(outcome);
            watch.sent = sent.as_ref().map_or(0, |&length| length as u64);
        }
        sent.map(drop)
    }
}

/// An empty text would pass for success.
fn or_unspecified(error: &str) -> &str {
    match error {
        "" => "unspecified error",
        error => error,
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // A call that was cancelled has no reply: its caller has forgotten it.
        let is_cancelled = is_abandoned() && !std::thread::panicking();
        if self.answered {
            return;
        }
        if is_cancelled {
            self.answers.outbox.tally().cancelled.add_shared(1);
        } else {
            let text = format!("rpc: {} ended without a reply", self.method);
            let _ = self.send(&text, &Empty {});
        }
    }
}
