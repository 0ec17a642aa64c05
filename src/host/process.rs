//! The plugin's process, and the task that owns it.
//!
//! The task holds the child until it is reaped, so there is never a zombie, a process id that may
//! belong to someone else by now, or a question of who waits. Everyone else holds a [`Process`] or
//! an [`Exit`].

use std::io;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::sync::watch;

use super::socket::SocketFile;

/// The handle that decides over a process: asked or dropped, it has the process killed.
pub(super) struct Process {
    pid: u32,
    exit: Exit,
    kill: watch::Sender<bool>,
    socket: Arc<Mutex<Option<SocketFile>>>,
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
    /// Starts the process and its owner. The pipes are those that `command` asked for.
    pub(super) fn spawn(command: Command) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        // Killing on drop is for the owner task being dropped with its runtime.
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("the process has no pipe for its output");
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let pid = child.id().unwrap_or_default();

        let (ended, exit) = watch::channel(None);
        let (kill, killed) = watch::channel(false);
        let socket = Arc::new(Mutex::new(None));
        tokio::spawn(own(child, killed, Arc::clone(&socket), ended));
        let exit = Exit(exit);
        Ok((
            Self {
                pid,
                exit,
                kill,
                socket,
            },
            stdout,
            stderr,
        ))
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn exit(&self) -> &Exit {
        &self.exit
    }

    /// Has the process killed. [`Exit::wait`] tells when it is gone.
    pub(super) fn kill(&self) {
        self.kill.send_replace(true);
    }

    /// Hands over the socket that the plugin listens on, to be removed when it leaves it behind.
    pub(super) fn owns_socket(&self, socket: SocketFile) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
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
        // The sender is gone without a word only when the runtime is shutting down.
        let mut exit = self.0.clone();
        let ended = exit.wait_for(Option::is_some).await.ok()?;
        (*ended).and_then(|ended| ended.status)
    }
}

/// Holds the child until it has exited of itself or been killed, and cleans up behind it.
async fn own(
    mut child: Child,
    mut killed: watch::Receiver<bool>,
    socket: Arc<Mutex<Option<SocketFile>>>,
    ended: watch::Sender<Option<Ended>>,
) {
    let waited = tokio::select! {
        // Looking at the exit first keeps the status of a process that ended on its own.
        biased;
        status = child.wait() => status,
        () = asked(&mut killed) => {
            if let Err(error) = child.start_kill() {
                tracing::debug!(%error, "error killing plugin");
            }
            child.wait().await
        }
    };
    if let Err(error) = &waited {
        tracing::error!(%error, "cannot tell how the plugin exited");
    }
    let left = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(socket) = left {
        socket.remove_abandoned().await;
    }
    ended.send_replace(Some(Ended {
        status: waited.ok(),
    }));
}

/// Waits to be told to kill. The handle being dropped tells the same.
async fn asked(killed: &mut watch::Receiver<bool>) {
    let _ = killed.wait_for(|&killed| killed).await;
}
