//! The connection of a remote that stays valid when its plugin is started anew.
//!
//! A supervisor puts the connections that are in service into a [`Route`], and the calls of the
//! remotes take them from there. The route's value is read under the lock of the watch channel,
//! shared between readers; a supervisor writes it a few times each restart.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::broker::MuxBroker;
use crate::rpc::{self, CallError, Deadline};
use plugwire_base::instant;

/// Why there is no plugin to call.
pub(crate) type Cause = Arc<dyn StdError + Send + Sync>;

/// How many calls a process has under way, in the lower half, and how many have begun, in the
/// upper half, which wraps.
#[derive(Debug, Default)]
pub(crate) struct Usage(AtomicU64);

const BEGUN: u64 = 1 << 32;

impl Usage {
    fn enter(&self) {
        // One operation for both. It happens under the route's lock, so once a connection
        // is out of its route, all calls that have it are counted.
        self.0.fetch_add(BEGUN.wrapping_add(1), Ordering::AcqRel);
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    /// The calls under way.
    pub(crate) fn calls(&self) -> u32 {
        // The lower half.
        self.0.load(Ordering::Acquire) as u32
    }

    /// How many calls have begun. It wraps.
    pub(crate) fn begun(&self) -> u32 {
        (self.0.load(Ordering::Acquire) >> 32) as u32
    }
}

/// A connection to what one process serves under a name.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) rpc: rpc::Client,
    pub(crate) broker: MuxBroker,
    /// Of the process.
    pub(crate) usage: Arc<Usage>,
    /// Distinguishes the processes of a supervisor.
    pub(crate) process: u64,
}

/// What becomes of a call for which there is no connection.
#[derive(Clone, Debug)]
pub(crate) enum Outlook {
    /// The plugin is being started, or will be. The cause is that of the last failure.
    Coming(Option<Cause>),
    /// The next call starts it.
    Idle,
    /// It stays down.
    Down(Option<Cause>),
}

/// What is in service under a name.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) up: Vec<Arc<Connection>>,
    pub(crate) outlook: Outlook,
}

/// What a supervised call does while there is no plugin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long a call without a deadline waits.
    pub(crate) wait: Duration,
    /// Whether calls fail at once after a failure of the plugin.
    pub(crate) fails_at_once: bool,
    /// How often a call may be made anew.
    pub(crate) repeats: u32,
}

/// Where the remotes of one name find their connection.
pub(crate) struct Route {
    pub(crate) name: String,
    service: watch::Sender<Service>,
    patience: Patience,
    /// Of the processes of a pool that have as many calls.
    turn: AtomicUsize,
    /// Asks an idle supervisor for a plugin.
    wake: Arc<watch::Sender<u64>>,
}

impl Route {
    pub(crate) fn new(
        name: String,
        outlook: Outlook,
        patience: Patience,
        wake: Arc<watch::Sender<u64>>,
    ) -> Self {
        let up = Vec::new();
        Route {
            name,
            service: watch::Sender::new(Service { up, outlook }),
            patience,
            turn: AtomicUsize::new(0),
            wake,
        }
    }

    /// Changes what is in service.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Service)) {
        self.service.send_modify(change);
    }

    /// Whether its calls are written in gob.
    #[cfg(feature = "host")]
    pub(crate) fn is_gob(&self) -> bool {
        let service = self.service.borrow();
        service.up.first().is_none_or(|up| up.broker.is_gob())
    }

    /// A connection in service, if there is one.
    pub(super) fn take(&self) -> Option<InUse> {
        self.pick(&self.service.borrow().up, None)
    }

    /// A connection in service, other than one that has failed. Waits for one while the plugin is
    /// started, if this supervisor's calls do.
    pub(super) async fn wait(
        &self,
        method: &str,
        deadline: Deadline,
        failed: Option<u64>,
    ) -> Result<InUse, CallError> {
        let limit = match deadline {
            Some((at, _)) => at,
            None => instant::after(self.patience.wait),
        };
        let fails = self.patience.fails_at_once;
        self.wait_until(method, limit, fails, failed).await
    }

    async fn wait_until(
        &self,
        method: &str,
        limit: Instant,
        fails_at_once: bool,
        failed: Option<u64>,
    ) -> Result<InUse, CallError> {
        let mut service = self.service.subscribe();
        let begin = Instant::now();
        let down = |waited, cause| CallError::Down {
            method: method.to_owned(),
            waited,
            source: cause,
        };
        loop {
            let last = {
                let service = service.borrow_and_update();
                if let Some(taken) = self.pick(&service.up, failed) {
                    return Ok(taken);
                }
                match &service.outlook {
                    Outlook::Down(cause) => return Err(down(None, cause.clone())),
                    Outlook::Coming(cause) if fails_at_once && cause.is_some() => {
                        return Err(down(None, cause.clone()));
                    }
                    Outlook::Coming(cause) => cause.clone(),
                    Outlook::Idle => {
                        self.wake();
                        None
                    }
                }
            };
            match timeout_at(limit, service.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(down(None, last)),
                Err(_) => return Err(down(Some(begin.elapsed()), last)),
            }
        }
    }

    /// Of several, one with the fewest calls; of those, they take turns.
    fn pick(&self, up: &[Arc<Connection>], failed: Option<u64>) -> Option<InUse> {
        let usable = |up: &&Arc<Connection>| failed.is_none_or(|failed| up.process != failed);
        let connection = match up {
            [only] => Some(only).filter(usable),
            [] => None,
            several => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                let (last, first) = several.split_at(turn.checked_rem(several.len())?);
                let in_turn = first.iter().chain(last).filter(usable);
                in_turn.min_by_key(|up| up.usage.calls())
            }
        }?;
        connection.usage.enter();
        Some(InUse(Arc::clone(connection)))
    }

    fn wake(&self) {
        self.wake
            .send_modify(|asked| *asked = asked.wrapping_add(1));
    }

    pub(super) fn repeats(&self) -> u32 {
        self.patience.repeats
    }

    /// The connection in service, for calls by hand.
    pub(super) fn rpc_client(&self) -> rpc::Client {
        match self.take() {
            Some(taken) => taken.rpc.clone(),
            None => rpc::Client::ended(),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.name)
            .field("service", &*self.service.borrow())
            .finish_non_exhaustive()
    }
}

/// A connection that a call has.
#[derive(Debug)]
pub(super) struct InUse(Arc<Connection>);

impl std::ops::Deref for InUse {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.usage.leave();
    }
}
