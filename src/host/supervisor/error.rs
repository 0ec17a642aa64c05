//! Why a supervised plugin is down, or was not replaced.

use std::error::Error;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use crate::InvalidOption;
use crate::connection::DispenseError;
use crate::host::{LaunchError, ReattachError};
use crate::mux::SessionError;
use crate::rpc::{CallError, Crash};

/// Why a supervised plugin is down.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// It could not be started, or was not fit for use.
    #[error("the plugin was not started")]
    NotStarted(#[source] Arc<StartError>),
    /// Its process ended, and its host had not asked it to.
    #[error("{0}")]
    Crashed(Arc<Crash>),
    /// It dropped its connection and lived on. It was killed.
    #[error("the plugin dropped its connection")]
    Disconnected(#[source] SessionError),
    /// It failed a check. It was killed.
    #[error("the plugin is not healthy")]
    Unhealthy(#[source] Arc<HealthError>),
    /// Its host ended it past the supervisor, as
    /// [`cleanup_clients`](crate::host::cleanup_clients) does.
    #[error("the plugin was ended by its host")]
    Ended,
    /// It reached the limit of its policy.
    #[error("the plugin failed after {restarts} restarts within {window:?}")]
    GivenUp {
        /// The restarts.
        restarts: u32,
        /// The time in which they were.
        window: Duration,
        /// The last failure.
        source: Box<Cause>,
    },
    /// Its supervisor was shut down, or dropped.
    #[error("the plugin's supervisor has ended")]
    Shutdown,
    /// Its supervisor has left it to the next host.
    #[error("the plugin was left to another host")]
    Detached,
}

impl Cause {
    /// Whether the plugin ended for another reason than that it was done.
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Cause::Crashed(crash) => !crash.status.as_ref().is_some_and(ExitStatus::success),
            _ => true,
        }
    }

    /// How the process ended, if it did so by itself.
    #[must_use]
    pub fn crash(&self) -> Option<&Crash> {
        match self {
            Cause::Crashed(crash) => Some(crash),
            Cause::GivenUp { source, .. } => source.crash(),
            _ => None,
        }
    }
}

/// Why a process of a supervised plugin was not put into service. It was ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It could not be launched.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// An earlier host has left it, and it could not be taken over.
    #[error(transparent)]
    Reattach(#[from] ReattachError),
    /// An earlier host has left it, and did not check its executable to have the checksum that this
    /// host demands.
    #[error("the plugin was not started from an executable with the right checksum")]
    OtherExecutable,
    /// It does not serve what the process before did.
    #[error("the plugin does not serve {name:?} any more")]
    Dispense {
        /// The name that was dispensed before.
        name: String,
        /// Why it cannot be any more.
        source: DispenseError,
    },
    /// It failed the first check.
    #[error("the plugin is not healthy")]
    Unhealthy(#[from] HealthError),
    /// Code of the host's author panicked: a runner, or [`Launch::each_time`].
    ///
    /// [`Launch::each_time`]: crate::host::Launch::each_time
    #[error("starting the plugin panicked")]
    Panicked,
}

/// Why a plugin is not healthy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HealthError {
    /// It does not answer a ping.
    #[error("the plugin does not answer")]
    Ping(#[source] CallError),
    /// The check of the host's author failed.
    #[error("the check failed")]
    Check(#[source] Box<dyn Error + Send + Sync>),
    /// The checks were not done in time.
    #[error("the check took longer than {deadline:?}")]
    Timeout {
        /// The time that they had.
        deadline: Duration,
    },
    /// The check of the host's author panicked.
    #[error("the check panicked")]
    Panicked,
}

/// Why a plugin was not reloaded. The process that was in service still is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// An option of the new configuration has a value that it cannot have. Nothing was started.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// The new process was not put into service.
    #[error("the plugin was not reloaded")]
    Start(#[source] Arc<StartError>),
    /// The supervisor was shut down meanwhile.
    #[error("the plugin's supervisor has ended")]
    Shutdown,
}
