//! The runner for a plain command: it starts a child of this process.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::diagnose;
use super::outlet::Ends;
use super::process::{lead_group, start_local};
use super::runner::{BoxFuture, LaunchEnvironment, Runner, Started, own_variables};
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
#[derive(Clone)]
pub struct PluginCommand {
    program: Program,
    group: bool,
    /// Where the log of a plugin goes that outlives its host, until the plugin has it.
    detached: Option<Arc<Mutex<Option<Stdio>>>>,
    /// The pipes of a plugin that outlives its host and logs to the next one, until it has them.
    outlet: Option<Arc<Mutex<Option<Ends>>>>,
}

#[derive(Clone)]
enum Program {
    Plain {
        program: OsString,
        /// A command cannot be cloned, and can be started again.
        command: Arc<Mutex<Shared>>,
    },
    Secure {
        secure: SecureConfig,
        program: PathBuf,
        prepare: Arc<Mutex<Prepare>>,
    },
}

type Prepare = dyn FnMut(&mut Command) + Send + Sync;

/// A command, and what the launches so far have changed of it. Its lock is held while a process is
/// started: the clones of a command take turns.
struct Shared {
    command: tokio::process::Command,
    /// The variables that its author has set and removed.
    own: Vec<(OsString, Option<OsString>)>,
    last: Option<Last>,
}

/// The launch before.
struct Last {
    inherit: bool,
    group: bool,
    detached: bool,
    variables: Vec<OsString>,
}

impl Shared {
    fn new(command: Command) -> Self {
        Self {
            own: own_variables(&command),
            command: command.into(),
            last: None,
        }
    }

    /// Gives the command another environment than at the launch before.
    fn set(&mut self, environment: &LaunchEnvironment, group: bool) -> Result<(), InvalidOption> {
        let command = self.command.as_std_mut();
        if let Some(last) = &self.last {
            // The system's interface to a command takes neither of them back.
            if environment.inherit && !last.inherit {
                let expected = "the same in all clones of a command";
                return Err(InvalidOption::new("skip_host_env", false, expected));
            }
            if last.group && !group {
                let expected = "the same in all clones of a command";
                return Err(InvalidOption::new("process_group", false, expected));
            }
            for key in &last.variables {
                match std::env::var_os(key).filter(|_| environment.inherit) {
                    Some(inherited) => command.env(key, inherited),
                    None => command.env_remove(key),
                };
            }
        }
        environment.apply_under(command, &self.own);
        self.last = Some(Last {
            inherit: environment.inherit,
            group,
            detached: false,
            variables: environment.variables.keys().cloned().collect(),
        });
        Ok(())
    }
}

