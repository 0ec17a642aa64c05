//! Taking over a plugin that runs already.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout_at;

use super::attached::{AttachedProcess, NoProcess};
use super::dial::{DialError, Dialed, Listener, Silence, answers, dial};
use super::obituary::Obituary;
use super::options::{Options, setters};
use super::process::Process;
use super::runner::AttachedRunner;
use super::tls::TlsConfig;
use crate::InvalidOption;
use crate::connection::{ConnectionError, RpcClient};
use crate::handshake::{Address, NETRPC, ReattachConfig};
use crate::rpc::CallError;
use plugwire_base::instant;

/// How to reattach to one plugin and how to speak with it.
///
/// A [`ReattachConfig`] alone will do for [`Client::reattach`]; this is for settings beside it. What
/// only matters to a plugin that is yet to be started, such as a checksum, is no part of it.
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
    pub(super) tls: Option<TlsConfig>,
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
            runner: None,
        }
    }

    /// What watches and ends the plugin, where that is not a process of this machine.
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
    /// Nobody listens at the address, or the process has ended: the plugin is gone.
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
    /// Somebody listens, and will not or cannot speak TLS with this host: one of the two does not
    /// accept the other's certificate, or there is no TLS at the other end.
    #[error("no TLS with the plugin at {address}")]
    Tls {
        /// The address.
        address: Address,
        /// The reason.
        source: io::Error,
    },
    /// The connection was made, but no session on it. This, or the next, is also what a host without
    /// TLS gets of a plugin that has it.
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

/// What was looked for in vain, and why.
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
    /// To be told when the connection has ended, which is all there is to know of some plugins.
    pub(super) disconnected: watch::Sender<bool>,
    pub(super) obituary: Obituary,
}

/// Connects to the plugin and finds its process.
pub(super) async fn attach(config: &mut AttachConfig) -> Result<Attached, ReattachError> {
    config.check()?;
    let ReattachConfig { protocol, .. } = &config.reattach;
    // Old hosts name none.
    if !protocol.is_empty() && protocol != NETRPC {
        return Err(ReattachError::UnsupportedProtocol {
            address: config.reattach.address.clone(),
            protocol: protocol.clone(),
        });
    }
    let after = config.options.start_timeout;
    let deadline = instant::after(after);
    let attached = timeout_at(deadline, connect(config)).await;
    attached.unwrap_or_else(|_| {
        let address = config.reattach.address.clone();
        Err(ReattachError::Timeout { address, after })
    })
}

async fn connect(config: &mut AttachConfig) -> Result<Attached, ReattachError> {
    let reattach = &config.reattach;
    let address = || reattach.address.clone();
    let not_found = |sought: String, reason: io::Error| ReattachError::ProcessNotFound {
        address: address(),
        source: io::Error::new(reason.kind(), NotThere { sought, reason }),
    };
    let tls = config.tls.as_ref();
    let Options {
        connection,
        dial_timeout,
        ..
    } = &config.options;
    let (obituary, told) = Obituary::new();
    let dialed = dial(&reattach.address, *dial_timeout, connection, tls, told).await;
    let Dialed { mut rpc, listener } = match dialed {
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
        None => match certain_process(reattach, listener) {
            // Found before the plugin answers, so that its answer shows that it was still alive.
            Some(pid) => Some(Box::new(AttachedProcess::open(pid).map_err(|reason| {
                let sought = format!("no process {pid} for {}", reattach.address);
                not_found(sought, reason)
            })?)),
            None => {
                // The end of its process cannot be told from that of its connection.
                obituary.dismiss();
                None
            }
        },
    };
    match answers(&rpc, tls).await {
        Ok(()) => {}
        Err(Silence::Refused(source)) => return Err(tls_refused(address(), source)),
        Err(Silence::Ping(source)) => {
            let address = address();
            return Err(ReattachError::Ping { address, source });
        }
    }
    let process = match plugin {
        Some(plugin) => Process::adopt(plugin),
        None => Process::adopt_connection(Box::new(NoProcess::new(reattach.pid, gone))),
    };
    // A connection that ends is no proof that the plugin has, so the socket is looked at again
    // before it is removed.
    process.listens_at(&reattach.address);
    rpc.set_plugin(&format!("at {}", reattach.address));
    Ok(Attached {
        process,
        rpc,
        disconnected,
        obituary,
    })
}

/// The process to watch and to kill, where it is certain which that is.
fn certain_process(reattach: &ReattachConfig, listener: Listener) -> Option<u32> {
    let pid = reattach.pid.filter(|_| !reattach.test)?;
    match listener {
        Listener::Process(other) if other != pid => {
            tracing::warn!(
                pid,
                listener = other,
                "another process listens for the plugin"
            );
            None
        }
        // One in this process that is not in test mode by mistake. Killing it would be suicide.
        Listener::Process(_) | Listener::Local if pid == std::process::id() => {
            tracing::warn!(pid, "the plugin is this process");
            None
        }
        Listener::Process(_) | Listener::Local => Some(pid),
        Listener::Anywhere => None,
    }
}
