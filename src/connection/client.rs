//! The host's end of a connection.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{ConnectionConfig, ConnectionError};
use crate::broker::{DialError, MuxBroker};
use crate::event::{Observer, Side, Snapshot};
use crate::handshake::Extensions;
use crate::interface::{CheckError, Interface, Remote, check};
use crate::mux::transport::{Plain, Transport};
use crate::mux::{Session, SessionError, Stream};
use crate::rpc::{self, CallError, Negotiated, Obituary, Peer};

/// The host's end of a connection to a plugin. (`RPCClient`)
///
/// Dropping it ends the session without asking the plugin to quit. A [`Remote`] that it dispensed
/// does not keep the session alive: from then on its calls fail, with
/// [`SessionError::ClientDropped`] as their source.
#[derive(Debug)]
pub struct RpcClient {
    session: Session,
    control: rpc::Client,
    stdio: Option<(Stream, Stream)>,
    broker: MuxBroker,
    /// The plugin's name, for the errors of calls made after the client was dropped.
    plugin: Arc<str>,
}

/// Why a plugin was not dispensed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispenseError {
    /// The plugin refused, as with `unknown plugin type: NAME`, or could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The plugin agreed and did not accept the stream.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection is in gob, and gob cannot say what the interface's methods take or return.
    #[error("cannot dispense {name:?} over gob")]
    Check {
        /// The name asked for.
        name: String,
        /// The types, and what would do.
        source: CheckError,
    },
}

impl RpcClient {
    /// Sets up the host's end over a connected byte stream.
    ///
    /// This does not show that a plugin is at the other end: [`ping`](Self::ping) does.
    ///
    /// # Errors
    ///
    /// When an option is invalid, or the session ends before its streams are open.
    pub async fn connect<T>(io: T, config: &ConnectionConfig) -> Result<RpcClient, ConnectionError>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::connect_as(io, config, Extensions::NONE).await
    }

    /// The same, with a plugin that is known to understand these extensions: one that is served
    /// with this crate, or that has answered with them in its handshake.
    ///
    /// ```
    /// # use plugwire::connection::{ConnectionConfig, ConnectionError, RpcClient};
    /// use plugwire::handshake::Extensions;
    ///
    /// # async fn example(io: tokio::io::DuplexStream) -> Result<RpcClient, ConnectionError> {
    /// let config = ConnectionConfig::default();
    /// RpcClient::connect_as(io, &config, Extensions::supported()).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_as<T>(
        io: T,
        config: &ConnectionConfig,
        extensions: Extensions,
    ) -> Result<RpcClient, ConnectionError>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::start(Plain(io), config, extensions, Obituary::default()).await
    }

    /// As [`connect_as`](Self::connect_as), with the news of the end of the plugin's process.
    pub(crate) async fn start<T>(
        io: T,
        config: &ConnectionConfig,
        extensions: Extensions,
        obituary: Obituary,
    ) -> Result<RpcClient, ConnectionError>
    where
        T: Transport + 'static,
    {
        config.check()?;
        let observer = Observer::new(&config.events, Side::Host);
        let session = Session::client_over(io, observer.of_session(&config.mux));
        // The plugin serves the control stream only after it has accepted all three.
        let control = session.open().await?;
        let stdout = session.open().await?;
        let stderr = session.open().await?;
        let peer = Peer {
            obituary,
            // The plugin may have more than this host asks for.
            negotiated: Negotiated::observed(extensions.and(config.extensions()), observer),
            ..Peer::default()
        };
        let broker = MuxBroker::start(session.clone(), config.broker_config(), peer.clone());
        let peer = Peer {
            is_control: true,
            ..peer
        };
        let control = rpc::Client::start(control, config.control_codec(), peer);
        broker.observer().connected();
        Ok(RpcClient {
            control: control.with_timeout(config.control_timeout),
            stdio: Some((stdout, stderr)),
            broker,
            session,
            plugin: "a plugin".into(),
        })
    }

    /// Sets the plugin's name, for the errors of calls made after the client was dropped.
    #[cfg(feature = "host")]
    pub(crate) fn set_plugin(&mut self, name: &str) {
        self.plugin = format!("plugin {name}").into();
    }

    /// Ends the session, with the client's drop as the reason.
    pub(crate) fn start_drop(&self) {
        self.session.start_close_for(SessionError::ClientDropped {
            plugin: Arc::clone(&self.plugin),
        });
    }

    /// The streams of what the plugin process writes to its stdout and stderr. `None` when they
    /// were taken before.
    pub fn take_stdio(&mut self) -> Option<(Stream, Stream)> {
        self.stdio.take()
    }

    /// The connection in numbers.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.broker.snapshot()
    }

    /// The broker, for what crosses the wire as an id.
    #[must_use]
    pub fn broker(&self) -> &MuxBroker {
        &self.broker
    }

    /// Asks for an instance of the plugin's interface `name`, and connects to it.
    ///
    /// # Errors
    ///
    /// When the connection is in gob, and gob cannot say what the interface's methods take and
    /// return: see [`CheckError`]. When the plugin refuses or does not answer, or no stream can be
    /// opened.
    pub async fn dispense<I>(&self, name: &str) -> Result<Remote<I>, DispenseError>
    where
        I: Interface + ?Sized,
    {
        if self.broker.is_gob() {
            check::<I>().map_err(|source| DispenseError::Check {
                name: name.to_owned(),
                source,
            })?;
        }
        let client = self.dispense_client(name).await?;
        Ok(Remote::new(client, self.broker.clone()))
    }

    /// Asks for an instance of the plugin's interface `name`, and connects to it, to call it by
    /// hand. Its service is named `Plugin`, so its methods are called as `Plugin.Greet`.
    ///
    /// # Errors
    ///
    /// As [`dispense`](Self::dispense).
    pub async fn dispense_client(&self, name: &str) -> Result<rpc::Client, DispenseError> {
        let id = self.control.call("Dispenser.Dispense", name).await?;
        Ok(self.broker.dial_client(id).await?)
    }

    /// Asks the plugin to answer.
    ///
    /// # Errors
    ///
    /// When it does not within the [control timeout](ConnectionConfig::control_timeout).
    pub async fn ping(&self) -> Result<(), CallError> {
        self.control.call("Control.Ping", &true).await
    }

    /// Asks the plugin to stop. It answers before it does.
    ///
    /// # Errors
    ///
    /// When it does not answer within the [control timeout](ConnectionConfig::control_timeout).
    pub async fn quit(&self) -> Result<(), CallError> {
        self.control.call("Control.Quit", &true).await
    }

    /// Asks the plugin to stop and ends the session at once, with the client's drop as the reason.
    #[cfg(feature = "host")]
    pub(crate) fn quit_and_drop(&self) {
        self.control.send_unanswered("Control.Quit", &true);
        self.start_drop();
    }

    /// Ends the session, whatever the plugin does. May be called again.
    pub async fn close(&self) {
        self.control.close();
        self.session.close().await;
    }

    /// Waits until the session is over, and returns why.
    pub async fn closed(&self) -> SessionError {
        self.session.closed().await
    }
}

impl Drop for RpcClient {
    fn drop(&mut self) {
        // Other handles of the broker do not keep the session alive.
        self.start_drop();
    }
}
