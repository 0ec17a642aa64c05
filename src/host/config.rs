//! What a host says about a plugin before it is started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use tokio::io::AsyncWrite;

use super::local::PluginCommand;
use super::log::OnLog;
use super::options::{Options, setters};
use super::runner::{LaunchEnvironment, Runner};
use super::socket_dir::SocketDir;
use super::tls::Tls;
use super::unix_socket::UnixSocketConfig;
use crate::handshake::{Environment, HandshakeConfig};
use crate::hclog::LogRecord;
use crate::tuning::host as tuning;

/// Where a copy of a plugin's output goes. Anything that tokio can write to, such as
/// `tokio::io::stdout()` or one end of a [`tokio::io::duplex`] pipe.
///
/// A writer that is slow slows the plugin down, as a slow pipe would. One that fails is written to
/// no more; the plugin does not notice.
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// How to start one plugin and how to speak with it.
///
/// ```
/// use std::process::Command;
/// use std::time::Duration;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::ClientConfig;
///
/// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// let (stdout, output) = tokio::io::duplex(64 * 1024);
/// let config = ClientConfig::new(handshake, Command::new("./greeter"))
///     .start_timeout(Duration::from_secs(10))
///     .env("GREETER_MOOD", "sunny")
///     .sync_stdout(stdout);
/// ```
pub struct ClientConfig {
    pub(super) handshake: HandshakeConfig,
    pub(super) launch: Launch,
    pub(super) versions: Vec<u32>,
    pub(super) options: Options,
    pub(super) stderr: Option<Writer>,
    pub(super) on_log: Option<OnLog>,
    pub(super) log_buffer: usize,
    pub(super) tls: Option<Tls>,
    pub(super) unix_socket: Option<UnixSocketConfig>,
    pub(super) env: Vec<(OsString, OsString)>,
    skip_host_env: bool,
    pub(super) ports: RangeInclusive<u16>,
}

setters!(ClientConfig);

impl ClientConfig {
    /// A plugin to be started by a [`Command`], which may carry arguments, a working directory and
    /// environment variables. Its standard streams are set by [`Client::launch`]: input is the
    /// host's, so that a terminal stays one; output and error are pipes.
    ///
    /// A [`PluginCommand`] is a command with more to it, such as a checksum or a process group, and
    /// a [`Launch::runner`] starts plugins in any other way.
    ///
    /// [`Client::launch`]: super::Client::launch
    pub fn new(handshake: HandshakeConfig, launch: impl Into<Launch>) -> Self {
        Self {
            versions: vec![handshake.protocol_version],
            handshake,
            launch: launch.into(),
            options: Options::default(),
            stderr: None,
            on_log: None,
            log_buffer: tuning::LOG_BUFFER,
            tls: None,
            unix_socket: None,
            env: Vec::new(),
            skip_host_env: false,
            ports: tuning::PORTS,
        }
    }

    /// The app versions this host can use, in any order, instead of the handshake's one. The plugin
    /// serves the highest that it knows too; [`Client::negotiated_version`] says which. There must
    /// be one; one that is named twice counts once. (`VersionedPlugins`)
    ///
    /// [`Client::negotiated_version`]: super::Client::negotiated_version
    #[must_use]
    pub fn versions(mut self, versions: impl IntoIterator<Item = u32>) -> Self {
        self.versions.clear();
        for version in versions {
            if !self.versions.contains(&version) {
                self.versions.push(version);
            }
        }
        self
    }

    /// Where a copy of the plugin's *original* standard error goes, byte for byte: its log, what it
    /// wrote before it served, and the message of a crash. Default: nowhere. The lines are logged
    /// in any case. (`Stderr`)
    ///
    /// Nothing is taken out of the copy: a terminal obeys the escape sequences in it, and a plugin can
    /// write there what looks like a line of another's. The events of the log have them written out.
    #[must_use]
    pub fn stderr(mut self, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        self.stderr = Some(Box::new(writer));
        self
    }

    /// Calls `callback` with each record of the plugin's log, on top of the event of [`tracing`].
    /// Default: none.
    ///
    /// It is called by the task that reads the plugin's log, so it should not block: hand the
    /// record on to whatever takes time. One that panics is called no more.
    ///
    /// ```
    /// use std::process::Command;
    /// use plugwire::handshake::HandshakeConfig;
    /// use plugwire::host::{ClientConfig, LogLevel};
    ///
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// let config = ClientConfig::new(handshake, Command::new("./greeter")).on_log(|record| {
    ///     if record.level >= LogLevel::Warn {
    ///         println!("{}: {} {:?}", record.level, record.message, record.fields.get("error"));
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_log(mut self, callback: impl FnMut(&LogRecord) + Send + 'static) -> Self {
        self.on_log = Some(Box::new(callback));
        self
    }

    /// The longest line of the plugin's log that is read as one, in bytes with its line break;
    /// a longer one is logged in pieces of this size. Default 64 KiB; 16 bytes or more.
    /// (`PluginLogBufferSize`)
    #[must_use]
    pub fn plugin_log_buffer_size(mut self, bytes: usize) -> Self {
        self.log_buffer = bytes;
        self
    }

