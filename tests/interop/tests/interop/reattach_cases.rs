//! Plugins that outlive a host, and hosts that take plugins over.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plugwire::handshake::Address;
use plugwire::host::{
    AttachConfig, Client, ClientConfig, LogRecord, PluginCommand, ReattachConfig, ReattachError,
};
use plugwire_interop::{HANDSHAKE, KIT};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc;

use crate::go;
use crate::peer::Peer;
use support::causes::assert_fails;
use support::process::is_running;
use support::within;

/// Starts the plugin as one that outlives this host.
async fn detached(peer: Peer) -> Client {
    let command = PluginCommand::new(Command::new(peer.path())).detached(Stdio::null());
    within(Client::launch(ClientConfig::new(HANDSHAKE, command)))
        .await
        .unwrap()
}

async fn greeting(client: &Client) -> String {
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    within(kit.call("Plugin.Greet", &())).await.unwrap()
}

async fn reattach(config: &ReattachConfig) -> Result<Client, ReattachError> {
    within(Client::reattach(config.clone())).await
}

fn socket(config: &ReattachConfig) -> PathBuf {
    match &config.address {
        Address::Unix(path) => path.clone(),
        other => panic!("a unix socket, not {other:?}"),
    }
}

/// Waits for a process that is no child of this one.
async fn ended(pid: u32) {
    within(async {
        while is_running(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn removed(path: &Path) {
    within(async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A program, its first line of output read as a configuration.
async fn printing(program: &mut tokio::process::Command) -> (Child, ReattachConfig) {
    let mut child = program
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().expect("a line");
    // The rest of its output has no reader, and must not break.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let config = serde_json::from_str(&line).expect("a reattach configuration");
    (child, config)
}

fn kit_host(mode: &str, plugin: &Path) -> tokio::process::Command {
    let mut host = tokio::process::Command::new(env!("CARGO_BIN_EXE_kit-host"));
    host.arg(mode).arg(plugin).stdin(Stdio::null());
    host
}

/// The upgrade of a host: the old one starts the plugin and exits, the new one goes on with it.
pub async fn a_plugin_outlives_its_host_and_is_taken_over(peer: Peer) {
    let (mut old_host, config) = printing(&mut kit_host("upgrade", &peer.path())).await;
    assert!(within(old_host.wait()).await.unwrap().success());

    let client = reattach(&config).await.unwrap();
    assert_eq!(client.pid(), config.pid);
    assert!(client.pid().is_some());
    assert_eq!(greeting(&client).await, peer.greeting());
    within(client.kill()).await;
    assert!(client.exited());
    ended(client.pid().unwrap()).await;
    assert!(!socket(&config).exists());
}

pub async fn a_detached_plugin_outlives_its_client(peer: Peer) {
    let client = detached(peer).await;
    let config = client.reattach_config();
    drop(client);
    let client = reattach(&config).await.unwrap();
    assert_eq!(greeting(&client).await, peer.greeting());
    assert_eq!(within(client.detach()).await, config);
    let client = reattach(&config).await.unwrap();
    assert_eq!(greeting(&client).await, peer.greeting());
    within(client.kill()).await;
    ended(config.pid.unwrap()).await;
}

/// One that was not started to outlive its host, and has its pipes to this process.
pub async fn a_plugin_that_was_let_go_lives_with_its_host(peer: Peer) {
    let (logged, mut records) = mpsc::unbounded_channel();
    let config = peer.config().on_log(move |record: &LogRecord| {
        let _ = logged.send(record.message.clone());
    });
    let client = within(Client::launch(config)).await.unwrap();
    let config = within(client.detach()).await;
    for message in ["first", "second"] {
        let client = reattach(&config).await.unwrap();
        let kit = within(client.dispense_client(KIT)).await.unwrap();
        let _: i64 = within(kit.call("Plugin.Log", message)).await.unwrap();
        while within(records.recv()).await.expect("its log is read") != message {}
    }
    let client = reattach(&config).await.unwrap();
    within(client.kill()).await;
    ended(config.pid.unwrap()).await;
    // The reading ends with the pipes, and the directory that this host made for the socket goes.
    while within(records.recv()).await.is_some() {}
    removed(socket(&config).parent().unwrap()).await;
}

pub async fn what_a_plugin_that_was_let_go_leaves_behind_is_removed(peer: Peer) {
    let config = within(peer.launch().await.detach()).await;
    assert!(socket(&config).exists());
    let pid = Pid::from_raw(config.pid.unwrap() as i32).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    ended(config.pid.unwrap()).await;
    removed(socket(&config).parent().unwrap()).await;
}

pub async fn a_plugin_gone_meanwhile_is_not_found(peer: Peer) {
    let client = detached(peer).await;
    let mut config = client.reattach_config();
    let pid = Pid::from_raw(config.pid.unwrap() as i32).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    within(client.wait()).await;
    let error = reattach(&config).await.unwrap_err();
    assert!(
        matches!(error, ReattachError::ProcessNotFound { .. }),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "reattachment process not found");

    // Its number belongs to another process by now.
    let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
    config.pid = Some(bystander.id());
    let error = reattach(&config).await.unwrap_err();
    assert_eq!(error.to_string(), "reattachment process not found");
    assert!(is_running(bystander.id()), "the bystander was not killed");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

pub async fn a_stranger_with_the_plugins_number_is_left_alone(peer: Peer) {
    let first = detached(peer).await;
    let mut config = first.reattach_config();
    let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
    config.pid = Some(bystander.id());
    let client = reattach(&config).await.unwrap();
    assert_eq!(greeting(&client).await, peer.greeting());
    within(client.kill()).await;
    within(first.wait()).await;
    assert!(is_running(bystander.id()));
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

/// The app version is among those of the host, or the plugin is left alone.
pub async fn a_plugin_of_another_version_is_refused(peer: Peer) {
    let first = detached(peer).await;
    let config = first.reattach_config();
    assert_eq!(config.protocol_version, 1);
    let attach = |versions: &[u32]| {
        let attach = AttachConfig::new(config.clone()).versions(versions.iter().copied());
        within(Client::reattach(attach))
    };
    for versions in [&[1][..], &[2, 1], &[]] {
        let client = attach(versions).await.unwrap();
        assert_eq!(client.negotiated_version(), 1);
    }
    let error = attach(&[2, 3]).await.unwrap_err();
    let ReattachError::IncompatibleVersion { plugin, host, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((*plugin, &host[..]), (1, &[2, 3][..]));
    assert_eq!(greeting(&first).await, peer.greeting());
    // One that does not say which it serves, as Go's hosts leave it.
    let unknown = config.clone().protocol_version(0);
    let unknown = |version| AttachConfig::new(unknown.clone()).versions([version]);
    assert!(within(Client::reattach(unknown(1))).await.is_err());
    drop(within(Client::reattach(unknown(0))).await.unwrap());
    within(first.kill()).await;
}

/// Any of several hosts ends it, and one that only goes does not.
pub async fn a_kill_by_one_host_ends_the_plugin_for_all(peer: Peer) {
    let first = detached(peer).await;
    let config = first.reattach_config();
    let (second, third) = (
        reattach(&config).await.unwrap(),
        reattach(&config).await.unwrap(),
    );
    for client in [&first, &second, &third] {
        assert_eq!(greeting(client).await, peer.greeting());
    }
    drop(second);
    within(third.detach()).await;
    assert_eq!(greeting(&first).await, peer.greeting());

    let fourth = reattach(&config).await.unwrap();
    let kit = within(fourth.dispense_client(KIT)).await.unwrap();
    let fifth = reattach(&config).await.unwrap();
    within(fifth.kill()).await;
    within(first.wait()).await;
    let error = within(kit.call::<_, String>("Plugin.Greet", &())).await;
    let error = error.unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert!(reattach(&config).await.is_err());
}

pub async fn a_plugin_in_test_mode_is_not_killed(peer: Peer) {
    let mut plugin = tokio::process::Command::new(peer.path());
    plugin.env("KIT_TEST", "1").stdin(Stdio::piped());
    let (mut plugin, config) = printing(&mut plugin).await;
    assert!(config.test);
    assert_eq!(config.protocol_version, 1);
    for _ in 0..2 {
        let client = reattach(&config).await.unwrap();
        assert_eq!(client.negotiated_version(), 1);
        assert_eq!(greeting(&client).await, peer.greeting());
        within(client.kill()).await;
        assert!(client.exited(), "as far as this host is concerned");
        assert!(is_running(config.pid.unwrap()));
    }
    drop(plugin.stdin.take());
    assert!(within(plugin.wait()).await.unwrap().success());
    assert!(!socket(&config).exists());
}

pub async fn a_plugin_whose_host_disconnects_keeps_listening(peer: Peer) {
    let first = peer.launch().await;
    let config = first.reattach_config();
    for _ in 0..3 {
        let client = reattach(&config).await.unwrap();
        assert_eq!(greeting(&client).await, peer.greeting());
        drop(client);
    }
    assert_eq!(greeting(&first).await, peer.greeting());
    within(first.kill()).await;
    assert_fails(reattach(&config).await, "");
}

/// Kills the host that has started a Rust plugin, and sees what becomes of the plugin.
async fn abandon(host: &mut tokio::process::Command) {
    let temporary = tempfile::tempdir().unwrap();
    let (mut host, config) = printing(host.env("TMPDIR", temporary.path())).await;
    let pid = config.pid.unwrap();
    assert!(is_running(pid) && socket(&config).exists());
    let client = reattach(&config).await.unwrap();
    within(host.kill()).await.unwrap();
    // It serves the host that it has left.
    assert_eq!(greeting(&client).await, Peer::Rust.greeting());
    drop(client);
    ended(pid).await;
    assert!(!socket(&config).exists());
}

#[tokio::test]
async fn a_rust_plugin_does_not_outlive_a_rust_host() {
    abandon(&mut kit_host("hold", &Peer::Rust.path())).await;
}

#[tokio::test]
async fn a_rust_plugin_does_not_outlive_a_go_host() {
    if go::present() {
        let mut host = tokio::process::Command::new(go::program("kithost"));
        host.args(["-case", "abandon", "-plugin"])
            .arg(Peer::Rust.path())
            .stdin(Stdio::null());
        abandon(&mut host).await;
    }
}

#[tokio::test]
async fn a_go_host_attaches_to_a_rust_plugin_in_test_mode() {
    if !go::present() {
        return;
    }
    let mut plugin = tokio::process::Command::new(Peer::Rust.path());
    plugin.env("KIT_TEST", "1").stdin(Stdio::piped());
    let (mut plugin, config) = printing(&mut plugin).await;
    let json = serde_json::to_string(&config).unwrap();
    for _ in 0..2 {
        let limit = std::time::Duration::from_secs(60);
        crate::go_host::run("reattach_json", &["-reattach", &json], limit).await;
        assert!(is_running(config.pid.unwrap()));
    }
    drop(plugin.stdin.take());
    assert!(within(plugin.wait()).await.unwrap().success());
}

#[tokio::test]
async fn a_plugin_on_the_network_is_reached_by_host_and_port() {
    let config = Peer::Rust.config().env("KIT_LISTEN", "127.0.0.1:0");
    let first = within(Client::launch(config)).await.unwrap();
    let Address::Tcp(address) = first.address().clone() else {
        panic!("{:?}", first.address());
    };
    let client = reattach(&ReattachConfig::tcp(address)).await.unwrap();
    assert_eq!(client.pid(), None);
    assert_eq!(greeting(&client).await, Peer::Rust.greeting());
    within(client.kill()).await;
    assert!(client.exited());
    assert!(within(first.wait()).await.unwrap().success(), "it quit");
}

#[tokio::test]
async fn a_plugin_does_not_listen_to_everybody_unencrypted() {
    let config = Peer::Rust.config().env("KIT_LISTEN", "0.0.0.0:0");
    let error = within(Client::launch(config)).await.unwrap_err();
    let report = error.report().unwrap();
    assert!(report.stderr.contains("without TLS"), "{}", report.stderr);
}
