//! What host and plugin make of certificates at launch that are none, or another's.

use std::io;
use std::process::{Command, Stdio};

use futures::future::BoxFuture;
use plugwire::handshake::HandshakeError;
use plugwire::host::{
    Client, ClientConfig, Launch, LaunchEnvironment, LaunchError, Runner, Started, Tls,
    local_process,
};
use plugwire_interop::{HANDSHAKE, tls};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::go;
use crate::peer::Peer;
use crate::pki::Pki;
use support::within;

type Change = fn(&str) -> String;

/// Starts the plugin, and changes the certificate in what it prints.
struct Meddling {
    plugin: Peer,
    change: Change,
}

impl Runner for Meddling {
    fn name(&self) -> String {
        self.plugin.path().display().to_string()
    }

    fn start(&mut self, environment: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
        Box::pin(async move {
            let mut command = Command::new(self.plugin.path());
            environment.apply(&mut command);
            let mut started = local_process(command)?;
            let mut stdout = BufReader::new(started.stdout);
            let mut line = String::new();
            stdout.read_line(&mut line).await?;
            let mut fields: Vec<String> = line.trim().split('|').map(str::to_owned).collect();
            fields[5] = (self.change)(&fields[5]);
            let line = fields.join("|") + "\n";
            started.stdout = Box::new(io::Cursor::new(line).chain(stdout));
            Ok(started)
        })
    }
}

async fn launched(peer: Peer, tls: Option<Tls>, change: Change) -> LaunchError {
    let plugin = Meddling {
        plugin: peer,
        change,
    };
    let mut config = ClientConfig::new(HANDSHAKE, Launch::runner(plugin));
    if let Some(tls) = tls {
        config = config.tls(tls);
    }
    within(Client::launch(config)).await.unwrap_err()
}

fn handshake(error: LaunchError) -> HandshakeError {
    match error {
        LaunchError::Handshake { error: source, .. } => source,
        error => panic!("{error:?}"),
    }
}

/// DER in unpadded base64, as the handshake line has it. What is between the lines of a PEM is
/// that, but for the padding.
fn field(pem: &str) -> String {
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    lines.collect::<String>().trim_end_matches('=').to_owned()
}

pub async fn a_certificate_cut_short_or_garbled_is_named(peer: Peer) {
    let cut: Change = |certificate| certificate[..certificate.len() / 8 * 4].to_owned();
    let changes: [(Change, &str); 3] = [
        (cut, "no X.509 certificate"),
        (|_| "!".repeat(100), "no unpadded base64"),
        (|_| "A".repeat(100), "no X.509 certificate"),
    ];
    for (change, expected) in changes {
        let error = launched(peer, Some(Tls::AutoMtls), change).await;
        let text = error.to_string();
        assert!(text.starts_with("error parsing server cert: "), "{text}");
        let HandshakeError::ServerCert { reason, field } = handshake(error) else {
            panic!("{text}");
        };
        assert!(reason.starts_with(expected), "{reason}");
        assert!(field.len() > 50);
    }
}

pub async fn a_plugin_without_a_certificate_is_refused(peer: Peer) {
    // Fifty characters are the most that are no certificate.
    let changes: [Change; 2] = [|_| String::new(), |_| "x".repeat(50)];
    for change in changes {
        let error = handshake(launched(peer, Some(Tls::AutoMtls), change).await);
        assert_eq!(error, HandshakeError::MissingServerCert);
    }
}

pub async fn a_plugin_with_another_s_certificate_is_refused(peer: Peer) {
    let another: Change = |_| {
        let pki = Pki::new();
        field(&std::fs::read_to_string(pki.path().join("server.pem")).unwrap())
    };
    let error = launched(peer, Some(Tls::AutoMtls), another).await;
    assert!(matches!(error, LaunchError::Tls { .. }), "{error:?}");
    let source = std::error::Error::source(&error).unwrap();
    let text = format!("{error}: {source}");
    assert!(
        text.contains("not the certificate that was given at launch"),
        "{text}"
    );
}

pub async fn a_certificate_that_nobody_asked_for_is_refused(peer: Peer) {
    let pki = Pki::new();
    for tls in [None, Some(Tls::Config(tls::host(pki.path())))] {
        let error = launched(peer, tls, |_| "A".repeat(100)).await;
        assert_eq!(handshake(error), HandshakeError::UnexpectedServerCert);
    }
}

/// What the outer host set is no business of the inner plugin, and its own environment is.
pub async fn a_certificate_in_the_environment_from_elsewhere_is_reported(peer: Peer) {
    let pki = Pki::new();
    let pem = std::fs::read_to_string(pki.path().join("client.pem")).unwrap();
    let config = peer.config().env("PLUGIN_CLIENT_CERT", pem);
    let error = handshake(within(Client::launch(config)).await.unwrap_err());
    assert_eq!(error, HandshakeError::UnexpectedServerCert);
}

/// Starts Rust's plugin as a host would that puts this into the environment.
async fn plugin_given(client_cert: &str) -> std::process::Output {
    let plugin = tokio::process::Command::new(Peer::Rust.path())
        .env("PLUGWIRE_KIT", "interop")
        .env("PLUGIN_CLIENT_CERT", client_cert)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    within(plugin).await.unwrap()
}

#[tokio::test]
async fn a_host_s_certificate_cut_short_or_garbled_is_named() {
    let pki = Pki::new();
    let pem = std::fs::read_to_string(pki.path().join("client.pem")).unwrap();
    let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (given, reason) in [
        (&pem[..pem.len() / 2], "no PEM"),
        ("garbage", "no PEM block of a certificate"),
        (garbled, "no X.509 certificate"),
    ] {
        let output = plugin_given(given).await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(output.stdout, b"", "no handshake");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let expected = format!("client cert provided but failed to parse: {reason}");
        assert!(stderr.contains(&expected), "{stderr}");
        assert!(stderr.contains("PLUGIN_CLIENT_CERT, "), "{stderr}");
    }
}

/// The fields that Go's plugins and Rust's give are of the same make.
#[tokio::test]
async fn one_time_certificates_are_of_go_s_make() {
    if !go::present() {
        return;
    }
    let mut shapes = Vec::new();
    for peer in [Peer::Go, Peer::Rust] {
        let pki = Pki::new();
        let pem = std::fs::read_to_string(pki.path().join("client.pem")).unwrap();
        let mut plugin = tokio::process::Command::new(peer.path())
            .env("PLUGWIRE_KIT", "interop")
            .env("PLUGIN_CLIENT_CERT", pem)
            .env("TMPDIR", pki.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(plugin.stdout.take().unwrap()).lines();
        let line = within(lines.next_line()).await.unwrap().unwrap();
        let field = line.split('|').nth(5).unwrap().to_owned();
        plugin.kill().await.unwrap();
        let show = Command::new(go::program("certshape")).arg(&field).output();
        let show = show.unwrap();
        assert!(show.status.success(), "{show:?}");
        shapes.push(String::from_utf8(show.stdout).unwrap());
    }
    assert_eq!(shapes[0], shapes[1]);
    assert!(shapes[0].contains("P-521"), "{}", shapes[0]);
}
