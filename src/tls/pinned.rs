//! TLS between two sides that know each other's certificate to the byte.

use std::fmt;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme,
};

use super::certificate::{NAME, OneTime};

/// The host's side.
pub(super) fn client_config(
    own: OneTime,
    plugin: CertificateDer<'static>,
) -> Result<(ClientConfig, ServerName<'static>), Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Pinned::new(vec![plugin], &provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(vec![own.certificate], own.key)?;
    // A host connects to a plugin once, so no session is resumed.
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(NAME).map_err(|error| Error::General(error.to_string()))?;
    Ok((config, name))
}

/// The plugin's side.
pub(super) fn server_config(
    own: OneTime,
    host: Vec<CertificateDer<'static>>,
) -> Result<ServerConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Pinned::new(host, &provider);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![own.certificate], own.key)?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Accepts the peer's certificate alone, and proof that the peer has its key.
///
/// The usual verifier would refuse one-time certificates, because each is its own authority and an
/// authority cannot be a peer. Name and dates are not checked: the certificate is known to the
/// byte, and so are they.
#[derive(Debug)]
struct Pinned {
    certificates: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

struct AnotherCertificate;

impl std::error::Error for AnotherCertificate {}

impl fmt::Display for AnotherCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the certificate that was given at launch")
    }
}

/// The same text, because rustls puts it into the texts of its errors.
impl fmt::Debug for AnotherCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Pinned {
    fn new(certificates: Vec<CertificateDer<'static>>, provider: &CryptoProvider) -> Self {
        Self {
            certificates,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        match self.certificates.iter().any(|own| own == certificate) {
            true => Ok(()),
            false => {
                let error = OtherError(Arc::new(AnotherCertificate));
                Err(CertificateError::Other(error).into())
            }
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pinned {
    /// None, because hosts in Go would look for a certificate of one of these, and have none.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(certificate)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::SupportedProtocolVersion;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::version::{TLS12, TLS13};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// Shakes hands, the plugin with `plugin` trusting `host`, and the host the other way round.
    async fn handshake(
        plugin: (OneTime, Vec<CertificateDer<'static>>),
        host: (OneTime, CertificateDer<'static>),
    ) -> (std::io::Result<()>, std::io::Result<()>) {
        let (here, there) = tokio::io::duplex(64 * 1024);
        let server = Arc::new(server_config(plugin.0, plugin.1).unwrap());
        let (client, name) = client_config(host.0, host.1).unwrap();
        let server = async {
            let mut stream = TlsAcceptor::from(server).accept(there).await?;
            stream.write_all(b"!").await?;
            stream.flush().await
        };
        let client = async {
            let connector = TlsConnector::from(Arc::new(client));
            let mut stream = connector.connect(name, here).await?;
            stream.read_exact(&mut [0]).await.map(|_| ())
        };
        tokio::join!(server, client)
    }

    fn two() -> (OneTime, OneTime) {
        (OneTime::generate().unwrap(), OneTime::generate().unwrap())
    }

    #[tokio::test]
    async fn the_two_that_know_each_other_shake_hands() {
        let (plugin, host) = two();
        let (known_host, known_plugin) = (host.certificate.clone(), plugin.certificate.clone());
        let (plugin, host) = handshake((plugin, vec![known_host]), (host, known_plugin)).await;
        plugin.unwrap();
        host.unwrap();
    }

    #[tokio::test]
    async fn another_s_certificate_is_refused_on_either_side() {
        let expected = "not the certificate that was given at launch";
        let (plugin, host) = two();
        let (stranger, known_plugin) = (OneTime::generate().unwrap(), plugin.certificate.clone());
        let known = vec![stranger.certificate];
        let (refusal, refused) = handshake((plugin, known), (host, known_plugin)).await;
        let error = refusal.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(refused.is_err());

        let (plugin, host) = two();
        let (stranger, known_host) = (OneTime::generate().unwrap(), host.certificate.clone());
        let known = stranger.certificate;
        let (refused, refusal) = handshake((plugin, vec![known_host]), (host, known)).await;
        let error = refusal.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(refused.is_err());
    }

    /// Whether a plugin accepts a host that shows the right certificate and signs with this key.
    async fn accepted(
        version: &'static SupportedProtocolVersion,
        host: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> std::io::Result<()> {
        let plugin = OneTime::generate().unwrap();
        let known_plugin = plugin.certificate.clone();
        let config = server_config(plugin, vec![host.clone()]).unwrap();
        let provider = aws_lc_rs::default_provider();
        let key = provider.key_provider.load_private_key(key).unwrap();
        // Other constructors check whether the two belong together; this one does not.
        let shown = CertifiedKey::new(vec![host], key);
        let verifier = Pinned::new(vec![known_plugin], &provider);
        let client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        let (here, there) = tokio::io::duplex(64 * 1024);
        let connector = TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from(NAME).unwrap();
        let (accepted, _) = tokio::join!(
            TlsAcceptor::from(Arc::new(config)).accept(there),
            connector.connect(name, here)
        );
        accepted.map(|_| ())
    }

    /// A process that saw the certificate pass has it, but not its key.
    #[tokio::test]
    async fn the_certificate_without_its_key_is_refused_in_either_version_of_tls() {
        for version in [&TLS12, &TLS13] {
            let host = OneTime::generate().unwrap();
            accepted(version, host.certificate, host.key).await.unwrap();
            let (host, stranger) = two();
            let refused = accepted(version, host.certificate, stranger.key).await;
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("BadSignature"), "{error}");
        }
    }
}
