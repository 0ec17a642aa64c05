//! The plugin's process, and the task that owns it.
//!
//! The task holds the process until it is reaped, so there is never a zombie, a process id that may
//! belong to someone else by now, or a question of who waits. Everyone else holds a [`Process`] or
//! an [`Exit`].

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

    fn start(plugin: Box<dyn AttachedRunner>, kept: bool) -> Self {
        let (pid, id) = (plugin.pid().unwrap_or_default(), plugin.id());
        let (ended, exit) = watch::channel(None);
        let (orders, ordered) = mpsc::unbounded_channel();
        let leftovers = Arc::default();
        tokio::spawn(own(plugin, kept, ordered, Arc::clone(&leftovers), ended));
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

    /// Waits for the process to end. For ever, where it was let go.
    pub(super) async fn ended(&self) {
        let mut exit = self.0.clone();
        if exit.wait_for(Option::is_some).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits for the process to end and be reaped, and for the socket it left to be removed, or for it to be let go.
    pub(super) async fn wait(&self) -> Option<ExitStatus> {
        // The sender is gone without a word when the process was let go or the runtime shuts down.
        let mut exit = self.0.clone();
        let ended = exit.wait_for(Option::is_some).await.ok()?;
        (*ended).and_then(|ended| ended.status)
    }
}

/// Holds the process until it has exited of itself or been killed, and cleans up behind it.
async fn own(
    mut plugin: Box<dyn AttachedRunner>,
    mut kept: bool,
    mut ordered: mpsc::UnboundedReceiver<Order>,
    leftovers: Arc<Mutex<Leftovers>>,
    ended: watch::Sender<Option<Ended>>,
) {
    let take = || {
        let mut leftovers = leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *leftovers)
    };
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
                let _ = done.send(());
            }
            None if kept => {
                if let Some(directory) = take().directory {
                    directory.keep();
                }
                return;
            }
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
    let Leftovers { socket, directory } = take();
    if let Some(socket) = socket {
        socket.remove_abandoned().await;
    }
    drop(directory);
    ended.send_replace(Some(Ended {
        status: waited.ok().flatten(),
    }));
}
