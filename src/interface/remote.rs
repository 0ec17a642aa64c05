//! The calling side of an interface.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::around::{self, Brought, Unconnected};
use super::brokered::{Brokered, dial, offer};
use super::lease::{Lease, Loan, Loaned, Slot};
use super::map::{self, ArgMap};
use super::reply::{is_answer, lost_behind_reply, settle};
use super::signature::Signature;
use super::supervised::{InUse, Route};
use super::{BoxFuture, Error, Interface};
use crate::broker::MuxBroker;
use crate::codec::Undecoded;
use crate::rpc::call_context;
use crate::rpc::{self, Around, CallError, Deadline, Encode, EndReason, Untaken, too_late};

/// An implementation of the interface `I` in another process: `Remote<dyn Counter>` implements
/// `Counter`.
///
/// A host gets one from [`dispense`](crate::host::Client::dispense). Cheap to clone: the clones are
/// one connection, which ends with the last of them. `Arc::new(remote)` is an `Arc<dyn Counter>`,
/// as an implementation in this process is.
///
/// It does not keep the plugin alive. The plugin ends with its [`Client`](crate::host::Client).
/// From then on calls fail as [disconnected](Error::is_disconnected), with the client's drop as the
/// cause. One that a supervisor dispensed stays valid when its plugin is started anew.
///
/// # Deadlines
///
/// [`with_timeout`](Self::with_timeout) bounds every call through the handle that it returns, and
/// [`with_method_timeout`](Self::with_method_timeout) the calls of one method. A single call gets a
/// deadline through a handle of its own:
///
/// ```
/// # use std::time::Duration;
/// # use plugwire::Remote;
/// # #[plugwire::interface]
/// # trait Counter { async fn get(&self, key: String) -> plugwire::Result<i64>; }
/// # async fn example(counter: Remote<dyn Counter>) -> plugwire::Result<()> {
/// let second = Duration::from_secs(1);
/// counter.with_timeout(second).get("visits".into()).await?;
/// # Ok(())
/// # }
/// ```
///
/// A deadline covers a call from its beginning until its result can be used. That includes
/// connecting to a returned reader or writer.
///
/// # Cancellation
///
/// A call whose deadline has passed, or whose future is dropped, is abandoned: a Go peer still runs
/// it, and its reply is discarded. What the call lent is taken back, unless the peer has connected
/// to it. A [`Reader`](super::Reader) or [`Writer`](super::Writer) that the peer has connected to
/// ends as one that failed: the peer reads and writes an error, so it does not take a part for the
/// whole. An interface that it has connected to lives for as long as the peer keeps it.
///
/// A peer that has this crate ends the call, and takes back what its reply has lent and this side
/// does not connect to: the call was dropped, its deadline has passed, or a part of the reply does
/// not decode or connect. A Go peer has no way to learn of that: what it lends stays until its
/// broker gives it up, and what a reply to it lends, for the
/// [accept timeout](crate::broker::BrokerConfig::accept_timeout).
pub struct Remote<I: ?Sized> {
    link: Link,
    timeout: Option<Duration>,
    /// By the methods' full names. `None` while there are none.
    method_timeouts: Option<Arc<HashMap<&'static str, Option<Duration>>>>,
    interface: PhantomData<fn(&I)>,
}

/// How a remote is connected.
#[derive(Clone, Debug)]
enum Link {
    Fixed {
        rpc: rpc::Client,
        /// `None` for one that stands for a remote while a type is learned.
        broker: Option<MuxBroker>,
    },
    /// To the process in service.
    Supervised(Arc<Route>),
}

/// A method of the interface `I`, under its name on the wire. The attribute makes one for each
/// method: `<dyn Counter>::PUT`.
pub struct Method<I: ?Sized> {
    name: &'static str,
    is_idempotent: bool,
    interface: PhantomData<fn(&I)>,
}

impl<I: ?Sized> Method<I> {
    /// The method of a name such as `Plugin.Put`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Method {
            name,
            is_idempotent: false,
            interface: PhantomData,
        }
    }

    /// The same, as a method that may be called twice for once: a supervised call that is lost in a
    /// crash is made anew. The attribute does this for `#[plugwire(idempotent)]`.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Whether it may be called twice for once.
    #[must_use]
    pub const fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }

    /// The name on the wire, with the service's.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<I: ?Sized> Clone for Method<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: ?Sized> Copy for Method<I> {}

impl<I: ?Sized> fmt::Debug for Method<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Method").field(&self.name).finish()
    }
}

