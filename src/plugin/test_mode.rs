//! A plugin served within another program, commonly its own test.

use std::future::pending;
use std::process;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::accept::accept;
use super::config::ServeConfig;
use super::connection::Handler;
use super::door::Door;
use super::ending::Presence;
use super::error::ServeError;
use super::listener::Listener;
use super::shutdown::{Shutdown, ShuttingDown};
use super::stdio::{Stdio, Tee};
use crate::handshake::{Environment, ReattachConfig};

/// How [`serve_test`] serves.
#[derive(Clone, Debug, Default)]
pub struct ServeTestConfig {
    cancellation: CancellationToken,
    sync_stdio: bool,
    host_versions: Option<Vec<u32>>,
}

impl ServeTestConfig {
    /// Serves until the [`TestServer`] is stopped or dropped, and leaves the process's output
    /// alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops serving when this token is cancelled. (`Context`)
    #[must_use]
    pub fn cancellation(mut self, token: CancellationToken) -> Self {
        self.cancellation = token;
        self
    }

    /// Whether the host gets a copy of what this process writes to its standard output and standard
    /// error. Default off. A process can do this for one plugin at a time. (`SyncStdio`)
    #[must_use]
    pub fn sync_stdio(mut self, sync: bool) -> Self {
        self.sync_stdio = sync;
        self
    }

    /// The app versions that the host knows, which it has no other way to announce. Without them
    /// the environment counts as usual, and the lowest version is served if it has none.
    #[must_use]
    pub fn host_versions(mut self, versions: impl IntoIterator<Item = u32>) -> Self {
        self.host_versions = Some(versions.into_iter().collect());
        self
    }
}

/// Serves a plugin from within this process, and returns at once. (`ServeConfig.Test`)
///
/// No cookie is required and no handshake line is printed; SIGINT and panics are left alone. TLS is
/// used if it is configured, and AutoMTLS never, because a host that reattaches cannot do it. A
/// host, in this process or another, reattaches with [`TestServer::reattach_config`]. When it kills
/// the plugin, it only disconnects.
///
/// ```
/// use std::convert::Infallible;
/// use plugwire::connection::PluginSet;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::Client;
/// use plugwire::plugin::{ServeConfig, ServeTestConfig, serve_test};
/// use plugwire::rpc::Service;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plugins = PluginSet::new().register_service("greeter", |_broker| {
///     let greet = |_: ()| async { Ok::<_, Infallible>("Hello!".to_owned()) };
///     Ok(Service::new().method("Greet", greet))
/// });
/// let config = ServeConfig::new(HandshakeConfig::new(1, "BASIC_PLUGIN", "hello"), plugins);
/// let server = serve_test(config, ServeTestConfig::new()).await?;
///
/// let client = Client::reattach(server.reattach_config().clone()).await?;
/// let greeter = client.dispense_client("greeter").await?;
/// let greeting: String = greeter.call("Plugin.Greet", &()).await?;
/// assert_eq!(greeting, "Hello!");
/// client.kill().await;
/// server.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails if listening fails, or if output is to be synced and cannot be captured. Later errors are
/// returned by [`TestServer::wait`].
///
/// # Panics
///
/// Outside a tokio runtime with I/O and time enabled.
pub async fn serve_test(
    config: ServeConfig,
    test: ServeTestConfig,
) -> Result<TestServer, ServeError> {
    config.check()?;
    let environment = Environment::from_variables(&config.handshake, |name| std::env::var_os(name));
    let host_versions = test.host_versions.as_ref();
    let host_versions = host_versions.unwrap_or(&environment.versions);
    let (version, plugins) = config.negotiate(host_versions);
    // Not AutoMTLS: there is no handshake line to answer with, and a host that reattaches cannot.
    let security = config.tls.for_any_host();
    let beyond_loopback = config.allow_plaintext || security.acceptor.is_some();
    let listener = Listener::bind(&environment, config.address, beyond_loopback).await?;
    let stdio = match test.sync_stdio {
        true => Some(Arc::new(
            Stdio::capture(Tee::Yes).map_err(ServeError::Stdio)?,
        )),
        false => None,
    };
    let (connection, extensions) = config.connection.for_any_host();
    let reattach = ReattachConfig::new(listener.address().clone())
        .pid(process::id())
        .protocol_version(version)
        .extensions(extensions)
        .test(true);

    let shutting_down = ShuttingDown::new(config.on_shutdown.clone(), config.shutdown_grace);
    let (quit, quit_asked) = watch::channel(false);
    let handler = Handler {
        plugins,
        version,
        connection,
        stdio: stdio.clone(),
        quit,
        ending: None,
        shutting_down: shutting_down.clone(),
        acceptor: security.acceptor,
        _presence: Presence::default(),
    };
    let token = test.cancellation.child_token();
    let cancelled = token.clone();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let door = Door::new(listener, config.max_pending);
        let (host_gone, terminated) = (pending(), pending());
        let accepting = accept(door, handler, quit_asked, host_gone, terminated);
        // Dropping the accepting ends the connections with it.
        let served = tokio::select! {
            served = accepting => served.map(|_| ()),
            () = cancelled.cancelled() => {
                shutting_down.run(Shutdown::Signal).await;
                Ok(())
            }
        };
        if let Some(stdio) = stdio {
            stdio.restore().await;
        }
        served
    });
    Ok(TestServer {
        reattach,
        token,
        serving,
    })
}

/// A plugin that is served by [`serve_test`]. Dropping it stops it.
#[derive(Debug)]
pub struct TestServer {
    reattach: ReattachConfig,
    token: CancellationToken,
    serving: JoinSet<Result<(), ServeError>>,
}

impl TestServer {
    /// What a host needs to reattach: for [`Client::reattach`], or as JSON for another process.
    ///
    /// [`Client::reattach`]: crate::host::Client::reattach
    #[must_use]
    pub fn reattach_config(&self) -> &ReattachConfig {
        &self.reattach
    }

    /// Waits until serving has ended: by [`stop`](Self::stop), by the token, or because a host
    /// asked the plugin to quit. The socket is removed by then. Waiting again returns at once.
    ///
    /// Dropping the future does not stop serving.
    ///
    /// # Errors
    ///
    /// Fails if the listener failed for good.
    ///
    /// # Panics
    ///
    /// If serving panicked.
    pub async fn wait(&mut self) -> Result<(), ServeError> {
        match self.serving.join_next().await {
            None => Ok(()),
            Some(Ok(served)) => served,
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Its runtime is shutting down.
                Err(_) => Ok(()),
            },
        }
    }

    /// Stops serving, and ends all connections.
    ///
    /// # Errors
    ///
    /// Fails if the listener had failed for good before.
    pub async fn stop(mut self) -> Result<(), ServeError> {
        self.token.cancel();
        self.wait().await
    }
}
