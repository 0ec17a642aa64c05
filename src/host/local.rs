//! The runner behind a plain command: a process of this machine, and a child of this one.

use std::ffi::OsStr;
use std::io;
use std::pin::pin;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, poll_fn};
use tokio::process::Child;

use super::diagnose;
use super::runner::{AttachedRunner, KillSwitch, LaunchEnvironment, Output, Runner, Started};
use super::secure::{SecureConfig, Verified};
use crate::InvalidOption;

/// A command that starts a plugin, and how its process is to be treated.
///
/// A [`Command`] alone is the plain case, and [`ClientConfig::new`] takes it as it is.
///
/// ```
/// use std::process::Command;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::{ClientConfig, PluginCommand};
///
/// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// let command = PluginCommand::new(Command::new("./greeter")).process_group(true);
/// let config = ClientConfig::new(handshake, command);
/// ```
///
/// [`ClientConfig::new`]: super::ClientConfig::new
pub struct PluginCommand {
    program: Program,
    group: bool,
    detached: Option<Stdio>,
}

enum Program {
    /// Taken when it is started. A command cannot be cloned.
    Plain(Option<Command>),
    Secure {
        secure: SecureConfig,
        program: std::path::PathBuf,
        prepare: Box<dyn FnMut(&mut Command) + Send + Sync>,
    },
}

impl PluginCommand {
    /// Starts what `command` says. Its standard streams are set when it is launched.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self::with(Program::Plain(Some(command)))
    }

    /// See [`SecureConfig::command`].
    pub(super) fn secure(
        secure: SecureConfig,
        program: std::path::PathBuf,
        prepare: Box<dyn FnMut(&mut Command) + Send + Sync>,
    ) -> Self {
        Self::with(Program::Secure {
            secure,
            program,
            prepare,
        })
    }

    fn with(program: Program) -> Self {
        Self {
            program,
            group: false,
            detached: None,
        }
    }

    /// Puts the plugin into a process group of its own, so that the processes it starts end with
    /// it: however the plugin ends, what is left of the group is killed then. Default off, as in
    /// go-plugin.
    ///
    /// Ctrl-C at a terminal no longer reaches the plugin or its children, and reading from the
    /// terminal stops it. Has no effect where there are no process groups.
    #[must_use]
    pub fn process_group(mut self, own: bool) -> Self {
        self.group = own;
        self
    }

    /// Starts the plugin as one that outlives its host: neither dropping the [`Client`] nor the end
    /// of this process ends it, only [`Client::kill`] does. Another host takes it over by its
    /// [`ReattachConfig`].
    ///
    /// Its log goes to `stderr`, a file or [`Stdio::null()`], because a pipe to this host would
    /// break with this host, and a plugin in Go dies of the next line it writes there. It is in a
    /// process group of its own. AutoMTLS is not for it, since the key would end with this host:
    /// launching fails with [`LaunchError::DetachedAutoMtls`](super::LaunchError::DetachedAutoMtls).
    ///
    /// [`Client`]: super::Client
    /// [`Client::kill`]: super::Client::kill
    /// [`ReattachConfig`]: crate::handshake::ReattachConfig
    #[must_use]
    pub fn detached(mut self, stderr: impl Into<Stdio>) -> Self {
        self.detached = Some(stderr.into());
        self
    }

    pub(super) fn is_detached(&self) -> bool {
        self.detached.is_some()
    }
}

impl From<Command> for PluginCommand {
    fn from(command: Command) -> Self {
        Self::new(command)
    }
}

impl std::fmt::Debug for PluginCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginCommand")
            .field("program", &Runner::name(self))
            .field("process_group", &self.group)
            .field("detached", &self.is_detached())
            .finish_non_exhaustive()
    }
}

impl PluginCommand {
    fn program(&self) -> &OsStr {
        match &self.program {
            Program::Plain(Some(command)) => command.get_program(),
            Program::Plain(None) => OsStr::new(""),
            Program::Secure { program, .. } => program.as_os_str(),
        }
    }

    /// The command, and the file that it executes where that is held open.
    fn command(&mut self) -> io::Result<(Command, Option<Verified>)> {
        match &mut self.program {
            Program::Plain(command) => {
                let program = command
                    .as_ref()
                    .map(|command| command.get_program().to_owned());
                let again = program.map(Command::new);
                let command = std::mem::replace(command, again);
                let command = command.ok_or_else(|| io::Error::other("started already"))?;
                Ok((command, None))
            }
            Program::Secure {
                secure,
                program,
                prepare,
            } => {
                let (mut command, verified) = secure.verify(program).map_err(io::Error::other)?;
                prepare(&mut command);
                Ok((command, Some(verified)))
            }
        }
    }

