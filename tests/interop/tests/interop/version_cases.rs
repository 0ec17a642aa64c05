//! Several app versions in one plugin.

use std::process::Stdio;

use plugwire::host::Client;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::peer::Peer;
use support::within;

async fn negotiated(peer: Peer, host: &[u32]) -> (u32, String) {
    let config = peer
        .config()
        .env("KIT_VERSIONS", "1,2,4")
        .versions(host.iter().copied());
    let client = within(Client::launch(config)).await.unwrap();
    let version = within(client.dispense_client("version")).await.unwrap();
    let greeting = within(version.call("Plugin.Greet", &())).await.unwrap();
    let version = client.negotiated_version();
    within(client.kill()).await;
    (version, greeting)
}

pub async fn the_highest_shared_version_is_served(peer: Peer) {
    for (host, version) in [(&[1][..], 1), (&[3, 2, 1], 2), (&[2, 4], 4)] {
        let expected = (version, format!("version {version}"));
        assert_eq!(negotiated(peer, host).await, expected, "{host:?}");
    }
}

pub async fn no_shared_version_is_reported_with_the_plugins_lowest(peer: Peer) {
    let config = peer.config().env("KIT_VERSIONS", "2,4").versions([1, 3]);
    let error = within(Client::launch(config)).await.unwrap_err();
    let expected =
        "incompatible API version with plugin. Plugin version: 2, Client versions: [1 3]";
    assert!(error.to_string().starts_with(expected), "{error}");
}

/// Hosts did not always say which versions they know.
pub async fn a_host_without_a_list_gets_the_lowest(peer: Peer) {
    // Killed, it cannot remove its socket. It goes with this.
    let temporary = tempfile::tempdir().unwrap();
    let mut plugin = tokio::process::Command::new(peer.path())
        .env("PLUGWIRE_KIT", "interop")
        .env("KIT_VERSIONS", "4,2")
        .env("TMPDIR", temporary.path())
        .env_remove("PLUGIN_PROTOCOL_VERSIONS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(plugin.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    assert!(line.starts_with("1|2|unix|"), "{line}");
    plugin.kill().await.unwrap();
}
