//! Calls that were lost with their connection.

use std::time::Duration;

use futures::future::BoxFuture;

use super::{CallError, Client, EndReason, Ended};
use crate::tuning::rpc::{CONTROL_LOST, SESSION_LOST, STREAM_ENDED};
use plugwire_base::instant;

impl Client {
    /// Finds out whether the connection was lost because the peer's process ended, and with it a
    /// call that was in flight. Boxed: it is rare, and would make the future of every call larger.
    pub(super) fn lost<'a>(
        &'a self,
        method: &'a str,
        error: CallError,
        was_in_flight: bool,
    ) -> BoxFuture<'a, CallError> {
        Box::pin(async move {
            let Some(Ended { reason, at }) = self.current().calls().ended().cloned() else {
                return error;
            };
            let patience = match reason {
                EndReason::Closed => Duration::ZERO,
                EndReason::Failed(_) if self.shared.is_control => CONTROL_LOST,
                EndReason::Failed(_) => SESSION_LOST,
                EndReason::PeerClosed | EndReason::Malformed(_) => STREAM_ENDED,
            };
            let patience = self
                .timeout
                .map_or(patience, |timeout| patience.min(timeout));
            let (obituary, deadline) = (&self.shared.obituary, instant::later(at, patience));
            let crash = match was_in_flight {
                true => obituary.crash_of(method, deadline).await,
                false => obituary.crash(deadline).await,
            };
            match crash {
                Some(crash) => CallError::Crashed {
                    method: method.to_owned(),
                    crash,
                    source: reason,
                },
                None => error,
            }
        })
    }

    /// What a call fails with whose reply has come, where the session or a stream ended before what
    /// the reply lends was connected: the crash of the peer's process, if it has crashed.
    pub(crate) fn crashed<'a>(
        &'a self,
        method: &'a str,
        session_ended: bool,
    ) -> BoxFuture<'a, Option<CallError>> {
        Box::pin(async move {
            let patience = match session_ended {
                true => SESSION_LOST,
                false => STREAM_ENDED,
            };
            let patience = self
                .timeout
                .map_or(patience, |timeout| patience.min(timeout));
            let deadline = instant::after(patience);
            let crash = self.shared.obituary.crash(deadline).await?;
            let ended = self.current().calls().ended().cloned();
            Some(CallError::Crashed {
                method: method.to_owned(),
                crash,
                source: ended.map_or(EndReason::PeerClosed, |ended| ended.reason),
            })
        })
    }
}
