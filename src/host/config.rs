//! The settings of a plugin that is to be started.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use tokio::io::AsyncWrite;

use super::launchable::Launch;
use super::log::OnLog;
use super::options::{Options, setters};
use super::output::Writer;
use super::survivor::Hex;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::unix_socket::UnixSocketConfig;
use crate::handshake::HandshakeConfig;
use crate::hclog::LogRecord;
use crate::tuning::host as tuning;

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
///
/// It is cheap to clone, so that a plugin can be started again, or several times. The clones share
/// the command, the writers and the callback that they were given. One with a
/// [`Launch::runner`] can be launched once, one with [`Launch::each_time`] again and again.
#[derive(Clone)]
pub struct ClientConfig {
    pub(super) handshake: HandshakeConfig,
    pub(super) launch: Launch,
    pub(super) versions: Vec<u32>,
    pub(super) options: Options,
    pub(super) stderr: Option<Writer>,
    pub(super) on_log: Option<OnLog>,
    pub(super) log_buffer: usize,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
    pub(super) unix_socket: Option<UnixSocketConfig>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) skip_host_env: bool,
    pub(super) ports: RangeInclusive<u16>,
    /// Where the pipes are made of a plugin that outlives its host and logs to the next one. A
    /// supervisor sets it.
    pub(super) survival: Option<PathBuf>,
}

setters!(ClientConfig);

impl ClientConfig {
    /// A plugin to be started by a [`Command`], which may carry arguments, a working directory and
    /// environment variables. Its standard streams are set by [`Client::launch`]: input is the
    /// host's, so that a terminal stays one; output and error are pipes.
    ///
    /// A [`PluginCommand`] is a command with further options, such as a process group, and a
    /// [`Launch::runner`] starts plugins in any other way.
    ///
    /// [`Command`]: std::process::Command
    /// [`PluginCommand`]: super::PluginCommand
    /// [`Client::launch`]: super::Client::launch
    #[must_use]
    pub fn new(handshake: HandshakeConfig, launch: impl Into<Launch>) -> Self {
        Self {
            versions: vec![handshake.protocol_version],
            handshake,
            launch: launch.into(),
            options: Options::default(),
            stderr: None,
            on_log: None,
            log_buffer: tuning::LOG_BUFFER,
            #[cfg(feature = "tls")]
            tls: None,
            unix_socket: None,
            env: Vec::new(),
            skip_host_env: false,
            ports: tuning::PORTS,
            survival: None,
        }
    }

    /// The app versions that this host can use, in any order, instead of the handshake's one. The
    /// plugin serves the highest that it knows too; [`Client::negotiated_version`] gives it. There
    /// must be at least one; one that is named twice counts once. (`VersionedPlugins`)
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
    /// The copy is exact: a terminal obeys the escape sequences in it, and a plugin can imitate the
    /// lines of another program. The events of the log have control characters escaped.
    ///
    /// A slow writer slows the plugin down, as a slow pipe would. After a failure nothing is
    /// written any more, and the plugin does not notice.
    #[must_use]
    pub fn stderr(mut self, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        self.stderr = Some(Writer::new(writer));
        self
    }

    /// Calls `callback` with each record of the plugin's log, on top of the event of [`tracing`].
    /// Default: none.
    ///
    /// The task that reads the plugin's log calls it, so it should not block: pass the record on to
    /// another task for work that takes time. After a panic it is not called any more.
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
        self.on_log = Some(OnLog::new(callback));
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

    /// Sets an environment variable for the plugin. Of two with the same key the later wins, and
    /// the protocol's own variables win over all.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (key, value) = (key.as_ref().to_owned(), value.as_ref().to_owned());
        self.env.push((key, value));
        self
    }

    /// Starts the plugin without the host's environment: with the protocol's variables, those of
    /// [`env`](Self::env) and those set on the command only. There is no `PATH` then, so give the
    /// command a path. Default off. (`SkipHostEnv`)
    #[must_use]
    pub fn skip_host_env(mut self, skip: bool) -> Self {
        self.skip_host_env = skip;
        self
    }

    /// The TCP ports that a plugin without unix sockets may listen on, from 1 up. Default
    /// `10_000..=25_000`. (`MinPort`, `MaxPort`)
    #[must_use]
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// Where the plugin's unix socket is made, and which group may connect to it.
    /// (`UnixSocketConfig`)
    #[must_use]
    pub fn unix_socket(mut self, config: UnixSocketConfig) -> Self {
        self.unix_socket = Some(config);
        self
    }

    /// Speaks TLS with the plugin: [`Tls::AutoMtls`] or a [`TlsConfig`](super::TlsConfig). Default:
    /// plain text, on a socket that only this user may open. (`AutoMTLS`, `TLSConfig`)
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<Tls>) -> Self {
        self.tls = Some(tls.into());
        self
    }
}

impl ClientConfig {
    /// The checksum that the executable must have, where it must have one.
    pub(super) fn checksum(&self) -> Option<Hex> {
        self.launch
            .checksum()
            .map(|checksum| Hex(checksum.to_owned()))
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
