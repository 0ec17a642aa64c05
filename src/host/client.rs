//! A plugin in use.

use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::ClientConfig;
use super::error::LaunchError;
use super::launch::{KILL_WAIT, Launched, launch};
use super::output::{self, DRAIN};
use super::process::{Exit, Process};
use crate::broker::MuxBroker;
use crate::connection::{DispenseError, RpcClient};
use crate::handshake::Address;
use crate::rpc::{self, CallError};

/// A running plugin, and the connection to it.
///
/// End it with [`kill`](Self::kill), which lets it exit in its own time. A `Client` that is merely
/// dropped has its process killed at once, and reaped in the background.
///
/// When the plugin dies, every pending call fails at once, [`closed`](Self::closed) and
/// [`wait`](Self::wait) return, and the process is reaped and its socket removed without anyone
/// asking.
pub struct Client {
    process: Process,
    address: Address,
    version: u32,
    rpc: Arc<RpcClient>,
    kill_grace: Duration,
    killed: OnceCell<()>,
    tasks: Tasks,
}

/// What runs for a client. Dropping the sets aborts what is left in them.
struct Tasks {
    /// The copying of the two synced streams.
    stdio: Mutex<JoinSet<()>>,
    /// The reading of the process's own stdout and stderr.
    pipes: Mutex<JoinSet<()>>,
    /// Ends the session of a process that exited.
    _watcher: JoinSet<()>,
}

impl Client {
    /// Starts the plugin and connects to it.
    ///
    /// A plugin that prints nothing and exits is reported as [`LaunchError::Exited`], with its exit
    /// status and the last lines of its stderr. (go-plugin reports an unrecognized message.) A line
    /// that was printed before an exit counts: the error is then about the line, or about the
    /// connection.
    ///
    /// Must be called within a tokio runtime that has I/O and time enabled. Dropping the future
    /// kills the process.
    ///
    /// # Errors
    ///
    /// See [`LaunchError`]. On every error the process has been killed and reaped, and the socket
    /// it announced removed. That comes on top of [`start_timeout`], and takes a second or two at
    /// most unless the process cannot even be killed.
    ///
    /// [`start_timeout`]: ClientConfig::start_timeout
    pub async fn launch(mut config: ClientConfig) -> Result<Self, LaunchError> {
        let Launched {
            process,
            line,
            mut rpc,
            pipes,
        } = launch(&mut config).await?;

        let mut stdio = JoinSet::new();
        if let Some((stdout, stderr)) = rpc.take_stdio() {
            stdio.spawn(output::sync(stdout, config.sync_stdout, "stdout"));
            stdio.spawn(output::sync(stderr, config.sync_stderr, "stderr"));
        }
        let rpc = Arc::new(rpc);
        let mut watcher = JoinSet::new();
        watcher.spawn(watch(
            process.exit().clone(),
            process.pid(),
            Arc::clone(&rpc),
        ));
        Ok(Self {
            process,
            address: line.address,
            version: line.app_version,
            rpc,
            kill_grace: config.kill_grace,
            killed: OnceCell::new(),
            tasks: Tasks {
                stdio: Mutex::new(stdio),
                pipes: Mutex::new(pipes),
                _watcher: watcher,
            },
        })
    }

    /// A client for the plugin registered under `name`: its methods are called as `Plugin.Method`.
    /// Each call of this makes a fresh implementation on a fresh stream.
    ///
    /// # Errors
    ///
    /// Fails when the plugin knows no such name (`unknown plugin type: NAME`), when it cannot make
    /// the implementation, and when the connection is gone.
    pub async fn dispense(&self, name: &str) -> Result<rpc::Client, DispenseError> {
        self.rpc.dispense(name).await
    }

    /// The broker of further streams, for callbacks, readers and writers.
    pub fn broker(&self) -> &MuxBroker {
        self.rpc.broker()
    }

    /// Asks the plugin for a sign of life.
    ///
    /// # Errors
    ///
    /// Fails when the connection is gone or the plugin does not answer in time.
    pub async fn ping(&self) -> Result<(), CallError> {
        self.rpc.ping().await
    }

    /// The app version that plugin and host agreed on.
    pub fn negotiated_version(&self) -> u32 {
        self.version
    }