impl PluginCommand {
    /// Starts `command`. Its standard streams are set when it is launched.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self::with(Program::Plain {
            program: command.get_program().to_owned(),
            command: Arc::new(Mutex::new(Shared::new(command))),
        })
    }

    fn with(program: Program) -> Self {
        Self {
            program,
            group: false,
            detached: None,
            outlet: None,
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
    /// A [`Supervisor`](super::Supervisor) hands a plugin over with its log:
    /// [`SupervisorConfig::survives_host`](super::SupervisorConfig::survives_host).
    ///
    /// [`Client`]: super::Client
    /// [`Client::kill`]: super::Client::kill
    /// [`ReattachConfig`]: crate::handshake::ReattachConfig
    #[must_use]
    pub fn detached(mut self, stderr: impl Into<Stdio>) -> Self {
        self.detached = Some(Arc::new(Mutex::new(Some(stderr.into()))));
        self
    }

    pub(super) fn is_detached(&self) -> bool {
        self.detached.is_some() || self.outlet.is_some()
    }

    /// The same command for one plugin that prints to these pipes.
    pub(super) fn with_outlet(&self, ends: Ends) -> Self {
        let mut command = self.clone();
        command.outlet = Some(Arc::new(Mutex::new(Some(ends))));
        command
    }

    /// Whether it has a place for its log of its own.
    pub(super) fn has_own_log(&self) -> bool {
        self.detached.is_some()
    }

    /// The checksum that the program must have, if it must have one.
    pub(super) fn checksum(&self) -> Option<&[u8]> {
        match &self.program {
            Program::Plain { .. } => None,
            Program::Secure { secure, .. } => Some(secure.checksum()),
        }
    }

    /// Whether it starts any number of plugins.
    pub(super) fn check_again(&self) -> Result<(), InvalidOption> {
        match &self.program {
            Program::Secure { program, .. } if self.has_own_log() => {
                let expected = "not detached, whose stderr goes to one plugin";
                Err(InvalidOption::new("detached", program, expected))
            }
            Program::Plain { .. } | Program::Secure { .. } => Ok(()),
        }
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
            prepare: Arc::new(Mutex::new(prepare)),
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
    pub(super) fn program(&self) -> &OsStr {
        match &self.program {
            Program::Plain { program, .. } => program,
            Program::Secure { program, .. } => program.as_os_str(),
        }
    }

    fn spawn(&self, environment: &LaunchEnvironment) -> io::Result<Started> {
        match &self.program {
            Program::Plain { command, .. } => self.spawn_plain(&mut locked(command), environment),
            Program::Secure {
                secure,
                program,
                prepare,
            } => {
                let (mut command, verified) = secure.verify(program).map_err(io::Error::other)?;
                locked(prepare)(&mut command);
                check(&command)?;
                environment.apply(&mut command);
                let stderr = match &self.detached {
                    None => Stdio::piped(),
                    Some(stderr) => locked(stderr).take().ok_or_else(no_stderr)?,
                };
                command.stdout(Stdio::piped()).stderr(stderr);
                self.spawn_command(&mut command.into(), Some(verified))
            }
        }
    }

    fn spawn_plain(
        &self,
        shared: &mut Shared,
        environment: &LaunchEnvironment,
    ) -> io::Result<Started> {
        check(shared.command.as_std())?;
        let was_detached = shared.last.as_ref().is_some_and(|last| last.detached);
        let group = self.group || self.is_detached();
        shared.set(environment, group).map_err(refused)?;
        shared.command.stdout(Stdio::piped());
        match &self.detached {
            None => {
                shared.command.stderr(Stdio::piped());
            }
            Some(stderr) => {
                match locked(stderr).take() {
                    Some(stderr) => {
                        shared.command.stderr(stderr);
                    }
                    // It still has it from the time before.
                    None if was_detached => {}
                    None => return Err(no_stderr()),
                }
                if let Some(last) = &mut shared.last {
                    last.detached = true;
                }
            }
        }
        self.spawn_command(&mut shared.command, None)
    }

    /// Starts a command whose environment and stderr are set.
    fn spawn_command(
        &self,
        command: &mut tokio::process::Command,
        verified: Option<Verified>,
    ) -> io::Result<Started> {
        if self.group || self.is_detached() {
            lead_group(command.as_std_mut());
        }
        tracing::debug!(
            program = ?command.as_std().get_program(),
            args = ?command.as_std().get_args(),
            "starting plugin"
        );
        command.stdin(Stdio::inherit());
        let Some(outlet) = &self.outlet else {
            return start_local(command, self.group, verified, None);
        };
        let ends = locked(outlet).take().ok_or_else(no_stderr)?;
        command.stdout(ends.stdout).stderr(ends.stderr);
        let started = start_local(command, self.group, verified, Some(ends.host));
        // The command keeps the plugin's ends, and the pipes have no end while it does.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        started
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(error: InvalidOption) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// What a detached plugin's stderr was to be is gone.
fn no_stderr() -> io::Error {
    let expected = "a stderr that no other plugin was started with";
    refused(InvalidOption::new("detached", "one that was", expected))
}

impl Runner for PluginCommand {
    fn name(&self) -> String {
        self.program().to_string_lossy().into_owned()
    }

    fn start(&mut self, environment: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
        Box::pin(async move {
            if matches!(self.program, Program::Plain { .. }) {
                return self.spawn(&environment);
            }
            // Reading a large executable takes long, and other tasks should not wait for it.
            let secure = self.clone();
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || {
                let _spawns_into = runtime.enter();
                secure.spawn(&environment)
            })
            .await
            .map_err(io::Error::other)?
        })
    }

    fn diagnose(&self) -> BoxFuture<'_, String> {
        Box::pin(std::future::ready(diagnose::notes(self.program())))
    }
}

/// Names what is missing, where the system would only say that a file is.
fn check(command: &Command) -> io::Result<()> {
    let refused =
        |option, given: &OsStr, expected| Err(refused(InvalidOption::new(option, given, expected)));
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
