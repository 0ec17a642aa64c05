//! The calling side.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::in_flight::InFlight;
use super::inbox::{Inbox, ReceiveError};
use super::message::{Request, Response};
use super::outbox::{Outbox, SendError};
use super::{BoxIo, Config, Encode};
use crate::chain::Chain;
use crate::codec::{DecodeError, EncodeError, Message};
use crate::deadline::{Deadlines, Timer};
use crate::escape::Escaped;
use crate::rescue::{self, Watch};

/// A connection to a [`Server`](super::Server), or to any `net/rpc` server of Go's.
///
/// Cheap to clone; the clones are one connection, and may be called from any number of tasks at
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
    calls: Mutex<InFlight>,
    deadlines: Deadlines,
}

struct Task {
    shared: Arc<Shared>,
    handle: JoinHandle<()>,
}

impl Task {
    fn end(&self) {
        self.shared.end(|| CallError::Shutdown);
        self.handle.abort();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why a call gave no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The peer answered with an error: its text, as it came. Printed, it is on one line, with line
    /// breaks and other control characters written out, so that it can go to a terminal or a log.
    #[error("{}", Escaped(.0))]
    Server(String),
    /// The connection was closed before the call, or on this side during it.
    #[error("connection is shut down")]
    Shutdown,
    /// The peer ended the connection before it answered.
    #[error("unexpected EOF")]
    UnexpectedEof,
    /// The connection broke before the answer came.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// No answer came within the deadline of [`Client::with_timeout`].
    #[error("{method} gave no answer within {timeout:?}")]
    Timeout {
        /// The service and method called.
        method: String,
        /// How long the answer was waited for.
        timeout: Duration,
    },
    /// The argument cannot be written; nothing was sent.
    #[error("cannot encode the argument of {method}")]
    Encode {
        /// The service and method called.
        method: String,
        /// What is wrong with it.
        source: EncodeError,
    },
    /// The reply is not of the type expected.
    #[error("cannot decode the reply of {method}")]
    Decode {
        /// The service and method called.
        method: String,
        /// What is wrong with it.
        source: DecodeError,
    },
}

impl CallError {
    /// The text that crosses the wire, where a method fails with this: what the peer said as it came,
    /// and everything else with its causes.
    pub(crate) fn for_peer(&self) -> String {
        match self {
            CallError::Server(text) => text.clone(),
            error => Chain(error).to_string(),
        }
    }

    /// What the peer said, as it came, where it answered with an error.
    pub fn peer_text(&self) -> Option<&str> {
        match self {
            CallError::Server(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the peer has the service but not the method: it is older than the caller, or
    /// another plugin.
    pub fn is_method_not_found(&self) -> bool {
        matches!(self, CallError::Server(text) if text.starts_with("rpc: can't find method "))
    }

    /// Whether the peer does not have the service.
    pub fn is_service_not_found(&self) -> bool {
        matches!(self, CallError::Server(text) if text.starts_with("rpc: can't find service "))
    }

    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, CallError::Timeout { .. })
    }

    /// Whether the connection is of no more use.
    pub fn is_disconnected(&self) -> bool {
        matches!(
            self,
            CallError::Shutdown | CallError::UnexpectedEof | CallError::Connection(_)
        )
    }
}

impl Client {
    /// Starts calling over a byte stream.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the replies are read by a task of their own.
    pub fn new<T>(io: T, config: impl Into<Config>) -> Client
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let config = config.into();
        let (read, write) = tokio::io::split(Box::new(io) as BoxIo);
        let shared = Arc::new(Shared {
            outbox: Outbox::new(write, config),
            calls: Mutex::new(InFlight::new()),
            deadlines: Deadlines::default(),
        });
        let handle = {
            let run = run(shared.clone(), Inbox::of_replies(read, config));
            tokio::spawn(rescue::guard(run, Watch::Woken))
        };
        Client {
            task: Arc::new(Task {
                shared: shared.clone(),
                handle,
            }),
            shared,
            timeout: None,
        }
    }

