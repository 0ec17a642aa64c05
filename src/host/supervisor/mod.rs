//! Plugins that are kept running.
//!
//! From what is used to what uses it: `policy` and `state` decide, without a clock or a task;
//! `config`, `error`, `event` and `saved` are what a user sees; `generation` is one process;
//! `shared` is what the handle and the tasks share; `instance` is the task that owns a process;
//! `control` gives it its orders; `watching` looks at the executable. The connection of a remote
//! that outlives its process is `crate::interface::supervised`.
//!
//! Locks: the inner one of `shared`, under which the routes and the state are written; and that of
//! `generation`, which is taken alone, to look and to add.

mod config;
mod control;
mod error;
mod event;
mod generation;
mod instance;
mod numbers;
mod policy;
mod saved;
mod shared;
mod state;
mod watching;

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

pub use self::config::{Health, SupervisorConfig, WhenDown};
use self::control::Control;
pub use self::error::{Cause, HealthError, ReloadError, StartError};
pub use self::event::{Event, EventKind, Events, State, StateWatch};
use self::instance::Instance;
pub use self::policy::{Restart, RestartPolicy};
pub use self::saved::{StateFileError, SupervisorState};
use self::shared::{Shared, Stop};
use self::watching::{Watched, watch};
use super::ClientConfig;
use super::resume::retire;
use crate::InvalidOption;
use crate::connection::DispenseError;
use crate::event::Snapshot;
use crate::interface::supervised::Route;
use crate::interface::{Interface, Remote, check};
use crate::rpc::CallError;
use plugwire_base::instant;