impl<I: Interface + ?Sized> Remote<I> {
    /// The interface that is served at the other end of `client`. The broker is that of the same
    /// connection, for interfaces, readers and writers. The client's timeout becomes that of each
    /// call, until [`with_timeout`](Self::with_timeout) sets another.
    #[must_use]
    pub fn new(client: rpc::Client, broker: MuxBroker) -> Self {
        Remote {
            timeout: client.timeout(),
            link: Link::Fixed {
                rpc: client,
                broker: Some(broker),
            },
            method_timeouts: None,
            interface: PhantomData,
        }
    }

    /// One that calls the process in service.
    #[cfg(feature = "host")]
    pub(crate) fn supervised(route: Arc<Route>, timeout: Option<Duration>) -> Self {
        Remote {
            timeout,
            link: Link::Supervised(route),
            method_timeouts: None,
            interface: PhantomData,
        }
    }

    /// One whose calls all fail, as those do of one whose connection has ended.
    pub(super) fn stand_in() -> Self {
        Remote {
            link: Link::Fixed {
                rpc: rpc::Client::ended(),
                broker: None,
            },
            timeout: None,
            method_timeouts: None,
            interface: PhantomData,
        }
    }

    /// The same connection, with a deadline for each call through the returned handle, or with
    /// none: `None` takes one away that this handle has.
    #[must_use]
    pub fn with_timeout(&self, timeout: impl Into<Option<Duration>>) -> Self {
        Remote {
            timeout: timeout.into(),
            ..self.clone()
        }
    }

    /// The same connection, with a deadline for each call of one method through the returned
    /// handle, in place of that of [`with_timeout`](Self::with_timeout). With `None` the method's
    /// calls have no deadline.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use plugwire::Remote;
    /// # #[plugwire::interface]
    /// # trait Counter { async fn get(&self, key: String) -> plugwire::Result<i64>; }
    /// # fn example(counter: Remote<dyn Counter>) -> Remote<dyn Counter> {
    /// counter
    ///     .with_timeout(Duration::from_secs(60))
    ///     .with_method_timeout(<dyn Counter>::GET, Duration::from_secs(1))
    /// # }
    /// ```
    #[must_use]
    pub fn with_method_timeout(
        &self,
        method: Method<I>,
        timeout: impl Into<Option<Duration>>,
    ) -> Self {
        let mut remote = self.clone();
        let timeouts = remote.method_timeouts.get_or_insert_default();
        Arc::make_mut(timeouts).insert(method.name, timeout.into());
        remote
    }

    /// The remote that an interface is, to give its calls other deadlines. `None` if it is
    /// implemented in this process.
    ///
    /// What was received in a call, or in a part of an argument or reply, has the connection's
    /// deadline for calls.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use plugwire::{Remote, Result};
    /// # #[plugwire::interface]
    /// # trait Logger { async fn log(&self, line: String) -> Result<()>; }
    /// /// Logs within a second or fails.
    /// fn in_a_second(logger: Arc<dyn Logger>) -> Arc<dyn Logger> {
    ///     match Remote::of(&*logger) {
    ///         Some(remote) => Arc::new(remote.with_timeout(Duration::from_secs(1))),
    ///         None => logger,
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn of(interface: &I) -> Option<&Self> {
        interface.remote()
    }

    /// The connection below, for calls that the interface does not have. An associated function, so
    /// that it hides no method of an interface.
    ///
    /// Of a supervised remote it is the connection to the process that is in service now, and ends
    /// with that process; one that has ended, while there is none.
    #[must_use]
    pub fn rpc_client(this: &Self) -> rpc::Client {
        match &this.link {
            Link::Fixed { rpc, .. } => rpc.clone(),
            Link::Supervised(route) => route.rpc_client(),
        }
    }
}

impl<I: ?Sized> Clone for Remote<I> {
    fn clone(&self) -> Self {
        Remote {
            link: self.link.clone(),
            timeout: self.timeout,
            method_timeouts: self.method_timeouts.clone(),
            interface: PhantomData,
        }
    }
}

impl<I: ?Sized> fmt::Debug for Remote<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("interface", &std::any::type_name::<I>())
            .field("link", &self.link)
            .field("timeout", &self.timeout)
            .field("method_timeouts", &self.method_timeouts)
            .finish_non_exhaustive()
    }
}

/// The end of a call.
type Finish<'c, R> = Pin<Box<dyn Future<Output = Result<R, Error>> + Send + 'c>>;

/// One call of a [`Remote`], and what it lends to the peer. When it is dropped before the reply, it
/// takes back what the peer has not dialed.
#[doc(hidden)]
#[derive(Debug)]
pub struct Call<'a> {
    line: Line<'a>,
    method: &'static str,
    is_idempotent: bool,
    deadline: Deadline,
    brought: Brought,
    /// The call's number, from the reply on.
    seq: Option<u64>,
}

