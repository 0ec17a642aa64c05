//! The plugin's process, and the task that owns it.
//!
//! The task holds the process until it is reaped, so there is never a zombie, a process id that may
//! belong to someone else by now, or a question of who waits. Everyone else holds a [`Process`] or
//! an [`Exit`].

use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::leftovers::Leftovers;
use super::runner::{AttachedRunner, KillSwitch};
use crate::handshake::Address;
use crate::sys::background::in_background;
use crate::tuning::host as tuning;
use plugwire_base::notify::notify_and_wait;

/// The handle that decides over a process: asked or dropped, it has the process killed, unless it
/// was told to [`keep`](Self::keep) it.
pub(super) struct Process {
    pid: u32,
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

/// What a process is to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Started here.
    Child,
    /// There before.
    Adopted,
    /// Not seen, only heard of by its connection.
    Connection,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// `None` when the system would not say, as when someone else reaped it.
    pub(super) status: Option<ExitStatus>,
    pub(super) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Exited,
    /// This host killed it.
    Killed,
    /// Its connection ended, which is all there is to know. The process may go on.
    Disconnected,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Running,
    /// It has ended, and been reaped.
    Reaped(Ended),
    /// What it left behind is removed, too.
    Removed(Ended),
}

impl State {
    fn ended(self) -> Option<Ended> {
        match self {
            State::Running => None,
            State::Reaped(ended) | State::Removed(ended) => Some(ended),
        }
    }
}

/// Tells when the process has ended, and been reaped.
#[derive(Clone)]
pub(super) struct Exit(watch::Receiver<State>);

impl Process {
    /// Starts the owner of a process that was started here, and may leave something behind.
    pub(super) fn own(plugin: Box<dyn AttachedRunner>, leftovers: Leftovers) -> Self {
        Self::start(plugin, Kind::Child, leftovers)
    }

    /// Starts the owner of a process that was there before, and is left alone unless it is to be
    /// killed.
    pub(super) fn adopt(plugin: Box<dyn AttachedRunner>) -> Self {
        Self::start(plugin, Kind::Adopted, Leftovers::default())
    }

    /// The same for one of which there is only a connection.
    pub(super) fn adopt_connection(plugin: Box<dyn AttachedRunner>) -> Self {
        Self::start(plugin, Kind::Connection, Leftovers::default())
    }

    fn start(mut plugin: Box<dyn AttachedRunner>, kind: Kind, mut leftovers: Leftovers) -> Self {
        if kind != Kind::Child {
            plugin.detach();
            leftovers.keep();
        }
        let (pid, id) = (plugin.pid().unwrap_or_default(), plugin.id());
        let kill_switch = plugin.kill_switch();
        let (state, exit) = watch::channel(State::Running);
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

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn exit(&self) -> &Exit {
        &self.exit
    }

    /// Has the process killed. [`Exit::wait`] tells when it is gone.
    pub(super) fn kill(&self) {
        // Without an owner there is no process either.
        let _ = self.orders.send(Order::Kill);
    }

    /// From when this returns on, the process outlives this handle and the runtime.
    pub(super) async fn keep(&self) {
        notify_and_wait(&self.orders, Order::Keep).await;
    }

    /// Notes where the plugin says that it listens, to remove the socket when it leaves it behind.
    pub(super) fn listens_at(&self, address: &Address) {
        locked(&self.leftovers).announced(address);
    }

    /// Notes that it is the plugin that listens there.
    pub(super) fn owns_socket(&self) {
        locked(&self.leftovers).confirmed();
    }
}

impl Drop for Process {
    /// Kills at once what is to be killed, since this process may exit before its tasks run again.
    /// For the same reason the socket and the directory go here, where that is a matter of two or
    /// three system calls.
    fn drop(&mut self) {
        let mut leftovers = locked(&self.leftovers);
        if self.exit.has_exited() {
            // Noted when the owner had gone already.
            if !leftovers.is_empty() {
                let late = std::mem::take(&mut *leftovers);
                drop(in_background(move || late.remove()));
            }
        } else if !leftovers.is_kept()
            && let Some(kill) = &self.kill_switch
        {
            kill();
            leftovers.remove_at_once();
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

    /// Waits for the process to end and be reaped. `None` where it was let go before, or its owner
    /// ended with the runtime.
    pub(super) async fn reaped(&self) -> Option<Ended> {
        self.until(|state| state.ended().is_some()).await
    }

    /// Waits for the process to end and be reaped, and for what it left to be removed.
    pub(super) async fn wait(&self) -> Option<ExitStatus> {
        let ended = self.until(|state| matches!(state, State::Removed(_))).await;
        ended?.status
    }

    async fn until(&self, reached: fn(&State) -> bool) -> Option<Ended> {
        let mut state = self.0.clone();
        let state = *state.wait_for(reached).await.ok()?;
        state.ended()
    }
}

/// Holds the process until it has exited of itself or been killed, and cleans up behind it. Somebody else's process is let
/// go with its handle; one that was started here and is kept is seen to its end.
async fn own(
    mut plugin: Box<dyn AttachedRunner>,
    kind: Kind,
    mut ordered: mpsc::UnboundedReceiver<Order>,
    leftovers: Arc<Mutex<Leftovers>>,
    state: watch::Sender<State>,
) {
    let mut killed = false;
    let waited = loop {
        let order = tokio::select! {
            // Looking at the exit first keeps the status of a process that ended on its own.
            biased;
            waited = plugin.wait() => break waited,
            order = ordered.recv() => order,
        };
        match order {
            Some(Order::Keep(done)) => {
                plugin.detach();
                // A process that outlives the runtime, and this task, goes on to need its files.
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
        tracing::error!(id = plugin.id(), %error, "cannot tell how the plugin exited");
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
    state.send_replace(State::Reaped(ended));
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
    state.send_replace(State::Removed(ended));
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::future::BoxFuture;

    use super::*;

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
