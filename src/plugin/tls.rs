//! How a plugin secures the connections of its hosts.

use std::ffi::OsStr;
use std::fmt;
#[cfg(feature = "tls")]
use std::io;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use super::config::ServeConfig;
use super::serve::ServeError;
use crate::InvalidOption;
use crate::tls::Acceptor;
#[cfg(feature = "tls")]
use crate::tls::{self, OneTime};
use crate::tuning::tls as tuning;

/// What [`ServeConfig`](super::ServeConfig) says about TLS.
#[derive(Clone)]
pub(super) struct TlsOptions {
    acceptor: Option<Acceptor>,
    handshake_timeout: Duration,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            acceptor: None,
            handshake_timeout: tuning::HANDSHAKE_TIMEOUT,
        }
    }
}

/// Without the configuration, which holds a key.
impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("configured", &self.acceptor.is_some())
            .field("handshake_timeout", &self.handshake_timeout)
            .finish()
    }
}

#[cfg(feature = "tls")]
impl ServeConfig {
    /// Speaks TLS, as configured here, with every host. (`TLSProvider`)
    ///
    /// Hosts must be configured to match, by `ClientConfig::tls` and `AttachConfig::tls` or Go's
    /// `TLSConfig`. Who may call the plugin is decided by the configuration's verifier of clients:
    /// without one, anybody who can connect. A plugin on a unix socket needs a certificate for
    /// whatever name its hosts expect.
    ///
    /// A plugin that is not configured does as its host says: with AutoMTLS, host and plugin make a
    /// certificate each and accept nobody else; without, they speak plain text. One that is
    /// configured never does AutoMTLS, and a host that wants it cannot connect.
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
    /// let hosts = WebPkiClientVerifier::builder_with_provider(authorities.into(), provider.clone())
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

    /// How long a host that has connected may take for the handshake of TLS; then the connection is
    /// closed. Others connect meanwhile. Default 10 s; go-plugin waits for ever.
    #[must_use]
    pub fn tls_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.tls.handshake_timeout = timeout;
        self
    }
}

/// What a plugin does about TLS.
pub(super) struct Security {
    /// `None` for plain text.
    pub(super) acceptor: Option<Acceptor>,
    /// The certificate that the host waits for, as the handshake line holds it.
    pub(super) server_cert: Option<String>,
}

impl TlsOptions {
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("tls_handshake_timeout", self.handshake_timeout)
    }

    /// What to do for a host that has put this certificate into the environment, or none.
    pub(super) fn for_host(&self, client_cert: Option<&OsStr>) -> Result<Security, ServeError> {
        match client_cert {
            None => Ok(self.configured()),
            Some(_) if self.acceptor.is_some() => {
                // Not an error: hosts in Go pass on the certificate of their own host.
                tracing::warn!("TLS is configured, so the host cannot have AutoMTLS");
                Ok(self.configured())
            }
            Some(client_cert) => self.auto_mtls(client_cert),
        }
    }

    /// What to do where no host started the plugin.
    pub(super) fn configured(&self) -> Security {
        let acceptor = self.acceptor.clone();
        Security {
            acceptor: acceptor.map(|acceptor| acceptor.timeout(self.handshake_timeout)),
            server_cert: None,
        }
    }

    #[cfg(feature = "tls")]
    fn auto_mtls(&self, client_cert: &OsStr) -> Result<Security, ServeError> {
        let pem = client_cert.as_encoded_bytes();
        let host = tls::from_pem(pem).map_err(|reason| ServeError::ClientCert {
            given: start_of(pem),
            reason,
        })?;
        let own = OneTime::generate().map_err(failed)?;
        let server_cert = own.field();
        let acceptor = Acceptor::pinned(own, host).map_err(failed)?;
        Ok(Security {
            acceptor: Some(acceptor.timeout(self.handshake_timeout)),
            server_cert: Some(server_cert),
        })
    }

    /// A host that asks for AutoMTLS does not speak plain text.
    #[cfg(not(feature = "tls"))]
    fn auto_mtls(&self, _: &OsStr) -> Result<Security, ServeError> {
        Err(ServeError::NoTls)
    }
}

#[cfg(feature = "tls")]
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ServeError {
    ServeError::ServerCert(io::Error::other(error))
}

#[cfg(feature = "tls")]
fn start_of(given: &[u8]) -> String {
    let start = &given[..given.len().min(tuning::SHOWN_CERT)];
    let start = String::from_utf8_lossy(start);
    format!("{start:?}... ({} bytes)", given.len())
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

    fn refusal(client_cert: &str) -> String {
        let options = TlsOptions::default();
        let error = options
            .for_host(Some(OsStr::new(client_cert)))
            .err()
            .unwrap();
        assert!(matches!(error, ServeError::ClientCert { .. }), "{error:?}");
        error.to_string()
    }

    #[test]
    fn a_host_s_certificate_is_answered_with_one() {
        let host = OneTime::generate().unwrap();
        let options = TlsOptions::default();
        let security = options.for_host(Some(OsStr::new(host.pem()))).unwrap();
        assert!(security.acceptor.is_some());
        tls::from_field(&security.server_cert.unwrap()).unwrap();
        let security = options.for_host(None).unwrap();
        assert!(security.acceptor.is_none() && security.server_cert.is_none());
    }

    #[test]
    fn what_is_no_certificate_is_named_in_part() {
        let error = refusal("certificate");
        assert!(error.contains("PLUGIN_CLIENT_CERT"), "{error}");
        assert!(error.contains(r#""certificate"... (11 bytes)"#), "{error}");
        assert!(error.contains("no PEM block of a certificate"), "{error}");
        let pem = OneTime::generate().unwrap().pem().to_owned();
        let error = refusal(&pem[..pem.len() / 2]);
        assert!(
            error.contains(r#""-----BEGIN CERTIFICATE--"..."#),
            "{error}"
        );
        let key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n";
        for key in [key.to_owned(), key.replace('\n', ""), key[..50].to_owned()] {
            let error = refusal(&key);
            let bytes = format!("{:?}", key.as_bytes());
            let secret = &bytes[bytes.find("99, 50, 86").unwrap()..][..20];
            assert!(
                !error.contains("c2Vj") && !error.contains(secret),
                "{error}"
            );
        }
    }
}
