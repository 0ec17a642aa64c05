//! One connection being served: requests are read, calls run, replies are written.
//!
//! It is [guarded](rescue): it goes on while methods block threads of the runtime. A method that is
//! expected to end soon runs on the connection's own task, but aside: another task can take the
//! connection over if the method does block.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time;

use super::call_context::{Current, is_trace};
use super::inbox::{Inbox, ReceiveError};
use super::io::Halves;
use super::message::{ASK, CANCEL, ExtendedRequest};
use super::method::{Method, QUICK};
use super::negotiated::Negotiated;
use super::outbox::Outbox;
use super::request_error::RequestError;
use super::responder::{Answers, Caller, Responder};
use super::running::Running;
use super::running_calls::{RunningCalls, Seq};
use super::service::{Found, Services};
use crate::codec::{CallConfig, DecodeError, Message};
use crate::event::{Direction, Tallied, UNKNOWN, Watch};
use crate::handshake::Extensions;
use crate::tuning::rpc::{AHEAD, AHEAD_BYTES, TURN};
use plugwire_base::instant;
use plugwire_base::rescue::{self, Inside, Step, Work};

/// One connection being served. Dropping it ends the running calls without an answer: the peer
/// learns of the end by the end of the stream.
pub(super) struct Serving {
    services: Services,
    answers: Arc<Answers>,
    inbox: Inbox,
    role: Role,
    ahead: Ahead,
    running: RunningCalls,
    /// Calls of the library's own methods, which run here even while all threads are blocked.
    own: FuturesUnordered<FirstPoll>,
    max_calls: usize,
    /// The turn that was begun: it is interrupted by each call that runs aside.
    turn: Option<Turn>,
    /// Whether calls on this task are timed, since the last turn took longer than it should.
    slow: bool,
    /// How receiving ended, once the running calls alone are left.
    received: Option<Result<(), RequestError>>,
    /// The method called last, which is usually the next one too.
    last: Option<Called>,
    tally: Tallied,
    /// Whether no request is read, since a limit is met.
    is_limited: bool,
}

/// Which of a session's streams it is.
pub(crate) enum Role {
    /// The control stream, on which the host names what it agrees on.
    Control(Arc<Negotiated>),
    /// A stream of the broker, or one without a session.
    Brokered {
        negotiated: Arc<Negotiated>,
        /// For a peer that asks for another stream.
        share: Option<Share>,
    },
}

/// Serves the same on a further stream, as [`ASK`] wants it, and gives its broker id.
pub(crate) type Share = Box<dyn Fn() -> u32 + Send + Sync>;

impl Role {
    pub(crate) fn brokered(negotiated: Arc<Negotiated>) -> Self {
        Role::Brokered {
            negotiated,
            share: None,
        }
    }

    fn negotiated(&self) -> &Negotiated {
        match self {
            Role::Control(negotiated) | Role::Brokered { negotiated, .. } => negotiated,
        }
    }

    /// The answer to a request of no service's.
    fn answer(&self, method: &str) -> Option<u32> {
        match self {
            Role::Brokered {
                share: Some(share), ..
            } if method == ASK => Some(share()),
            _ => None,
        }
    }
}

/// Requests that were read while no further call could run.
#[derive(Default)]
struct Ahead {
    requests: VecDeque<Message>,
    /// How many bytes they had.
    bytes: usize,
    /// How receiving ended behind them.
    ended: Option<ReceiveError>,
}

impl Ahead {
    fn is_full(&self) -> bool {
        self.ended.is_some() || self.requests.len() >= AHEAD || self.bytes >= AHEAD_BYTES
    }

    /// The next request, or the end behind the last.
    fn next(&mut self) -> Option<Result<Message, ReceiveError>> {
        match self.requests.pop_front() {
            Some(request) => {
                if self.requests.is_empty() {
                    self.bytes = 0;
                }
                Some(Ok(request))
            }
            None => self.ended.take().map(Err),
        }
    }

    /// Drops a request that was cancelled before its call has begun.
    fn cancel(&mut self, seq: Seq) {
        let is_another = |request: &Message| {
            let header = ExtendedRequest::of(&request.header);
            header.is_ok_and(|header| header.seq != seq)
        };
        self.requests.retain(is_another);
    }
}

/// Requests that are read in a row.
struct Turn {
    start: Instant,
    requests: u32,
    /// Whether a task was started. It waits for this thread, so no method that may block runs
    /// before it.
    spawned: bool,
}

