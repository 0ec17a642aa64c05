//! Processes: the plugins of the contenders that do not launch any themselves, and the watch that
//! ends a plugin whose host is gone, and a host whose driver is. And the load of a busy machine.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::getppid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::peer::{Result, Setup};

/// A plugin started by the least there is: it prints the path of its socket and serves it.
pub struct OwnPlugin {
    child: Child,
    pub socket: PathBuf,
    pub pid: u32,
}

impl OwnPlugin {
    pub async fn launch(setup: &Setup) -> Result<Self> {
        let mut child = Command::new(&setup.plugin)
            .args(&setup.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().ok_or("the plugin has exited")?;
        let stdout = child.stdout.take().ok_or("no pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let socket = PathBuf::from(line.trim_end());
        Ok(Self { child, socket, pid })
    }

    pub async fn kill(mut self) {
        let _ = self.child.kill().await;
        remove_socket(&self.socket);
    }
}

/// A killed plugin leaves its socket behind.
pub fn remove_socket(socket: &Path) {
    let _ = std::fs::remove_file(socket);
    if let Some(dir) = socket.parent() {
        let _ = std::fs::remove_dir(dir);
    }
}

/// Where a plugin of our own listens. The directory is removed by the host.
pub fn socket_path() -> Result<PathBuf> {
    let dir = TempDir::with_prefix("versus-")?.keep();
    Ok(dir.join("socket"))
}

/// Ends this process within a second of its parent's death, however that came about.
pub fn end_with_parent() {
    let parent = getppid();
    thread::spawn(move || {
        while getppid() == parent {
            thread::sleep(Duration::from_secs(1));
        }
        std::process::exit(1);
    });
}

/// Uses one core until the process `parent` is not the parent any more.
///
/// The id is an argument, because a parent that dies before this runs could not be told by
/// `getppid`.
pub fn spin(parent: &str) -> ExitCode {
    let Ok(parent) = parent.parse::<i32>() else {
        eprintln!("versus spin PARENT: {parent:?} is no process id");
        return ExitCode::FAILURE;
    };
    let is_parent = || getppid().is_some_and(|id| id.as_raw_nonzero().get() == parent);
    // The kernel is asked seldom: the load is to be computation, and not system calls.
    while is_parent() {
        for _ in 0..10_000_000 {
            std::hint::black_box(parent);
        }
    }
    ExitCode::SUCCESS
}

/// Nanoseconds of a clock that all processes share.
pub fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The codec that a host and its plugin are to use, if it is not the contender's usual one.
pub fn codec() -> Option<String> {
    std::env::var("VERSUS_CODEC").ok()
}
