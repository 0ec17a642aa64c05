//! TLS configured with certificates in a directory: `ca.pem` is the authority to trust,
//! `server.pem` and `server-key.pem` are the plugin's, `client.pem` and `client-key.pem` the
//! host's.

use std::path::Path;
use std::sync::Arc;

use plugwire::host::TlsConfig;
use plugwire::rustls::crypto::{CryptoProvider, aws_lc_rs};
use plugwire::rustls::pki_types::pem::PemObject;
use plugwire::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use plugwire::rustls::server::WebPkiClientVerifier;
use plugwire::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What the plugin's certificate is for, wherever the plugin really is.
pub const SERVER_NAME: &str = "plugin.test";

/// The library's own choice of provider is not a process-wide default.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

pub fn authorities(directory: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let pem = directory.join("ca.pem");
    let authority = CertificateDer::from_pem_file(pem).expect("ca.pem is a certificate");
    roots.add(authority).expect("ca.pem is an authority");
    roots
}

pub fn certificate_and_key(
    directory: &Path,
    name: &str,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = directory.join(format!("{name}.pem"));
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let key = directory.join(format!("{name}-key.pem"));
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    (vec![certificate], key)
}

pub fn server_name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).expect("a name")
}

/// A plugin's, which wants a certificate of its hosts.
pub fn plugin(directory: &Path) -> ServerConfig {
    let hosts = Arc::new(authorities(directory));
    let hosts = WebPkiClientVerifier::builder_with_provider(hosts, provider());
    let (chain, key) = certificate_and_key(directory, "server");
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_client_cert_verifier(hosts.build().expect("an authority"))
        .with_single_cert(chain, key)
        .expect("a certificate and its key")
}

/// A host's.
pub fn host(directory: &Path) -> TlsConfig {
    let (chain, key) = certificate_and_key(directory, "client");
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(authorities(directory))
        .with_client_auth_cert(chain, key)
        .expect("a certificate and its key");
    TlsConfig::new(config, server_name())
}