    /// Sets an environment variable for the plugin. Of two with one key the later wins, and the
    /// protocol's own variables win over all.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (key, value) = (key.as_ref().to_owned(), value.as_ref().to_owned());
        self.env.push((key, value));
        self
    }

    /// Starts the plugin without the host's environment: with the protocol's variables, those of
    /// [`env`](Self::env) and those set on the command, and nothing else. Not even `PATH`, so give
    /// the command a path. Default off. (`SkipHostEnv`)
    #[must_use]
    pub fn skip_host_env(mut self, skip: bool) -> Self {
        self.skip_host_env = skip;
        self
    }

    /// The TCP ports that a plugin without unix sockets may listen on, from 1 on. Default 10000 to
    /// 25000. (`MinPort`, `MaxPort`)
    #[must_use]
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// Where the plugin's unix socket goes, and who may connect to it. (`UnixSocketConfig`)
    #[must_use]
    pub fn unix_socket(mut self, config: UnixSocketConfig) -> Self {
        self.unix_socket = Some(config);
        self
    }

    /// The plugin's environment. `client_cert` is the host's certificate for AutoMTLS, as PEM.
    pub(super) fn environment(
        &mut self,
        client_cert: Option<&str>,
        sockets: &SocketDir,
    ) -> LaunchEnvironment {
        let environment = Environment {
            versions: self.versions.clone(),
            ports: Ok(self.ports.clone()),
            client_cert: client_cert.map(OsString::from),
            detached: self.launch.detached,
            socket_dir: sockets.in_plugin().map(Path::to_owned),
            socket_group: self.unix_socket.as_ref().and_then(UnixSocketConfig::group),
        };
        let mut variables: BTreeMap<OsString, OsString> = self.env.drain(..).collect();
        variables.extend(environment.to_variables(&self.handshake));
        LaunchEnvironment {
            inherit: !self.skip_host_env,
            variables,
            socket_dir: sockets.in_host().map(Path::to_owned),
        }
    }
}

/// What starts a plugin.
pub struct Launch {
    pub(super) runner: Box<dyn Runner>,
    /// Whether the plugin outlives its client.
    pub(super) detached: bool,
}

impl Launch {
    /// Started by a [`Runner`] of one's own.
    pub fn runner(runner: impl Runner) -> Self {
        Self {
            runner: Box::new(runner),
            detached: false,
        }
    }
}

impl From<Command> for Launch {
    fn from(command: Command) -> Self {
        PluginCommand::new(command).into()
    }
}

impl From<PluginCommand> for Launch {
    fn from(command: PluginCommand) -> Self {
        Self {
            detached: command.is_detached(),
            runner: Box::new(command),
        }
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Launch").field(&self.runner.name()).finish()
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("handshake", &self.handshake)
            .field("launch", &self.launch)
            .field("versions", &self.versions)
            .field("options", &self.options)
            .field("ports", &self.ports)
            .field("plugin_log_buffer_size", &self.log_buffer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::NOT_INHERITED;

    const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(3, "COOKIE", "crumbs");

    fn environment(change: impl FnOnce(ClientConfig) -> ClientConfig) -> Variables {
        environment_of(Command::new("x"), change)
    }

    type Variables = BTreeMap<String, Option<String>>;

    fn environment_of(
        mut command: Command,
        change: impl FnOnce(ClientConfig) -> ClientConfig,
    ) -> Variables {
        let text = |value: &OsStr| value.to_str().unwrap().to_owned();
        let mut config = change(ClientConfig::new(HANDSHAKE, Command::new("x")));
        config
            .environment(None, &SocketDir::default())
            .apply(&mut command);
        command
            .get_envs()
            .map(|(key, value)| (text(key), value.map(text)))
            .collect()
    }

    fn set(value: &str) -> Option<Option<String>> {
        Some(Some(value.to_owned()))
    }

    #[test]
    fn the_protocols_variables_are_set() {
        let env = environment(|config| config.versions([3, 1]));
        assert_eq!(env.get("COOKIE").cloned(), set("crumbs"));
        assert_eq!(env.get("PLUGIN_PROTOCOL_VERSIONS").cloned(), set("3,1"));
        assert_eq!(env.get("PLUGIN_MIN_PORT").cloned(), set("10000"));
        assert_eq!(env.get("PLUGIN_MAX_PORT").cloned(), set("25000"));
    }

    #[test]
    fn the_variables_of_an_outer_host_are_not_passed_on() {
        let env = environment(|config| config);
        for key in NOT_INHERITED {
            assert_eq!(env.get(key), Some(&None), "{key}");
        }
    }

    #[test]
    fn what_the_command_sets_itself_is_kept() {
        let mut command = Command::new("x");
        command
            .env("PLUGIN_UNIX_SOCKET_DIR", "/run/x")
            .env("A", "1")
            .env_remove("B");
        let env = environment_of(command, |config| config.env("C", "2"));
        assert_eq!(env.get("PLUGIN_UNIX_SOCKET_DIR").cloned(), set("/run/x"));
        assert_eq!(env.get("A").cloned(), set("1"));
        assert_eq!(env.get("B"), Some(&None));
        assert_eq!(env.get("C").cloned(), set("2"));
    }

    #[test]
    fn without_the_hosts_environment_the_rest_stays() {
        let mut command = Command::new("x");
        command.env("A", "1");
        let env = environment_of(command, |config| config.env("C", "2").skip_host_env(true));
        assert_eq!(env.get("A").cloned(), set("1"));
        assert_eq!(env.get("C").cloned(), set("2"));
        assert_eq!(env.get("COOKIE").cloned(), set("crumbs"));
    }

    #[test]
    fn the_protocols_variables_win() {
        let env = environment(|config| config.env("COOKIE", "stale"));
        assert_eq!(env.get("COOKIE").cloned(), set("crumbs"));
    }
}
