//! A host for the tests of a plugin's author.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::wire::{Faults, wire};
use crate::broker::MuxBroker;
use crate::connection::{
    ConnectionConfig, ConnectionError, DispenseError, PluginSet, RpcClient, RpcServer, ServeHooks,
};
use crate::handshake::Extensions;
use crate::interface::{BoxFuture, Interface, Remote};
use crate::mux::Stream;
use crate::mux::transport::Plain;
use crate::rpc::{self, CallError, Obituary};

/// A host in the test of a plugin: it has a [`PluginSet`] served to it over a session in memory,
/// and calls it as a host does. No process is started.
///
/// Dropping it ends the connection.
#[derive(Debug)]
pub struct FakeHost {
    client: RpcClient,
    faults: Faults,
    quit: watch::Receiver<bool>,
    /// The plugin's end. Dropping it ends it.
    _serving: JoinSet<()>,
}

impl FakeHost {
    /// Connects to the plugin that serves `plugins`.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex, PoisonError};
    /// use plugwire::connection::PluginSet;
    /// use plugwire::testing::FakeHost;
    ///
    /// #[plugwire::interface]
    /// trait Greeter {
    ///     async fn greet(&self, name: String) -> plugwire::Result<String>;
    /// }
    ///
    /// struct English;
    ///
    /// #[plugwire::interface]
    /// impl Greeter for English {
    ///     async fn greet(&self, name: String) -> plugwire::Result<String> {
    ///         Ok(format!("Hello, {name}!"))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let plugins = PluginSet::new().register::<dyn Greeter>("greeter", || Ok(Arc::new(English)));
    /// let host = FakeHost::connect(plugins).await?;
    /// let greeter = host.dispense::<dyn Greeter>("greeter").await?;
    /// assert_eq!(greeter.greet("Ada".into()).await?, "Hello, Ada!");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None with the default settings.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time enabled.
    pub async fn connect(plugins: PluginSet) -> Result<Self, ConnectionError> {
        Self::connect_with(plugins, ConnectionConfig::default()).await
    }

    /// The same with settings, which both sides have: the codec among them, as
    /// [`BrokerConfig::codec`](crate::broker::BrokerConfig::codec).
    ///
    /// # Errors
    ///
    /// When an option is invalid.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time enabled.
    pub async fn connect_with(
        plugins: PluginSet,
        config: ConnectionConfig,
    ) -> Result<Self, ConnectionError> {
        config.check()?;
        let (fate, obituary) = Obituary::channel();
        let (host, plugin, faults) = wire("a fake plugin", fate);
        let (hooks, quit) = Hooks::new();
        let server = RpcServer::new(plugins, config.clone(), Arc::new(hooks));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            // How it ends, the host's end shows.
            let _ = server.serve_conn(plugin).await;
        });
        let known = Extensions::supported();
        let client = RpcClient::start(Plain(host), &config, known, obituary).await?;
        Ok(FakeHost {
            client,
            faults,
            quit,
            _serving: serving,
        })
    }

    /// Asks for an instance of the plugin's interface `name`.
    ///
    /// # Errors
    ///
    /// As [`RpcClient::dispense`].
    pub async fn dispense<I>(&self, name: &str) -> Result<Remote<I>, DispenseError>
    where
        I: Interface + ?Sized,
    {
        self.client.dispense(name).await
    }

    /// Asks for an instance of the plugin's interface `name`, to call it by hand.
    ///
    /// # Errors
    ///
    /// As [`RpcClient::dispense_client`].
    pub async fn dispense_client(&self, name: &str) -> Result<rpc::Client, DispenseError> {
        self.client.dispense_client(name).await
    }

    /// The broker, for what crosses the wire as an id.
    #[must_use]
    pub fn broker(&self) -> &MuxBroker {
        self.client.broker()
    }

    /// Asks the plugin to answer.
    ///
    /// # Errors
    ///
    /// As [`RpcClient::ping`].
    pub async fn ping(&self) -> Result<(), CallError> {
        self.client.ping().await
    }

    /// Asks the plugin to quit, and ends the connection.
    ///
    /// # Errors
    ///
    /// As [`RpcClient::quit`].
    pub async fn quit(self) -> Result<(), CallError> {
        let asked = self.client.quit().await;
        self.client.close().await;
        asked
    }

    /// Whether the plugin was asked to quit.
    #[must_use]
    pub fn has_quit(&self) -> bool {
        *self.quit.borrow()
    }

    /// What can go wrong with the connection.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was said so far, as text: see [`testing`](super#recordings).
    #[must_use]
    pub fn conversation(&self) -> String {
        self.faults.conversation()
    }
}

/// A plugin without a process, and so without output.
pub(super) struct Hooks {
    quit: watch::Sender<bool>,
    /// Dropped, the streams would be reset, which a host takes for a failure.
    stdio: Mutex<Option<(Stream, Stream)>>,
}

impl Hooks {
    /// The hooks, and where the request to quit is seen.
    pub(super) fn new() -> (Self, watch::Receiver<bool>) {
        let (quit, asked) = watch::channel(false);
        let stdio = Mutex::new(None);
        (Hooks { quit, stdio }, asked)
    }
}

impl ServeHooks for Hooks {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        let mut held = self.stdio.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some((stdout, stderr));
    }

    fn quit(&self) -> BoxFuture<'static, ()> {
        self.quit.send_replace(true);
        Box::pin(std::future::ready(()))
    }
}
