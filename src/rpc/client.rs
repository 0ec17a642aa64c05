//! The calling side.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::around::Around;
use super::call_error::CallError;
use super::crash::Obituary;
use super::deadline::{Deadlines, Timer};
use super::end::EndReason;
use super::in_flight::{Ended, InFlight};
use super::inbox::Inbox;
use super::io::Halves;
use super::message::{Request, Response};
use super::outbox::{Outbox, SendError};
use crate::codec::{CallConfig, DecodeError, Encode, Message, Undecoded};
use crate::tuning::rpc::{SESSION_LOST, STREAM_ENDED};
use plugwire_base::chain::logged;
use plugwire_base::instant;
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
        Self::start(Halves::of(io), config.into(), Obituary::default())
    }

    /// The same over the halves of a stream, with the news of the end of the peer's process.
    pub(crate) fn start(io: impl Into<Halves>, config: CallConfig, obituary: Obituary) -> Client {
        let Halves { read, write } = io.into();
        let shared = Arc::new(Shared {
            outbox: Outbox::new(write, config),
            calls: Mutex::new(InFlight::new()),
            deadlines: Deadlines::default(),
            obituary,
        });
        let handle = {
            let run = run(shared.clone(), Inbox::of_replies(read, config));
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
        let shared = Arc::new(Shared {
            outbox: Outbox::new(Box::new(tokio::io::sink()), config),
            calls: Mutex::new(InFlight::new()),
            deadlines: Deadlines::default(),
            obituary: Obituary::default(),
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
    /// Dropping the future abandons the call: the peer still runs it, and its reply is discarded.
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
        let (reply, _) = self.call_in(method, argument, &(), &mut ()).await?;
        Ok(reply)
    }

    /// The same with something around the values. Returns the reply undecoded, too.
    pub(crate) async fn call_in<A, R, C>(
        &self,
        method: &str,
        argument: &A,
        around: &C,
        brought: &mut C::Brought,
    ) -> Result<(R, Undecoded), CallError>
    where
        A: Encode + ?Sized,
        R: DeserializeOwned,
        C: Around,
    {
        let reply = match self.timeout {
            None => self.exchange(method, argument, around, brought).await,
            Some(timeout) => {
                let exchange = self.exchange(method, argument, around, brought);
                match self.shared.deadlines.timeout(timeout, exchange).await {
                    Ok(reply) => reply,
                    Err(_) => Err(CallError::Timeout {
                        method: method.to_owned(),
                        timeout,
                    }),
                }
            }
        }?;
        let decoded = around.decode(brought, || reply.body.decode());
        match decoded {
            Ok(decoded) => Ok((decoded, reply.body)),
            Err(source) => Err(CallError::Decode {
                method: method.to_owned(),
                source,
            }),
        }
    }

    async fn exchange<A, C>(
        &self,
        method: &str,
        argument: &A,
        around: &C,
        brought: &mut C::Brought,
    ) -> Result<Message, CallError>
    where
        A: Encode + ?Sized,
        C: Around,
    {
        let shared = &*self.shared;
        shared.outbox.ready().await;
        let begun = shared.calls().begin();
        let (seq, reply) = match begun {
            Ok(begun) => begun,
            Err(ended) => return Err(self.lost(method, CallError::Shutdown(ended.reason)).await),
        };
        let mut waiting = Waiting {
            shared,
            seq,
            answered: false,
        };
        let request = Request {
            service_method: method,
            seq,
        };
        match around.encode(brought, || shared.outbox.send(&request, argument)) {
            // The connection is ending, and `reply` gives the reason.
            Ok(()) | Err(SendError::Closed) => {}
            Err(SendError::Encode(source)) => {
                return Err(CallError::Encode {
                    method: method.to_owned(),
                    source,
                });
            }
        }
        let reply = reply.await;
        waiting.answered = true;
        match reply {
            Ok(Err(error)) if error.is_disconnected() => Err(self.lost(method, error).await),
            Ok(reply) => reply,
            Err(_) => Err(CallError::Shutdown(EndReason::Closed)),
        }
    }

    /// Finds out whether the connection was lost because the peer's process ended. Boxed: it is
    /// rare, and would make the future of every call larger.
    fn lost<'a>(&'a self, method: &'a str, error: CallError) -> BoxFuture<'a, CallError> {
        Box::pin(async move {
            let Some(Ended { reason, at }) = self.shared.calls().ended().cloned() else {
                return error;
            };
            let patience = match reason {
                EndReason::Closed => Duration::ZERO,
                EndReason::Failed(_) => SESSION_LOST,
                EndReason::PeerClosed | EndReason::Malformed(_) => STREAM_ENDED,
            };
            let patience = self
                .timeout
                .map_or(patience, |timeout| patience.min(timeout));
            match self
                .shared
                .obituary
                .crash(instant::later(at, patience))
                .await
            {
                Some(crash) => CallError::Crashed {
                    method: method.to_owned(),
                    crash,
                    source: reason,
                },
                None => error,
            }
        })
    }

    /// The deadlines that the connection's task polls.
    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.shared.deadlines
    }

    /// Closes the connection. Calls that wait, and all later ones, fail with
    /// [`CallError::Shutdown`].
    pub fn close(&self) {
        self.task.end();
    }

    /// The number of calls that wait for their reply.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.calls().len()
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

    /// Fails the calls before later ones find the outbox closed.
    fn end(&self, reason: &EndReason) {
        let waiters = self.calls().end(reason);
        for waiter in waiters {
            let _ = waiter.send(Err(CallError::of_pending(reason)));
        }
        self.outbox.close();
    }
}

/// A call that waits. Dropped without an answer, it is forgotten.
struct Waiting<'a> {
    shared: &'a Shared,
    seq: u64,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let waiter = self.shared.calls().remove(self.seq);
            drop(waiter);
        }
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
    let header: Response<'_> = reply.header.decode()?;
    let (seq, error) = (header.seq, header.error);
    let outcome = if error.is_empty() {
        Ok(reply)
    } else {
        Err(CallError::Server(error.into()))
    };
    let waiter = shared.calls().remove(seq);
    if waiter.is_none_or(|waiter| waiter.send(outcome).is_err()) {
        tracing::debug!(seq, "a reply for a call that no longer waits");
    }
    Ok(())
}
