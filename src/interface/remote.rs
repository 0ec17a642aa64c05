//! The calling side of an interface.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::brokered::{Brokered, dial, offer};
use super::lease::{Lease, Lent, Slot};
use super::{BoxFuture, Error, Interface};
use crate::broker::MuxBroker;
use crate::rpc::{self, CallError, Encode};
use plugwire_base::instant;

/// An implementation of the interface `I` in another process: `Remote<dyn Counter>` implements
/// `Counter`.
///
/// A host gets one from [`dispense`](crate::host::Client::dispense). Cheap to clone: the clones are
/// one connection, which ends with the last of them. `Arc::new(remote)` is an `Arc<dyn Counter>`,
/// as an implementation in this process is.
///
/// It does not keep the plugin alive. The plugin ends with its [`Client`](crate::host::Client).
/// From then on calls fail as [disconnected](Error::is_disconnected), with the client's drop as the
/// cause.
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
/// A call whose deadline has passed, or whose future is dropped, is abandoned: the peer still runs
/// it, and its reply is discarded. What the call lent is taken back, unless the peer has connected
/// to it. A [`Reader`](super::Reader) or [`Writer`](super::Writer) that the peer has connected to
/// ends as one that failed: the peer reads and writes an error, so it does not take a part for the
/// whole. An interface that it has connected to lives for as long as the peer keeps it.
pub struct Remote<I: ?Sized> {
    rpc: rpc::Client,
    broker: MuxBroker,
    timeout: Option<Duration>,
    /// By the methods' full names. `None` while there are none.
    method_timeouts: Option<Arc<HashMap<&'static str, Option<Duration>>>>,
    interface: PhantomData<fn(&I)>,
}

/// A method of the interface `I`, under its name on the wire. The attribute makes one for each
/// method: `<dyn Counter>::PUT`.
pub struct Method<I: ?Sized> {
    name: &'static str,
    interface: PhantomData<fn(&I)>,
}

impl<I: ?Sized> Method<I> {
    /// The method of a name such as `Plugin.Put`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Method {
            name,
            interface: PhantomData,
        }
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
    /// connection, for interfaces, readers and writers.
    #[must_use]
    pub fn new(client: rpc::Client, broker: MuxBroker) -> Self {
        Remote {
            rpc: client,
            broker,
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

    /// The connection below, for calls that the interface does not have. An associated function, so
    /// that it hides no method of an interface.
    #[must_use]
    pub fn rpc_client(this: &Self) -> &rpc::Client {
        &this.rpc
    }
}

impl<I: ?Sized> Clone for Remote<I> {
    fn clone(&self) -> Self {
        Remote {
            rpc: self.rpc.clone(),
            broker: self.broker.clone(),
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
            .field("rpc", &self.rpc)
            .field("timeout", &self.timeout)
            .field("method_timeouts", &self.method_timeouts)
            .finish_non_exhaustive()
    }
}

/// One call of a [`Remote`], and what it lends to the peer. When it is dropped before the reply, it
/// takes back what the peer has not dialed.
#[doc(hidden)]
#[derive(Debug)]
pub struct Call<'a> {
    rpc: &'a rpc::Client,
    broker: &'a MuxBroker,
    method: &'static str,
    deadline: Option<(Instant, Duration)>,
    leases: Vec<Lease>,
}

/// Something lent for a call: its id, and the thing itself until the peer has dialed.
#[doc(hidden)]
#[derive(Debug)]
pub struct Loan<B> {
    id: u32,
    slot: Slot<B>,
}

impl<B> Loan<B> {
    /// The id that the peer dials.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Takes the thing back. `None` when the peer has it.
    #[must_use]
    pub fn take_back(self) -> Option<B> {
        self.slot.take()
    }
}

impl<'a> Call<'a> {
    /// Begins a call.
    #[must_use]
    pub fn new<I: ?Sized>(remote: &'a Remote<I>, method: Method<I>) -> Self {
        let timeouts = remote.method_timeouts.as_ref();
        let own = timeouts.and_then(|timeouts| timeouts.get(method.name).copied());
        Call {
            rpc: &remote.rpc,
            broker: &remote.broker,
            method: method.name,
            deadline: own
                .unwrap_or(remote.timeout)
                .map(|timeout| (instant::after(timeout), timeout)),
            leases: Vec::new(),
        }
    }

    /// Offers something to the peer.
    pub fn lend<B: Brokered>(&mut self, value: B) -> Loan<B> {
        let Lent { id, slot, lease } = offer(self.broker, value);
        self.leases.extend(lease);
        Loan { id, slot }
    }

    /// Sends the argument and waits for the reply.
    ///
    /// # Errors
    ///
    /// When the call fails, or what was lent for it does.
    pub async fn send<A, R>(&mut self, argument: &A) -> Result<R, Error>
    where
        A: Encode,
        R: DeserializeOwned,
    {
        let reply = match self.deadline {
            None => self.rpc.call(self.method, argument).await,
            Some((deadline, _)) => {
                let call = self.rpc.call(self.method, argument);
                let called = self.rpc.deadlines().timeout_at(deadline, call).await;
                called.unwrap_or_else(|_| Err(self.too_late()))
            }
        };
        if self.leases.is_empty() {
            return Ok(reply?);
        }
        let settled = self.settle(reply.is_ok());
        let settled = match self.deadline {
            None => settled.await,
            Some((deadline, _)) => {
                let deadlines = self.broker.deadlines();
                match deadlines.timeout_at(deadline, settled).await {
                    Ok(settled) => settled,
                    Err(_) => return Err(self.too_late().into()),
                }
            }
        };
        if is_answer(&reply) {
            self.leases.iter().for_each(Lease::answered);
        }
        settled?;
        for lease in self.leases.drain(..).filter(|_| reply.is_ok()) {
            lease.keep();
        }
        Ok(reply?)
    }

    /// Waits until all that the peer wrote before it replied has been written on. Fails when what
    /// was lent has failed: to the peer that looks like an end, or like an error of its own.
    async fn settle(&self, replied: bool) -> Result<(), Error> {
        for lease in &self.leases {
            if replied {
                lease.drained().await;
            }
            if let Some(source) = lease.failure() {
                return Err(Error::Stream {
                    method: self.method.to_owned(),
                    source,
                });
            }
        }
        Ok(())
    }

    /// Connects to what the peer has lent in its reply.
    #[must_use]
    pub fn dial<B: Brokered>(&self, id: u32) -> BoxFuture<'_, Result<B, Error>> {
        let dialed = dial(self.broker, id);
        match self.deadline {
            None => dialed,
            Some((deadline, _)) => Box::pin(async move {
                let dialed = self.broker.deadlines().timeout_at(deadline, dialed).await;
                dialed.unwrap_or_else(|_| Err(self.too_late().into()))
            }),
        }
    }

    /// Whether the peer answered that it does not have the method called. A text that names another
    /// method is about a call that the peer has made itself.
    #[must_use]
    pub fn is_unknown(&self, error: &Error) -> bool {
        let Error::Call(CallError::Server(text)) = error else {
            return false;
        };
        text.strip_prefix("rpc: can't find method ") == Some(self.method)
    }

    fn too_late(&self) -> CallError {
        CallError::Timeout {
            method: self.method.to_owned(),
            timeout: self
                .deadline
                .map(|(_, timeout)| timeout)
                .unwrap_or_default(),
        }
    }
}

/// Whether the peer has answered, with a reply or an error.
fn is_answer<R>(reply: &Result<R, CallError>) -> bool {
    match reply {
        Ok(_) => true,
        Err(error) => !error.is_timeout() && !error.is_disconnected(),
    }
}