/// A plugin that is kept running: started again when it ends, replaced without a call lost when
/// its executable changes, stopped while it has nothing to do.
///
/// ```no_run
/// use std::process::Command;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::{ClientConfig, Supervisor, SupervisorConfig};
///
/// # #[plugwire::interface]
/// # trait Counter { async fn get(&self, key: String) -> plugwire::Result<i64>; }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// let client = ClientConfig::new(handshake, Command::new("./counter"));
/// let supervisor = Supervisor::start(SupervisorConfig::new(client))?;
/// let counter = supervisor.dispense::<dyn Counter>("counter").await?;
/// counter.get("visits".into()).await?;
/// supervisor.reload().await?; // a new process; `counter` stays valid
/// counter.get("visits".into()).await?;
/// supervisor.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # Calls
///
/// A [`Remote`] that it dispenses stays valid for as long as the supervisor lives. Each of its
/// calls goes to the process that is in service when the call begins. While there is none, the call
/// waits until its deadline, or [fails at once](WhenDown::Fail). It fails with
/// [`CallError::Down`] then, which has the [`Cause`] as its source.
///
/// A call that is under way when the process ends fails, with the crash as the cause
/// ([`CallError::Crashed`]). It is never made anew, since the plugin may have begun it. It is made
/// anew on the next process if the plugin cannot have seen it, or if the method says that it may be
/// called twice for once, by `#[plugwire(idempotent)]`.
///
/// What a plugin hands out, such as an `Arc<dyn Trait>` or a [`Reader`](crate::Reader), belongs to
/// its process, and ends with it.
///
/// # The end
///
/// [`shutdown`](Self::shutdown) ends the plugin and waits until it is gone. Dropping the supervisor
/// ends the plugin in the background: by request, within its
/// [grace](ClientConfig::kill_grace), and at once when the runtime ends.
///
/// A plugin that [survives its host](SupervisorConfig::survives_host) is left to the next one by
/// [`detach`](Self::detach). It lives on, too, when the runtime or the process ends without a
/// shutdown.
///
/// Two supervisors do not share a process: each would read a part of its log. A plain
/// [`Client::reattach`](super::Client::reattach) beside a supervisor is fine; its
/// [`kill`](super::Client::kill) ends the process for both, and the supervisor starts the next.
pub struct Supervisor {
    control: Arc<Control>,
    /// Held by the one that waits for them.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Supervisor {
    /// Starts supervising, and the plugin. It does not wait for it: [`ready`](Self::ready) does,
    /// and a plugin that does not start is started again as its policy says.
    ///
    /// # Errors
    ///
    /// When an option is invalid, or the configuration could be launched only once.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(mut config: SupervisorConfig) -> Result<Self, InvalidOption> {
        config.check()?;
        let left = config.resume.take().map(SupervisorState::into_processes);
        let mut left = left.unwrap_or_default();
        let watched = config.watched()?.map(|(program, every)| {
            let known = left.iter().find_map(|survivor| survivor.executable);
            Watched::new(program, every, known)
        });
        let instances = config.instances;
        let shared = Arc::new(Shared::new(config));
        let (mut orders, mut tasks) = (Vec::new(), Vec::new());
        for index in 0..instances {
            let place = left.iter().position(|left| left.instance == index);
            let survivor = place.map(|place| left.swap_remove(place));
            let (instance, ends) = Instance::new(index, &shared, survivor);
            orders.push(ends);
            tasks.push(tokio::spawn(instance.run()));
        }
        // The pool is smaller than it was.
        for survivor in left {
            let config = shared.config.client.clone();
            tasks.push(tokio::spawn(async move {
                retire(&config, &survivor).await;
            }));
        }
        let control = Arc::new(Control::new(shared, orders));
        if let Some(watched) = watched {
            tasks.push(tokio::spawn(watch(Arc::clone(&control), watched)));
        }
        Ok(Self {
            control,
            tasks: Mutex::new(tasks),
        })
    }

    /// The state now. Of a pool it is that of the process nearest to service.
    #[must_use]
    pub fn state(&self) -> State {
        self.control.shared.state.borrow().clone()
    }

    /// The state of each process of a pool.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        self.control.shared.states()
    }

    /// The state, to follow.
    #[must_use]
    pub fn watch(&self) -> StateWatch {
        StateWatch(self.control.shared.state.subscribe())
    }

    /// All that happens from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events(self.control.shared.events.subscribe())
    }

    /// All that its processes did, in numbers: of those that run and of those that have ended. What
    /// is under way and what waits are those of the processes that run.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.control.shared.numbers.snapshot()
    }

    /// Waits for the plugin to be in service. One that is idle is: the next call starts it.
    ///
    /// Dropping the future gives up the wait and has no other effect.
    ///
    /// # Errors
    ///
    /// When it stays down.
    pub async fn ready(&self) -> Result<(), Cause> {
        let mut watch = self.watch();
        let reached =
            |state: &State| !matches!(state, State::Starting { .. } | State::BackingOff { .. });
        match watch.until(reached).await {
            Some(State::Stopped { cause } | State::Failed { cause }) => Err(cause),
            Some(_) => Ok(()),
            None => Err(Cause::Shutdown),
        }
    }

    /// The plugin's interface `name`, as a remote that stays valid when the plugin is started anew:
    /// each process dispenses it before it comes into service. It starts an idle plugin, and waits
    /// for one that is down.
    ///
    /// Dropping the future gives it up.
    ///
    /// # Errors
    ///
    /// As [`Client::dispense`](super::Client::dispense), and when the plugin stays down, or is not
    /// there within the [time to wait](SupervisorConfig::wait_timeout).
    pub async fn dispense<I>(&self, name: &str) -> Result<Remote<I>, DispenseError>
    where
        I: Interface + ?Sized,
    {
        let route = self.route(name).await?;
        if route.is_gob() {
            check::<I>().map_err(|source| DispenseError::Check {
                name: name.to_owned(),
                source,
            })?;
        }
        let connection = self.control.shared.config.client.options.connection();
        Ok(Remote::supervised(route, connection.deadline_of_calls()))
    }

    /// A route that leads to a process.
    async fn route(&self, name: &str) -> Result<Arc<Route>, DispenseError> {
        let route = self.control.shared.new_route(name);
        let begin = Instant::now();
        let limit = instant::after(self.control.shared.config.wait_timeout);
        let dispensed = timeout_at(limit, self.control.lead(&route)).await;
        dispensed.unwrap_or_else(|_| {
            Err(DispenseError::Call(CallError::Down {
                method: "Dispenser.Dispense".to_owned(),
                waited: Some(begin.elapsed()),
                source: self
                    .state()
                    .cause()
                    .map(|cause| Arc::new(cause.clone()) as _),
            }))
        })?;
        Ok(route)
    }

    /// Replaces the plugin by a new process of it: after its executable was updated, for example.
    ///
    /// The new process is started, dispenses all that was dispensed before, and passes a check.
    /// Then new calls go to it. The old process finishes the calls and streams that it has, within
    /// the [time to drain](SupervisorConfig::drain_timeout), and is asked to quit. No call fails.
    ///
    /// Returns once the new process is in service. The processes of a pool are replaced one by one.
    /// A plugin that is down or idle is started.
    ///
    /// Dropping the future leaves the reload under way.
    ///
    /// # Errors
    ///
    /// When the new process does not come into service. The old one stays. Of a pool, those
    /// replaced before stay replaced.
    pub async fn reload(&self) -> Result<(), ReloadError> {
        self.control.reload(None).await
    }

    /// The same with another configuration, which later starts have as well.
    ///
    /// # Errors
    ///
    /// As [`reload`](Self::reload), and when an option is invalid.
    pub async fn reload_with(&self, mut config: ClientConfig) -> Result<(), ReloadError> {
        config
            .survival
            .clone_from(&self.control.shared.config.client.survival);
        config.check_again()?;
        self.control.reload(Some(config)).await
    }

    /// Ends the plugin as [`Client::kill`](super::Client::kill) does, and returns when all its
    /// processes are gone. Calls that wait fail.
    ///
    /// Dropping the future leaves the end under way.
    pub async fn shutdown(&self) {
        self.control.shared.stop(Stop::Shutdown);
        self.tasks_ended().await;
    }

    /// Stops supervising, and leaves the processes to the next host: see
    /// [`survives_host`](SupervisorConfig::survives_host).
    ///
    /// New calls fail, as after a shutdown. Calls and streams that are under way finish, within the
    /// [time to drain](SupervisorConfig::drain_timeout); those that take longer are cut off, and
    /// their methods are cancelled. Then the connections are closed, and the logs are read no
    /// further. Processes that were replaced and have not finished are ended. A plugin that is
    /// starting, idle or down has no process, and the next host starts it.
    ///
    /// While this process lives, it also removes the files of a plugin that ends.
    ///
    /// Dropping the future leaves the handing over under way; calling it again gives the state. A
    /// [`shutdown`](Self::shutdown) meanwhile ends what was not handed over yet.
    ///
    /// # Errors
    ///
    /// When the plugin does not survive its host. It is supervised as before.
    pub async fn detach(&self) -> Result<SupervisorState, InvalidOption> {
        let shared = &self.control.shared;
        if shared.config.client.survival.is_none() {
            let expected = "a directory for the pipes of a plugin that is left to the next host";
            return Err(InvalidOption::new("survives_host", "none", expected));
        }
        shared.stop(Stop::Detach);
        self.tasks_ended().await;
        Ok(shared.saved_state())
    }

    /// What the next host would have to know if this one ended now, without
    /// [`detach`](Self::detach): of the processes in service. Save it at each
    /// [`Ready`](EventKind::Ready), [`Reloaded`](EventKind::Reloaded) and
    /// [`Resumed`](EventKind::Resumed), to find them again after a crash of this host. What this
    /// host has read of a log and not logged yet is lost then, up to 72 KiB. A process that was
    /// replaced and had not finished yet is not among them: after a crash of this host it has to be
    /// ended by hand.
    ///
    /// It is empty where the plugin does not [survive its
    /// host](SupervisorConfig::survives_host).
    #[must_use]
    pub fn saved_state(&self) -> SupervisorState {
        self.control.shared.saved_state()
    }

    /// Waits for all tasks. May be dropped and called again.
    async fn tasks_ended(&self) {
        let mut tasks = self.tasks.lock().await;
        while let Some(task) = tasks.last_mut() {
            // A panic is reported by the panic hook.
            let _ = task.await;
            tasks.pop();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.control.shared.stop(Stop::Shutdown);
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
