//! What options are where they are not set: what they are in Go.

use std::process::Command;
use std::time::Duration;

use plugwire::connection::ConnectionConfig;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::ClientConfig;

use crate::go;

/// It is in no variable, and would take a plugin that lingers to measure: what Go's source says.
fn grace_of_a_kill() -> Duration {
    let module = Command::new("go")
        .args([
            "list",
            "-m",
            "-f",
            "{{.Dir}}",
            "github.com/hashicorp/go-plugin",
        ])
        .current_dir(go::module())
        .output()
        .unwrap();
    let module = String::from_utf8(module.stdout).unwrap();
    let client = std::fs::read_to_string(format!("{}/client.go", module.trim())).unwrap();
    let kill = client.split_once("func (c *Client) Kill()").unwrap().1;
    let wait = kill.split_once("<-time.After(").unwrap().1;
    let (seconds, _) = wait.split_once(" * time.Second)").unwrap();
    Duration::from_secs(seconds.parse().unwrap())
}

#[test]
fn the_defaults_are_go_s() {
    if !go::present() {
        return;
    }
    let output = Command::new(go::program("defaults")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let go: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| go[name].as_u64().unwrap_or_else(|| panic!("{name}: {go}"));
    let time = |name| Duration::from_nanos(number(name));

    // A configuration has no getters; its `Debug` says what it is.
    let handshake = HandshakeConfig::new(1, "COOKIE", "crumbs");
    let host = format!("{:?}", ClientConfig::new(handshake, Command::new("x")));
    let (lowest, highest) = (number("MinPort"), number("MaxPort"));
    assert_eq!(go["EnableKeepAlive"], true);
    // This one is measured.
    let accept = time("Accept");
    let second = Duration::from_secs(1);
    assert!(accept >= 5 * second && accept < 7 * second, "{accept:?}");
    let of_the_connection = [
        format!("accept_backlog: {},", number("AcceptBacklog")),
        format!("keep_alive: Some({:?}),", time("KeepAliveInterval")),
        format!("keep_alive_timeout: {:?},", time("ConnectionWriteTimeout")),
        format!("stream_close_timeout: {:?},", time("StreamCloseTimeout")),
        "accept_timeout: 5s,".to_owned(),
    ];
    let of_the_host = [
        format!("start_timeout: {:?},", time("StartTimeout")),
        format!("ports: {lowest}..={highest}"),
        format!("plugin_log_buffer_size: {},", number("PluginLogBufferSize")),
        format!("kill_grace: {:?},", grace_of_a_kill()),
    ];
    for expected in of_the_connection.iter().chain(&of_the_host) {
        assert!(host.contains(expected), "no {expected} in {host}");
    }
    // A plugin's connection is no other.
    let connection = format!("{:?}", ConnectionConfig::default());
    for expected in &of_the_connection {
        assert!(
            connection.contains(expected),
            "no {expected} in {connection}"
        );
    }
    assert_eq!(go["AllowedProtocols"], serde_json::json!(["netrpc"]));
}
