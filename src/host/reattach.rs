//! Taking over a plugin that runs already.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::attached::{AttachedProcess, NoProcess};
use super::config::Writer;
use super::dial::{DialError, Dialed, Listener, dial};
use super::launch::answers;
use super::process::Process;
use super::runner::AttachedRunner;
use super::socket::SocketFile;
use crate::connection::{ConnectionConfig, ConnectionError, RpcClient};
use crate::handshake::{NETRPC, ReattachConfig};
use crate::rpc::CallError;

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
    pub(super) kill_grace: Duration,
    pub(super) sync_stdout: Option<Writer>,
    pub(super) sync_stderr: Option<Writer>,
    pub(super) managed: bool,
    runner: Option<Box<dyn AttachedRunner>>,
    connection: ConnectionConfig,
    start_timeout: Duration,
    dial_timeout: Duration,
}

impl AttachConfig {
    /// The plugin found there.
    pub fn new(reattach: ReattachConfig) -> Self {
        Self {
            reattach,
            kill_grace: Duration::from_secs(2),
            sync_stdout: None,
            sync_stderr: None,
            managed: false,
            runner: None,
            connection: ConnectionConfig::default(),
            start_timeout: Duration::from_secs(60),
            dial_timeout: Duration::from_secs(10),
        }
    }

    /// What watches and ends the plugin, where that is not a process of this machine.
    /// (`ReattachFunc`)
    pub fn runner(mut self, runner: impl AttachedRunner) -> Self {
        self.runner = Some(Box::new(runner));
        self
    }

    /// Settings of the session, the broker and the calls.
    pub fn connection(mut self, connection: ConnectionConfig) -> Self {
        self.connection = connection;
        self
    }

    /// How long the plugin may take until it has answered. Default 1 minute.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// How long connecting to the address may take, within the start timeout. Default 10 s.
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// What [`Client::kill`](super::Client::kill) grants: this long to answer the request to quit,
    /// and as long again to exit. Default 2 s.
    pub fn kill_grace(mut self, grace: Duration) -> Self {
        self.kill_grace = grace;
        self
    }

    /// Where the plugin's standard output goes, as it comes. Default: nowhere.
    pub fn sync_stdout(mut self, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        self.sync_stdout = Some(Box::new(writer));
        self
    }

    /// Where the plugin's standard error goes, as it comes. Default: nowhere.
    pub fn sync_stderr(mut self, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        self.sync_stderr = Some(Box::new(writer));
        self
    }

    /// Whether [`cleanup_clients`](super::cleanup_clients) ends this plugin too. Default off.
    pub fn managed(mut self, managed: bool) -> Self {
        self.managed = managed;
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
            .field("kill_grace", &self.kill_grace)
            .finish_non_exhaustive()
    }
}

/// Why [`Client::reattach`](super::Client::reattach) failed. Nothing was killed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReattachError {
    /// Nobody listens at the address, or the process has ended: the plugin is gone.
    #[error("reattachment process not found")]
    ProcessNotFound {
        /// What was found in its place.
        #[source]
        source: io::Error,
    },
    /// The plugin speaks another protocol, such as gRPC.
    #[error("unsupported plugin protocol {protocol:?}. Supported: [{NETRPC}]")]
    UnsupportedProtocol {
        /// The protocol.
        protocol: String,
    },
    /// The connection was made, but no session on it.
    #[error("no session with the plugin: {0}")]
    Session(#[source] ConnectionError),
    /// The plugin did not answer the first ping.
    #[error("the plugin does not answer: {0}")]
    Ping(#[source] CallError),
    /// The plugin did not answer in time.
    #[error("timeout while waiting for plugin to answer")]
    Timeout {
        /// The timeout.
        after: Duration,
    },
}

/// A plugin that has answered.
pub(super) struct Attached {
    pub(super) process: Process,
    pub(super) rpc: RpcClient,
    /// To be told when the connection has ended, which is all there is to know of some plugins.
    pub(super) disconnected: watch::Sender<bool>,
}

/// Connects to the plugin and finds its process.
pub(super) async fn attach(config: &mut AttachConfig) -> Result<Attached, ReattachError> {
    let ReattachConfig { protocol, .. } = &config.reattach;
    if protocol != NETRPC {
        return Err(ReattachError::UnsupportedProtocol {
            protocol: protocol.clone(),
        });
    }
    let after = config.start_timeout;
    let deadline = Instant::now() + after;
    let attached = timeout_at(deadline, connect(config)).await;
    attached.unwrap_or(Err(ReattachError::Timeout { after }))
}

async fn connect(config: &mut AttachConfig) -> Result<Attached, ReattachError> {
    let not_found = |source| ReattachError::ProcessNotFound { source };
    let reattach = &config.reattach;
    let Dialed { rpc, listener } =
        match dial(&reattach.address, config.dial_timeout, &config.connection).await {
            Ok(dialed) => dialed,
            Err(DialError::Connect(source)) => return Err(not_found(source)),
            Err(DialError::Session(source)) => return Err(ReattachError::Session(source)),
        };
    let (disconnected, gone) = watch::channel(false);
    let plugin: Box<dyn AttachedRunner> = match config.runner.take() {
        Some(runner) => runner,
        None => match certain_process(reattach, listener) {
            // Found before the plugin answers, so that its answer shows that it was still alive.
            Some(pid) => Box::new(AttachedProcess::open(pid).map_err(not_found)?),
            None => Box::new(NoProcess::new(reattach.pid, gone)),
        },
    };
    answers(&rpc).await.map_err(ReattachError::Ping)?;
    let process = Process::adopt(plugin);
    // A connection that ends is no proof that the plugin has, so the socket is looked at again
    // before it is removed.
    if let Some(socket) = SocketFile::announced(&reattach.address) {
        process.owns_socket(socket);
    }
    Ok(Attached {
        process,
        rpc,
        disconnected,
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
        Listener::Process(_) | Listener::Local => Some(pid),
        Listener::Anywhere => None,
    }
}
