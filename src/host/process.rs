//! The plugin's process, and the task that owns it.
//!
//! The task holds the process until it is reaped, so there is never a zombie, a process id that may
//! belong to someone else by now, or a question of who waits. Everyone else holds a [`Process`] or
//! an [`Exit`].

use std::mem::ManuallyDrop;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use super::runner::AttachedRunner;
use super::socket::SocketFile;
use crate::ask::ask;
use crate::private_dir::PrivateDir;

/// The handle that decides over a process: asked or dropped, it has the process killed, unless it
/// was told to [`keep`](Self::keep) it.
pub(super) struct Process {
    pid: u32,
    id: String,
    exit: Exit,
    orders: mpsc::UnboundedSender<Order>,
    leftovers: Arc<Mutex<Leftovers>>,
}

enum Order {
    Kill,
    /// Answered when the process is safe.
    Keep(oneshot::Sender<()>),
}

/// What a process may leave behind when it is killed.
#[derive(Default)]
struct Leftovers {
    socket: Option<SocketFile>,
    directory: Option<PrivateDir>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    /// `None` when the system would not say, as when someone else reaped it.
    status: Option<ExitStatus>,
}

/// Tells when the process has ended, and been reaped.
#[derive(Clone)]
pub(super) struct Exit(watch::Receiver<Option<Ended>>);

impl Process {
    /// Starts the owner of a process that was started here.
    pub(super) fn own(plugin: Box<dyn AttachedRunner>) -> Self {
        Self::start(plugin, false)
    }

    /// Starts the owner of a process that was there before, and is left alone unless it is to be
    /// killed.
    pub(super) fn adopt(mut plugin: Box<dyn AttachedRunner>) -> Self {
        plugin.detach();
        Self::start(plugin, true)
    }

    fn start(plugin: Box<dyn AttachedRunner>, adopted: bool) -> Self {
        let (pid, id) = (plugin.pid().unwrap_or_default(), plugin.id());
        let (ended, exit) = watch::channel(None);
        let (orders, ordered) = mpsc::unbounded_channel();
        let leftovers = Arc::default();
        tokio::spawn(own(plugin, adopted, ordered, Arc::clone(&leftovers), ended));
        Self {
            pid,
            id,
            exit: Exit(exit),
            orders,
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
        ask(&self.orders, Order::Keep).await;
    }

    /// Hands over the socket that the plugin listens on, to be removed when it leaves it behind.
    pub(super) fn owns_socket(&self, socket: SocketFile) {
        self.leftovers().socket = Some(socket);
    }

    /// Hands over a directory that is to go with the process.
    pub(super) fn owns_directory(&self, directory: PrivateDir) {
        self.leftovers().directory = Some(directory);
    }

    fn leftovers(&self) -> std::sync::MutexGuard<'_, Leftovers> {
        self.leftovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exit {
    pub(super) fn has_exited(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// How the process ended, if it has.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        (*self.0.borrow()).and_then(|ended| ended.status)
    }

    /// Waits for the process to end and be reaped, and for the socket it left to be removed.
    pub(super) async fn wait(&self) -> Option<ExitStatus> {
        // The sender is gone without a word when somebody else's process was let go, or the runtime shuts down.
        let mut exit = self.0.clone();
        let ended = exit.wait_for(Option::is_some).await.ok()?;
        (*ended).and_then(|ended| ended.status)
    }
}

/// Holds the process until it has exited of itself or been killed, and cleans up behind it. Somebody else's process is let
/// go with its handle; one that was started here and is kept is seen to its end.
async fn own(
    mut plugin: Box<dyn AttachedRunner>,
    adopted: bool,
    mut ordered: mpsc::UnboundedReceiver<Order>,
    leftovers: Arc<Mutex<Leftovers>>,
    ended: watch::Sender<Option<Ended>>,
) {
    let leftovers = || leftovers.lock().unwrap_or_else(PoisonError::into_inner);
    let mut kept = adopted;
    // A process that outlives the runtime, and this task, goes on to need its directory.
    let mut spared: Option<ManuallyDrop<PrivateDir>> = None;
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
                kept = true;
                spared = spared.or(leftovers().directory.take().map(ManuallyDrop::new));
                let _ = done.send(());
            }
            None if adopted => return,
            None if kept => break plugin.wait().await,
            Some(Order::Kill) | None => {
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
    let Leftovers { socket, directory } = std::mem::take(&mut *leftovers());
    if let Some(socket) = socket {
        socket.remove_abandoned().await;
    }
    drop((directory, spared.map(ManuallyDrop::into_inner)));
    ended.send_replace(Some(Ended {
        status: waited.ok().flatten(),
    }));
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures::future::BoxFuture;

    use super::*;

    /// A process that never ends.
    struct Endless;

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
    }

    /// Whether a process still has its directory after its runtime has ended.
    fn has_directory(keep: bool) -> bool {
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let path = directory.path().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let process = Process::own(Box::new(Endless));
            process.owns_directory(directory);
            if keep {
                process.keep().await;
            }
        });
        path.exists()
    }

    #[test]
    fn a_directory_outlives_the_runtime_with_its_process() {
        assert!(has_directory(true));
        assert!(!has_directory(false));
    }
}