/// A method, and the name it was called by.
#[derive(Clone)]
struct Called {
    name: Arc<str>,
    method: Arc<Method>,
    /// Whether the name leads to it from now on: a registry may get another.
    stays: bool,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.answers.outbox.close();
    }
}

impl Serving {
    pub(super) fn new(
        services: Services,
        Halves { read, write }: Halves,
        config: CallConfig,
        role: Role,
    ) -> Self {
        let tally = role.negotiated().observer().tally(Direction::Served);
        let outbox = Outbox::new(write, config, tally.shared());
        let answers = Arc::new(Answers::new(outbox));
        Serving {
            services,
            running: RunningCalls::new(answers.clone()),
            answers,
            inbox: Inbox::of_requests(read, config, tally.shared()),
            role,
            ahead: Ahead::default(),
            own: FuturesUnordered::new(),
            max_calls: config.calls(),
            turn: None,
            slow: false,
            received: None,
            last: None,
            tally,
            is_limited: false,
        }
    }

    /// Starts a call for each request. Ready when the peer has finished or the connection broke.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Step<Result<(), RequestError>, Aside> {
        if self.turn.is_none() {
            while let Poll::Ready(Some(())) = self.running.poll_ended(cx) {}
            self.answers.outbox.hold();
            self.poll_own(cx);
        }
        let received = match self.poll_requests(cx) {
            Step::Aside(aside) => return Step::Aside(aside),
            received => received,
        };
        // Once the outbox is no longer full it wakes the task, which then reads requests again.
        if let Poll::Ready(error) = self.answers.outbox.poll_write(cx) {
            return Step::Ready(Err(DecodeError::from(error).into()));
        }
        received
    }

    fn poll_own(&mut self, cx: &mut Context<'_>) {
        while !self.own.is_empty() && self.own.poll_next_unpin(cx).is_ready() {}
    }

    /// Whether one more request may be read. If not, the task is woken by a call that ends or a
    /// reply that is written.
    fn has_room(&mut self, cx: &mut Context<'_>) -> bool {
        while self.running.len() + self.own.len() >= self.max_calls {
            // Calls that have ended count until they are joined.
            if self.running.poll_ended(cx).is_pending() || !self.own.is_empty() {
                return self.limit_met("max_calls");
            }
        }
        if self.answers.outbox.is_full() {
            return self.limit_met("outbox");
        }
        self.is_limited = false;
        true
    }

    /// Notes that no request is read. There is no room.
    #[cold]
    fn limit_met(&mut self, limit: &'static str) -> bool {
        if !std::mem::replace(&mut self.is_limited, true) {
            self.tally.observer().limit_met(limit);
        }
        false
    }

    /// Takes one turn, or continues it.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Step<Result<(), RequestError>, Aside> {
        let mut turn = self.turn.take().unwrap_or_else(|| Turn {
            start: Instant::now(),
            requests: 0,
            spawned: false,
        });
        let received = loop {
            if turn.requests == TURN {
                cx.waker().wake_by_ref();
                break Step::Pending;
            }
            if !self.has_room(cx) {
                self.look_ahead(cx);
                break Step::Pending;
            }
            match self.poll_request(cx) {
                Poll::Ready(Ok(request)) => {
                    turn.requests += 1;
                    match self.start(request, &mut turn, cx) {
                        Ok(None) => {}
                        Ok(Some(aside)) => {
                            self.turn = Some(turn);
                            return Step::Aside(aside);
                        }
                        Err(error) => break Step::Ready(Err(error.into())),
                    }
                }
                Poll::Ready(Err(ReceiveError::Eof(_))) => break Step::Ready(Ok(())),
                Poll::Ready(Err(ReceiveError::Decode(error))) => {
                    break Step::Ready(Err(error.into()));
                }
                Poll::Pending => break Step::Pending,
            }
        };
        if turn.requests > 0 {
            self.slow = turn.start.elapsed() > QUICK.saturating_mul(turn.requests);
        }
        received
    }

    /// The next request, of those that were read ahead first.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ReceiveError>> {
        match self.ahead.next() {
            Some(next) => Poll::Ready(next),
            None => self.inbox.poll_next(cx),
        }
    }

    /// Finds cancels while no further call may run: they may be what makes room. No further than a
    /// bound, since the requests between them have to be held.
    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        if !self.role.negotiated().calls() || self.answers.outbox.is_full() {
            return;
        }
        self.inbox.take_size();
        while !self.ahead.is_full() {
            match self.inbox.poll_next(cx) {
                Poll::Ready(Ok(request)) => match cancelled(&request) {
                    Some(seq) => self.cancel(seq),
                    None => {
                        self.ahead.bytes = self.ahead.bytes.saturating_add(self.inbox.take_size());
                        self.ahead.requests.push_back(request);
                    }
                },
                Poll::Ready(Err(ended)) => self.ahead.ended = Some(ended),
                Poll::Pending => return,
            }
        }
    }

    fn cancel(&mut self, seq: Seq) {
        self.ahead.cancel(seq);
        self.running.cancel(seq);
    }

    /// Starts a call, or gives it back to be run aside.
    fn start(
        &mut self,
        request: Message,
        turn: &mut Turn,
        cx: &mut Context<'_>,
    ) -> Result<Option<Aside>, DecodeError> {
        let header = ExtendedRequest::of(&request.header)?;
        let seq = header.seq;
        if let Role::Control(negotiated) = &self.role
            && !header.words.is_empty()
        {
            let Ok(words) = header.words.parse::<Extensions>();
            negotiated.agree(words);
        }
        let can_be_cancelled = self.role.negotiated().calls();
        if can_be_cancelled && header.service_method == CANCEL {
            self.cancel(header.cancel);
            return Ok(None);
        }
        match self.find(header.service_method) {
            Ok(Called { name, method, .. }) => {
                let watch = self.watch(&name, &header, &request);
                let span = watch.as_ref().map(|watch| watch.span());
                let responder = self.responder(name, seq, watch);
                let (is_own, is_quick) = (method.is_own(), method.is_quick());
                let mut call = FirstPoll {
                    call: method.run(request.body, responder).in_span(span),
                    method: Some(method),
                    context: context(&header),
                    seq,
                };
                if is_own {
                    if !call.ends_at_once(false, cx) {
                        self.own.push(call);
                        self.poll_own(cx);
                    }
                } else if is_quick && !turn.spawned && !rescue::is_rescuing() {
                    let timed = self.slow;
                    if can_be_cancelled {
                        self.running.put_aside(seq);
                    }
                    return Ok(Some(Aside { call, timed }));
                } else {
                    turn.spawned = true;
                    self.running.spawn(seq, call, can_be_cancelled);
                }
            }
            Err(text) => {
                let watch = self.watch(UNKNOWN, &header, &request);
                let responder = self.responder(header.service_method.into(), seq, watch);
                // There is room: a request is read only while the outbox is not full.
                match self.role.answer(header.service_method) {
                    Some(id) => responder.reply_now(&id),
                    None => responder.fail_now(&text),
                }
            }
        }
        Ok(None)
    }

    /// The method of a name such as `Plugin.Greet`, or the caller's error, in Go's words.
    fn find(&mut self, name: &str) -> Result<Called, String> {
        if let Some(last) = &self.last
            && last.stays
            && *last.name == *name
        {
            return Ok(last.clone());
        }
        let Some((service, method)) = name.rsplit_once('.') else {
            return Err(format!("rpc: service/method request ill-formed: {name}"));
        };
        let (method, stays) = match self.services.get(service, method) {
            Found::Method(method, stays) => (method, stays),
            Found::NoMethod => return Err(format!("rpc: can't find method {name}")),
            Found::NoService => return Err(format!("rpc: can't find service {name}")),
        };
        let called = Called {
            name: name.into(),
            method,
            stays,
        };
        Ok(self.last.insert(called).clone())
    }

    /// Counts a call that begins, and watches it where that is wanted.
    fn watch(
        &self,
        method: &str,
        header: &ExtendedRequest<'_>,
        request: &Message,
    ) -> Option<Box<Watch>> {
        self.tally.begun.add(1);
        let observer = self.tally.observer();
        if !observer.is_watched() {
            return None;
        }
        let trace = Some(header.trace).filter(|trace| is_trace(trace));
        observer.watch_served(method, header.seq, trace, request.body.len())
    }

    fn responder(&self, method: Arc<str>, seq: u64, watch: Option<Box<Watch>>) -> Responder {
        let extensions = self.role.negotiated().extensions();
        let caller = Caller {
            errors: extensions.contains(Extensions::ERRORS),
            calls: extensions.contains(Extensions::CALLS),
        };
        Responder::new(self.answers.clone(), method, seq, caller, watch)
    }

    /// Whether no caller waits for a reply any more. A peer that can cancel finishes its stream
    /// only once it has forgotten its calls: its last cancels may have ended with it. A Go peer
    /// may finish its side and wait.
    fn nobody_waits(&self, received: &Result<(), RequestError>) -> bool {
        received.is_ok() && self.role.negotiated().calls()
    }

    /// Waits for the running calls and sends their replies.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.poll_own(cx);
            if self.answers.outbox.poll_write(cx).is_ready() {
                return Poll::Ready(());
            }
            match self.running.poll_ended(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) if self.own.is_empty() => {
                    return self.answers.outbox.poll_finish(cx).map(|_| ());
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Work for Serving {
    type Output = Result<(), RequestError>;
    type Aside = Aside;

    fn poll(&mut self, cx: &mut Context<'_>) -> Step<Result<(), RequestError>, Aside> {
        if self.received.is_none() {
            match self.poll_receive(cx) {
                lost @ Step::Ready(Err(RequestError::Connection(DecodeError::Io(_)))) => {
                    return lost;
                }
                // A peer that has sent an invalid request may still wait for replies. (Go:
                // `ServeCodec`)
                Step::Ready(received) => {
                    if self.nobody_waits(&received) {
                        self.running.cancel_all();
                    }
                    self.received = Some(received);
                }
                unfinished => return unfinished,
            }
        }
        match self.poll_finish(cx) {
            Poll::Ready(()) => Step::Ready(self.received.take().unwrap_or(Ok(()))),
            Poll::Pending => Step::Pending,
        }
    }

    fn run_aside(mut aside: Aside, cx: &mut Context<'_>) -> Option<Aside> {
        let ended = aside.call.ends_at_once(aside.timed, cx);
        (!ended).then_some(aside)
    }

    fn take_back(&mut self, Aside { call, .. }: Aside) {
        let seq = call.seq;
        let can_be_cancelled = self.role.negotiated().calls();
        let is_over = |received| self.nobody_waits(received);
        let is_over = self.received.as_ref().is_some_and(is_over);
        let is_cancelled = self.running.take_back(seq) || is_over;
        self.running.spawn(seq, call, can_be_cancelled);
        if is_cancelled {
            // Not dropped here, where its author's code would hold up the connection.
            self.running.cancel(seq);
        }
    }

    fn abandon_aside(&mut self) {
        // The call that is aside is that of the method called last.
        if let Some(called) = &self.last {
            called.method.note(false, Duration::ZERO);
        }
    }
}

/// A call on the connection's own task.
pub(super) struct Aside {
    call: FirstPoll,
    timed: bool,
}

/// A call that notes how its first poll went, on whichever task that is.
pub(super) struct FirstPoll {
    call: Running,
    method: Option<Arc<Method>>,
    context: Current,
    seq: Seq,
}

impl FirstPoll {
    /// Polls the call on the connection's own task. A panic is answered by the responder, as it is
    /// in a task.
    fn ends_at_once(&mut self, timed: bool, cx: &mut Context<'_>) -> bool {
        let call = AssertUnwindSafe(|| match timed {
            true => self.poll_unpin(cx).is_ready(),
            false => self.poll_call(cx).is_ready(),
        });
        let ended = catch_unwind(call).unwrap_or(true);
        if !ended && let Some(method) = self.method.take() {
            method.note(false, Duration::ZERO);
        }
        ended
    }

    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _inside = Inside::enter();
        let _current = self.context.enter();
        self.call.poll_unpin(cx)
    }
}

impl Drop for FirstPoll {
    fn drop(&mut self) {
        if !self.call.has_ended() {
            self.context.cancel();
        }
    }
}

impl Future for FirstPoll {
    /// The call's number.
    type Output = Seq;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Seq> {
        let seq = self.seq;
        let Some(method) = self.method.take() else {
            return self.poll_call(cx).map(|()| seq);
        };
        let start = Instant::now();
        let polled = self.poll_call(cx);
        method.note(polled.is_ready(), start.elapsed());
        polled.map(|()| seq)
    }
}

/// The number of the call that a request ends.
fn cancelled(request: &Message) -> Option<Seq> {
    let header = ExtendedRequest::of(&request.header).ok()?;
    (header.service_method == CANCEL).then_some(header.cancel)
}

/// What the header says to the method.
fn context(header: &ExtendedRequest<'_>) -> Current {
    let deadline = (header.deadline != 0).then(|| {
        let left = Duration::from_nanos(header.deadline.try_into().unwrap_or_default());
        instant::later(time::Instant::now(), left)
    });
    Current::served(deadline, header.trace)
}