    /// The same connection with a deadline for each call made through the returned handle.
    pub fn with_timeout(&self, timeout: Duration) -> Client {
        Client {
            timeout: Some(timeout),
            ..self.clone()
        }
    }

    /// Calls `method`, such as `Plugin.Greet`, and waits for its reply.
    ///
    /// Go methods without an argument or a reply of use take and give a nil `interface{}`: that is
    /// `()` here. Dropping the future abandons the call: the peer still runs it, and its reply is
    /// thrown away.
    pub async fn call<A, R>(&self, method: &str, argument: &A) -> Result<R, CallError>
    where
        A: Encode + ?Sized,
        R: DeserializeOwned,
    {
        let reply = match self.timeout {
            None => self.exchange(method, argument).await,
            Some(timeout) => {
                let exchange = self.exchange(method, argument);
                match self.shared.deadlines.timeout(timeout, exchange).await {
                    Ok(reply) => reply,
                    Err(_) => Err(CallError::Timeout {
                        method: method.to_owned(),
                        timeout,
                    }),
                }
            }
        }?;
        reply.body.decode().map_err(|source| CallError::Decode {
            method: method.to_owned(),
            source,
        })
    }

    async fn exchange<A>(&self, method: &str, argument: &A) -> Result<Message, CallError>
    where
        A: Encode + ?Sized,
    {
        let shared = &*self.shared;
        shared.outbox.ready().await;
        let (seq, reply) = shared.calls().begin().ok_or(CallError::Shutdown)?;
        let mut waiting = Waiting {
            shared,
            seq,
            answered: false,
        };
        let request = Request {
            service_method: method,
            seq,
        };
        shared
            .outbox
            .send(&request, argument)
            .map_err(|error| match error {
                SendError::Closed => CallError::Shutdown,
                SendError::Encode(source) => CallError::Encode {
                    method: method.to_owned(),
                    source,
                },
            })?;
        let reply = reply.await.unwrap_or(Err(CallError::Shutdown));
        waiting.answered = true;
        reply
    }

    /// The deadlines that the connection's task sees to.
    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.shared.deadlines
    }

    /// Closes the connection. Calls that wait, and all later ones, fail with
    /// [`CallError::Shutdown`].
    pub fn close(&self) {
        self.task.end();
    }

    /// How many calls wait for their reply.
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

    fn end(&self, error: impl FnMut() -> CallError) {
        self.outbox.close();
        self.calls().end(error);
    }
}

/// A call that waits; dropped without an answer, it is forgotten.
struct Waiting<'a> {
    shared: &'a Shared,
    seq: u64,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.shared.calls().abandon(self.seq);
        }
    }
}

/// Sees to the deadlines, reads replies, and writes what the callers could not, until the connection ends.
async fn run(shared: Arc<Shared>, mut inbox: Inbox) {
    let mut timer = Timer::default();
    let _owned = shared.deadlines.own();
    let error = poll_fn(|cx| {
        shared.deadlines.poll(&mut timer, cx);
        if let Poll::Ready(error) = shared.outbox.poll_write(cx) {
            return Poll::Ready(ReceiveError::Decode(error.into()));
        }
        loop {
            match inbox.poll_next(cx) {
                Poll::Ready(Ok(reply)) => {
                    if let Err(error) = take_reply(&shared, reply) {
                        return Poll::Ready(ReceiveError::Decode(error));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    shared.end(|| match &error {
        ReceiveError::Eof => CallError::UnexpectedEof,
        ReceiveError::Decode(error) => CallError::Connection(error.to_string()),
    });
}

/// Hands a reply to its call. An error means that the peer's headers cannot be read.
fn take_reply(shared: &Shared, reply: Message) -> Result<(), DecodeError> {
    let header: Response<'_> = reply.header.decode()?;
    let (seq, error) = (header.seq, header.error);
    let outcome = if error.is_empty() {
        Ok(reply)
    } else {
        Err(CallError::Server(error.to_owned()))
    };
    if !shared.calls().complete(seq, outcome) {
        tracing::debug!(seq, "a reply for a call that nobody waits for");
    }
    Ok(())
}
