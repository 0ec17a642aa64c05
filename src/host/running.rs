//! A plugin in use: its process, its connection, the tasks that run for it, and how it is ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::crash_reporter::CrashReporter;
use super::output::{self, LogTap, Writer};
use super::process::{Ended, Exit, How, Process};
use super::survivor::Survivor;
use crate::connection::RpcClient;
use crate::event::Exited;
use crate::handshake::ReattachConfig;
use crate::rpc::Crash;
use crate::sys::process_start::ProcessStart;
use crate::tuning::host as tuning;
use plugwire_base::chain::logged;

/// A plugin in use, and the tasks that run for it.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) reattach: ReattachConfig,
    pub(super) rpc: Arc<RpcClient>,
    kill_grace: Duration,
    killed: OnceCell<()>,
    crash_reporter: CrashReporter,
    survival: Option<Survival>,
    /// Stops the reading of a log that the next host reads on.
    tap: Mutex<Option<LogTap>>,
    tasks: Tasks,
}

/// What the next host has to know of a plugin that outlives this one.
pub(super) struct Survival {
    pub(super) start: Option<ProcessStart>,
    /// The directory with the pipes that it prints to.
    pub(super) output: Option<PathBuf>,
    /// Taken into [`Running`].
    pub(super) tap: Option<LogTap>,
}

/// The tasks of a client. Dropping the sets aborts them. Neither lock is held while the other is
/// taken.
struct Tasks {
    /// The copying of the two synced streams.
    stdio: Mutex<JoinSet<()>>,
    /// The reading of the process's own stdout and stderr.
    pipes: Mutex<JoinSet<()>>,
    /// These end the session of a process that exited, and note the end of the session.
    _watchers: JoinSet<()>,
}

/// The parts of a [`Running`].
pub(super) struct Parts {
    pub(super) process: Process,
    pub(super) reattach: ReattachConfig,
    pub(super) rpc: RpcClient,
    pub(super) pipes: JoinSet<()>,
    pub(super) sync_stdout: Option<Writer>,
    pub(super) sync_stderr: Option<Writer>,
    pub(super) kill_grace: Duration,
    /// Set when the connection has ended.
    pub(super) disconnected: Option<watch::Sender<bool>>,
    pub(super) crash_reporter: CrashReporter,
    pub(super) watchers: JoinSet<()>,
    pub(super) survival: Option<Survival>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Before the process is killed, or the calls would report the kill as a crash.
        self.crash_reporter.dismiss();
        self.rpc.start_drop();
    }
}

impl Running {
    pub(super) fn new(mut parts: Parts) -> Self {
        let mut stdio = JoinSet::new();
        if let Some((stdout, stderr)) = parts.rpc.take_stdio() {
            stdio.spawn(output::sync(stdout, parts.sync_stdout, "stdout"));
            stdio.spawn(output::sync(stderr, parts.sync_stderr, "stderr"));
        }
        let rpc = Arc::new(parts.rpc);
        let process = parts.process;
        let mut watchers = parts.watchers;
        let tap = parts.survival.as_mut();
        let tap = Mutex::new(tap.and_then(|survival| survival.tap.take()));
        let (exit, id, pid) = (
            process.exit().clone(),
            process.id().to_owned(),
            process.pid(),
        );
        watchers.spawn(watch_exit(exit, id, pid, Arc::clone(&rpc)));
        if let Some(disconnected) = parts.disconnected {
            let rpc = Arc::clone(&rpc);
            watchers.spawn(async move {
                rpc.closed().await;
                disconnected.send_replace(true);
            });
        }
        Self {
            process,
            reattach: parts.reattach,
            rpc,
            kill_grace: parts.kill_grace,
            killed: OnceCell::new(),
            crash_reporter: parts.crash_reporter,
            survival: parts.survival,
            tap,
            tasks: Tasks {
                stdio: Mutex::new(stdio),
                pipes: Mutex::new(parts.pipes),
                _watchers: watchers,
            },
        }
    }

    /// The instance name.
    fn name(&self) -> &str {
        self.rpc.broker().observer().name()
    }

    /// Ends the connection and leaves the process running.
    pub(super) async fn detach(&self) {
        self.process.keep().await;
        self.rpc.close().await;
        // A plugin takes the end of its pipes for the end of its host.
        self.tasks.pipes.lock().await.detach_all();
    }

    /// From now on the plugin outlives this host, unless it is ended.
    pub(super) fn survive(&self) {
        if self.survival.is_some() {
            self.process.start_keeping();
        }
    }

    /// What the next host has to know of the plugin, if it outlives this one.
    pub(super) fn survivor(&self) -> Option<Survivor> {
        let survival = self.survival.as_ref()?;
        let mut survivor = Survivor::new(self.reattach.clone());
        survivor.start.clone_from(&survival.start);
        survivor.output.clone_from(&survival.output);
        Some(survivor)
    }

    /// Ends the connection and the reading of the log, and leaves both to the next host. Gives what
    /// was read of the log and not logged.
    pub(super) async fn hand_over(&self) -> Vec<u8> {
        self.process.keep().await;
        self.rpc.close().await;
        self.join(&self.tasks.stdio, tuning::DRAIN).await;
        let tap = self.tap.lock().await.take();
        let unread = match tap {
            Some(tap) => timeout(tuning::DRAIN, tap.stop()).await.unwrap_or_default(),
            None => Vec::new(),
        };
        self.tasks.pipes.lock().await.shutdown().await;
        unread
    }

    /// Whether this host ends the plugin, or has.
    pub(super) fn is_ending(&self) -> bool {
        self.crash_reporter.is_dismissed()
    }

