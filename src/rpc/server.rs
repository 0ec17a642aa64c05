//! The answering side.
//!
//! A connection is [guarded](rescue): it goes on while methods block threads of the runtime. A method
//! that is expected to end soon runs on the connection's own task, but aside: another task can take
//! the connection over if the method does block.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::inbox::{Inbox, ReceiveError};
use super::message::{Empty, Request, Response};
use super::outbox::{Outbox, SendError};
use super::running::Running;
use super::service::{Method, QUICK};
use super::{BoxIo, Config, Encode, Service};
use crate::codec::{DecodeError, Message};
use plugwire_base::rescue::{self, Inside, Step, Watch, Work};

/// After this many requests in a row the replies are written and other tasks get their turn.
const TURN: u32 = 64;

/// Serves [services](Service) by name to any number of connections.
///
/// Cheap to clone; adding a service to one clone does not add it to the others.
#[derive(Clone, Debug, Default)]
pub struct Server {
    services: Arc<HashMap<String, Service>>,
}

/// Why serving a connection ended, other than by the peer finishing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The peer's bytes are no net/rpc messages, or the stream failed.
    #[error("rpc: the peer's messages cannot be read")]
    Connection(#[from] DecodeError),
}

impl Server {
    /// A server without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a service under a name. go-plugin's peers know one, `Plugin`.
    #[must_use]
    pub fn register(mut self, name: impl Into<String>, service: Service) -> Self {
        Arc::make_mut(&mut self.services).insert(name.into(), service);
        self
    }

    /// Serves one connection until the peer finishes, or sends what is no request; calls that still run
    /// then are waited for.
    ///
    /// When the connection breaks, or this future is dropped, running calls are ended at their
    /// next await. A request that does not decode, or a reply that does not encode, is answered
    /// with an error, and the connection goes on.
    ///
    /// A peer cannot have more work and more replies held for it than it takes: no request is read
    /// while [`Config::max_calls`] calls run, and none while 256 KiB of replies wait for the peer to
    /// read them. A peer that writes many requests before it reads any reply therefore has to stop
    /// once these, and the buffers of the byte stream (a window of 256 KiB each way in a
    /// [session](crate::mux)), are full. Clients that read while they write, as those of this crate
    /// and of Go do, do not notice.
    pub async fn serve<T>(&self, io: T, config: impl Into<Config>) -> Result<(), ServeError>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let config = config.into();
        let (read, write) = tokio::io::split(Box::new(io) as BoxIo);
        let connection = Connection {
            services: self.services.clone(),
            outbox: Arc::new(Outbox::new(write, config)),
            inbox: Inbox::of_requests(read, config),
            running: JoinSet::new(),
            own: FuturesUnordered::new(),
            max_calls: config.calls(),
            turn: None,
            slow: false,
            received: None,
            last: None,
        };
        // The library's own methods have deadlines.
        let watch = match self.services.values().any(Service::has_own) {
            true => Watch::Always,
            false => Watch::Woken,
        };
        rescue::guard_work(connection, watch).await
    }
}

/// The service alone, under go-plugin's name for it: `Plugin`.
impl From<Service> for Server {
    fn from(service: Service) -> Server {
        Server::new().register("Plugin", service)
    }
}

/// One connection being served. Dropping it ends the running calls, and nothing is said of them any
/// more: the peer learns of the end by the stream's.
struct Connection {
    services: Arc<HashMap<String, Service>>,
    outbox: Arc<Outbox>,
    inbox: Inbox,
    running: JoinSet<()>,
    /// Calls of the library's own methods, which run here also while all threads are blocked.
    own: FuturesUnordered<FirstPoll>,
    max_calls: usize,
    /// The turn that was begun: it is interrupted by each call that runs aside.
    turn: Option<Turn>,
    /// Whether calls on this task are timed, since the last turn took longer than it should.
    slow: bool,
    /// How receiving ended, once the running calls alone are left.
    received: Option<Result<(), ServeError>>,
    /// What was called last, and mostly is called next.
    last: Option<Called>,
}

/// Requests that are read in a row.
struct Turn {
    start: Instant,
    requests: u32,
    /// Whether a task was started. It waits for this thread, so nothing that may block runs before it.
    spawned: bool,
}

/// A method, and the name it was called by.
#[derive(Clone)]
struct Called {
    name: Arc<str>,
    method: Arc<Method>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

impl Connection {
    /// Starts a call for each request. Ready when the peer has finished or the connection broke.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Step<Result<(), ServeError>, Aside> {
        if self.turn.is_none() {
            while let Poll::Ready(Some(_)) = self.running.poll_join_next(cx) {}
            self.outbox.hold();
            self.poll_own(cx);
        }
        let received = match self.poll_requests(cx) {
            Step::Aside(aside) => return Step::Aside(aside),
            received => received,
        };
        let was_full = self.outbox.is_full();
        if let Poll::Ready(error) = self.outbox.poll_write(cx) {
            return Step::Ready(Err(DecodeError::from(error).into()));
        }
        if was_full && !self.outbox.is_full() {
            // Requests that were left unread do not wake the task again.
            cx.waker().wake_by_ref();
        }
        received
    }

    fn poll_own(&mut self, cx: &mut Context<'_>) {
        while !self.own.is_empty() && self.own.poll_next_unpin(cx).is_ready() {}
    }

    /// Whether one more request may be read. If not, a call that ends or a reply that is written wakes
    /// the task.
    fn has_room(&mut self, cx: &mut Context<'_>) -> bool {
        while self.running.len() + self.own.len() >= self.max_calls {
            // Calls that have ended count until they are taken out.
            if self.running.poll_join_next(cx).is_pending() || !self.own.is_empty() {
                return false;
            }
        }
        !self.outbox.is_full()
    }

