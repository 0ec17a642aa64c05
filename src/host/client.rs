//! A plugin in use.

use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::{ClientConfig, Writer};
use super::error::LaunchError;
use super::launch::{Launched, launch};
use super::managed::manage;
use super::obituary::Obituary;
use super::output::{self, Tail};
use super::process::{Ended, Exit, How, Process};
use super::reattach::{AttachConfig, Attached, ReattachError, attach};
use crate::broker::MuxBroker;
use crate::connection::{DispenseError, RpcClient};
use crate::handshake::{Address, ReattachConfig};
use crate::interface::{Interface, Remote};
use crate::mux::SessionError;
use crate::rpc::{self, CallError};
use crate::tuning::host as tuning;
use plugwire_base::chain::logged;

/// A running plugin, and the connection to it.
///
/// End it with [`kill`](Self::kill), which lets it exit in its own time. A `Client` that is merely
/// dropped kills its process there and then, so that it is gone even where this process exits next, and
/// has it reaped in the background; unless it was started [detached] or was running before this host
/// [reattached](Self::reattach) to it. (Where a [runner](super::Runner) started it, that takes its
/// [kill switch](super::AttachedRunner::kill_switch).)
///
/// The plugin lives as long as its `Client`, whatever else was got from it. A [`Remote`], an
/// [`rpc::Client`], an interface, reader or writer does not keep the `Client`: once it is dropped their
/// calls fail as [disconnected](CallError::is_disconnected), with
/// [`SessionError::ClientDropped`](crate::mux::SessionError::ClientDropped) as their source. So keep the
/// `Client` beside them, in an `Arc` where several need it.
///
/// When the plugin dies, every pending call fails within milliseconds of it and says how it died
/// ([`CallError::Crashed`]); one that drops the connection and lives fails them within half a second, in
/// which it could still turn out to be dying. [`closed`](Self::closed) and
/// [`wait`](Self::wait) return, and the process is reaped and its socket removed without anyone
/// asking. Should this process die first, the plugin ends, and removes its socket itself if it is made
/// with this crate.
///
/// [detached]: super::PluginCommand::detached
pub struct Client {
    running: Arc<Running>,
}

/// The plugin and all that runs for it.
pub(super) struct Running {
    process: Process,
    reattach: ReattachConfig,
    rpc: Arc<RpcClient>,
    kill_grace: Duration,
    killed: OnceCell<()>,
    obituary: Obituary,
    tasks: Tasks,
}

/// What runs for a client. Dropping the sets aborts what is left in them.
struct Tasks {
    /// The copying of the two synced streams.
    stdio: Mutex<JoinSet<()>>,
    /// The reading of the process's own stdout and stderr.
    pipes: Mutex<JoinSet<()>>,
    /// What ends the session of a process that exited, and notes the end of the session.
    _watchers: JoinSet<()>,
}

