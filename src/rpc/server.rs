//! The answering side.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::inbox::{Inbox, ReceiveError};
use super::message::{Empty, Request, Response};
use super::outbox::{Outbox, SendError};
use super::running::Running;
use super::service::{Method, QUICK};
use super::{BoxIo, Config, Encode, Service};
use crate::codec::{DecodeError, Message};

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
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a service under a name. go-plugin's peers know one, `Plugin`.
    pub fn register(mut self, name: impl Into<String>, service: Service) -> Self {
        Arc::make_mut(&mut self.services).insert(name.into(), service);
        self
    }

    /// Serves one connection until the peer finishes; calls that still run then are waited for.
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
        let mut connection = Connection {
            services: self.services.clone(),
            outbox: Arc::new(Outbox::new(write, config)),
            inbox: Inbox::new(read, config),
            running: JoinSet::new(),
            max_calls: config.calls(),
            slow: false,
            last: None,
        };
        let received = poll_fn(|cx| connection.poll_receive(cx)).await;
        if received.is_ok() {
            poll_fn(|cx| connection.poll_finish(cx)).await;
        }
        received
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
    max_calls: usize,
    /// Whether calls on this task are timed, since the last turn took longer than it should.
    slow: bool,
    /// What was called last, and mostly is called next.
    last: Option<Called>,
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
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServeError>> {
        while let Poll::Ready(Some(_)) = self.running.poll_join_next(cx) {}
        self.outbox.hold();
        let received = self.poll_requests(cx);
        let was_full = self.outbox.is_full();
        if let Poll::Ready(error) = self.outbox.poll_write(cx) {
            return Poll::Ready(Err(DecodeError::from(error).into()));
        }
        if was_full && !self.outbox.is_full() {
            // Requests that were left unread do not wake the task again.
            cx.waker().wake_by_ref();
        }
        received
    }

    /// Whether one more request may be read. If not, a call that ends or a reply that is written wakes
    /// the task.
    fn has_room(&mut self, cx: &mut Context<'_>) -> bool {
        while self.running.len() >= self.max_calls {
            // Calls that have ended count until they are taken out.
            if self.running.poll_join_next(cx).is_pending() {
                return false;
            }
        }
        !self.outbox.is_full()
    }

    /// Takes one turn.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServeError>> {
        let start = Instant::now();
        let mut requests = 0;
        let received = loop {
            if requests == TURN {
                cx.waker().wake_by_ref();
                break Poll::Pending;
            }
            if !self.has_room(cx) {
                break Poll::Pending;
            }
            match self.inbox.poll_next(cx) {
                Poll::Ready(Ok(request)) => self.start(request, cx)?,
                Poll::Ready(Err(ReceiveError::Eof)) => break Poll::Ready(Ok(())),
                Poll::Ready(Err(ReceiveError::Decode(error))) => {
                    break Poll::Ready(Err(error.into()));
                }
                Poll::Pending => break Poll::Pending,
            }
            requests += 1;
        };
        if requests > 0 {
            self.slow = start.elapsed() > QUICK * requests;
        }
        received
    }

    fn start(&mut self, request: Message, cx: &mut Context<'_>) -> Result<(), DecodeError> {
        let header: Request<'_> = request.header.decode()?;
        let seq = header.seq;
        match self.find(header.service_method) {
            Ok(Called { name, method }) => {
                let responder = self.responder(name, seq);
                let mut call = FirstPoll {
                    call: method.run(request.body, responder),
                    method: Some(method),
                };
                if let Some(method) = &call.method
                    && method.is_quick()
                    && call.ends_at_once(self.slow, cx)
                {
                    return Ok(());
                }
                self.running.spawn(call);
            }
            Err(text) => {
                // There is room: a request is read only while the outbox is not full.
                self.responder(header.service_method.into(), seq)
                    .fail_now(&text);
            }
        }
        Ok(())
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
            if self.outbox.poll_write(cx).is_ready() {
                return Poll::Ready(());
            }
            match self.running.poll_join_next(cx) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return self.outbox.poll_finish(cx).map(|_| ()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
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
            false => self.call.poll_unpin(cx).is_ready(),
        });
        let ended = catch_unwind(call).unwrap_or(true);
        if !ended && let Some(method) = self.method.take() {
            method.note(false, Duration::ZERO);
        }
        ended
    }
}

impl Future for FirstPoll {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(method) = self.method.take() else {
            return self.call.poll_unpin(cx);
        };
        let start = Instant::now();
        let polled = self.call.poll_unpin(cx);
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
