//! The calling side.

mod given_up;
mod lost;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

pub(crate) use self::given_up::Untaken;
use self::given_up::Waiting;
use super::around::Around;
use super::call_context;
use super::call_error::CallError;
use super::deadline::{Deadlines, Timer};
use super::end::EndReason;
use super::in_flight::{Ended, InFlight};
use super::inbox::Inbox;
use super::io::Halves;
use super::message::{CANCEL, DETAIL, Empty, ExtendedRequest, ExtendedResponse};
use super::negotiated::{Negotiated, Peer};
use super::obituary::Obituary;
use super::outbox::{Outbox, SendError};
use super::peer_error::PeerError;
use super::sent::Sent;
use super::time_left::{Deadline, Left, deadline, too_late};
use crate::codec::{CallConfig, DecodeError, Encode, Message, Undecoded};
use crate::event::{Direction, Observer};
use plugwire_base::chain::logged;
use plugwire_base::rescue::{self, Watch};

/// A connection to a [`Server`](super::Server), or to any `net/rpc` server of Go's.
///
/// Cheap to clone. The clones are one connection, and any number of tasks may call through them at
/// once. The connection ends when it is [closed](Client::close), when the last clone is dropped, or
/// when the peer ends it.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    timeout: Option<Duration>,
    /// Ends the connection's task with the last clone.
    task: Arc<Task>,
}

struct Shared {
    outbox: Outbox,
    /// Innermost, as every lock of a connection: see [`rpc`](super).
    calls: Mutex<InFlight>,
    deadlines: Deadlines,
    obituary: Obituary,
    negotiated: Arc<Negotiated>,
    /// Whether it is the control stream of its session.
    is_control: bool,
    /// Whether requests name what was agreed on: on the control stream, until a reply shows that
    /// the plugin has read it.
    names_words: AtomicBool,
    /// The connection that was asked for on this one, to which all further calls go.
    asked: OnceLock<Client>,
}

struct Task {
    shared: Arc<Shared>,
    /// `None` for a connection that never was.
    handle: Option<JoinHandle<()>>,
}

impl Task {
    fn end(&self) {
        self.shared.end(&EndReason::Closed);
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.end();
    }
}