/// What a call goes over.
#[derive(Debug)]
enum Line<'a> {
    Fixed(&'a rpc::Client, Option<&'a MuxBroker>),
    Supervised(&'a Route, InUse),
    /// There is no process in service.
    Waiting(&'a Route),
}

impl Line<'_> {
    /// `None` where there is no connection: the call fails.
    fn connection(&self) -> Option<(&rpc::Client, &MuxBroker)> {
        match self {
            Line::Fixed(rpc, broker) => Some((rpc, (*broker)?)),
            Line::Supervised(_, held) => Some((&held.rpc, &held.broker)),
            Line::Waiting(_) => None,
        }
    }

    fn broker(&self) -> Option<&MuxBroker> {
        self.connection().map(|(_, broker)| broker)
    }
}

impl<'a> Call<'a> {
    /// Begins a call.
    #[must_use]
    pub fn new<I: ?Sized>(remote: &'a Remote<I>, method: Method<I>) -> Self {
        let timeouts = remote.method_timeouts.as_ref();
        let own = timeouts.and_then(|timeouts| timeouts.get(method.name).copied());
        Call {
            line: match &remote.link {
                Link::Fixed { rpc, broker } => Line::Fixed(rpc, broker.as_ref()),
                Link::Supervised(route) => match route.take() {
                    Some(held) => Line::Supervised(route, held),
                    None => Line::Waiting(route),
                },
            },
            method: method.name,
            is_idempotent: method.is_idempotent,
            deadline: rpc::deadline(own.unwrap_or(remote.timeout), call_context::deadline()),
            brought: Brought::default(),
            seq: None,
        }
    }