    /// Takes one turn, or goes on with it.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Step<Result<(), ServeError>, Aside> {
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
                break Step::Pending;
            }
            match self.inbox.poll_next(cx) {
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

    /// Starts a call, or gives it back to be run aside.
    fn start(
        &mut self,
        request: Message,
        turn: &mut Turn,
        cx: &mut Context<'_>,
    ) -> Result<Option<Aside>, DecodeError> {
        let header: Request<'_> = request.header.decode()?;
        let seq = header.seq;
        match self.find(header.service_method) {
            Ok(Called { name, method }) => {
                let responder = self.responder(name, seq);
                let (is_own, is_quick) = (method.is_own(), method.is_quick());
                let mut call = FirstPoll {
                    call: method.run(request.body, responder),
                    method: Some(method),
                };
                if is_own {
                    if !call.ends_at_once(false, cx) {
                        self.own.push(call);
                        self.poll_own(cx);
                    }
                } else if is_quick && !turn.spawned && !rescue::is_rescuing() {
                    let timed = self.slow;
                    return Ok(Some(Aside { call, timed }));
                } else {
                    turn.spawned = true;
                    self.running.spawn(call);
                }
            }
            Err(text) => {
                // There is room: a request is read only while the outbox is not full.
                self.responder(header.service_method.into(), seq)
                    .fail_now(&text);
            }
        }
        Ok(None)
    }

    /// The method of a name such as `Plugin.Greet`, or what the caller is told, in Go's words.
    fn find(&mut self, name: &str) -> Result<Called, String> {
        if let Some(last) = &self.last
            && *last.name == *name
        {
            return Ok(last.clone());
        }
        let Some((service, method)) = name.rsplit_once('.') else {
            return Err(format!("rpc: service/method request ill-formed: {name}"));
        };
        let Some(service) = self.services.get(service) else {
            return Err(format!("rpc: can't find service {name}"));
        };
        let Some(method) = service.get(method) else {
            return Err(format!("rpc: can't find method {name}"));
        };
        let called = Called {
            name: name.into(),
            method: method.clone(),
        };
        Ok(self.last.insert(called).clone())
    }

    fn responder(&self, method: Arc<str>, seq: u64) -> Responder {
        Responder {
            outbox: self.outbox.clone(),
            method,
            seq,
            answered: false,
        }
    }

    /// Waits for the running calls and sends their replies.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.poll_own(cx);
            if self.outbox.poll_write(cx).is_ready() {
                return Poll::Ready(());
            }
            match self.running.poll_join_next(cx) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) if self.own.is_empty() => {
                    return self.outbox.poll_finish(cx).map(|_| ());
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Work for Connection {
    type Output = Result<(), ServeError>;
    type Aside = Aside;

    fn poll(&mut self, cx: &mut Context<'_>) -> Step<Result<(), ServeError>, Aside> {
        if self.received.is_none() {
            match self.poll_receive(cx) {
                lost @ Step::Ready(Err(ServeError::Connection(DecodeError::Io(_)))) => return lost,
                // A peer that sends what is no request may still wait for replies. (`ServeCodec` in Go)
                Step::Ready(received) => self.received = Some(received),
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

    fn take_back(&mut self, aside: Aside) {
        self.running.spawn(aside.call);
    }

    fn abandon_aside(&mut self) {
        // It is the one called last.
        if let Some(called) = &self.last {
            called.method.note(false, Duration::ZERO);
        }
    }
}

/// A call on the connection's own task.
struct Aside {
    call: FirstPoll,
    timed: bool,
}

/// A call that notes how its first poll went, wherever that is.
struct FirstPoll {
    call: Running,
    method: Option<Arc<Method>>,
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
        self.call.poll_unpin(cx)
    }
}

impl Future for FirstPoll {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(method) = self.method.take() else {
            return self.poll_call(cx);
        };
        let start = Instant::now();
        let polled = self.poll_call(cx);
        method.note(polled.is_ready(), start.elapsed());
        polled
    }
}

/// Answers one call, exactly once: a method that panics answers by dropping it.
pub(super) struct Responder {
    outbox: Arc<Outbox>,
    method: Arc<str>,
    seq: u64,
    answered: bool,
}

impl Responder {
    /// The service and method called.
    pub(super) fn method(&self) -> &str {
        &self.method
    }

    pub(super) async fn reply<R: Encode>(mut self, reply: &R) {
        self.outbox.ready().await;
        self.answered = true;
        if let Err(SendError::Encode(error)) = self.send("", reply) {
            let text = format!("rpc: error encoding the reply of {}: {error}", self.method);
            let _ = self.send(&text, &Empty {});
        }
    }

    pub(super) async fn fail(self, error: &str) {
        self.outbox.ready().await;
        self.fail_now(error);
    }

    /// Answers without waiting for room.
    fn fail_now(mut self, error: &str) {
        self.answered = true;
        // An empty text would pass for success.
        let error = if error.is_empty() {
            "unspecified error"
        } else {
            error
        };
        let _ = self.send(error, &Empty {});
    }

    fn send<R: Encode>(&self, error: &str, reply: &R) -> Result<(), SendError> {
        let response = Response {
            service_method: &self.method,
            seq: self.seq,
            error,
        };
        self.outbox.send(&response, reply)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            let text = format!("rpc: {} ended without a reply", self.method);
            let _ = self.send(&text, &Empty {});
        }
    }
}