impl Client {
    /// Starts calling over a byte stream.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the replies are read by a task of their own.
    #[must_use]
    pub fn new<T>(io: T, config: impl Into<CallConfig>) -> Client
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::start(Halves::of(io), config.into(), Peer::default())
    }

    /// The same over the halves of a session's stream.
    pub(crate) fn start(io: impl Into<Halves>, config: CallConfig, peer: Peer) -> Client {
        let Halves { read, write } = io.into();
        let Peer {
            obituary,
            negotiated,
            is_control,
        } = peer;
        let tally = negotiated.observer().tally(Direction::Made);
        let inbox = Inbox::of_replies(read, config, tally.shared());
        let shared = Arc::new(Shared {
            outbox: Outbox::new(write, config, tally.shared()),
            calls: Mutex::new(InFlight::new(tally)),
            deadlines: Deadlines::default(),
            obituary,
            negotiated,
            is_control,
            names_words: AtomicBool::new(is_control),
            asked: OnceLock::new(),
        });
        let handle = {
            let run = run(shared.clone(), inbox);
            tokio::spawn(rescue::guard(run, Watch::Woken))
        };
        Client {
            task: Arc::new(Task {
                shared: shared.clone(),
                handle: Some(handle),
            }),
            shared,
            timeout: None,
        }
    }

    /// A client whose connection has ended. It needs no runtime.
    pub(crate) fn ended() -> Client {
        let config = CallConfig::default();
        let tally = Observer::default().tally(Direction::Made);
        let shared = Arc::new(Shared {
            outbox: Outbox::new(Box::new(tokio::io::sink()), config, tally.shared()),
            calls: Mutex::new(InFlight::new(tally)),
            deadlines: Deadlines::default(),
            obituary: Obituary::default(),
            negotiated: Negotiated::none(),
            is_control: false,
            names_words: AtomicBool::new(false),
            asked: OnceLock::new(),
        });
        shared.end(&EndReason::Closed);
        Client {
            task: Arc::new(Task {
                shared: shared.clone(),
                handle: None,
            }),
            shared,
            timeout: None,
        }
    }

    /// Has all further calls of all clones go to a connection that was asked for on this one. This
    /// one lives as long: a peer may take its end for the end of both.
    pub(crate) fn redirect(&self, asked: Client) {
        let _ = self.shared.asked.set(asked);
    }

    /// The connection to which calls go.
    fn current(&self) -> &Shared {
        match self.shared.asked.get() {
            None => &self.shared,
            Some(asked) => &asked.shared,
        }
    }

    /// The same connection, with a deadline for each call made through the returned handle, or with
    /// none: `None` takes one away that this handle has.
    #[must_use]
    pub fn with_timeout(&self, timeout: impl Into<Option<Duration>>) -> Client {
        Client {
            timeout: timeout.into(),
            ..self.clone()
        }
    }

    /// Calls `method`, such as `Plugin.Greet`, and waits for its reply.
    ///
    /// A Go method that needs no argument, or gives no reply, takes or gives a nil `interface{}`:
    /// that is `()` here.
    ///
    /// Dropping the future cancels the call. A peer that agreed to it at the handshake, as those of
    /// this crate do, drops the method's future. Any other still runs it, and its reply is
    /// discarded. See [`CallContext`](super::CallContext), whose deadline a call inherits.
    ///
    /// # Errors
    ///
    /// The peer's error, that of an argument or a reply of the wrong type, a deadline that has
    /// passed, or the end of the connection: see [`CallError`].
    pub async fn call<A, R>(&self, method: &str, argument: &A) -> Result<R, CallError>
    where
        A: Encode + ?Sized,
        R: DeserializeOwned,
    {
        let mut sent = self.begin(method);
        let span = sent.span();
        let called = {
            let calling = pin!(self.call_in_span(method, argument, &mut sent));
            calling.instrument(span).await
        };
        sent.ended(&called);
        called
    }

    async fn call_in_span<A, R>(
        &self,
        method: &str,
        argument: &A,
        sent: &mut Sent,
    ) -> Result<R, CallError>
    where
        A: Encode + ?Sized,
        R: DeserializeOwned,
    {
        let (around, brought) = (&(), &mut ());
        let inherited = call_context::deadline();
        let reply = match (inherited, self.timeout) {
            (None, None) => {
                let exchange =
                    self.exchange(method, argument, around, brought, Left::Forever, sent);
                exchange.await
            }
            (None, Some(timeout)) => {
                let left = Left::All(timeout);
                let exchange = self.exchange(method, argument, around, brought, left, sent);
                let replied = self.current().deadlines.timeout(timeout, exchange).await;
                let has_begun = sent.has_begun;
                replied.unwrap_or_else(|_| Err(self.too_late(method, timeout, has_begun)))
            }
            (Some(_), timeout) => {
                let deadline = deadline(timeout, inherited);
                self.reply_until(method, argument, around, brought, deadline, sent)
                    .await
            }
        }?;
        let (reply, undecoded) = self.decode(method, reply, around, brought)?;
        sent.replied(&undecoded);
        Ok(reply)
    }

    /// The same with something around the values, and with a deadline in place of this handle's,
    /// which is not later than the one inherited: see [`deadline`]. Returns the reply undecoded,
    /// too. Sets the call's number in `sent` once the peer may have the request: with it the reply
    /// can be given back, by [`untaken`](Self::untaken).
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
        let reply = self
            .reply_until(method, argument, around, brought, deadline, sent)
            .await?;
        let decoded = self.decode(method, reply, around, brought);
        if decoded.is_err()
            && let Some(seq) = sent.seq
        {
            self.current().cancel(seq);
        }
        if let Ok((_, undecoded)) = &decoded {
            sent.replied(undecoded);
        }
        decoded
    }

    /// Has the peer take back what the reply of a call has lent, unless that is
    /// [taken](Untaken::taken).
    pub(crate) fn untaken(&self, seq: u64) -> Untaken<'_> {
        let shared = Some(self.current());
        Untaken { shared, seq }
    }

    async fn reply_until<A, C>(
        &self,
        method: &str,
        argument: &A,
        around: &C,
        brought: &mut C::Brought,
        deadline: Deadline,
        sent: &mut Sent,
    ) -> Result<Message, CallError>
    where
        A: Encode + ?Sized,
        C: Around,
    {
        let Some((at, timeout)) = deadline else {
            let exchange = self.exchange(method, argument, around, brought, Left::Forever, sent);
            return exchange.await;
        };
        let left = Left::Until(at);
        let exchange = self.exchange(method, argument, around, brought, left, sent);
        let replied = self.current().deadlines.timeout_at(at, exchange).await;
        match replied {
            // Both sides have the deadline. Timers count in milliseconds, so the peer's error about
            // it may come before this side's.
            Ok(Err(CallError::Server(_))) if Instant::now() >= at => {
                self.current().calls().tally().late.add(1);
                Err(too_late(method, timeout))
            }
            Ok(replied) => replied,
            Err(_) => Err(self.too_late(method, timeout, sent.has_begun)),
        }
    }

    async fn exchange<A, C>(
        &self,
        method: &str,
        argument: &A,
        around: &C,
        brought: &mut C::Brought,
        left: Left,
        sent: &mut Sent,
    ) -> Result<Message, CallError>
    where
        A: Encode + ?Sized,
        C: Around,
    {
        let shared = self.current();
        shared.outbox.ready().await;
        let begun = shared.calls().begin();
        let (seq, reply) = match begun {
            Ok(begun) => begun,
            Err(ended) => {
                let error = CallError::Shutdown(ended.reason);
                return Err(self.lost(method, error, false).await);
            }
        };
        sent.has_begun = true;
        let mut waiting = Waiting {
            shared,
            seq,
            is_sent: false,
            is_over: false,
        };
        let trace = sent.trace();
        let send = || shared.send(method, seq, argument, left, trace.as_deref());
        match around.encode(brought, send) {
            Ok(length) => {
                waiting.is_sent = true;
                sent.sent(seq, length);
            }
            // The connection is ending, and `reply` gives the reason.
            Err(SendError::Closed) => {}
            Err(SendError::Encode(source)) => {
                shared.calls().tally().unsent.add(1);
                return Err(CallError::Encode {
                    method: method.to_owned(),
                    source,
                });
            }
        }
        let reply = reply.await;
        waiting.is_over = true;
        match reply {
            Ok(Err(error)) if error.is_disconnected() => Err(self.lost(method, error, true).await),
            Ok(reply) => reply,
            Err(_) => Err(CallError::Shutdown(EndReason::Closed)),
        }
    }

    /// Sends a call whose reply is not waited for. Where the connection has ended, none is sent.
    #[cfg(feature = "host")]
    pub(crate) fn send_unanswered<A>(&self, method: &str, argument: &A)
    where
        A: Encode + ?Sized,
    {
        let Ok((seq, _)) = self.shared.calls().begin() else {
            return;
        };
        // Its reply is one for a call that no longer waits.
        drop(self.shared.calls().remove(seq));
        let _ = self.shared.send(method, seq, argument, Left::Forever, None);
    }

    /// The deadline of each call through this handle.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The number of streams that it is made of: one, and that of the connection that was asked for
    /// on it.
    #[cfg(feature = "host")]
    pub(crate) fn streams(&self) -> usize {
        let asked = self.shared.asked.get();
        asked.map_or(1, |asked| asked.streams().saturating_add(1))
    }

    /// Closes the connection. Calls that wait, and all later ones, fail with
    /// [`CallError::Shutdown`].
    pub fn close(&self) {
        self.task.end();
        if let Some(asked) = self.shared.asked.get() {
            asked.close();
        }
    }

    /// What the session shares.
    pub(super) fn negotiated(&self) -> &Negotiated {
        &self.shared.negotiated
    }

    /// The calls of the connection to which calls go, locked.
    pub(super) fn calls(&self) -> MutexGuard<'_, InFlight> {
        self.current().calls()
    }

    /// The number of calls that wait for their reply.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.current().calls().len()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("in_flight", &self.in_flight())
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, InFlight> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request, in Go's form unless there is more to say to a peer that understands it.
    fn send<A>(
        &self,
        method: &str,
        seq: u64,
        argument: &A,
        left: Left,
        trace: Option<&str>,
    ) -> Result<usize, SendError>
    where
        A: Encode + ?Sized,
    {
        let inherited = match trace {
            Some(_) => None,
            None => call_context::trace(),
        };
        let trace = trace.or(inherited.as_deref());
        let names_words = self.names_words.load(Ordering::Relaxed);
        let has_more = names_words || trace.is_some() || !matches!(left, Left::Forever);
        let mut request = ExtendedRequest::new(method, seq);
        if !has_more || !self.negotiated.calls() {
            return self.outbox.send(&request.plain(), argument);
        }
        request.deadline = left.nanos();
        request.trace = trace.unwrap_or_default();
        let words;
        if names_words {
            words = self.negotiated.extensions().to_string();
            request.words = &words;
        }
        match request.is_plain() {
            true => self.outbox.send(&request.plain(), argument),
            false => self.outbox.send(&request, argument),
        }
    }

    /// Has the peer end a call, if it understands that. Never waits.
    fn cancel(&self, seq: u64) {
        if self.negotiated.calls() {
            let mut request = ExtendedRequest::new(CANCEL, seq);
            request.cancel = seq;
            // Where the connection has ended, so has the call.
            let _ = self.outbox.send(&request, &Empty {});
        }
    }

    /// Fails the calls before later ones find the outbox closed.
    fn end(&self, reason: &EndReason) {
        let waiters = self.calls().end(reason);
        for waiter in waiters {
            let _ = waiter.send(Err(CallError::of_pending(reason)));
        }
        self.outbox.close();
    }
}