/// What a client is made of.
struct Parts {
    process: Process,
    reattach: ReattachConfig,
    rpc: RpcClient,
    pipes: JoinSet<()>,
    sync_stdout: Option<Writer>,
    sync_stderr: Option<Writer>,
    kill_grace: Duration,
    /// Whom to tell when the connection has ended.
    disconnected: Option<watch::Sender<bool>>,
    obituary: Obituary,
    watchers: JoinSet<()>,
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
            address,
            rpc,
            pipes,
            obituary,
        } = launch(&mut config).await?;
        let mut reattach = ReattachConfig::new(address).protocol_version(line.app_version);
        reattach.pid = Some(process.pid()).filter(|&pid| pid != 0);
        let running = Running::new(Parts {
            process,
            reattach,
            rpc,
            pipes,
            sync_stdout: config.options.sync_stdout,
            sync_stderr: config.options.sync_stderr,
            kill_grace: config.options.kill_grace,
            disconnected: None,
            obituary,
            watchers: JoinSet::new(),
        });
        Ok(Self::of(running, config.options.managed))
    }

    /// Connects to a plugin that runs already: one that another host left running, one that a test
    /// serves, one on another machine.
    ///
    /// ```no_run
    /// use plugwire::handshake::ReattachConfig;
    /// use plugwire::host::Client;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let saved = std::fs::read_to_string("greeter.json")?;
    /// let reattach: ReattachConfig = serde_json::from_str(&saved)?;
    /// let client = Client::reattach(reattach).await?;
    /// let greeter = client.dispense_client("greeter").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Dropping this client leaves the plugin running. [`kill`](Self::kill) ends it, unless it is
    /// in [test mode](ReattachConfig::test): then it merely disconnects. Where it will not quit when
    /// it is asked, its process is killed, if it is certain which that is: the one named must be the
    /// one that listens at the address.
    ///
    /// Its log went to whoever started it, and stays there.
    ///
    /// # Errors
    ///
    /// See [`ReattachError`]. On every error the plugin, or whatever else has its process id or its
    /// address by now, is left alone.
    pub async fn reattach(config: impl Into<AttachConfig>) -> Result<Self, ReattachError> {
        let mut config = config.into();
        let Attached {
            process,
            rpc,
            disconnected,
            obituary,
        } = attach(&mut config).await?;
        let mut watchers = JoinSet::new();
        let plugin = format!("at {}", config.reattach.address);
        let (exit, tail) = (process.exit().clone(), Tail::default());
        // Its log is elsewhere.
        tail.end();
        watchers.spawn(obituary.clone().write(plugin, process.pid(), exit, tail));
        let running = Running::new(Parts {
            process,
            reattach: config.reattach,
            rpc,
            pipes: JoinSet::new(),
            sync_stdout: config.options.sync_stdout,
            sync_stderr: config.options.sync_stderr,
            kill_grace: config.options.kill_grace,
            disconnected: Some(disconnected),
            obituary,
            watchers,
        });
        Ok(Self::of(running, config.options.managed))
    }

    fn of(running: Running, managed: bool) -> Self {
        let running = Arc::new(running);
        if managed {
            manage(&running);
        }
        Self { running }
    }

    /// What another host needs to [`reattach`](Self::reattach) to this plugin. Where TLS is
    /// configured it needs that, too; with AutoMTLS there is no reattaching.
    #[must_use]
    pub fn reattach_config(&self) -> ReattachConfig {
        self.running.reattach.clone()
    }

    /// Ends the connection and leaves the plugin running, for a host that reattaches to it. For as long as
    /// the runtime is there, this one goes on to read its log, and removes what it leaves behind at its end.
    ///
    /// A plugin that was not started [detached] ends by itself when this process does, if it is made
    /// with this crate; one in Go goes on until it next writes to its log.
    ///
    /// [detached]: super::PluginCommand::detached
    pub async fn detach(self) -> ReattachConfig {
        self.running.process.keep().await;
        self.running.rpc.close().await;
        // A plugin takes the end of its pipes for the end of its host.
        self.running.tasks.pipes.lock().await.detach_all();
        self.running.reattach.clone()
    }

    /// The plugin's interface `name`, to call as the trait that it is:
    /// `client.dispense::<dyn Counter>("counter")`. Each call of this makes a fresh implementation on
    /// a fresh stream.
    ///
    /// Whether the plugin's interface is that trait, only calls tell: there is nothing on the wire
    /// that names it.
    ///
    /// # Errors
    ///
    /// Fails when the plugin knows no such name (`unknown plugin type: NAME`), when it cannot make
    /// the implementation, and when the connection is gone.
    pub async fn dispense<I>(&self, name: &str) -> Result<Remote<I>, DispenseError>
    where
        I: Interface + ?Sized,
    {
        self.running.rpc.dispense(name).await
    }

    /// The plugin's interface `name`, to call by hand: its methods are called as `Plugin.Method`.
    /// Each call of this makes a fresh implementation on a fresh stream.
    ///
    /// # Errors
    ///
    /// Those of [`dispense`](Self::dispense).
    pub async fn dispense_client(&self, name: &str) -> Result<rpc::Client, DispenseError> {
        self.running.rpc.dispense_client(name).await
    }

    /// The broker of further streams, for callbacks, readers and writers.
    #[must_use]
    pub fn broker(&self) -> &MuxBroker {
        self.running.rpc.broker()
    }

    /// Asks the plugin for a sign of life.
    ///
    /// # Errors
    ///
    /// Fails when the connection is gone or the plugin does not answer in time.
    pub async fn ping(&self) -> Result<(), CallError> {
        self.running.rpc.ping().await
    }

    /// The app version that plugin and host agreed on.
    #[must_use]
    pub fn negotiated_version(&self) -> u32 {
        self.running.reattach.protocol_version
    }

    /// The process id. Once the plugin has [`exited`](Self::exited), the number may be another's. 0
    /// where there is none, as with a plugin on another machine.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.process.pid()
    }

    /// What identifies the plugin to people: the process id, or what its
    /// [runner](super::Runner) says. (`ID`)
    #[must_use]
    pub fn id(&self) -> &str {
        self.running.process.id()
    }

    /// Where the plugin listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.running.reattach.address
    }

    /// Whether the process has ended. Where there is none to watch, the end of the connection counts.
    #[must_use]
    pub fn exited(&self) -> bool {
        self.running.process.exit().has_exited()
    }

    /// Waits for the process to end, without ending it. `None` where the system would not say how
    /// it ended, as to a host that reattached.
    pub async fn wait(&self) -> Option<ExitStatus> {
        self.running.process.exit().wait().await
    }

    /// Waits for the connection to end, whichever side ends it, and says why it did. What became of the
    /// process, [`wait`](Self::wait) tells.
    pub async fn closed(&self) -> SessionError {
        self.running.rpc.closed().await
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
        self.running.kill().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Before the process is killed, which would pass for the reason, and for a crash.
        self.obituary.dismiss();
        self.rpc.start_drop();
    }
}

