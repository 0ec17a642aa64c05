//! TLS over any byte stream, for the host's end and the plugin's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::certificate::OneTime;
use super::pinned;
use crate::tuning::tls as tuning;

/// Speaks TLS on connections of a host.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: TlsConnector,
    server_name: ServerName<'static>,
}

impl Connector {
    pub(crate) fn new(config: Arc<rustls::ClientConfig>, server_name: ServerName<'static>) -> Self {
        Self {
            tls: config.into(),
            server_name,
        }
    }

    /// Shows the host's one-time certificate, and accepts the plugin's alone.
    pub(crate) fn pinned(
        own: OneTime,
        plugin: CertificateDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let (config, name) = pinned::client_config(own, plugin)?;
        Ok(Self::new(Arc::new(config), name))
    }

    pub(crate) fn server_name(&self) -> &ServerName<'static> {
        &self.server_name
    }

    pub(crate) async fn connect<T>(&self, stream: T) -> io::Result<client::TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.tls.connect(self.server_name.clone(), stream).await
    }
}

/// Speaks TLS on connections of a plugin.
#[derive(Clone)]
pub(crate) struct Acceptor {
    tls: TlsAcceptor,
    timeout: Duration,
}

impl Acceptor {
    pub(crate) fn new(config: Arc<rustls::ServerConfig>) -> Self {
        Self {
            tls: config.into(),
            timeout: tuning::HANDSHAKE_TIMEOUT,
        }
    }

    /// Shows the plugin's one-time certificate, and accepts the host's alone.
    pub(crate) fn pinned(
        own: OneTime,
        host: Vec<CertificateDer<'static>>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self::new(Arc::new(pinned::server_config(own, host)?)))
    }

    /// How long a host may take for its handshake.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) async fn accept<T>(&self, stream: T) -> io::Result<server::TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let late = |_| Err(io::ErrorKind::TimedOut.into());
        let accepted = timeout(self.timeout, self.tls.accept(stream)).await;
        accepted.unwrap_or_else(late)
    }
}
