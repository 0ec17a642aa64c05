//! Taking over a plugin that an earlier host has left, with its log.

use std::io::Cursor;

use futures::future::FutureExt;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::Client;
use super::config::ClientConfig;
use super::crash_reporter::Watched;
use super::launch::file_name;
use super::log::LogSink;
use super::outlet::{HostEnds, Outlet};
use super::output::{self, Lines, LogTap, Tail, until_drained};
use super::process::{AttachedProcess, Leftovers};
use super::reattach::{AttachConfig, Attached, ReattachError, attach};
use super::runner::{AttachedRunner, Output};
use super::running::{Parts, Running, Survival};
use super::survivor::Survivor;
#[cfg(feature = "tls")]
use super::tls::Tls;
use crate::handshake::{CORE_PROTOCOL_VERSION, HandshakeError, MAX_LINE};
use crate::sys::background::in_background;
use crate::tuning::host as tuning;

/// How to reattach to a plugin as its configuration says.
fn attach_config(config: &ClientConfig, survivor: &Survivor) -> AttachConfig {
    let mut attach = AttachConfig::new(survivor.reattach.clone());
    attach.options = config.options.clone();
    // It runs, and has only to answer.
    attach.options.start_timeout = config
        .options
        .start_timeout
        .min(config.options.dial_timeout);
    attach.start = survivor.start.clone();
    // The plugin keeps the name that it had with the last host.
    attach.options.name = Some(config.observed().name().to_string());
    #[cfg(feature = "tls")]
    if let Some(Tls::Config(tls)) = &config.tls {
        attach = attach.tls(tls.clone());
    }
    attach
}

/// Takes the plugin over. Its log is read on where the last host stopped.
pub(super) async fn resume(
    config: &mut ClientConfig,
    survivor: &Survivor,
) -> Result<Client, ReattachError> {
    if survivor.core_version != CORE_PROTOCOL_VERSION {
        return Err(ReattachError::Handshake {
            address: survivor.reattach.address.clone(),
            source: HandshakeError::IncompatibleCore {
                plugin: survivor.core_version.to_string(),
            },
        });
    }
    let mut attach_config = attach_config(config, survivor).versions(config.versions.clone());
    let Attached {
        process,
        rpc,
        plugin: name,
        disconnected,
        crash_reporter,
    } = attach(&mut attach_config).await?;
    let (tail, mut pipes, mut tap) = (Tail::default(), JoinSet::new(), None);
    let exit = process.exit().clone();
    match opened(survivor) {
        Some((outlet, HostEnds { stdout, stderr })) => {
            process.prints_to(outlet);
            // What the last host had read comes first.
            let unread = Cursor::new(survivor.unread.0.clone());
            let stderr: Output = Box::new(unread.chain(stderr));
            let (stop, stopped) = LogTap::new();
            tap = Some(stop);
            let lines = Lines::new(stderr, config.log_buffer);
            let log = LogSink::new(name.clone(), config.on_log.take());
            let copy = config.stderr.take();
            let log = output::log_stderr(lines, copy, tail.clone(), log, stopped);
            pipes.spawn(until_drained(exit.clone(), log));
            let lines = Lines::new(stdout, MAX_LINE);
            let drain = output::drain_stdout(lines, name.clone());
            pipes.spawn(until_drained(exit.clone(), drain));
        }
        None => tail.end(),
    }
    pipes.spawn(crash_reporter.clone().watch(Watched {
        plugin: name,
        program: file_name(&config.launch.name()),
        pid: process.pid(),
        started: None,
        exit,
        tail,
    }));
    let running = Running::new(Parts {
        process,
        reattach: survivor.reattach.clone(),
        rpc,
        pipes,
        sync_stdout: attach_config.options.sync_stdout,
        sync_stderr: attach_config.options.sync_stderr,
        kill_grace: attach_config.options.kill_grace,
        disconnected: Some(disconnected),
        crash_reporter,
        watchers: JoinSet::new(),
        survival: Some(Survival {
            start: survivor.start.clone(),
            output: survivor.output.clone(),
            tap,
        }),
    });
    Ok(Client::of(running, attach_config.options.managed))
}

/// The pipes that the plugin prints to, if they are still there.
fn opened(survivor: &Survivor) -> Option<(Outlet, HostEnds)> {
    let path = survivor.output.as_deref()?;
    match Outlet::reopen(path) {
        Ok(opened) => Some(opened),
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "the log of a plugin that was taken over is lost");
            None
        }
    }
}

/// Ends a plugin that an earlier host has left and that is not taken over, if it still runs, and
/// removes its socket and its pipes.
pub(super) async fn retire(config: &ClientConfig, survivor: &Survivor) {
    let mut attach = attach_config(config, survivor);
    attach.options.start_timeout = config.options.kill_grace.max(tuning::EXIT_GRACE);
    attach.options.sync_stdout = None;
    attach.options.sync_stderr = None;
    match Client::reattach(attach).await {
        Ok(client) => client.kill().await,
        Err(error) => {
            tracing::debug!(%error, "a plugin that an earlier host has left is not asked to quit");
            kill(survivor).await;
        }
    }
    let (output, address) = (survivor.output.clone(), survivor.reattach.address.clone());
    let removed = in_background(move || {
        // A socket stays while a process listens there.
        let mut leftovers = Leftovers::default();
        leftovers.announced(&address);
        leftovers.remove();
        if let Some(Ok(outlet)) = output.map(|path| Outlet::found(&path)) {
            outlet.remove();
        }
    });
    let _ = timeout(tuning::REMOVAL, removed).await;
}

/// Kills the process, if it is certainly the one that was left.
async fn kill(survivor: &Survivor) {
    let (Some(pid), Some(start)) = (survivor.reattach.pid, &survivor.start) else {
        return;
    };
    let Ok(mut process) = AttachedProcess::open(pid, Some(start)) else {
        return;
    };
    tracing::warn!(pid, "a plugin that an earlier host has left is killed");
    if let Err(error) = process.kill().await {
        tracing::error!(pid, %error, "cannot kill a plugin that an earlier host has left");
    }
    let _ = timeout(tuning::KILL_WAIT, process.wait().map(drop)).await;
}