    fn spawn(&mut self, environment: &LaunchEnvironment) -> io::Result<Started> {
        let (mut command, verified) = self.command()?;
        check(&command)?;
        environment.apply(&mut command);
        let (group, detached) = (self.group, self.detached.take());
        if group || detached.is_some() {
            system::process_group(&mut command);
        }
        tracing::debug!(
            program = ?command.get_program(),
            args = ?command.get_args(),
            "starting plugin"
        );
        command.stdin(Stdio::inherit()).stdout(Stdio::piped());
        command.stderr(detached.unwrap_or_else(Stdio::piped));
        start(command, group, verified)
    }
}

impl Runner for PluginCommand {
    fn name(&self) -> String {
        self.program().to_string_lossy().into_owned()
    }

    fn start(&mut self, environment: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
        Box::pin(async move {
            if matches!(self.program, Program::Plain(_)) {
                return self.spawn(&environment);
            }
            // Reading a large executable takes its time, which other tasks should not wait for.
            let placeholder = Self::with(Program::Plain(None));
            let mut secure = std::mem::replace(self, placeholder);
            let runtime = tokio::runtime::Handle::current();
            let (secure, started) = tokio::task::spawn_blocking(move || {
                let _spawns_into = runtime.enter();
                let started = secure.spawn(&environment);
                (secure, started)
            })
            .await
            .map_err(io::Error::other)?;
            *self = secure;
            started
        })
    }

    fn diagnose(&self) -> BoxFuture<'_, String> {
        Box::pin(std::future::ready(diagnose::notes(self.program())))
    }
}

/// What the system would call a missing file, whichever it is that is missing.
fn check(command: &Command) -> io::Result<()> {
    let refused = |option, given: &OsStr, expected| {
        let error = InvalidOption::new(option, given, expected);
        Err(io::Error::new(io::ErrorKind::InvalidInput, error))
    };
    let program = command.get_program();
    if program.is_empty() {
        return refused("Command::new", program, "the path or the name of a program");
    }
    match command.get_current_dir() {
        Some(directory) if !directory.is_dir() => {
            let expected = "a directory that exists";
            refused("Command::current_dir", directory.as_os_str(), expected)
        }
        _ => Ok(()),
    }
}

/// Starts a command as a process of this machine: what a [`Runner`] does that only wraps a command.
/// Its input is inherited, its output piped.
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
    start(command, false, None)
}

fn start(command: Command, group: bool, verified: Option<Verified>) -> io::Result<Started> {
    let mut child = tokio::process::Command::from(command).spawn()?;
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let process = LocalProcess {
        pid: child.id().unwrap_or_default(),
        child: Arc::new(Mutex::new(child)),
        group,
        detached: false,
        _verified: verified,
    };
    let Some(stdout) = stdout else {
        drop(process);
        return Err(io::Error::other("the process has no pipe for its output"));
    };
    Ok(Started {
        stdout: Box::new(stdout),
        stderr: stderr.map(|stderr| Box::new(stderr) as Output),
        plugin: Box::new(process),
    })
}

/// A child of this process, killed when it is dropped.
struct LocalProcess {
    /// Shared with the kill switch. Reaping and killing exclude each other, so what is killed is never
    /// another process that has got the number since.
    child: Arc<Mutex<Child>>,
    pid: u32,
    /// Whether it leads a process group that ends with it.
    group: bool,
    detached: bool,
    /// A script reads itself through this file, at any time.
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
    // All of the state is in the child: a future that is made for each poll goes on with it.
    poll_fn(|context| {
        let mut child = locked(child);
        let wait = pin!(child.wait());
        wait.poll(context)
    })
    .await
}

impl AttachedRunner for LocalProcess {
    fn id(&self) -> String {
        self.pid.to_string()
    }

    fn pid(&self) -> Option<u32> {
        Some(self.pid)
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>> {
        Box::pin(async {
            if !self.group {
                return reaped(&self.child).await.map(Some);
            }
            // While the leader is not reaped, nobody else gets the group's number.
            let there = locked(&self.child).id().is_some();
            if there && system::has_ended(self.pid).await {
                system::kill_group(self.pid);
                return reaped(&self.child).await.map(Some);
            }
            // Where that cannot be seen, the number is hardly given out again at once.
            let status = reaped(&self.child).await;
            system::kill_group(self.pid);
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

    use super::super::attached::Watched;

    pub(super) fn process_group(command: &mut Command) {
        command.process_group(0);
    }

    pub(super) fn kill_group(leader: u32) {
        let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) else {
            return;
        };
        match kill_process_group(group, Signal::KILL) {
            // Nobody is left, or all that is left is dead.
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

    pub(super) fn process_group(_: &mut Command) {}

    pub(super) fn kill_group(_: u32) {}

    pub(super) async fn has_ended(_: u32) -> bool {
        false
    }
}
