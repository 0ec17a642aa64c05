//! How a plugin secures its connections: not at all, by AutoMTLS, or by its author's configuration.
//!
//! Without the crate's feature `tls` there is no [`Acceptor`], and a host with AutoMTLS is refused.

use std::ffi::OsStr;
use std::fmt;
#[cfg(feature = "tls")]
use std::io;
use std::time::Duration;

use super::error::ServeError;
use crate::InvalidOption;
use crate::tls::Acceptor;
#[cfg(feature = "tls")]
use crate::tls::{self, OneTime};
use crate::tuning::tls as tuning;

/// The TLS options of [`ServeConfig`](super::ServeConfig).
#[derive(Clone)]
pub(super) struct TlsOptions {
    /// For the author's configuration.
    pub(super) acceptor: Option<Acceptor>,
    pub(super) handshake_timeout: Duration,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            acceptor: None,
            handshake_timeout: tuning::HANDSHAKE_TIMEOUT,
        }
    }
}

/// Leaves the configuration out: it holds a key.
impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("configured", &self.acceptor.is_some())
            .field("handshake_timeout", &self.handshake_timeout)
            .finish()
    }
}

/// What the plugin does about TLS for the host that it serves.
pub(super) struct Security {
    /// `None` for plain text.
    pub(super) acceptor: Option<Acceptor>,
    /// The plugin's certificate for the handshake line, in AutoMTLS.
    pub(super) server_cert: Option<String>,
}

impl TlsOptions {
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("tls_handshake_timeout", self.handshake_timeout)
    }

    /// For the host that started the plugin. A host with AutoMTLS has put its certificate into the
    /// environment, and does not speak plain text.
    pub(super) fn for_host(&self, client_cert: Option<&OsStr>) -> Result<Security, ServeError> {
        match client_cert {
            None => Ok(self.for_any_host()),
            Some(_) if self.acceptor.is_some() => {
                // Not an error: hosts in Go pass on the certificate of their own host.
                tracing::warn!("TLS is configured, so the host cannot have AutoMTLS");
                Ok(self.for_any_host())
            }
            Some(client_cert) => self.auto_mtls(client_cert),
        }
    }

    /// For a plugin that no host started.
    pub(super) fn for_any_host(&self) -> Security {
        let acceptor = self.acceptor.clone();
        Security {
            acceptor: acceptor.map(|acceptor| acceptor.timeout(self.handshake_timeout)),
            server_cert: None,
        }
    }

    /// Answers the host's one-time certificate with one of the plugin's own.
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

    #[cfg(not(feature = "tls"))]
    fn auto_mtls(&self, _: &OsStr) -> Result<Security, ServeError> {
        Err(ServeError::NoTls)
    }
}

#[cfg(feature = "tls")]
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ServeError {
    ServeError::ServerCert(io::Error::other(error))
}

/// Enough of the value to recognise it, and no more: it might be a key by mistake.
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
