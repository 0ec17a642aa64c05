//! What outlives what: children, plugins, hosts.

use std::process::Command;
use std::time::Duration;

use plugwire::host::{Client, ClientConfig, PluginCommand};
use rustix::process::{Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;

/// Has the plugin start a process that it does not wait for, and tells its number.
async fn leave_a_child(place: &Place, tester: &rpc::Client) -> u32 {
    let note = place.0.path().join("child");
    let script = format!("sleep 1000 >&- 2>&- & echo $! >'{}'", note.display());
    assert!(ask(tester, "Shell", &script).await);
    let child = std::fs::read_to_string(&note).unwrap();
    std::fs::remove_file(note).unwrap();
    child.trim().parse().unwrap()
}

#[tokio::test]
async fn the_children_of_a_process_group_end_with_the_plugin() {
    let place = Place::new();
    let command = || PluginCommand::new(place.command("")).process_group(true);
    let gone = |child| move || !exists(child) || is_zombie(child);
    for crash in [false, true] {
        let client = launch(ClientConfig::new(HANDSHAKE, command())).await;
        let tester = tester_of(&client).await;
        let child = leave_a_child(&place, &tester).await;
        if crash {
            let _ = tester.call::<_, bool>("Plugin.Exit", &5).await;
            let status = within(client.wait()).await;
            assert_eq!(status.unwrap().code(), Some(5));
        } else {
            client.kill().await;
        }
        until("its child is gone", gone(child)).await;
    }
    let client = launch(ClientConfig::new(HANDSHAKE, command())).await;
    let child = leave_a_child(&place, &tester_of(&client).await).await;
    drop(client);
    until("the child of a dropped client is gone", gone(child)).await;
}

#[tokio::test]
async fn the_log_of_a_detached_plugin_outlives_its_host() {
    let place = Place::new();
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = PluginCommand::new(place.command("")).detached(log.reopen().unwrap());
    let client = launch(ClientConfig::new(HANDSHAKE, command)).await;
    assert!(ask(&tester_of(&client).await, "Log", "one host").await);
    let config = client.detach().await;

    let client = Client::reattach(config).await.unwrap();
    assert!(ask(&tester_of(&client).await, "Log", "another host").await);
    client.kill().await;
    assert!(!exists(client.pid().unwrap()) || is_zombie(client.pid().unwrap()));
    let lines = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(lines, "one host\nanother host\n");
}

#[tokio::test]
async fn a_detached_plugin_that_does_not_start_is_gone() {
    let place = Place::new();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ >\"$0\"; exec sleep 1000"]);
    let note = place.0.path().join("pid");
    command.arg(&note);
    let command = PluginCommand::new(command).detached(std::process::Stdio::null());
    let config = ClientConfig::new(HANDSHAKE, command).start_timeout(Duration::from_millis(500));
    let error = Client::launch(config).await.unwrap_err();
    let pid = error.report().unwrap().pid.unwrap();
    assert!(!exists(pid), "{error}");
}

#[tokio::test]
async fn without_a_process_group_children_survive_as_in_go() {
    let place = Place::new();
    let client = place.launch().await;
    let child = leave_a_child(&place, &tester_of(&client).await).await;
    client.kill().await;
    assert!(exists(child) && !is_zombie(child));
    kill_process(raw(child), Signal::KILL).unwrap();
}

/// A host that has died is one whose end of the pipe is closed.
async fn abandoned(command: Command) -> std::process::ExitStatus {
    let mut command = tokio::process::Command::from(command);
    let mut plugin = command
        .env(&*HANDSHAKE.magic_cookie_key, &*HANDSHAKE.magic_cookie_value)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(plugin.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("1|1|unix|"), "{line}");
    drop(stdout);
    within(plugin.wait()).await.unwrap()
}

#[tokio::test]
async fn a_plugin_does_not_outlive_its_host() {
    let place = Place::new();
    assert_eq!(abandoned(place.command("")).await.code(), Some(7));
    assert!(place.sockets().is_empty());
}

/// A host in Go passes on what its own host said of it.
#[tokio::test]
async fn that_its_host_is_detached_is_no_business_of_the_plugin() {
    let place = Place::new();
    let mut command = place.command("");
    command.env("PLUGWIRE_DETACHED", "COOKIE_OF_THE_HOST=cookie");
    assert_eq!(abandoned(command).await.code(), Some(7));
}

#[tokio::test]
async fn a_plugin_that_will_not_end_without_its_host_is_ended() {
    let place = Place::new();
    assert_eq!(abandoned(place.command("linger")).await.code(), Some(1));
}
