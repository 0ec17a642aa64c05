//! How long a call may take.

use std::time::Duration;

use tokio::time::Instant;

use super::call_error::CallError;
use plugwire_base::instant;

/// When a call is given up, and how long that is from its beginning.
pub(crate) type Deadline = Option<(Instant, Duration)>;

/// How long a call may still take.
#[derive(Clone, Copy)]
pub(super) enum Left {
    Forever,
    /// From now on. The clock need not be read.
    All(Duration),
    Until(Instant),
}

impl Left {
    /// As the header of a request has it: at least 1 where there is a deadline, since 0 is none.
    pub(super) fn nanos(self) -> i64 {
        let left = match self {
            Left::Forever => return 0,
            Left::All(timeout) => timeout,
            Left::Until(deadline) => deadline.saturating_duration_since(Instant::now()),
        };
        i64::try_from(left.as_nanos()).unwrap_or(i64::MAX).max(1)
    }
}

/// The earlier of a call's own deadline and the one that it inherits, and how long that is from
/// now.
pub(crate) fn deadline(timeout: Option<Duration>, inherited: Option<Instant>) -> Deadline {
    if timeout.is_none() && inherited.is_none() {
        // The clock need not be read.
        return None;
    }
    let now = Instant::now();
    let own = timeout.map(|timeout| (instant::later(now, timeout), timeout));
    let inherited = inherited.map(|at| (at, at.saturating_duration_since(now)));
    match (own, inherited) {
        (Some(own), Some(inherited)) => Some(if own.0 <= inherited.0 { own } else { inherited }),
        (own, inherited) => own.or(inherited),
    }
}

pub(crate) fn too_late(method: &str, timeout: Duration) -> CallError {
    CallError::Timeout {
        method: method.to_owned(),
        timeout,
    }
}
