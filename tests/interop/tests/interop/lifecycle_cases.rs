//! Starting and ending.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use plugwire::handshake::{Address, HandshakeConfig};
use plugwire::host::{Client, ClientConfig, LaunchError};
use tokio::task::JoinSet;

use crate::peer::Peer;
use support::process::{exists, is_running};
use support::within;

fn socket(client: &Client) -> PathBuf {
    match client.address() {
        Address::Unix(path) => path.clone(),
        other => panic!("a unix socket, not {other:?}"),
    }
}

pub async fn kill_leaves_no_process_and_no_socket(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let (pid, socket) = (client.pid().unwrap(), socket(&client));
    assert!(exists(pid) && socket.exists());
    let start = Instant::now();
    within(client.kill()).await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "it went gracefully"
    );
    assert!(!exists(pid), "reaped");
    assert!(!socket.exists());
    assert!(client.exited());
    // Once more is fine, and calls say what is the matter.
    within(client.kill()).await;
    let error = within(kit.call::<_, String>("Plugin.Greet", &()))
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
}

pub async fn a_plugin_that_ignores_quit_is_killed(peer: Peer) {
    let config = peer.config().env("KIT_IGNORE_QUIT", "1");
    let client = within(Client::launch(config)).await.unwrap();
    let (pid, socket) = (client.pid().unwrap(), socket(&client));
    let start = Instant::now();
    within(client.kill()).await;
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert!(!exists(pid), "reaped");
    assert!(!socket.exists());
}

pub async fn dropping_the_client_ends_the_process(peer: Peer) {
    let client = peer.launch().await;
    let pid = client.pid().unwrap();
    drop(client);
    within(async {
        while is_running(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub async fn version_mismatch(peer: Peer) {
    let config = peer.config().versions([2]);
    let error = within(Client::launch(config)).await.unwrap_err();
    let pid = error.report().expect("it was started").pid.unwrap();
    assert!(
        error.to_string().starts_with(
            "incompatible API version with plugin. Plugin version: 1, Client versions: [2]"
        ),
        "{error}"
    );
    assert!(!exists(pid), "reaped");
}

pub async fn wrong_cookie(peer: Peer) {
    let handshake = HandshakeConfig::new(1, "PLUGWIRE_KIT", "something else");
    let config = ClientConfig::new(handshake, std::process::Command::new(peer.path()));
    let error = within(Client::launch(config)).await.unwrap_err();
    let LaunchError::Exited { report, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(report.status.and_then(|status| status.code()), Some(1));
    assert_eq!(
        report.stderr.trim_end(),
        "This binary is a plugin. These are not meant to be executed directly.\n\
         Please execute the program that consumes these plugins, which will\n\
         load any plugins automatically"
    );
    assert!(
        error
            .to_string()
            .contains("plugin exited before we could connect")
    );
    assert!(
        error
            .to_string()
            .contains("does not accept the magic cookie of this host, which sets \"PLUGWIRE_KIT\""),
        "{error}"
    );
    assert!(!exists(report.pid.unwrap()), "reaped");
}

pub async fn a_plugin_that_dies_fails_every_pending_call(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let pid = client.pid().unwrap();
    let mut pending = JoinSet::new();
    for _ in 0..20 {
        let kit = kit.clone();
        pending.spawn(async move { kit.call::<_, String>("Plugin.Block", &()).await });
    }
    while kit.in_flight() < 20 {
        tokio::task::yield_now().await;
    }
    // By its id, as an out-of-memory killer would.
    let process = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    let start = Instant::now();
    for result in within(pending.join_all()).await {
        let error = result.unwrap_err();
        assert!(error.is_disconnected() && error.is_crashed(), "{error:?}");
        assert!(error.to_string().contains("signal: 9"), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    let error = within(kit.call::<_, String>("Plugin.Greet", &()))
        .await
        .unwrap_err();
    assert!(error.is_crashed(), "{error:?}");
    within(client.wait()).await;
    assert!(!exists(pid), "reaped");
    within(client.kill()).await;
}
