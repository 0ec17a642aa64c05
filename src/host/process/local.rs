//! A plugin that is a child of this process.

use std::io;
use std::pin::pin;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::poll_fn;
use tokio::process::Child;

pub(in crate::host) use self::system::process_group as lead_group;
use crate::host::outlet::HostEnds;
use crate::host::runner::{AttachedRunner, BoxFuture, KillSwitch, Output, Started};
use crate::host::secure::Verified;

/// Starts a command as a child of this process, for a [`Runner`](crate::host::Runner) that only
/// wraps a command. Its input is inherited, its output piped.
///
/// # Errors
///
/// Fails when the command cannot be started.
///
/// # Panics
///
/// Outside a tokio runtime with I/O enabled.
pub fn local_process(mut command: Command) -> io::Result<Started> {
    command
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    start_local(&mut command.into(), false, None, None)
}

/// Starts a command whose streams are set. With `group`, it leads a process group that ends with
/// it; see [`lead_group`]. With `outlet`, it prints to pipes that it outlives its host with.
pub(in crate::host) fn start_local(
    command: &mut tokio::process::Command,
    group: bool,
    verified: Option<Verified>,
    outlet: Option<HostEnds>,
) -> io::Result<Started> {
    let mut child = command.spawn()?;
    let (stdout, stderr) = match outlet {
        Some(outlet) => (Some(outlet.stdout), Some(outlet.stderr)),
        None => (
            child.stdout.take().map(|stdout| Box::new(stdout) as Output),
            child.stderr.take().map(|stderr| Box::new(stderr) as Output),
        ),
    };
    let process = LocalProcess {
        pid: child.id(),
        child: Arc::new(Mutex::new(child)),
        group,
        detached: false,
        _verified: verified,
    };
    let Some(stdout) = stdout else {
        drop(process);
        return Err(io::Error::other("the process has no pipe for its output"));
    };
    let mut started = Started::new(stdout, process);
    started.stderr = stderr;
    Ok(started)
}

/// A child of this process, killed when it is dropped.
struct LocalProcess {
    /// Shared with the kill switch. The lock makes reaping and killing exclude each other, so that
    /// the id is never another process's when it is killed. Only `waitpid` and `kill` run under it.
    child: Arc<Mutex<Child>>,
    pid: Option<u32>,
    /// Whether it leads a process group that ends with it.
    group: bool,
    detached: bool,
    /// A script reads itself through this file at any time.
    _verified: Option<Verified>,
}

fn locked(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills a child that has not been reaped, and its group where it leads one.
fn end(child: &Mutex<Child>, group: bool) -> io::Result<()> {
    let mut child = locked(child);
    let Some(pid) = child.id() else {
        return Ok(());
    };
    if group {
        system::kill_group(pid);
    }
    child.start_kill()
}

/// Waits for a child to end, and reaps it.
async fn reaped(child: &Mutex<Child>) -> io::Result<ExitStatus> {
    // All of the state is in the child, so each poll can make a new future.
    poll_fn(|context| {
        let mut child = locked(child);
        let wait = pin!(child.wait());
        wait.poll(context)
    })
    .await
}

impl AttachedRunner for LocalProcess {
    fn id(&self) -> String {
        self.pid.map(|pid| pid.to_string()).unwrap_or_default()
    }

    fn pid(&self) -> Option<u32> {
        self.pid
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>> {
        Box::pin(async {
            if !self.group {
                return reaped(&self.child).await.map(Some);
            }
            // Until the leader is reaped, no other process gets its id.
            let pid = locked(&self.child).id();
            if let Some(pid) = pid
                && system::has_ended(pid).await
            {
                system::kill_group(pid);
                return reaped(&self.child).await.map(Some);
            }
            // Where its end cannot be watched, its id is hardly given to another at once.
            let status = reaped(&self.child).await;
            if let Some(pid) = self.pid {
                system::kill_group(pid);
            }
            status.map(Some)
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::ready(end(&self.child, self.group)))
    }

    fn kill_switch(&self) -> Option<KillSwitch> {
        let (child, group) = (Arc::downgrade(&self.child), self.group);
        Some(Box::new(move || {
            // Without the child, its owner has killed or reaped it.
            if let Some(child) = child.upgrade() {
                // Should it fail, it has ended.
                let _ = end(&child, group);
            }
        }))
    }

    fn detach(&mut self) {
        self.detached = true;
    }
}

impl Drop for LocalProcess {
    fn drop(&mut self) {
        if !self.detached {
            // Should it fail, it has ended. tokio reaps what is dropped here.
            let _ = end(&self.child, self.group);
        }
    }
}

#[cfg(unix)]
mod system {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::io::Errno;
    use rustix::process::{Pid, Signal, kill_process_group};

    use crate::host::process::attached::Watched;

    /// Makes the process lead a group of its own, where there are groups.
    pub(in crate::host) fn process_group(command: &mut Command) {
        command.process_group(0);
    }

    pub(super) fn kill_group(leader: u32) {
        let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) else {
            return;
        };
        match kill_process_group(group, Signal::KILL) {
            // The group is empty, or has only zombies.
            Ok(()) | Err(Errno::SRCH | Errno::PERM) => {}
            Err(error) => tracing::warn!(%error, leader, "cannot kill the plugin's process group"),
        }
    }

    /// Waits for a child to end, without reaping it. `false` at once where that cannot be seen.
    pub(super) async fn has_ended(pid: u32) -> bool {
        match Watched::open(pid) {
            Ok(mut process) => {
                process.ended().await;
                true
            }
            Err(error) => {
                tracing::debug!(%error, pid, "cannot watch the process");
                false
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::process::Command;

    pub(in crate::host) fn process_group(_: &mut Command) {}

    pub(super) fn kill_group(_: u32) {}

    pub(super) async fn has_ended(_: u32) -> bool {
        false
    }
}
