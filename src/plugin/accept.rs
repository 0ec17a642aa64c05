//! The accept loop: from a listening socket to the end of serving.

use std::io;
use std::pin::pin;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::connection::{Ended, Failed, Handler};
use super::door::Door;
use super::error::ServeError;
use super::listener::Listener;
use super::shutdown::Shutdown;
use crate::connection::ConnectionError;
use crate::mux::SessionError;
use crate::tuning::plugin as tuning;
use plugwire_base::chain::logged;
use plugwire_base::rate_limited_log::RateLimitedLog;
use plugwire_base::rescue::{self, Watch};

/// Why serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A host asked the plugin to quit.
    Quit,
    /// The host that started the plugin is gone, and no other is connected.
    HostGone,
    /// The process was asked to end by a signal.
    Signal,
}

impl End {
    fn why(self) -> Shutdown {
        match self {
            End::Quit => Shutdown::Quit,
            End::HostGone => Shutdown::HostGone,
            End::Signal => Shutdown::Signal,
        }
    }
}

/// Serves connections until one of them asks the plugin to quit, until the process is asked to end,
/// or until `host_gone` is ready and no connection is left. The end of a connection does not end
/// serving: another host may take over. Removes the listener at the end. Connections go on while
/// the handler's shutdown runs.
pub(super) async fn accept(
    mut door: Door<Listener>,
    handler: Handler,
    mut quit: watch::Receiver<bool>,
    host_gone: impl Future<Output = ()>,
    terminated: impl Future<Output = ()>,
) -> Result<End, ServeError> {
    let mut connections = JoinSet::new();
    let mut host_gone = pin!(host_gone);
    let mut terminated = pin!(terminated);
    let mut abandoned = false;
    let mut asker_ended = false;
    let mut failures = RateLimitedLog::default();
    let end = loop {
        if abandoned && connections.is_empty() {
            tracing::info!("the host is gone, so the plugin stops");
            break End::HostGone;
        }
        tokio::select! {
            accepted = door.accept() => {
                let accepted = accepted.map_err(ServeError::Accept)?;
                let handler = handler.clone();
                door.admit(&mut connections, |place| {
                    rescue::guard(handler.handle(accepted, place), Watch::Woken)
                });
            }
            Some(ended) = connections.join_next() => if log_end(ended, &mut failures) {
                asker_ended = true;
                break End::Quit;
            },
            // The handler holds the sender, so this cannot fail.
            () = async { drop(quit.wait_for(|&quit| quit).await) } => break End::Quit,
            () = &mut host_gone, if !abandoned => abandoned = true,
            () = &mut terminated => break End::Signal,
        }
    };
    drop(door);
    handler.shutting_down.run(end.why()).await;
    let finish = async {
        while end == End::Quit
            && !asker_ended
            && let Some(ended) = connections.join_next().await
        {
            asker_ended = log_end(ended, &mut failures);
        }
    };
    if timeout(tuning::FINISH, finish).await.is_err() {
        tracing::debug!("the host that asked to quit does not hang up");
    }
    // The connections of other hosts end with the plugin, as in Go.
    connections.shutdown().await;
    Ok(end)
}

/// Logs the end of a connection; warns of frequent failures only now and then. Returns whether the
/// connection had asked the plugin to quit.
fn log_end(ended: Result<Ended, JoinError>, failures: &mut RateLimitedLog) -> bool {
    let asked = ended.as_ref().is_ok_and(|ended| ended.asked);
    match ended.map(|ended| ended.result) {
        Ok(Ok(())) => tracing::debug!("connection ended"),
        // A Go host connects like this before it reattaches, to see whether the socket is served.
        Ok(Err(Failed::Connection(ConnectionError::Session(SessionError::PeerClosed)))) => {
            tracing::debug!("connection ended before it was set up");
        }
        Ok(Err(Failed::Tls(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {
            tracing::debug!("connection ended before its TLS handshake");
        }
        Ok(Err(error)) => match failures.note_now() {
            Some(times) => tracing::warn!(error = %logged(&error), times, "connection failed"),
            None => tracing::debug!(error = %logged(&error), "connection failed"),
        },
        // There can be many of these, and the door has warned of them.
        Err(error) if error.is_cancelled() => tracing::debug!("connection dropped for a newer one"),
        Err(error) => tracing::error!(%error, "connection failed"),
    }
    asked
}