    /// Whether there is no connection yet: see [`connect`](Self::connect).
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.line, Line::Waiting(_))
    }

    /// Waits for the plugin to be in service. Boxed, since it is rare.
    ///
    /// # Errors
    ///
    /// When it stays down, or does not come in time.
    pub fn connect(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if let Line::Waiting(route) = self.line {
                let held = route.wait(self.method, self.deadline, None).await?;
                self.line = Line::Supervised(route, held);
            }
            Ok(())
        })
    }

    /// Waits for another process than the one that the call was lost with.
    fn reconnect(&mut self, route: &'a Route) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(async move {
            let failed = match std::mem::replace(&mut self.line, Line::Waiting(route)) {
                Line::Supervised(_, held) => Some(held.process),
                Line::Fixed(..) | Line::Waiting(_) => None,
            };
            let held = route.wait(self.method, self.deadline, failed).await?;
            self.line = Line::Supervised(route, held);
            Ok(())
        })
    }

    /// Offers something to the peer.
    pub fn lend<B: Brokered>(&mut self, value: B) -> Loan<B> {
        let Some(broker) = self.line.broker() else {
            // The call fails.
            return Loan {
                id: 0,
                slot: Slot::new(value),
            };
        };
        let Loaned { id, slot, lease } = offer(broker, value);
        self.brought.leases.extend(lease);
        Loan { id, slot }
    }

    /// Adds an argument to a map under the name of a Go type.
    ///
    /// # Errors
    ///
    /// When the value has no form in gob.
    pub fn put_as<T: Encode>(
        &mut self,
        map: &mut ArgMap,
        key: &str,
        go: &str,
        value: &T,
    ) -> Result<(), Error> {
        let mut put = || map::put_as(map, key, go, value);
        match self.line.broker() {
            Some(broker) => broker.encode(&mut self.brought, put),
            None => put(),
        }
    }

    /// Sends the argument and waits for the reply.
    ///
    /// # Errors
    ///
    /// When the call fails, or what was lent for it does, or when what the reply lends cannot be
    /// connected to.
    pub async fn send<M: Signature>(&mut self, argument: &M::Args) -> Result<M::Received, Error> {
        M::note_error();
        M::send(self, argument).await
    }

    pub(super) async fn exchange<A, R>(&mut self, argument: &A) -> Result<R, Error>
    where
        A: Encode,
        R: DeserializeOwned + Send,
    {
        let mut repeats = 0;
        loop {
            let Some((rpc, broker)) = self.line.connection() else {
                return Err(CallError::Shutdown(EndReason::Closed).into());
            };
            let mut sent = rpc.begin(self.method);
            let (span, method, deadline) = (sent.span(), self.method, self.deadline);
            let reply = {
                let (brought, sent) = (&mut self.brought, &mut sent);
                // Pinned first, so that it is not moved.
                let calling =
                    pin!(rpc.call_asking(method, argument, broker, brought, deadline, sent));
                calling.instrument(span).await
            };
            let is_sent = sent.seq.is_some();
            self.seq = sent.seq;
            sent.ended(&reply);
            if !self.brought.leases.is_empty() || !self.brought.dials.is_empty() {
                return self.finish(reply).await;
            }
            let error = match reply {
                Ok((reply, _)) => return Ok(reply),
                Err(error) => error,
            };
            let Some(route) = self.repeats(&error, is_sent, repeats) else {
                return Err(error.into());
            };
            repeats = repeats.saturating_add(1);
            if self.reconnect(route).await.is_err() {
                // What the call was lost with says more.
                return Err(error.into());
            }
        }
    }

    /// Where a lost call is made anew, if it may be: it lends nothing, and either cannot have
    /// reached the plugin or may reach it twice.
    fn repeats(&self, error: &CallError, sent: bool, repeats: u32) -> Option<&'a Route> {
        let Line::Supervised(route, _) = self.line else {
            return None;
        };
        let may = error.is_disconnected() && (self.is_idempotent || !sent);
        (may && repeats < route.repeats()).then_some(route)
    }

    /// The reply, once what the call lent is settled and what the reply lends is connected. Boxed,
    /// so that the futures of calls that lend nothing stay small.
    fn finish<'c, R: DeserializeOwned + Send + 'c>(
        &'c mut self,
        reply: Result<(R, Undecoded), CallError>,
    ) -> Finish<'c, R> {
        Box::pin(async move {
            let Some((rpc, broker)) = self.line.connection() else {
                return Err(CallError::Shutdown(EndReason::Closed).into());
            };
            let untaken = match self.brought.dials.is_empty() {
                true => None,
                false => self.seq.map(|seq| rpc.untaken(seq)),
            };
            let settled = settle(&self.brought.leases, self.method, reply.is_ok());
            let settled = match self.deadline {
                None => settled.await,
                Some((deadline, timeout)) => {
                    match broker.deadlines().timeout_at(deadline, settled).await {
                        Ok(settled) => settled,
                        Err(_) => return Err(too_late(self.method, timeout).into()),
                    }
                }
            };
            if is_answer(&reply) {
                self.brought.leases.iter().for_each(Lease::answered);
            }
            settled?;
            for lease in self.brought.leases.drain(..).filter(|_| reply.is_ok()) {
                lease.keep();
            }
            let (reply, undecoded) = reply?;
            let dials = std::mem::take(&mut self.brought.dials);
            let connected = around::connect(broker, dials, reply, around::locate::<R>(&undecoded));
            let connected = match self.deadline {
                None => connected.await,
                Some((deadline, timeout)) => {
                    match broker.deadlines().timeout_at(deadline, connected).await {
                        Ok(connected) => connected,
                        Err(_) => return Err(too_late(self.method, timeout).into()),
                    }
                }
            };
            let connected = match connected {
                Ok(connected) => connected,
                Err(Unconnected { place, error }) => {
                    let source = error;
                    let error = Error::Connect { place, source };
                    return Err(lost_behind_reply(rpc, self.method, error).await);
                }
            };
            untaken.into_iter().for_each(Untaken::taken);
            Ok(connected)
        })
    }

    /// Connects to what the peer has lent in its reply.
    #[must_use]
    pub fn dial<B: Brokered>(&self, id: u32) -> BoxFuture<'_, Result<B, Error>> {
        let Some((rpc, broker)) = self.line.connection() else {
            return Box::pin(async { Err(CallError::Shutdown(EndReason::Closed).into()) });
        };
        let (dialed, method, deadline) = (dial(broker, id), self.method, self.deadline);
        let untaken = self.seq.map(|seq| rpc.untaken(seq));
        Box::pin(async move {
            let dialed = match deadline {
                None => dialed.await,
                Some((deadline, timeout)) => {
                    let dialed = broker.deadlines().timeout_at(deadline, dialed).await;
                    dialed.unwrap_or_else(|_| Err(too_late(method, timeout).into()))
                }
            };
            let dialed = match dialed {
                Ok(dialed) => dialed,
                Err(error) => return Err(lost_behind_reply(rpc, method, error).await),
            };
            untaken.into_iter().for_each(Untaken::taken);
            Ok(dialed)
        })
    }

    /// Whether the peer answered that it does not have the method called. A text that names another
    /// method is about a call that the peer has made itself.
    #[must_use]
    pub fn is_unknown(&self, error: &Error) -> bool {
        let Error::Call(CallError::Server(error)) = error else {
            return false;
        };
        error.text().strip_prefix("rpc: can't find method ") == Some(self.method)
    }
}
