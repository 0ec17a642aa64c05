//! The plugin's process, and the task that owns it.
//!
//! The task holds the process until it is reaped. So there is no zombie, no process id that may
//! belong to another process by now, and exactly one waiter. All other code holds a [`Process`] or
//! an [`Exit`].

mod attached;
mod leftovers;
mod local;

use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub(super) use self::attached::{AttachedProcess, NoProcess};
pub(super) use self::leftovers::Leftovers;
pub use self::local::local_process;
pub(super) use self::local::{lead_group, start_local};
use super::outlet::Outlet;
use super::runner::{AttachedRunner, KillSwitch};
use crate::handshake::Address;
use crate::sys::background::in_background;
use crate::tuning::host as tuning;
use plugwire_base::notify::notify_and_wait;

/// The handle of a process. Dropping it has the process killed, unless [`keep`](Self::keep) was
/// called.
pub(super) struct Process {
    pid: Option<u32>,
    id: String,
    exit: Exit,
    orders: mpsc::UnboundedSender<Order>,
    kill_switch: Option<KillSwitch>,
    leftovers: Arc<Mutex<Leftovers>>,
}

enum Order {
    Kill,
    /// Answered when the process is safe.
    Keep(oneshot::Sender<()>),
}

/// How a process came to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Started here.
    Child,
    /// There before.
    Adopted,
    /// Known by its connection only.
    Connection,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// `None` where the system does not say, as of a process that is not a child.
    pub(super) status: Option<ExitStatus>,
    pub(super) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Exited,
    /// This host killed it.
    Killed,
    /// Its connection ended. The process may go on.
    Disconnected,
}

#[derive(Clone, Copy, Debug, Default)]
enum ProcessState {
    #[default]
    Running,
    /// It has ended, and been reaped.
    Reaped(Ended),
    /// The files that it left are removed, too.
    Removed(Ended),
}

impl ProcessState {
    fn ended(self) -> Option<Ended> {
        match self {
            ProcessState::Running => None,
            ProcessState::Reaped(ended) | ProcessState::Removed(ended) => Some(ended),
        }
    }
}

/// The end of a process: waits for it, and says how it ended.
#[derive(Clone)]
pub(super) struct Exit(watch::Receiver<ProcessState>);

impl Process {
    /// Starts the owner of a process that was started here, and may leave files.
    pub(super) fn own(plugin: Box<dyn AttachedRunner>, leftovers: Leftovers) -> Self {
        Self::start(plugin, Kind::Child, leftovers)
    }

    /// Starts the owner of a process that was there before. It is killed by [`kill`](Self::kill)
    /// only.
    pub(super) fn adopt(plugin: Box<dyn AttachedRunner>) -> Self {
        Self::start(plugin, Kind::Adopted, Leftovers::default())
    }

    /// The same for a process that is known by its connection only.
    pub(super) fn adopt_connection(plugin: Box<dyn AttachedRunner>) -> Self {
        Self::start(plugin, Kind::Connection, Leftovers::default())
    }

    fn start(mut plugin: Box<dyn AttachedRunner>, kind: Kind, mut leftovers: Leftovers) -> Self {
        if kind != Kind::Child {
            plugin.detach();
            leftovers.keep();
        }
        let (pid, id) = (plugin.pid(), plugin.id());
        let kill_switch = plugin.kill_switch();
        let (state, exit) = watch::channel(ProcessState::Running);
        let (orders, ordered) = mpsc::unbounded_channel();
        let leftovers = Arc::new(Mutex::new(leftovers));
        tokio::spawn(own(plugin, kind, ordered, Arc::clone(&leftovers), state));
        Self {
            pid,
            id,
            exit: Exit(exit),
            orders,
            kill_switch,
            leftovers,
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn exit(&self) -> &Exit {
        &self.exit
    }

    /// Has the process killed. [`Exit::wait`] returns when it is gone.
    pub(super) fn kill(&self) {
        // Without an owner there is no process.
        let _ = self.orders.send(Order::Kill);
    }

    /// Whether dropping this handle ends a process that runs.
    pub(super) fn ends_with_handle(&self) -> bool {
        self.kill_switch.is_some() && !self.exit.has_exited() && !locked(&self.leftovers).is_kept()
    }

    /// Whether it is certain that the process itself listens on its unix socket.
    pub(super) fn has_own_socket(&self) -> bool {
        locked(&self.leftovers).has_own_socket()
    }

    /// Removes its socket and the socket's directory, which the plugin may do at the same time: two
    /// or three system calls.
    pub(super) fn remove_files(&self) {
        locked(&self.leftovers).remove_at_once();
    }

    /// When this returns, the process outlives this handle and the runtime.
    pub(super) async fn keep(&self) {
        notify_and_wait(&self.orders, Order::Keep).await;
    }

    /// The same, without waiting: the process outlives this handle from now on, and the runtime
    /// once its owner has had a turn.
    pub(super) fn start_keeping(&self) {
        locked(&self.leftovers).keep();
        let (done, _) = oneshot::channel();
        // Without an owner there is no process.
        let _ = self.orders.send(Order::Keep(done));
    }

    /// Notes the pipes that the plugin prints to, to remove them after it.
    pub(super) fn prints_to(&self, outlet: Outlet) {
        locked(&self.leftovers).prints_to(outlet);
    }

    /// Notes the address that the plugin announced, to remove the socket if the plugin does not.
    pub(super) fn listens_at(&self, address: &Address) {
        locked(&self.leftovers).announced(address);
    }

    /// Notes that the plugin itself listens there.
    pub(super) fn owns_socket(&self) {
        locked(&self.leftovers).confirmed();
    }
}

impl Drop for Process {
    /// Kills the process here, because this process may exit before its tasks run again. For the
    /// same reason the socket and the directory are removed here, which takes two or three system
    /// calls.
    fn drop(&mut self) {
        if self.exit.has_exited() {
            // Noted after the owner had ended.
            let late = std::mem::take(&mut *locked(&self.leftovers));
            if !late.is_empty() {
                drop(in_background(move || late.remove()));
            }
            return;
        }
        if locked(&self.leftovers).is_kept() {
            return;
        }
        if let Some(kill) = &self.kill_switch {
            // Without the lock: a runner's kill switch is its author's code.
            kill();
            locked(&self.leftovers).remove_at_once();
        }
    }
}

fn locked(leftovers: &Mutex<Leftovers>) -> MutexGuard<'_, Leftovers> {
    leftovers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exit {
    pub(super) fn has_exited(&self) -> bool {
        self.ended().is_some()
    }

    /// How the process ended, if it has.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.0.borrow().ended()
    }

    /// The exit status, if the process has ended and the system says how.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.ended()?.status
    }