impl Running {
    fn new(mut parts: Parts) -> Self {
        let mut stdio = JoinSet::new();
        if let Some((stdout, stderr)) = parts.rpc.take_stdio() {
            stdio.spawn(output::sync(stdout, parts.sync_stdout, "stdout"));
            stdio.spawn(output::sync(stderr, parts.sync_stderr, "stderr"));
        }
        let rpc = Arc::new(parts.rpc);
        let process = parts.process;
        let mut watchers = parts.watchers;
        let (exit, id) = (process.exit().clone(), process.id().to_owned());
        watchers.spawn(watch_exit(exit, id, Arc::clone(&rpc)));
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
            obituary: parts.obituary,
            tasks: Tasks {
                stdio: Mutex::new(stdio),
                pipes: Mutex::new(parts.pipes),
                _watchers: watchers,
            },
        }
    }

    /// See [`Client::kill`].
    pub(super) async fn kill(&self) {
        self.killed.get_or_init(|| self.end()).await;
    }

    async fn end(&self) {
        self.obituary.dismiss();
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
                // Its last output may still be on the way: until both streams have ended, which is
                // no later than the process has.
                self.join(&self.tasks.stdio, tuning::DRAIN).await;
            }
            self.rpc.close().await;
            if agreed {
                let _ = timeout(self.kill_grace, exit.reaped()).await;
            }
        }
        if !exit.has_exited() {
            tracing::warn!(id = self.process.id(), "plugin failed to exit gracefully");
            self.process.kill();
            if timeout(tuning::KILL_WAIT, exit.reaped()).await.is_err() {
                tracing::error!(id = self.process.id(), "the killed plugin is still there");
            }
        }
        // Where it was reaped a moment ago, its files may still be there.
        let _ = timeout(tuning::KILL_WAIT, exit.wait()).await;
    }

    async fn ask_to_quit(&self) -> bool {
        match timeout(self.kill_grace, self.rpc.quit()).await {
            Ok(Ok(())) => true,
            // A Go plugin may be gone before its answer is: go-plugin lets `main` return as soon as
            // it is asked. It deserves the time to exit all the same.
            Ok(Err(error)) if error.is_disconnected() => {
                tracing::debug!(id = self.process.id(), error = %logged(&error), "the plugin quit without an answer");
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(id = self.process.id(), error = %logged(&error), "error closing client during kill");
                false
            }
            Err(_) => {
                tracing::warn!(
                    id = self.process.id(),
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
            .field("address", self.address())
            .field("version", &self.negotiated_version())
            .field("exited", &self.exited())
            .finish_non_exhaustive()
    }
}

/// Ends the session of a process that has exited. Its socket closes with it, so this matters only
/// where a process it started has inherited the socket: calls would wait for ever.
async fn watch_exit(exit: Exit, id: String, rpc: Arc<RpcClient>) {
    let Some(Ended { status, how }) = exit.reaped().await else {
        // It goes on without this host, or the runtime ends.
        return;
    };
    match (how, status) {
        (How::Killed, _) => tracing::info!(id, "plugin process killed"),
        (How::Disconnected, _) => tracing::info!(id, "plugin disconnected"),
        (How::Exited, Some(status)) if !status.success() => {
            tracing::error!(id, %status, "plugin process exited");
        }
        (How::Exited, _) => tracing::info!(id, "plugin process exited"),
    }
    // What the plugin sent before its end is still to be read.
    let _ = timeout(tuning::DRAIN, rpc.closed()).await;
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
        fn reattach(config: AttachConfig) -> impl Send {
            Client::reattach(config)
        }
        let _ = reattach;
    }
}
