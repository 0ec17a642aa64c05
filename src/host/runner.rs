//! What starts a plugin, watches it and ends it, where that is not a plain command.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use tokio::io::AsyncRead;

use crate::handshake::{self, Address};
pub use crate::interface::BoxFuture;
use crate::mux::transport::Transport;

/// Starts a plugin somewhere: in a container, under another user, on another machine.
///
/// A plain [`Command`] needs none of this. Your own runner is given to
/// [`ClientConfig::new`](super::ClientConfig::new) as a [`Launch::runner`](super::Launch::runner).
///
/// ```
/// use std::io;
/// use std::process::Command;
/// use plugwire::host::{BoxFuture, LaunchEnvironment, Runner, Started, local_process};
///
/// /// Runs the plugin with the lowest priority.
/// struct Nice(String);
///
/// impl Runner for Nice {
///     fn name(&self) -> String {
///         self.0.clone()
///     }
///
///     fn start(&mut self, environment: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
///         Box::pin(async move {
///             let mut command = Command::new("nice");
///             command.args(["-n", "19", &self.0]);
///             environment.apply(&mut command);
///             local_process(command)
///         })
///     }
/// }
/// ```
pub trait Runner: Send + Sync + 'static {
    /// A name for people, such as the path of the executable. It need not be unique.
    fn name(&self) -> String;

    /// Starts the plugin in this environment. Called once. Dropping the future gives up starting,
    /// and must leave no process.
    ///
    /// # Errors
    ///
    /// An [`InvalidOption`](crate::InvalidOption) within the error is reported as
    /// [`LaunchError::Option`](super::LaunchError::Option), any other error as
    /// [`LaunchError::Start`](super::LaunchError::Start).
    fn start(&mut self, environment: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>>;

    /// What may help a person to understand why the plugin does not start or prints no handshake.
    /// Default: an empty text.
    fn diagnose(&self) -> BoxFuture<'_, String> {
        Box::pin(std::future::ready(String::new()))
    }

    /// Where the host reaches what the plugin calls `address`. Called before the host connects to
    /// the address that the plugin announced. Default: the same.
    ///
    /// # Errors
    ///
    /// Any error is reported as [`LaunchError::Connect`](super::LaunchError::Connect).
    fn plugin_to_host(&self, address: Address) -> io::Result<Address> {
        Ok(address)
    }

    /// A byte stream to the plugin, where there is another way to it than its address: a tunnel, or
    /// the memory of this process. Called once, after the plugin has announced its address.
    /// Default: `None`, and the host connects to the address.
    ///
    /// # Errors
    ///
    /// Any error is reported as [`LaunchError::Connect`](super::LaunchError::Connect).
    fn connect(&mut self) -> BoxFuture<'_, io::Result<Option<Box<dyn Transport>>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What the plugin calls the host's `address`. Called on the directory for the plugin's unix
    /// sockets, before the plugin is started. Default: the same.
    ///
    /// # Errors
    ///
    /// Any error is reported as [`LaunchError::SocketDir`](super::LaunchError::SocketDir).
    fn host_to_plugin(&self, address: Address) -> io::Result<Address> {
        Ok(address)
    }
}

/// A plugin that runs, and the way to end it. One task owns it and makes all calls.
///
/// Dropping it ends the plugin, unless [`detach`](Self::detach) was called.
pub trait AttachedRunner: Send + 'static {
    /// What identifies the plugin to people: a process id, the name of a container.
    fn id(&self) -> String;

    /// The process id, where it is one of this machine that a host may be given to reattach to.
    fn pid(&self) -> Option<u32> {
        None
    }

    /// Waits for the plugin to end, by whatever means. `None` where its exit status is unknown. May
    /// be dropped and called again.
    fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>>;

    /// Ends the plugin at once. [`wait`](Self::wait) returns when it is gone.
    fn kill(&mut self) -> BoxFuture<'_, io::Result<()>>;

    /// What ends the plugin at once, from any thread and without a runtime. Default: `None`.
    ///
    /// A [`Client`](super::Client) that is dropped calls it at once, because this process may exit
    /// before a task calls [`kill`](Self::kill), and the plugin would go on. It must not block, and
    /// once the plugin has been reaped it must have no effect. A runner that wraps another one
    /// passes on that one's switch.
    fn kill_switch(&self) -> Option<KillSwitch> {
        None
    }

    /// From now on the plugin outlives this value. [`kill`](Self::kill) still ends it.
    fn detach(&mut self) {}
}

/// Ends a plugin at once; see [`AttachedRunner::kill_switch`].
pub type KillSwitch = Box<dyn Fn() + Send + Sync>;

/// The reading end of a pipe that a plugin writes to.
pub type Output = Box<dyn AsyncRead + Send + Unpin>;

/// A plugin that a [`Runner`] has started.
#[non_exhaustive]
pub struct Started {
    /// Its standard output, where the handshake comes.
    pub stdout: Output,
    /// Its standard error, which is its log. `None` where that goes elsewhere.
    pub stderr: Option<Output>,
    /// The plugin itself.
    pub plugin: Box<dyn AttachedRunner>,
}

impl Started {
    /// A plugin with its standard output, whose standard error goes elsewhere.
    #[must_use]
    pub fn new(
        stdout: impl AsyncRead + Send + Unpin + 'static,
        plugin: impl AttachedRunner,
    ) -> Self {
        Self {
            stdout: Box::new(stdout),
            stderr: None,
            plugin: Box::new(plugin),
        }
    }

    /// Its standard error is a pipe, too, and is logged.
    #[must_use]
    pub fn stderr(mut self, stderr: impl AsyncRead + Send + Unpin + 'static) -> Self {
        self.stderr = Some(Box::new(stderr));
        self
    }
}

/// The variables that were set and removed on a command.
pub(super) fn own_variables(command: &Command) -> Vec<(OsString, Option<OsString>)> {
    let own = command.get_envs();
    own.map(|(key, value)| (key.to_owned(), value.map(OsStr::to_owned)))
        .collect()
}

/// The environment that a plugin is to be started in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaunchEnvironment {
    /// Whether the plugin gets the host's environment too.
    pub inherit: bool,
    /// The variables of the protocol, and those that the host sets for the plugin.
    pub variables: BTreeMap<OsString, OsString>,
    /// The directory for the plugin's unix sockets, by its name in the host. The variables already
    /// pass it to the plugin; a runner may have to make it reachable. `None` where the plugin picks
    /// a place by itself.
    pub socket_dir: Option<PathBuf>,
}

impl LaunchEnvironment {
    /// Gives the environment to a command that starts the plugin. Variables that were set on the
    /// command itself are kept, except for the protocol's; of those only the directory for sockets
    /// is kept.
    pub fn apply(&self, command: &mut Command) {
        let own = own_variables(command);
        self.apply_under(command, &own);
    }

    /// The same, with the variables that were set and removed on the command itself.
    pub(super) fn apply_under(&self, command: &mut Command, own: &[(OsString, Option<OsString>)]) {
        if !self.inherit {
            command.env_clear();
        }
        for key in handshake::NOT_INHERITED {
            command.env_remove(key);
        }
        command.envs(&self.variables);
        for (key, value) in own {
            let ours = self.variables.contains_key(key);
            match value {
                Some(_) if ours && *key != *handshake::ENV_UNIX_SOCKET_DIR => continue,
                None if ours => continue,
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
    }
}
