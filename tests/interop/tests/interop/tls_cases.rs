//! TLS: configured, and which peers are refused.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use plugwire::handshake::{Address, ReattachConfig};
use plugwire::host::{AttachConfig, Client, ClientConfig, LaunchError, ReattachError, TlsConfig};
use plugwire::rustls;
use plugwire_interop::{KIT, tls};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use crate::peer::Peer;
use crate::pki::Pki;
use support::process::is_running;
use support::within;

async fn greeting(client: &Client) -> String {
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    within(kit.call("Plugin.Greet", &())).await.unwrap()
}

/// A plugin, and a host of it, with certificates of one authority.
fn configured(peer: Peer, pki: &Pki) -> ClientConfig {
    peer.config()
        .env("KIT_TLS", pki.path())
        .tls(tls::host(pki.path()))
}

/// A host that trusts whatever plugin it finds, and shows this.
fn trusting(own: Option<(&Pki, &str)>) -> TlsConfig {
    let any_server = Arc::new(AnyServer(tls::provider()));
    let config = rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(any_server);
    let config = match own {
        None => config.with_no_client_auth(),
        Some((pki, name)) => {
            let (chain, key) = tls::certificate_and_key(pki.path(), name);
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    TlsConfig::new(config, tls::server_name())
}

#[derive(Debug)]
struct AnyServer(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

async fn reattach(
    config: &ReattachConfig,
    tls: Option<TlsConfig>,
) -> Result<Client, ReattachError> {
    let mut attach = AttachConfig::new(config.clone());
    if let Some(tls) = tls {
        attach = attach.tls(tls);
    }
    within(Client::reattach(attach)).await
}

/// Tries everything that must not work.
async fn strangers_are_refused(config: &ReattachConfig) {
    let strange = Pki::new();
    for certificate in [None, Some((&strange, "client")), Some((&strange, "server"))] {
        let error = reattach(config, Some(trusting(certificate)))
            .await
            .unwrap_err();
        assert!(matches!(error, ReattachError::Tls { .. }), "{error:?}");
    }
    // Without TLS there is nothing at the other end that this host could understand.
    let error = reattach(config, None).await.unwrap_err();
    assert!(
        matches!(
            error,
            ReattachError::Session { .. } | ReattachError::Ping { .. }
        ),
        "{error:?}"
    );
}

pub async fn by_auto_mtls_strangers_are_refused_and_the_host_is_served(peer: Peer) {
    let (client, kit) = peer.kit().await;
    strangers_are_refused(&client.reattach_config()).await;
    let greeting: String = within(kit.call("Plugin.Greet", &())).await.unwrap();
    assert_eq!(greeting, peer.greeting());
    assert!(is_running(client.pid().unwrap()));
    within(client.kill()).await;
}

pub async fn configured_tls_admits_the_right_hosts_and_no_strangers(peer: Peer) {
    let pki = Pki::new();
    let first = within(Client::launch(configured(peer, &pki)))
        .await
        .unwrap();
    let config = first.reattach_config();
    strangers_are_refused(&config).await;
    let second = reattach(&config, Some(tls::host(pki.path())))
        .await
        .unwrap();
    assert_eq!(greeting(&second).await, peer.greeting());
    assert_eq!(greeting(&first).await, peer.greeting());
    // It is the second that ends it.
    within(second.kill()).await;
    within(first.wait()).await;
}

pub async fn a_plugin_of_another_authority_or_name_is_refused(peer: Peer) {
    let (pki, strange) = (Pki::new(), Pki::new());
    let roots = tls::authorities(strange.path());
    let own = tls::certificate_and_key(pki.path(), "client");
    let (chain, key) = own;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), tls::provider());
    let of_another = rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_webpki_verifier(verifier.build().unwrap())
        .with_client_auth_cert(chain, key)
        .unwrap();
    let of_another = TlsConfig::new(of_another, tls::server_name());
    let config = configured(peer, &pki).tls(of_another);
    let error = within(Client::launch(config)).await.unwrap_err();
    assert!(matches!(error, LaunchError::Tls { .. }), "{error:?}");
    let expected = "invalid peer certificate: ";
    let source = error.source().unwrap().to_string();
    assert!(source.contains(expected), "{source}");

    let (chain, key) = tls::certificate_and_key(pki.path(), "client");
    let another_name = rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(tls::authorities(pki.path()))
        .with_client_auth_cert(chain, key)
        .unwrap();
    let name = ServerName::try_from("another.test").unwrap();
    let config = configured(peer, &pki).tls(TlsConfig::new(another_name, name));
    let error = within(Client::launch(config)).await.unwrap_err();
    let source = error.source().unwrap().to_string();
    assert!(source.contains("not valid for name"), "{source}");
}

/// The host says so at once, where Go's would look for the plugin among the system's authorities.
pub async fn a_configured_plugin_does_not_do_auto_mtls(peer: Peer) {
    let pki = Pki::new();
    let config = peer
        .config()
        .env("KIT_TLS", pki.path())
        .tls(plugwire::host::Tls::AutoMtls);
    let error = within(Client::launch(config)).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("the plugin answers AutoMTLS without a certificate"),
        "{text}"
    );
}

