//! A plugin in use.

use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::config::ClientConfig;
use super::crash_reporter::Watched;
use super::error::LaunchError;
use super::launch::{Launched, launch};
use super::managed::manage;
use super::output::Tail;
use super::reattach::{AttachConfig, Attached, ReattachError, attach};
use super::running::{Parts, Running};
use crate::broker::MuxBroker;
use crate::connection::DispenseError;
use crate::event::Snapshot;
use crate::handshake::{Address, ReattachConfig};
use crate::interface::{Interface, Remote};
use crate::mux::SessionError;
use crate::rpc::{self, CallError, Crash};

/// A running plugin, and the connection to it.
///
/// End it with [`kill`](Self::kill), which returns when the plugin is gone. A `Client` that is only
/// dropped asks the plugin to quit and ends the connection at once; a task waits for the exit and
/// kills the process after its [grace](super::ClientConfig::kill_grace). The process is killed at
/// once where there is no runtime, when the runtime ends meanwhile, and where it is not certain
/// that the plugin itself is at the other end, as on TCP. Nothing is done about a plugin that was
/// started [detached], or was running before this host [reattached](Self::reattach) to it. (If a
/// [runner](super::Runner) started it, dropping needs its
/// [kill switch](super::AttachedRunner::kill_switch).) Before `std::process::exit`, which ends no
/// runtime, call `kill` or [`cleanup_clients`](super::cleanup_clients).
///
/// The plugin lives as long as its `Client`. A [`Remote`], an [`rpc::Client`], an interface, reader
/// or writer does not keep the `Client`: after it is dropped their calls fail as
/// [disconnected](CallError::is_disconnected), with
/// [`SessionError::ClientDropped`](crate::mux::SessionError::ClientDropped) as their source. So
/// keep the `Client` beside them, in an `Arc` where several need it.
///
/// When the plugin dies, every pending call fails within milliseconds and says how the plugin died
/// ([`CallError::Crashed`]). If the plugin drops the connection and lives, they fail within two
/// seconds, because it could be about to die. [`closed`](Self::closed) and [`wait`](Self::wait)
/// return, the process is reaped and its socket is removed, without a further call. If this process
/// dies first, the plugin ends, and removes its socket itself if it is made with this crate.
///
/// [detached]: super::PluginCommand::detached
pub struct Client {
    running: Arc<Running>,
}