    /// Waits for the process to end and be reaped. `None` where its owner gave it up before, or
    /// ended with the runtime.
    pub(super) async fn reaped(&self) -> Option<Ended> {
        self.until(|state| state.ended().is_some()).await
    }

    /// Waits for the process to end and be reaped, and for what it left to be removed.
    pub(super) async fn wait(&self) -> Option<ExitStatus> {
        let ended = self
            .until(|state| matches!(state, ProcessState::Removed(_)))
            .await;
        ended?.status
    }

    async fn until(&self, reached: fn(&ProcessState) -> bool) -> Option<Ended> {
        let mut state = self.0.clone();
        let state = *state.wait_for(reached).await.ok()?;
        state.ended()
    }
}

/// Holds the process until it has exited or was killed, and then removes its files. A process that
/// was adopted is given up with its handle; a child that is kept is held until its end.
async fn own(
    mut plugin: Box<dyn AttachedRunner>,
    kind: Kind,
    mut ordered: mpsc::UnboundedReceiver<Order>,
    leftovers: Arc<Mutex<Leftovers>>,
    state: watch::Sender<ProcessState>,
) {
    let mut killed = false;
    let waited = loop {
        let order = tokio::select! {
            // The exit comes first, to keep the status of a process that ended by itself.
            biased;
            waited = plugin.wait() => break waited,
            order = ordered.recv() => order,
        };
        match order {
            Some(Order::Keep(done)) => {
                plugin.detach();
                // A process that outlives the runtime and this task still needs its files.
                locked(&leftovers).keep();
                let _ = done.send(());
            }
            None if kind != Kind::Child => return,
            None if locked(&leftovers).is_kept() => break plugin.wait().await,
            Some(Order::Kill) | None => {
                killed = true;
                if let Err(error) = plugin.kill().await {
                    tracing::debug!(id = plugin.id(), %error, "error killing plugin");
                }
                break plugin.wait().await;
            }
        }
    };
    if let Err(error) = &waited {
        tracing::error!(id = plugin.id(), %error, "cannot get the exit status of the plugin");
    }
    let ended = Ended {
        status: waited.ok().flatten(),
        how: match kind {
            Kind::Connection => How::Disconnected,
            Kind::Child | Kind::Adopted if killed => How::Killed,
            Kind::Child | Kind::Adopted => How::Exited,
        },
    };
    let left = std::mem::take(&mut *locked(&leftovers));
    state.send_replace(ProcessState::Reaped(ended));
    if !left.is_empty()
        && timeout(tuning::REMOVAL, in_background(move || left.remove()))
            .await
            .is_err()
    {
        tracing::warn!(
            id = plugin.id(),
            "the plugin's files are still being removed"
        );
    }
    state.send_replace(ProcessState::Removed(ended));
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::host::runner::BoxFuture;

    /// A process that never ends.
    #[derive(Default)]
    struct Endless {
        switched: Arc<AtomicBool>,
    }

    impl AttachedRunner for Endless {
        fn id(&self) -> String {
            "endless".to_owned()
        }

        fn pid(&self) -> Option<u32> {
            None
        }

        fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>> {
            Box::pin(std::future::pending())
        }

        fn kill(&mut self) -> BoxFuture<'_, io::Result<()>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn kill_switch(&self) -> Option<KillSwitch> {
            let switched = Arc::clone(&self.switched);
            Some(Box::new(move || switched.store(true, Ordering::SeqCst)))
        }
    }

    /// Whether a process still has its directory after its runtime has ended.
    #[cfg(unix)]
    fn has_directory(keep: bool) -> bool {
        use crate::sys::private_dir::PrivateDir;
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let path = directory.path().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(async {
            let process = Process::own(Box::new(Endless::default()), directory.into());
            if keep {
                process.keep().await;
            }
        });
        path.exists()
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_outlives_the_runtime_with_its_process() {
        assert!(has_directory(true));
        assert!(!has_directory(false));
    }

    /// Whether dropping the handle of a process kills it, before any task runs.
    async fn kills(process: impl AsyncFnOnce(Box<Endless>) -> Process) -> bool {
        let plugin = Endless::default();
        let switched = Arc::clone(&plugin.switched);
        drop(process(Box::new(plugin)).await);
        switched.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn a_dropped_handle_kills_at_once() {
        assert!(kills(async |plugin| Process::own(plugin, Leftovers::default())).await);
        let kept = async |plugin: Box<Endless>| {
            let process = Process::own(plugin, Leftovers::default());
            process.keep().await;
            process
        };
        assert!(!kills(kept).await);
        assert!(!kills(async |plugin| Process::adopt(plugin)).await);
    }
}