    /// The process id. Once the plugin has [`exited`](Self::exited), the number may be another's.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where the plugin listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the process has ended.
    pub fn exited(&self) -> bool {
        self.process.exit().has_exited()
    }

    /// Waits for the process to end, without ending it. `None` where the system would not say how
    /// it ended.
    pub async fn wait(&self) -> Option<ExitStatus> {
        self.process.exit().wait().await
    }

    /// Waits for the connection to end, whichever side ends it.
    pub async fn closed(&self) {
        self.rpc.closed().await;
    }

    /// Ends the plugin, and returns when it is gone.
    ///
    /// The plugin is asked to quit. If it agrees, its remaining output is copied, the connection is
    /// closed, and it gets [`kill_grace`] to exit. If it does not agree in that time, or does not
    /// exit, it is killed. Either way it has been reaped when this returns, its socket is removed,
    /// and what it wrote has been copied.
    ///
    /// Calling this again, or from several tasks, is fine: all of them return when the plugin is
    /// gone. So is dropping the future half-way; drop the client too, or call again.
    ///
    /// [`kill_grace`]: ClientConfig::kill_grace
    pub async fn kill(&self) {
        self.killed.get_or_init(|| self.end()).await;
    }

    async fn end(&self) {
        let exit = self.process.exit();
        if !exit.has_exited() {
            let agreed = self.ask_to_quit().await;
            if agreed {
                // Its last output may still be on the way: until both streams have ended, which is
                // no later than the process has.
                self.join(&self.tasks.stdio, DRAIN).await;
            }
            self.rpc.close().await;
            if agreed {
                let _ = timeout(self.kill_grace, exit.wait()).await;
            }
        }
        if !exit.has_exited() {
            tracing::warn!(pid = self.pid(), "plugin failed to exit gracefully");
            self.process.kill();
            if timeout(KILL_WAIT, exit.wait()).await.is_err() {
                tracing::error!(pid = self.pid(), "the killed plugin is still there");
            }
        }
        self.join(&self.tasks.stdio, DRAIN).await;
        self.rpc.close().await;
        self.join(&self.tasks.pipes, 2 * DRAIN).await;
        self.tasks.stdio.lock().await.shutdown().await;
        self.tasks.pipes.lock().await.shutdown().await;
    }

    async fn ask_to_quit(&self) -> bool {
        match timeout(self.kill_grace, self.rpc.quit()).await {
            Ok(Ok(())) => true,
            // A Go plugin may be gone before its answer is: go-plugin lets `main` return as soon as
            // it is asked. It deserves the time to exit all the same.
            Ok(Err(error)) if error.is_disconnected() => {
                tracing::debug!(pid = self.pid(), %error, "the plugin quit without an answer");
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(pid = self.pid(), %error, "error closing client during kill");
                false
            }
            Err(_) => {
                tracing::warn!(
                    pid = self.pid(),
                    "the plugin does not answer the request to quit"
                );
                false
            }
        }
    }

    /// Waits for tasks to end of themselves, but no longer than `limit`.
    async fn join(&self, tasks: &Mutex<JoinSet<()>>, limit: Duration) {
        let ended = async {
            let mut tasks = tasks.lock().await;
            while tasks.join_next().await.is_some() {}
        };
        let _ = timeout(limit, ended).await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("pid", &self.pid())
            .field("address", &self.address)
            .field("version", &self.version)
            .field("exited", &self.exited())
            .finish_non_exhaustive()
    }
}

/// Ends the session of a process that has exited. Its socket closes with it, so this matters only
/// where a process it started has inherited the socket: calls would wait for ever.
async fn watch(exit: Exit, pid: u32, rpc: Arc<RpcClient>) {
    let status = exit.wait().await;
    match status {
        Some(status) if !status.success() => {
            tracing::error!(pid, %status, "plugin process exited");
        }
        _ => tracing::info!(pid, "plugin process exited"),
    }
    // What the plugin sent before its end is still to be read.
    let _ = timeout(DRAIN, rpc.closed()).await;
    rpc.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_launches_move_between_threads() {
        fn is_send_and_sync<T: Send + Sync>() {}
        fn is_send<T: Send>(_: fn(ClientConfig) -> T) {}
        is_send_and_sync::<Client>();
        is_send(Client::launch);
    }
}