    /// How the process ended, if it did so by itself. Waits for its last lines.
    pub(super) async fn crash(&self) -> Option<Arc<Crash>> {
        self.crash_reporter.crash().await
    }

    /// See [`Client::kill`](super::Client::kill).
    pub(super) async fn kill(&self) {
        self.killed.get_or_init(|| self.end()).await;
    }

    /// Whether the plugin ends with its client, and the connection is known to be the plugin's own:
    /// one that announces another's address must not have the other one quit.
    pub(super) fn quits_with_client(&self) -> bool {
        self.process.ends_with_handle() && self.process.has_own_socket()
    }

    /// Begins to end the plugin of a client that is dropped: the plugin is asked to quit, and all
    /// calls fail from now on.
    pub(super) fn start_drop(&self) {
        // Before the process ends, or the calls would report that as a crash.
        self.crash_reporter.dismiss();
        // This process may exit before one of its tasks runs again. Before the process ends, since
        // they are its owner's then.
        self.process.remove_files();
        self.rpc.quit_and_drop();
    }

    /// Waits for the plugin of a dropped client to exit, and kills it after its grace.
    pub(super) async fn finish_drop(&self) {
        let dropped = async {
            let _ = timeout(self.kill_grace, self.process.exit().reaped()).await;
            self.end().await;
        };
        self.killed.get_or_init(|| dropped).await;
    }

    async fn end(&self) {
        self.crash_reporter.dismiss();
        if self.reattach.test {
            self.disconnect().await;
        } else {
            self.end_process().await;
        }
        self.join(&self.tasks.stdio, tuning::DRAIN).await;
        self.rpc.close().await;
        self.join(&self.tasks.pipes, 2 * tuning::DRAIN).await;
        self.tasks.stdio.lock().await.shutdown().await;
        self.tasks.pipes.lock().await.shutdown().await;
    }

    async fn disconnect(&self) {
        self.rpc.close().await;
        self.process.kill();
        let _ = timeout(tuning::KILL_WAIT, self.process.exit().wait()).await;
    }

    async fn end_process(&self) {
        let exit = self.process.exit();
        if !exit.has_exited() {
            let agreed = self.ask_to_quit().await;
            if agreed {
                // Its last output may still be on the way. Both streams end with the process at the
                // latest.
                self.join(&self.tasks.stdio, tuning::DRAIN).await;
            }
            self.rpc.close().await;
            if agreed {
                let _ = timeout(self.kill_grace, exit.reaped()).await;
            }
        }
        if !exit.has_exited() {
            tracing::warn!(
                plugin = self.name(),
                id = self.process.id(),
                "plugin failed to exit gracefully"
            );
            self.process.kill();
            if timeout(tuning::KILL_WAIT, exit.reaped()).await.is_err() {
                tracing::error!(
                    plugin = self.name(),
                    id = self.process.id(),
                    "the killed plugin has not exited"
                );
            }
        }
        // If it was reaped a moment ago, its files may still be there.
        let _ = timeout(tuning::KILL_WAIT, exit.wait()).await;
    }

    async fn ask_to_quit(&self) -> bool {
        match timeout(self.kill_grace, self.rpc.quit()).await {
            Ok(Ok(())) => true,
            // A Go plugin may exit before it has answered: go-plugin lets `main` return as soon as
            // it is asked. It gets the same time to exit.
            Ok(Err(error)) if error.is_disconnected() => {
                let (plugin, id, error) = (self.name(), self.process.id(), logged(&error));
                tracing::debug!(plugin, id, %error, "the plugin quit without an answer");
                true
            }
            Ok(Err(error)) => {
                let (plugin, id, error) = (self.name(), self.process.id(), logged(&error));
                tracing::warn!(plugin, id, %error, "error closing client during kill");
                false
            }
            Err(_) => {
                tracing::warn!(
                    plugin = self.name(),
                    id = self.process.id(),
                    "the plugin does not answer the request to quit"
                );
                false
            }
        }
    }

    /// Waits for tasks to end by themselves, but no longer than `limit`.
    async fn join(&self, tasks: &Mutex<JoinSet<()>>, limit: Duration) {
        let ended = async {
            let mut tasks = tasks.lock().await;
            while tasks.join_next().await.is_some() {}
        };
        let _ = timeout(limit, ended).await;
    }
}

/// Ends the session of a process that has exited. Its socket closes with it, unless a process that
/// it started has inherited the socket: calls would wait for ever then.
async fn watch_exit(exit: Exit, id: String, pid: Option<u32>, rpc: Arc<RpcClient>) {
    let Some(Ended { status, how }) = exit.reaped().await else {
        // The process goes on without this host, or the runtime ends.
        return;
    };
    let observer = rpc.broker().observer();
    let plugin = observer.name();
    match (how, status) {
        (How::Killed, _) => tracing::info!(plugin, id, "plugin process killed"),
        (How::Disconnected, _) => tracing::info!(plugin, id, "plugin disconnected"),
        (How::Exited, Some(status)) if !status.success() => {
            tracing::error!(plugin, id, %status, "plugin process exited");
        }
        (How::Exited, _) => tracing::info!(plugin, id, "plugin process exited"),
    }
    observer.emit(&Exited {
        pid,
        how: match how {
            How::Exited => "exited",
            How::Killed => "killed",
            How::Disconnected => "disconnected",
        },
        status: status.map(|status| status.to_string()).as_deref(),
    });
    // Data that the plugin sent before its end may still be unread.
    let _ = timeout(tuning::DRAIN, rpc.closed()).await;
    rpc.close().await;
}
