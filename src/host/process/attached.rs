//! A process that this host did not start, known by its id.

use std::io;
use std::process::ExitStatus;

use tokio::sync::watch;

use crate::host::runner::{AttachedRunner, BoxFuture};
use crate::sys::process_start::ProcessStart;

/// A plugin that is another process's child.
pub(in crate::host) struct AttachedProcess {
    pid: u32,
    watched: Watched,
}

impl AttachedProcess {
    /// Finds the process. From here on the id means this process and no later one. With `start`, it
    /// must be the one that was started then.
    pub(in crate::host) fn open(pid: u32, start: Option<&ProcessStart>) -> io::Result<Self> {
        let watched = Watched::open(pid)?;
        // Looked at after the process is held: one that has taken the id since would be younger.
        if start.is_some_and(|start| ProcessStart::of(pid).as_ref() != Some(start)) {
            let reason = "another process has the number by now";
            return Err(io::Error::new(io::ErrorKind::NotFound, reason));
        }
        Ok(Self { pid, watched })
    }
}

impl AttachedRunner for AttachedProcess {
    fn id(&self) -> String {
        self.pid.to_string()
    }

    fn pid(&self) -> Option<u32> {
        Some(self.pid)
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>> {
        Box::pin(async {
            self.watched.ended().await;
            // The system gives the exit status to the parent only.
            Ok(None)
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::ready(self.watched.kill()))
    }
}

/// A plugin without a process to watch or to kill: one in test mode, or on another machine. For
/// this host it ends with its connection.
pub(in crate::host) struct NoProcess {
    pid: Option<u32>,
    disconnected: watch::Receiver<bool>,
    given_up: bool,
}

impl NoProcess {
    pub(in crate::host) fn new(pid: Option<u32>, disconnected: watch::Receiver<bool>) -> Self {
        Self {
            pid,
            disconnected,
            given_up: false,
        }
    }
}

impl AttachedRunner for NoProcess {
    fn id(&self) -> String {
        self.pid.map(|pid| pid.to_string()).unwrap_or_default()
    }

    fn pid(&self) -> Option<u32> {
        self.pid
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>> {
        Box::pin(async {
            if !self.given_up {
                let _ = self.disconnected.wait_for(|&gone| gone).await;
            }
            Ok(None)
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, io::Result<()>> {
        self.given_up = true;
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use plugwire_base::readiness::register;

    /// A process held by a descriptor, which means this process even when its id is given out
    /// again.
    pub(in crate::host) struct Watched(AsyncFd<OwnedFd>);

    impl Watched {
        pub(in crate::host) fn open(pid: u32) -> io::Result<Self> {
            let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let number = number.ok_or(io::ErrorKind::NotFound)?;
            let descriptor = match pidfd_open(number, PidfdFlags::NONBLOCK) {
                Err(Errno::SRCH) => return Err(io::ErrorKind::NotFound.into()),
                opened => opened?,
            };
            Ok(Self(register(descriptor, Interest::READABLE)?))
        }

        pub(in crate::host) async fn ended(&mut self) {
            if let Err(error) = self.0.readable().await {
                tracing::error!(%error, "cannot watch a process");
            }
        }

        pub(super) fn kill(&self) -> io::Result<()> {
            match pidfd_send_signal(self.0.get_ref(), Signal::KILL) {
                Err(Errno::SRCH) => Ok(()),
                killed => Ok(killed?),
            }
        }
    }
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod system {
    use std::io;

    use rustix::io::Errno;
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};

    /// A process known by its id, which is looked for every second, as go-plugin does.
    pub(in crate::host) struct Watched(Pid);

    impl Watched {
        pub(in crate::host) fn open(pid: u32) -> io::Result<Self> {
            let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let number = number.ok_or(io::ErrorKind::NotFound)?;
            match test_kill_process(number) {
                Err(Errno::SRCH) => Err(io::ErrorKind::NotFound.into()),
                _ => Ok(Self(number)),
            }
        }

        pub(in crate::host) async fn ended(&mut self) {
            while test_kill_process(self.0) != Err(Errno::SRCH) {
                tokio::time::sleep(crate::tuning::host::PID_POLL).await;
            }
        }

        pub(super) fn kill(&self) -> io::Result<()> {
            match kill_process(self.0, Signal::KILL) {
                Err(Errno::SRCH) => Ok(()),
                killed => Ok(killed?),
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    /// Only children can be watched here. Of other processes the connection is.
    pub(in crate::host) struct Watched;

    impl Watched {
        pub(in crate::host) fn open(_: u32) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::host) async fn ended(&mut self) {
            std::future::pending().await
        }

        pub(super) fn kill(&self) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

pub(super) use system::Watched;
