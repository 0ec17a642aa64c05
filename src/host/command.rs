//! The runner for a plain command: it starts a child of this process.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::diagnose;
use super::process::{lead_group, start_local};
use super::runner::{BoxFuture, LaunchEnvironment, Runner, Started};
use super::secure::{SecureConfig, Verified};
use crate::InvalidOption;

/// A command that starts a plugin, and how its process is treated.
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
        program: PathBuf,
        prepare: Box<dyn FnMut(&mut Command) + Send + Sync>,
    },
}

impl PluginCommand {
    /// Starts `command`. Its standard streams are set when it is launched.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self::with(Program::Plain(Some(command)))
    }

    fn with(program: Program) -> Self {
        Self {
            program,
            group: false,
            detached: None,
        }
    }

    /// Puts the plugin into a process group of its own, so that the processes that it starts end
    /// with it: when the plugin ends, by whatever means, the rest of the group is killed. Default
    /// off, as in go-plugin.
    ///
    /// Ctrl-C at a terminal no longer reaches the plugin or its children, and reading from the
    /// terminal stops them. Has no effect where there are no process groups.
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
    /// break with this host, and a plugin in Go dies of the next line it writes there. It has a
    /// process group of its own. It cannot have AutoMTLS, whose key would end with this host:
    /// launching then fails with
    /// [`LaunchError::DetachedAutoMtls`](super::LaunchError::DetachedAutoMtls).
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

impl SecureConfig {
    /// A command that starts `program` if it has this checksum. It is looked up in the host's
    /// `PATH` if its name has no slash, and otherwise from the host's working directory.
    ///
    /// `prepare` sets arguments, working directory and the like. The command that it gets does not
    /// name the file as `program` does.
    pub fn command(
        self,
        program: impl Into<PathBuf>,
        prepare: impl FnMut(&mut Command) + Send + Sync + 'static,
    ) -> PluginCommand {
        PluginCommand::with(Program::Secure {
            secure: self,
            program: program.into(),
            prepare: Box::new(prepare),
        })
    }
}

impl From<Command> for PluginCommand {
    fn from(command: Command) -> Self {
        Self::new(command)
    }
}

impl fmt::Debug for PluginCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            lead_group(&mut command);
        }
        tracing::debug!(
            program = ?command.get_program(),
            args = ?command.get_args(),
            "starting plugin"
        );
        command.stdin(Stdio::inherit()).stdout(Stdio::piped());
        command.stderr(detached.unwrap_or_else(Stdio::piped));
        start_local(command, group, verified)
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
            // Reading a large executable takes long, and other tasks should not wait for it.
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

/// Names what is missing, where the system would only say that a file is.
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
