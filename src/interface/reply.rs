//! The end of a call that lends something, or whose reply does.

use super::Error;
use super::lease::Lease;
use crate::rpc::{self, CallError};

/// The reply has come, and what it lends could not be connected to. Where that is because the
/// plugin's process has crashed, it is what the call fails with.
pub(super) async fn lost_behind_reply(rpc: &rpc::Client, method: &str, error: Error) -> Error {
    let (Error::Dial(dial) | Error::Connect { source: dial, .. }) = &error else {
        return error;
    };
    if !dial.is_disconnected() && !dial.is_closed() {
        return error;
    }
    match rpc.crashed(method, dial.is_disconnected()).await {
        Some(crashed) => crashed.into(),
        None => error,
    }
}

/// Waits until all that the peer wrote before it replied has been written on. Fails when what
/// was lent has failed: to the peer that looks like an end, or like an error of its own.
pub(super) async fn settle(leases: &[Lease], method: &str, replied: bool) -> Result<(), Error> {
    for lease in leases {
        if replied {
            lease.drained().await;
        }
        if let Some(source) = lease.failure() {
            return Err(Error::Stream {
                method: method.to_owned(),
                source,
            });
        }
    }
    Ok(())
}

/// Whether the peer has answered, with a reply or an error.
pub(super) fn is_answer<R>(reply: &Result<R, CallError>) -> bool {
    match reply {
        Ok(_) => true,
        Err(error) => !error.is_timeout() && !error.is_disconnected(),
    }
}
