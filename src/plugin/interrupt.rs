//! SIGINT, which the plugin leaves to its host, and SIGTERM.

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

/// The signals that ask the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// SIGTERM, which otherwise ends the process at once.
    pub(super) terminate: bool,
    /// SIGINT.
    pub(super) interrupt: bool,
}

/// Ready when the process was asked to end.
#[cfg(unix)]
pub(super) fn ended(by: Ends) -> io::Result<impl Future<Output = ()>> {
    use std::future::pending;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    let watch = |kind, wanted: bool| wanted.then(|| signal(kind)).transpose();
    let terminate = watch(SignalKind::terminate(), by.terminate)?;
    let interrupt = watch(SignalKind::interrupt(), by.interrupt)?;
    let received = async |signal: Option<Signal>| match signal {
        Some(mut signal) => drop(signal.recv().await),
        None => pending().await,
    };
    Ok(async move {
        tokio::select! {
            () = received(terminate) => tracing::info!("the process got SIGTERM"),
            () = received(interrupt) => tracing::info!("the process got SIGINT"),
        }
    })
}

/// Ready when the process was asked to end, by Ctrl-C. There is no SIGTERM.
#[cfg(not(unix))]
pub(super) fn ended(by: Ends) -> io::Result<impl Future<Output = ()>> {
    Ok(async move {
        if !by.interrupt || tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        tracing::info!("the process got Ctrl-C");
    })
}
