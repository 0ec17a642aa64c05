//! SIGINT, which the plugin leaves to its host.

use std::io;

use tokio::task::JoinSet;

/// Swallows SIGINT from now on, and counts it in the log as long as `tasks` lives.
#[cfg(unix)]
pub(super) fn ignore(tasks: &mut JoinSet<()>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    // tokio's handler stays installed when the stream is dropped, so the signal stays swallowed.
    let mut interrupts = signal(SignalKind::interrupt())?;
    tasks.spawn(async move {
        let mut count = 0_u64;
        while interrupts.recv().await.is_some() {
            count += 1;
            tracing::trace!(count, "plugin received interrupt signal, ignoring");
        }
    });
    Ok(())
}

/// Swallows Ctrl-C from now on, and counts it in the log as long as `tasks` lives.
#[cfg(not(unix))]
pub(super) fn ignore(tasks: &mut JoinSet<()>) -> io::Result<()> {
    tasks.spawn(async move {
        let mut count = 0_u64;
        while tokio::signal::ctrl_c().await.is_ok() {
            count += 1;
            tracing::trace!(count, "plugin received interrupt signal, ignoring");
        }
    });
    Ok(())
}