pub async fn a_plugin_without_tls_does_not_answer_a_host_with_it(peer: Peer) {
    let pki = Pki::new();
    let config = peer.config().tls(tls::host(pki.path()));
    let error = within(Client::launch(config)).await.unwrap_err();
    assert!(matches!(error, LaunchError::Tls { .. }), "{error:?}");
}

pub async fn a_detached_plugin_is_taken_over_by_configured_tls(peer: Peer) {
    use plugwire::host::PluginCommand;
    use std::process::{Command, Stdio};
    let pki = Pki::new();
    let command = || PluginCommand::new(Command::new(peer.path())).detached(Stdio::null());
    let config = ClientConfig::new(plugwire_interop::HANDSHAKE, command())
        .env("KIT_TLS", pki.path())
        .tls(tls::host(pki.path()));
    let first = within(Client::launch(config)).await.unwrap();
    let config = within(first.detach()).await;
    let second = reattach(&config, Some(tls::host(pki.path())))
        .await
        .unwrap();
    assert_eq!(greeting(&second).await, peer.greeting());
    within(second.kill()).await;

    let config = ClientConfig::new(plugwire_interop::HANDSHAKE, command())
        .tls(plugwire::host::Tls::AutoMtls);
    let error = within(Client::launch(config)).await.unwrap_err();
    assert!(matches!(error, LaunchError::DetachedAutoMtls), "{error:?}");
}

/// It is another's business how long it keeps silent.
pub async fn a_silent_connection_keeps_nobody_out(peer: Peer) {
    let pki = Pki::new();
    let first = within(Client::launch(configured(peer, &pki)))
        .await
        .unwrap();
    let config = first.reattach_config();
    let Address::Unix(path) = &config.address else {
        panic!("{:?}", config.address);
    };
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(within(UnixStream::connect(path)).await.unwrap());
    }
    let second = reattach(&config, Some(tls::host(pki.path())))
        .await
        .unwrap();
    assert_eq!(greeting(&second).await, peer.greeting());
    drop(second);
    within(first.kill()).await;
    for mut stream in silent {
        // The peer is gone, which is an end or an error.
        let read = within(stream.read(&mut [0])).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}

/// Rust's plugin alone: Go's waits for ever.
#[tokio::test]
async fn a_silent_connection_is_closed_in_time() {
    use plugwire::connection::PluginSet;
    use plugwire::plugin::{ServeConfig, ServeTestConfig, serve_test};
    let pki = Pki::new();
    let timeout = Duration::from_millis(50);
    let config = ServeConfig::new(plugwire_interop::HANDSHAKE, PluginSet::new())
        .tls(tls::plugin(pki.path()))
        .tls_handshake_timeout(timeout);
    let server = serve_test(config, ServeTestConfig::new()).await.unwrap();
    let Address::Unix(path) = &server.reattach_config().address else {
        panic!("{:?}", server.reattach_config());
    };
    let start = std::time::Instant::now();
    let mut silent = within(UnixStream::connect(path)).await.unwrap();
    assert_eq!(within(silent.read(&mut [0])).await.unwrap(), 0);
    assert!(start.elapsed() >= timeout);
    let host = tls::host(pki.path());
    let client = reattach(server.reattach_config(), Some(host))
        .await
        .unwrap();
    within(client.ping()).await.unwrap();
    server.stop().await.unwrap();
}