impl Client {
    /// Starts the plugin and connects to it.
    ///
    /// A plugin that exits without printing a line is reported as [`LaunchError::Exited`], with its
    /// exit status and the last lines of its stderr. (go-plugin reports an unrecognized message.)
    /// If it printed a line before it exited, the error is about the line or about the connection.
    ///
    /// Must be called within a tokio runtime that has I/O and time enabled. Dropping the future
    /// kills the process.
    ///
    /// # Errors
    ///
    /// See [`LaunchError`]. On every error the process has been killed and reaped, and the socket
    /// that it announced was removed. This takes up to two seconds beyond [`start_timeout`], and
    /// more only if the process cannot be killed.
    ///
    /// [`start_timeout`]: ClientConfig::start_timeout
    pub async fn launch(mut config: ClientConfig) -> Result<Self, LaunchError> {
        let Launched {
            process,
            line,
            address,
            rpc,
            pipes,
            crash_reporter,
            survival,
        } = launch(&mut config).await?;
        let mut reattach = ReattachConfig::new(address).protocol_version(line.app_version);
        reattach.pid = process.pid();
        reattach.extensions = line.extensions;
        let running = Running::new(Parts {
            process,
            reattach,
            rpc,
            pipes,
            sync_stdout: config.options.sync_stdout,
            sync_stderr: config.options.sync_stderr,
            kill_grace: config.options.kill_grace,
            disconnected: None,
            crash_reporter,
            watchers: JoinSet::new(),
            survival,
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
    /// in [test mode](ReattachConfig::test): then it only disconnects. If the plugin does not quit
    /// when asked, its process is killed, provided that it is certain which one that is: the
    /// process that is named must be the one that listens at the address.
    ///
    /// A plugin may have several hosts at once, each with interfaces of its own. `kill` by any of
    /// them ends it for all: the calls of the others fail as [disconnected], as at a crash. A host
    /// that only wants to be done with it drops or [detaches](Self::detach) its client.
    ///
    /// Its log still goes to the host that started it. (A [`Supervisor`](super::Supervisor) hands
    /// the log on, too.)
    ///
    /// The app version is not checked, unless [`AttachConfig::versions`] says which will do.
    ///
    /// [disconnected]: CallError::is_disconnected
    ///
    /// # Errors
    ///
    /// See [`ReattachError`]. On every error the plugin is left alone, and so is any other process
    /// that has its process id or its address by now.
    pub async fn reattach(config: impl Into<AttachConfig>) -> Result<Self, ReattachError> {
        let mut config = config.into();
        let Attached {
            process,
            rpc,
            plugin,
            disconnected,
            crash_reporter,
        } = attach(&mut config).await?;
        let mut watchers = JoinSet::new();
        let (exit, tail) = (process.exit().clone(), Tail::default());
        // Its log goes elsewhere.
        tail.end();
        let report = crash_reporter.clone();
        watchers.spawn(report.watch(Watched {
            program: plugin.clone(),
            plugin,
            pid: process.pid(),
            started: None,
            exit,
            tail,
        }));
        let running = Running::new(Parts {
            process,
            reattach: config.reattach,
            rpc,
            pipes: JoinSet::new(),
            sync_stdout: config.options.sync_stdout,
            sync_stderr: config.options.sync_stderr,
            kill_grace: config.options.kill_grace,
            disconnected: Some(disconnected),
            crash_reporter,
            watchers,
            survival: None,
        });
        Ok(Self::of(running, config.options.managed))
    }

    pub(super) fn of(running: Running, managed: bool) -> Self {
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

    /// Ends the connection and leaves the plugin running, for a host that reattaches to it. While
    /// its runtime lasts, this host still reads the plugin's log, and removes its files at its end.
    ///
    /// A plugin that was not started [detached] ends by itself when this process does, if it is
    /// made with this crate; one in Go goes on until it next writes to its log.
    ///
    /// [detached]: super::PluginCommand::detached
    pub async fn detach(self) -> ReattachConfig {
        self.running.detach().await;
        self.running.reattach.clone()
    }

    /// The plugin's interface `name`, to call as the trait that it is: `client.dispense::<dyn
    /// Counter>("counter")`. Each call of this makes a fresh implementation on a fresh stream.
    ///
    /// Only calls show whether the plugin's interface is that trait: the wire does not name it.
    ///
    /// # Errors
    ///
    /// Fails when the plugin does not have the name (`unknown plugin type: NAME`), when it cannot
    /// make the implementation, and when the connection is gone.
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

    /// The connection in numbers: calls by their end, bytes, streams, what waits.
    ///
    /// ```
    /// # use plugwire::host::Client;
    /// fn is_busy(client: &Client) -> bool {
    ///     let snapshot = client.snapshot();
    ///     snapshot.made.in_flight > 100 || snapshot.queues.outbox_bytes > 1 << 20
    /// }
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.running.rpc.snapshot()
    }

    /// What this plugin is called in logs, spans, metrics and errors: see
    /// [`ClientConfig::name`](super::ClientConfig::name).
    #[must_use]
    pub fn name(&self) -> &str {
        self.broker().observer().name()
    }

    /// Asks the plugin whether it is alive.
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

    /// The process id. Once the plugin has [`exited`](Self::exited), it may be another process's.
    /// `None` where there is none, as with a plugin on another machine.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
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

    /// Whether the process has ended. Where there is none to watch, the end of the connection
    /// counts.
    #[must_use]
    pub fn exited(&self) -> bool {
        self.running.process.exit().has_exited()
    }

    /// Waits for the process to end, without ending it. `None` where the system does not give the
    /// exit status, as to a host that reattached.
    ///
    /// Dropping the future gives up the wait and has no other effect.
    /// The future is independent of the client.
    pub fn wait(&self) -> impl Future<Output = Option<ExitStatus>> + Send + use<> {
        let exit = self.running.process.exit().clone();
        async move { exit.wait().await }
    }

    /// Waits for the connection to end, whichever side ends it, and says why. For the end of the
    /// process there is [`wait`](Self::wait).
    ///
    /// Dropping the future gives up the wait and has no other effect.
    pub async fn closed(&self) -> SessionError {
        self.running.rpc.closed().await
    }

    /// The plugin in use.
    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// Whether this host ends the plugin, or has.
    pub(super) fn is_ending(&self) -> bool {
        self.running.is_ending()
    }

    /// How the process ended, if it has ended by itself.
    pub(super) async fn crash(&self) -> Option<Arc<Crash>> {
        self.running.crash().await
    }

    /// Ends the plugin, and returns when it is gone.
    ///
    /// The plugin is asked to quit. If it agrees, its remaining output is copied, the connection is
    /// closed, and it gets [`kill_grace`] to exit. If it does not agree in that time, or does not
    /// exit, it is killed. In both cases, when this returns, it has been reaped, its socket is
    /// removed, and its output has been copied.
    ///
    /// The plugin ends for all its hosts, whichever of them has started it. Others may have
    /// [reattached](Self::reattach).
    ///
    /// Several tasks may call this, and call it again: all of them return when the plugin is gone.
    /// The future may be dropped half-way; then drop the client too, or call again.
    ///
    /// [`kill_grace`]: ClientConfig::kill_grace
    pub async fn kill(&self) {
        self.running.kill().await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Others that end the plugin go on: see `cleanup_clients`.
        if self.running.quits_with_client()
            && let Ok(runtime) = Handle::try_current()
        {
            let running = Arc::clone(&self.running);
            running.start_drop();
            // Where the runtime ends, the task is dropped, and with it the process.
            runtime.spawn(async move { running.finish_drop().await });
        }
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
