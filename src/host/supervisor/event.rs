//! What becomes of a supervised plugin: its state, and the changes of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::error::{Cause, HealthError, StartError};

/// What a supervised plugin is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum State {
    /// It is being started.
    Starting {
        /// Which attempt it is since the last success, from 1.
        attempt: u32,
    },
    /// It is in service.
    Ready {
        /// The process id, where there is one.
        pid: Option<u32>,
    },
    /// It failed, and is going to be started again.
    BackingOff {
        /// When it is started.
        until: Instant,
        /// How many times in a row it has failed.
        failures: u32,
        /// The last failure.
        cause: Cause,
    },
    /// It had nothing to do and was stopped. The next call starts it.
    Idle,
    /// It is down, and its policy does not start it again; or its supervisor has ended.
    Stopped {
        /// Why.
        cause: Cause,
    },
    /// It failed too often, and stays down until it is [reloaded](super::Supervisor::reload).
    Failed {
        /// [`Cause::GivenUp`].
        cause: Cause,
    },
}

impl State {
    /// Whether the plugin is in service.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, State::Ready { .. })
    }

    /// Why the plugin is down, if it is because of a failure or an end.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            State::BackingOff { cause, .. }
            | State::Stopped { cause }
            | State::Failed { cause } => Some(cause),
            State::Starting { .. } | State::Ready { .. } | State::Idle => None,
        }
    }

    /// Of several processes, the one nearest to service speaks for all.
    pub(super) fn rank(&self) -> u32 {
        match self {
            State::Ready { .. } => 0,
            State::Starting { .. } => 1,
            State::BackingOff { .. } => 2,
            State::Idle => 3,
            State::Failed { .. } => 4,
            State::Stopped { .. } => 5,
        }
    }
}

/// Something that has happened to a supervised plugin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Which process of a pool, from 0.
    pub instance: usize,
    /// What has happened.
    pub kind: EventKind,
}

/// What has happened to a supervised plugin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// It is being started.
    Starting {
        /// Which attempt it is since the last success, from 1.
        attempt: u32,
    },
    /// It is in service.
    Ready {
        /// The process id, where there is one.
        pid: Option<u32>,
    },
    /// It was started by an earlier host, and is in service.
    Resumed {
        /// The process id, where there is one.
        pid: Option<u32>,
    },
    /// It was started by an earlier host, and was not taken over. It was ended, if it had not ended
    /// by itself. [`Starting`](Self::Starting) follows.
    NotResumed(Arc<StartError>),
    /// It could not be started, or has ended, or had to be ended.
    Down {
        /// The process id, where there was one.
        pid: Option<u32>,
        /// Why.
        cause: Cause,
    },
    /// It is going to be started again.
    BackingOff {
        /// After this time.
        delay: Duration,
        /// How many times in a row it has failed.
        failures: u32,
    },
    /// A check failed. [`Down`](Self::Down) follows.
    HealthFailed(Arc<HealthError>),
    /// It had nothing to do, and was stopped until the next call.
    Idle,
    /// Another process took the place of the one in service.
    Reloaded {
        /// The id of the new process, where there is one.
        pid: Option<u32>,
    },
    /// Another process was to take the place of the one in service, which goes on.
    NotReloaded(Arc<StartError>),
    /// A process that was replaced has ended, or was ended.
    Drained {
        /// Its id, where there was one.
        pid: Option<u32>,
        /// Whether it had finished what it had.
        finished: bool,
    },
    /// It was left to the next host. [`Stopped`](Self::Stopped) follows.
    Detached {
        /// The process id, where there is one.
        pid: Option<u32>,
        /// Whether it had finished the calls and streams of this host.
        finished: bool,
    },
    /// It stays down: [`State::Stopped`].
    Stopped,
    /// It stays down: [`State::Failed`].
    Failed(Cause),
    /// This many events were not read in time, and are lost to this reader.
    Missed(u64),
}

/// The events of a supervised plugin, from when it was asked for.
///
/// The newest 256 wait for a reader. One that is slower finds [`EventKind::Missed`].
#[derive(Debug)]
pub struct Events(pub(super) broadcast::Receiver<Event>);

impl Events {
    /// The next event. `None` once the supervisor has ended.
    ///
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Event {
                instance: 0,
                kind: EventKind::Missed(missed),
            }),
        }
    }
}

/// The state of a supervised plugin, and its changes.
#[derive(Clone, Debug)]
pub struct StateWatch(pub(super) watch::Receiver<State>);

impl StateWatch {
    /// The state now.
    #[must_use]
    pub fn now(&self) -> State {
        self.0.borrow().clone()
    }

    /// Waits for the state to change, and gives it. States that came and went meanwhile are left
    /// out. `None` once the supervisor has ended.
    ///
    /// Dropping the future loses no change.
    pub async fn changed(&mut self) -> Option<State> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }

    /// Waits for a state. `None` if the supervisor ends before.
    pub async fn until(&mut self, mut reached: impl FnMut(&State) -> bool) -> Option<State> {
        let state = self.0.wait_for(|state| reached(state)).await.ok()?;
        Some(state.clone())
    }
}
