//! Taking over a plugin that runs already.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout_at;
use tracing::Instrument;

use super::crash_reporter::CrashReporter;
use super::dial::{DialError, Dialed, Listening, PingError, Way, first_ping};
use super::options::{Options, setters};
use super::process::{AttachedProcess, NoProcess, Process};
use super::runner::AttachedRunner;
#[cfg(feature = "tls")]
use super::tls::TlsConfig;
use crate::InvalidOption;
use crate::connection::{ConnectionError, RpcClient};
use crate::handshake::{Address, HandshakeError, NETRPC, ReattachConfig, print_versions};
use crate::rpc::CallError;
use crate::sys::process_start::ProcessStart;
use crate::tls::Connector;
use plugwire_base::instant;

/// How to reattach to one plugin and how to speak with it.
///
/// A [`ReattachConfig`] alone will do for [`Client::reattach`]; this is for settings beside it. It
/// has no settings that matter only before a plugin is started, such as a checksum.
///
/// ```
/// use plugwire::handshake::ReattachConfig;
/// use plugwire::host::AttachConfig;
///
/// let reattach = ReattachConfig::tcp("plugins.example:4000");
/// let config = AttachConfig::new(reattach).sync_stdout(tokio::io::stdout());
/// ```
///
/// [`Client::reattach`]: super::Client::reattach
pub struct AttachConfig {
    pub(super) reattach: ReattachConfig,
    pub(super) options: Options,
    pub(super) tls: Option<Connector>,
    versions: Vec<u32>,
    /// When the process was started, where that is known.
    pub(super) start: Option<ProcessStart>,
    runner: Option<Box<dyn AttachedRunner>>,
}

setters!(AttachConfig);

impl AttachConfig {
    /// The plugin found there.
    #[must_use]
    pub fn new(reattach: ReattachConfig) -> Self {
        Self {
            reattach,
            options: Options::default(),
            tls: None,
            versions: Vec::new(),
            start: None,
            runner: None,
        }
    }

    /// The app versions that this host can use. A plugin that serves another one is refused with
    /// [`ReattachError::IncompatibleVersion`], and left alone. Default: any.
    ///
    /// The plugin's is [`ReattachConfig::protocol_version`]. Go's hosts leave it at 0, unless the
    /// plugin is in test mode; a host that accepts that has 0 among its versions.
    #[must_use]
    pub fn versions(mut self, versions: impl IntoIterator<Item = u32>) -> Self {
        self.versions = versions.into_iter().collect();
        self
    }

    /// Speaks TLS with the plugin, as the plugin was configured to. Default: plain text.
    /// (`TLSConfig`)
    ///
    /// AutoMTLS is not possible here: the plugin accepts only the host that launched it.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// What watches and ends the plugin, where it is not a process of this machine.
    /// (`ReattachFunc`)
    #[must_use]
    pub fn runner(mut self, runner: impl AttachedRunner) -> Self {
        self.runner = Some(Box::new(runner));
        self
    }
}

impl From<ReattachConfig> for AttachConfig {
    fn from(reattach: ReattachConfig) -> Self {
        Self::new(reattach)
    }
}

impl fmt::Debug for AttachConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachConfig")
            .field("reattach", &self.reattach)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Why [`Client::reattach`](super::Client::reattach) failed. Nothing was killed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReattachError {
    /// An option has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// No process listens at the address, or the process has ended: the plugin is gone.
    ///
    /// The text is go-plugin's, and its source names what was looked for.
    #[error("reattachment process not found")]
    ProcessNotFound {
        /// Where the plugin was to listen.
        address: Address,
        /// What was found in its place. Its own source is the system's reason.
        source: io::Error,
    },
    /// The plugin speaks another protocol, such as gRPC.
    #[error("unsupported plugin protocol {protocol:?}. Supported: [{NETRPC}]")]
    UnsupportedProtocol {
        /// Where the plugin listens.
        address: Address,
        /// The protocol.
        protocol: String,
    },
    /// The plugin serves an app version that is not among those of the host.
    #[error(
        "incompatible API version with the plugin at {address}: it serves {plugin}, and this host \
         knows {}",
        print_versions(host)
    )]
    IncompatibleVersion {
        /// Where the plugin listens.
        address: Address,
        /// The version that the plugin serves. 0 where the host that started it did not say.
        plugin: u32,
        /// The versions of the host: [`AttachConfig::versions`].
        host: Vec<u32>,
    },
    /// The plugin does not have what this host asks for, such as a codec. What a plugin has is in
    /// [`ReattachConfig::extensions`].
    #[error("cannot reattach to the plugin at {address}")]
    Handshake {
        /// Where the plugin listens.
        address: Address,
        /// What it does not have.
        source: HandshakeError,
    },
    /// A process listens, and does not speak TLS with this host: one of the two does not accept the
    /// other's certificate, or the other end has no TLS.
    #[error("no TLS with the plugin at {address}")]
    Tls {
        /// The address.
        address: Address,
        /// The reason.
        source: io::Error,
    },
    /// The connection was made, but no session on it. A host without TLS gets this error, or the
    /// next, from a plugin with TLS.
    #[error("no session with the plugin at {address}")]
    Session {
        /// The address.
        address: Address,
        /// The reason.
        source: ConnectionError,
    },
    /// The plugin did not answer the first ping.
    #[error("the plugin at {address} does not answer")]
    Ping {
        /// The address.
        address: Address,
        /// The reason.
        source: CallError,
    },
    /// The plugin did not answer in time.
    #[error("timeout while waiting for plugin to answer at {address}")]
    Timeout {
        /// The address.
        address: Address,
        /// The timeout.
        after: Duration,
    },
}

