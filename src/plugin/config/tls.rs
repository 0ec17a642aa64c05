//! The options for TLS.

use std::sync::Arc;
use std::time::Duration;

use super::ServeConfig;
use crate::tls::Acceptor;

impl ServeConfig {
    /// Speaks TLS, as configured here, with every host. (`TLSProvider`)
    ///
    /// Hosts must be configured to match, by `ClientConfig::tls` and `AttachConfig::tls` or Go's
    /// `TLSConfig`. The configuration's verifier of client certificates decides which programs may
    /// call the plugin; without one, every program that can connect may. A plugin on a unix socket
    /// needs a certificate for the name that its hosts expect.
    ///
    /// Without this, the host decides: with AutoMTLS, host and plugin make a certificate each and
    /// accept no other; without AutoMTLS, they speak plain text. With this, the plugin never does
    /// AutoMTLS, and a host that requires it cannot connect.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use plugwire::connection::PluginSet;
    /// use plugwire::handshake::HandshakeConfig;
    /// use plugwire::plugin::ServeConfig;
    /// use plugwire::rustls::{self, pki_types, server::WebPkiClientVerifier};
    ///
    /// # fn example(
    /// #     authorities: rustls::RootCertStore,
    /// #     chain: Vec<pki_types::CertificateDer<'static>>,
    /// #     key: pki_types::PrivateKeyDer<'static>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    /// let authorities = authorities.into();
    /// let hosts = WebPkiClientVerifier::builder_with_provider(authorities, provider.clone())
    ///     .build()?;
    /// let tls = rustls::ServerConfig::builder_with_provider(provider)
    ///     .with_safe_default_protocol_versions()?
    ///     .with_client_cert_verifier(hosts)
    ///     .with_single_cert(chain, key)?;
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// let config = ServeConfig::new(handshake, PluginSet::new())
    ///     .tls(tls)
    ///     .listen_tcp(([0, 0, 0, 0], 4000));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<rustls::ServerConfig>>) -> Self {
        self.tls.acceptor = Some(Acceptor::new(config.into()));
        self
    }

    /// How long the TLS handshake of a new connection may take. After that the connection is
    /// closed. Others connect in the meantime. Default 10 s; go-plugin waits for ever.
    #[must_use]
    pub fn tls_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.tls.handshake_timeout = timeout;
        self
    }
}
