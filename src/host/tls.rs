//! How a host secures the connection to its plugin.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::config::ClientConfig;
use super::error::LaunchError;
use super::reattach::AttachConfig;
use crate::handshake::{HandshakeError, HandshakeLine};
use crate::tls::{self, OneTime};

/// How a host secures the connection to a plugin that it launches: one way or the other, since
/// neither makes sense beside the other. In go-plugin a host with both silently uses AutoMTLS.
///
/// ```
/// use std::process::Command;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::{ClientConfig, Tls};
///
/// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// let config = ClientConfig::new(handshake, Command::new("./greeter")).tls(Tls::AutoMtls);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Tls {
    /// Host and plugin make a certificate each for the plugin's life, exchange them at launch, and
    /// accept nobody else. (`AutoMTLS`)
    ///
    /// There is nothing to configure on the plugin's side, which must be made with a go-plugin that
    /// knows AutoMTLS, or with this crate and its feature `tls`. The host's key is in the memory of
    /// this process alone, so no other can [reattach](super::Client::reattach) to the plugin, and
    /// the plugin cannot be [detached](super::PluginCommand::detached).
    AutoMtls,
    /// Certificates of one's own, with which another host can reattach to the plugin. (`TLSConfig`)
    Config(TlsConfig),
}

impl From<TlsConfig> for Tls {
    fn from(config: TlsConfig) -> Self {
        Self::Config(config)
    }
}

/// TLS as the host's author configured it: whom to trust, what to show. (`TLSConfig`)
///
/// The plugin must be configured to match, by `ServeConfig::tls` or Go's `TLSProvider`.
///
/// ```
/// use std::sync::Arc;
/// use plugwire::handshake::ReattachConfig;
/// use plugwire::host::{AttachConfig, TlsConfig};
/// use plugwire::rustls::{self, RootCertStore, pki_types::ServerName};
///
/// # fn example(authorities: RootCertStore) -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
/// let tls = rustls::ClientConfig::builder_with_provider(provider)
///     .with_safe_default_protocol_versions()?
///     .with_root_certificates(authorities)
///     .with_no_client_auth();
/// let name = ServerName::try_from("plugins.example")?;
/// let config = AttachConfig::new(ReattachConfig::tcp("plugins.example:4000"))
///     .tls(TlsConfig::new(tls, name));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    config: Arc<rustls::ClientConfig>,
    server_name: ServerName<'static>,
}

impl TlsConfig {
    /// This configuration, and the name that the plugin's certificate must be for. It need not be
    /// the name of the machine, and a plugin on a unix socket has none. (`TLSConfig.ServerName`)
    pub fn new(
        config: impl Into<Arc<rustls::ClientConfig>>,
        server_name: ServerName<'static>,
    ) -> Self {
        Self {
            config: config.into(),
            server_name,
        }
    }

    pub(super) async fn connect<T>(&self, stream: T) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(self.server_name.clone(), stream).await
    }
}

/// Without what is configured, which holds a key.
impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl ClientConfig {
    /// Speaks TLS with the plugin: [`Tls::AutoMtls`] or a [`TlsConfig`]. Default: plain text, on a
    /// socket that only this user may open. (`AutoMTLS`, `TLSConfig`)
    #[must_use]
    pub fn tls(mut self, tls: impl Into<Tls>) -> Self {
        self.tls = Some(tls.into());
        self
    }
}

impl AttachConfig {
    /// Speaks TLS with the plugin, as it was configured to. Default: plain text. (`TLSConfig`)
    ///
    /// AutoMTLS is not possible here: the plugin accepts nobody but the host that launched it.
    #[must_use]
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Some(config);
        self
    }
}

/// What a host has prepared before the plugin is started.
pub(super) enum TlsSetup {
    Off,
    Auto(OneTime),
    Config(TlsConfig),
}

impl TlsSetup {
    /// Makes what has to be there before the plugin is started.
    pub(super) async fn prepare(tls: Option<Tls>, detached: bool) -> Result<Self, LaunchError> {
        match tls {
            None => Ok(Self::Off),
            Some(Tls::Config(config)) => Ok(Self::Config(config)),
            Some(Tls::AutoMtls) if detached => Err(LaunchError::DetachedAutoMtls),
            Some(Tls::AutoMtls) => {
                // The first of a process gathers entropy for 40 ms, and other tasks should not wait.
                let own = tokio::task::spawn_blocking(OneTime::generate).await;
                let own = own.map_err(|panicked| LaunchError::ClientCert(panicked.into()))?;
                let failed = |error| LaunchError::ClientCert(io::Error::other(error));
                Ok(Self::Auto(own.map_err(failed)?))
            }
        }
    }

    /// The certificate that the plugin gets in its environment, as PEM.
    pub(super) fn client_cert(&self) -> Option<&str> {
        match self {
            Self::Auto(own) => Some(own.pem()),
            Self::Off | Self::Config(_) => None,
        }
    }

    /// What the plugin's answer makes of it.
    pub(super) fn for_plugin(
        self,
        line: &HandshakeLine,
    ) -> Result<Option<TlsConfig>, HandshakeError> {
        match (self, &line.server_cert) {
            (Self::Off, None) => Ok(None),
            (Self::Config(config), None) => Ok(Some(config)),
            (Self::Auto(_), None) => Err(HandshakeError::MissingServerCert),
            (Self::Off | Self::Config(_), Some(_)) => Err(HandshakeError::UnexpectedServerCert),
            (Self::Auto(own), Some(field)) => {
                let unusable = |reason| HandshakeError::ServerCert {
                    field: field.clone(),
                    reason,
                };
                let plugin = tls::from_field(field).map_err(unusable)?;
                let config = tls::client_config(own, plugin);
                let (config, name) = config.map_err(|error| unusable(error.to_string()))?;
                Ok(Some(TlsConfig::new(config, name)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::ffi::OsStr;
    use std::process::Command;

    use super::super::socket_dir::SocketDir;
    use super::*;
    use crate::handshake::{ENV_CLIENT_CERT, HandshakeConfig};

    /// What the plugin finds in its environment.
    async fn client_cert(tls: Option<Tls>) -> Option<String> {
        let stale = "the certificate of this process's own host";
        let handshake = HandshakeConfig::new(1, "COOKIE", "crumbs");
        let mut command = Command::new("x");
        let mut config = ClientConfig::new(handshake, Command::new("x"));
        if tls.is_some() {
            command.env(ENV_CLIENT_CERT, stale);
            config = config.env(ENV_CLIENT_CERT, stale);
        }
        let setup = TlsSetup::prepare(tls, false).await.unwrap();
        let environment = config.environment(setup.client_cert(), &SocketDir::default());
        environment.apply(&mut command);
        let variables: HashMap<_, _> = command.get_envs().collect();
        let value = variables[OsStr::new(ENV_CLIENT_CERT)];
        value.map(|value| value.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn the_plugin_gets_its_host_s_certificate_and_no_other() {
        assert_eq!(client_cert(None).await, None, "inherited, it is removed");
        let pem = client_cert(Some(Tls::AutoMtls)).await.unwrap();
        assert_eq!(tls::from_pem(pem.as_bytes()).unwrap().len(), 1);
    }
}