/// Polls the deadlines, reads replies, and writes what the callers left, until the connection ends.
async fn run(shared: Arc<Shared>, mut inbox: Inbox) {
    let mut timer = Timer::default();
    let _owned = shared.deadlines.own();
    let reason = poll_fn(|cx| {
        shared.deadlines.poll(&mut timer, cx);
        if let Poll::Ready(error) = shared.outbox.poll_write(cx) {
            return Poll::Ready(EndReason::from_io(error));
        }
        loop {
            match inbox.poll_next(cx) {
                Poll::Ready(Ok(reply)) => {
                    if let Err(error) = take_reply(&shared, reply) {
                        return Poll::Ready(EndReason::from_decode(error));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(error.into()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    if let EndReason::Malformed(_) = reason {
        tracing::warn!(reason = %logged(&reason), "the peer's messages cannot be read, ending the connection");
    }
    shared.end(&reason);
}

/// Hands a reply to its call. An error means that the peer's headers cannot be read.
fn take_reply(shared: &Shared, reply: Message) -> Result<(), DecodeError> {
    let header = ExtendedResponse::of(&reply.header)?;
    let seq = header.seq;
    let outcome = match header.error {
        "" => Ok(reply),
        error => {
            let detail = (header.detail == DETAIL).then(|| reply.body.decode());
            // Of a body that is none, the text is left.
            let detail = detail.and_then(Result::ok);
            Err(CallError::Server(PeerError::new(error.into(), detail)))
        }
    };
    if shared.names_words.load(Ordering::Relaxed) {
        shared.names_words.store(false, Ordering::Relaxed);
    }
    let waiter = shared.calls().answered(seq, &outcome);
    if waiter.is_none_or(|waiter| waiter.send(outcome).is_err()) {
        tracing::debug!(seq, "a reply for a call that no longer waits");
    }
    Ok(())
}