/// Rust's plugin alone: Go's keeps as many as connect.
#[tokio::test]
async fn silent_connections_make_room_for_a_host() {
    use plugwire::connection::PluginSet;
    use plugwire::plugin::{ServeConfig, ServeTestConfig, serve_test};
    let pki = Pki::new();
    let config = ServeConfig::new(plugwire_interop::HANDSHAKE, PluginSet::new())
        .tls(tls::plugin(pki.path()))
        // So that nothing but a newer connection ends them.
        .tls_handshake_timeout(Duration::MAX)
        .max_pending(4);
    let server = serve_test(config, ServeTestConfig::new()).await.unwrap();
    let Address::Unix(path) = &server.reattach_config().address else {
        panic!("{:?}", server.reattach_config());
    };
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(within(UnixStream::connect(path)).await.unwrap());
    }
    for dropped in &mut silent[..2] {
        assert_eq!(within(dropped.read(&mut [0])).await.unwrap(), 0);
    }
    let host = tls::host(pki.path());
    let client = reattach(server.reattach_config(), Some(host))
        .await
        .unwrap();
    within(client.ping()).await.unwrap();
    assert_eq!(within(silent[2].read(&mut [0])).await.unwrap(), 0);
    // No host is dropped to make room.
    for _ in 0..8 {
        silent.push(within(UnixStream::connect(path)).await.unwrap());
    }
    for dropped in &mut silent[3..10] {
        assert_eq!(within(dropped.read(&mut [0])).await.unwrap(), 0);
    }
    within(client.ping()).await.unwrap();
    server.stop().await.unwrap();
}

/// A host gives up on a plugin that takes its connection and is silent.
#[tokio::test]
async fn a_silent_plugin_is_given_up_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let _listener = tokio::net::UnixListener::bind(&path).unwrap();
    let config = ReattachConfig::new(Address::Unix(path));
    let attach = AttachConfig::new(config)
        .tls(trusting(None))
        .dial_timeout(Duration::from_millis(50));
    let error = within(Client::reattach(attach)).await.unwrap_err();
    let ReattachError::Tls { source: error, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_plugin_on_the_network_is_reached_by_host_name_and_port_with_tls() {
    let pki = Pki::new();
    // Beyond the loopback interface, which takes TLS.
    let config = configured(Peer::Rust, &pki).env("KIT_LISTEN", "0.0.0.0:0");
    let first = within(Client::launch(config)).await.unwrap();
    let Address::Tcp(address) = first.address().clone() else {
        panic!("{:?}", first.address());
    };
    let port = address.rsplit(':').next().unwrap();
    let config = ReattachConfig::tcp(format!("localhost:{port}"));
    strangers_are_refused(&config).await;
    let client = reattach(&config, Some(tls::host(pki.path())))
        .await
        .unwrap();
    assert_eq!(greeting(&client).await, Peer::Rust.greeting());
    within(client.kill()).await;
    assert!(within(first.wait()).await.unwrap().success(), "it quit");
}

#[tokio::test]
async fn auto_mtls_will_do_for_the_network_too() {
    let config = Peer::RustByMtls.config().env("KIT_LISTEN", "0.0.0.0:0");
    let client = within(Client::launch(config)).await.unwrap();
    assert!(matches!(client.address(), Address::Tcp(_)));
    assert_eq!(greeting(&client).await, Peer::Rust.greeting());
    within(client.kill()).await;
}
