//! How a host secures the connection to its plugin.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;

use crate::tls::Connector;

/// How a host secures the connection to a plugin that it launches: in one way or the other, since
/// both together make no sense. In go-plugin a host with both silently uses AutoMTLS.
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
    /// accept no other. (`AutoMTLS`)
    ///
    /// There is nothing to configure on the plugin's side, which must be made with a go-plugin that
    /// knows AutoMTLS, or with this crate and its feature `tls`. The host's key is in the memory of
    /// this process alone, so no other can [reattach](super::Client::reattach) to the plugin, and
    /// the plugin cannot be [detached](super::PluginCommand::detached).
    AutoMtls,
    /// Your own certificates, with which another host can reattach to the plugin. (`TLSConfig`)
    Config(TlsConfig),
}

impl From<TlsConfig> for Tls {
    fn from(config: TlsConfig) -> Self {
        Self::Config(config)
    }
}

/// TLS as the host's author configures it: which certificates to trust and which to show.
/// (`TLSConfig`)
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
pub struct TlsConfig(Connector);

impl TlsConfig {
    /// This configuration, and the name that the plugin's certificate must be for. It need not be
    /// the name of the machine, and a plugin on a unix socket has none. (`TLSConfig.ServerName`)
    #[must_use]
    pub fn new(
        config: impl Into<Arc<rustls::ClientConfig>>,
        server_name: ServerName<'static>,
    ) -> Self {
        Self(Connector::new(config.into(), server_name))
    }
}

impl From<TlsConfig> for Connector {
    fn from(config: TlsConfig) -> Self {
        config.0
    }
}

/// Without the configuration, which holds a key.
impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("server_name", self.0.server_name())
            .finish_non_exhaustive()
    }
}