/// What was not found, and why.
#[derive(Debug, thiserror::Error)]
#[error("{sought}")]
struct NotThere {
    sought: String,
    #[source]
    reason: io::Error,
}

fn tls_refused(address: Address, source: io::Error) -> ReattachError {
    ReattachError::Tls { address, source }
}

/// A plugin that has answered.
pub(super) struct Attached {
    pub(super) process: Process,
    pub(super) rpc: RpcClient,
    /// What it is called in errors.
    pub(super) plugin: String,
    /// Set when the connection has ended, which is all that this host learns of some plugins.
    pub(super) disconnected: watch::Sender<bool>,
    pub(super) crash_reporter: CrashReporter,
}

/// Connects to the plugin and finds its process.
pub(super) async fn attach(config: &mut AttachConfig) -> Result<Attached, ReattachError> {
    config.check()?;
    let own_name = config.options.own_name();
    let name = config.reattach.address.to_string();
    let name = config.options.observed(&name).name();
    let ReattachConfig { protocol, .. } = &config.reattach;
    // Old hosts name none.
    if !protocol.is_empty() && protocol != NETRPC {
        return Err(ReattachError::UnsupportedProtocol {
            address: config.reattach.address.clone(),
            protocol: protocol.clone(),
        });
    }
    let plugin = config.reattach.protocol_version;
    if !config.versions.is_empty() && !config.versions.contains(&plugin) {
        return Err(ReattachError::IncompatibleVersion {
            address: config.reattach.address.clone(),
            plugin,
            host: config.versions.clone(),
        });
    }
    let codec = config.options.check_codec(config.reattach.extensions);
    codec.map_err(|source| {
        let address = config.reattach.address.clone();
        ReattachError::Handshake { address, source }
    })?;
    let after = config.options.start_timeout;
    let deadline = instant::after(after);
    let span = tracing::info_span!(target: "plugwire::launch", "reattach", plugin = &*name);
    let attached = timeout_at(deadline, connect(config, own_name).instrument(span)).await;
    attached.unwrap_or_else(|_| {
        let address = config.reattach.address.clone();
        Err(ReattachError::Timeout { address, after })
    })
}

async fn connect(
    config: &mut AttachConfig,
    own_name: Option<String>,
) -> Result<Attached, ReattachError> {
    let reattach = &config.reattach;
    let address = || reattach.address.clone();
    let not_found = |sought: String, reason: io::Error| ReattachError::ProcessNotFound {
        address: address(),
        source: io::Error::new(reason.kind(), NotThere { sought, reason }),
    };
    let tls = config.tls.as_ref();
    let (crash_reporter, obituary) = CrashReporter::new();
    let connection = config.options.connection();
    let way = Way {
        timeout: config.options.dial_timeout,
        config: &connection,
        tls,
        extensions: reattach.extensions,
        obituary,
    };
    let dialed = way.dial(&reattach.address).await;
    let Dialed { mut rpc, listening } = match dialed {
        Ok(dialed) => dialed,
        Err(DialError::Connect(reason)) => {
            let sought = format!("cannot connect to {}", reattach.address);
            return Err(not_found(sought, reason));
        }
        Err(DialError::Tls(source)) => return Err(tls_refused(address(), source)),
        Err(DialError::Session(source)) => {
            let address = address();
            return Err(ReattachError::Session { address, source });
        }
    };
    let (disconnected, gone) = watch::channel(false);
    let plugin: Option<Box<dyn AttachedRunner>> = match config.runner.take() {
        Some(runner) => Some(runner),
        None => match certain_process(config, listening) {
            // Found before the plugin answers, so that its answer shows that it was still alive.
            Some(pid) => {
                let process = AttachedProcess::open(pid, config.start.as_ref());
                Some(Box::new(process.map_err(|reason| {
                    let sought = format!("no process {pid} for {}", reattach.address);
                    not_found(sought, reason)
                })?))
            }
            None => {
                // For this host the end of the connection is the end of the process.
                crash_reporter.dismiss();
                None
            }
        },
    };
    match first_ping(&rpc, tls).await {
        Ok(()) => {}
        Err(PingError::Refused(source)) => return Err(tls_refused(address(), source)),
        Err(PingError::Call(source)) => {
            let address = address();
            return Err(ReattachError::Ping { address, source });
        }
    }
    let process = match plugin {
        Some(plugin) => Process::adopt(plugin),
        None => Process::adopt_connection(Box::new(NoProcess::new(reattach.pid, gone))),
    };
    // A connection may end before the plugin does, so the socket is checked again
    // before it is removed.
    process.listens_at(&reattach.address);
    let plugin = own_name.unwrap_or_else(|| format!("at {}", reattach.address));
    rpc.set_plugin(&plugin);
    Ok(Attached {
        process,
        rpc,
        plugin,
        disconnected,
        crash_reporter,
    })
}

/// The process to watch and to kill, where it is certain which that is.
fn certain_process(config: &AttachConfig, listening: Listening) -> Option<u32> {
    let reattach = &config.reattach;
    let pid = reattach.pid.filter(|_| !reattach.test)?;
    match listening {
        // When it was started tells it from any other. A process that it has started may listen.
        Listening::Process(_) | Listening::Local if config.start.is_some() => Some(pid),
        Listening::Process(other) if other != pid => {
            tracing::warn!(
                pid,
                listener = other,
                "another process listens for the plugin"
            );
            None
        }
        // A plugin in this process that is not in test mode, by mistake. Killing it would end this
        // process.
        Listening::Process(_) | Listening::Local if pid == std::process::id() => {
            tracing::warn!(pid, "the plugin is this process");
            None
        }
        Listening::Process(_) | Listening::Local => Some(pid),
        Listening::Anywhere => None,
    }
}
