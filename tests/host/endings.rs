//! How a plugin begins when it is ready and ends in order, both in Rust and in two processes.
//!
//! The plugin is this test program again, as [`half`] says.

use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use futures::FutureExt;
use plugwire::connection::PluginSet;
use plugwire::handshake::{HandshakeConfig, HandshakeLine, ReattachConfig};
use plugwire::host::{Client, ClientConfig, LaunchError};
use plugwire::plugin::{self, ServeConfig};
use plugwire::rpc::Service;
use rustix::process::{Signal, kill_process};
use support::process::raw;
use support::within;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::spawn_blocking;

use crate::half;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_ENDINGS_TEST", "cookie");

/// The variable that tells the plugin's half what to do.
const ROLE: &str = "PLUGWIRE_ENDINGS_ROLE";

/// Where the hook writes why the plugin ends.
const REPORT: &str = "PLUGWIRE_ENDINGS_REPORT";

/// The socket whose first byte says whether the plugin is ready.
const READY: &str = "PLUGWIRE_ENDINGS_READY";

// ---- the plugin's half ----

#[test]
fn plugin_half() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    half::take_stdout();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ping = |_: ()| async { Ok::<_, Infallible>("pong".to_owned()) };
    let plugins =
        PluginSet::new().register_service("kit", move |_| Ok(Service::new().method("Ping", ping)));
    let mut config = ServeConfig::new(HANDSHAKE, plugins).standalone(role == "alone");
    if role != "plain" {
        let report = PathBuf::from(std::env::var_os(REPORT).unwrap());
        let hangs = role == "hang";
        let grace = if hangs {
            Duration::from_millis(50)
        } else {
            Duration::from_secs(20)
        };
        config = config.shutdown_grace(grace).on_shutdown(async move |why| {
            fs::write(report, why.to_string()).unwrap();
            println!("last words");
            if hangs {
                std::future::pending::<()>().await;
            }
        });
    }
    runtime.block_on(async {
        match role.as_str() {
            "when" => plugin::serve_when(ready(), config).await,
            _ => plugin::serve(config).await,
        }
    });
    std::process::exit(0);
}

/// Waits for a byte on a socket.
async fn ready() -> Result<(), String> {
    println!("not the handshake");
    let socket = std::env::var_os(READY).unwrap();
    let mut socket = tokio::net::UnixStream::connect(socket).await.unwrap();
    match socket.read_u8().await.unwrap() {
        b'y' => Ok(()),
        _ => Err("no database".to_owned()),
    }
}

// ---- the host's half ----

fn command(place: &Path, role: &str) -> Command {
    let mut command = half::command("endings::plugin_half", place);
    command.env(ROLE, role);
    command.env(REPORT, place.join("report"));
    command.env(READY, place.join("ready"));
    command
}

fn report(place: &TempDir) -> String {
    fs::read_to_string(place.path().join("report")).unwrap()
}

async fn exit_status(client: &Client) -> ExitStatus {
    within(client.wait()).await.unwrap()
}

#[tokio::test]
async fn the_hook_runs_before_the_request_to_quit_is_answered() {
    for role in ["serve", "hang"] {
        let place = TempDir::new().unwrap();
        let (copy, mut copied) = tokio::io::duplex(1 << 16);
        let config = ClientConfig::new(HANDSHAKE, command(place.path(), role)).sync_stdout(copy);
        let config = config.kill_grace(Duration::from_secs(20));
        let client = within(Client::launch(config)).await.unwrap();
        within(client.kill()).await;
        assert_eq!(exit_status(&client).await.code(), Some(0), "{role}");
        drop(client);
        assert_eq!(report(&place), "a host asked the plugin to quit");
        let mut output = String::new();
        within(copied.read_to_string(&mut output)).await.unwrap();
        assert_eq!(output, "last words\n");
    }
}

#[tokio::test]
async fn sigterm_ends_a_plugin_with_a_hook_in_order() {
    let place = TempDir::new().unwrap();
    let config = ClientConfig::new(HANDSHAKE, command(place.path(), "serve"));
    let client = within(Client::launch(config)).await.unwrap();
    kill_process(raw(client.pid().unwrap()), Signal::TERM).unwrap();
    assert_eq!(exit_status(&client).await.code(), Some(0));
    assert_eq!(report(&place), "the process was asked to end");
}

#[tokio::test]
async fn sigterm_ends_a_plugin_without_a_hook_at_once() {
    let place = TempDir::new().unwrap();
    let config = ClientConfig::new(HANDSHAKE, command(place.path(), "plain"));
    let client = within(Client::launch(config)).await.unwrap();
    kill_process(raw(client.pid().unwrap()), Signal::TERM).unwrap();
    assert_eq!(exit_status(&client).await.signal(), Some(15));
}

/// The line that a plugin writes to its stdout.
fn first_line(output: &mut impl BufRead) -> HandshakeLine {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    HandshakeLine::parse(line.as_bytes()).unwrap()
}

#[tokio::test]
async fn the_hook_runs_when_the_host_is_gone() {
    let place = TempDir::new().unwrap();
    let mut command = command(place.path(), "serve");
    command
        .env("PLUGWIRE_ENDINGS_TEST", "cookie")
        .stdout(Stdio::piped());
    let mut plugin = command.spawn().unwrap();
    let output = plugin.stdout.take().unwrap();
    let ended = spawn_blocking(move || {
        // With the end of the pipe, the host is gone.
        first_line(&mut BufReader::new(output));
        plugin.wait().unwrap()
    });
    assert_eq!(within(ended).await.unwrap().code(), Some(0));
    assert_eq!(report(&place), "the host is gone");
}

#[tokio::test]
async fn a_plugin_is_connected_to_when_it_is_ready() {
    let place = TempDir::new().unwrap();
    let listener = UnixListener::bind(place.path().join("ready")).unwrap();
    let (copy, mut copied) = tokio::io::duplex(1 << 16);
    let config = ClientConfig::new(HANDSHAKE, command(place.path(), "when")).sync_stdout(copy);
    let mut launched = Box::pin(Client::launch(config));
    let (mut plugin, _) = tokio::select! {
        _ = &mut launched => panic!("it is not ready"),
        plugin = within(listener.accept()) => plugin.unwrap(),
    };
    assert!((&mut launched).now_or_never().is_none());
    plugin.write_u8(b'y').await.unwrap();
    let client = within(launched).await.unwrap();
    within(client.kill()).await;
    drop(client);
    let mut output = String::new();
    within(copied.read_to_string(&mut output)).await.unwrap();
    assert_eq!(output, "not the handshake\nlast words\n");
}

#[tokio::test]
async fn a_plugin_that_does_not_get_ready_says_why() {
    let place = TempDir::new().unwrap();
    let listener = UnixListener::bind(place.path().join("ready")).unwrap();
    let config = ClientConfig::new(HANDSHAKE, command(place.path(), "when"));
    let refuse = async {
        let (mut plugin, _) = listener.accept().await.unwrap();
        plugin.write_u8(b'n').await.unwrap();
    };
    let (launched, ()) = within(async { tokio::join!(Client::launch(config), refuse) }).await;
    let error = launched.unwrap_err();
    let LaunchError::Exited { report, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(
        report.stderr.contains("it is not ready: no database"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_plugin_stands_alone_until_it_is_interrupted() {
    let place = TempDir::new().unwrap();
    let mut command = command(place.path(), "alone");
    command
        .env_remove("PLUGWIRE_ENDINGS_TEST")
        .stdout(Stdio::piped());
    let mut plugin = command.spawn().unwrap();
    let mut output = BufReader::new(plugin.stdout.take().unwrap());
    let (line, mut output) = within(spawn_blocking(move || {
        let line = first_line(&mut output);
        (line, output)
    }))
    .await
    .unwrap();
    let reattach = ReattachConfig::new(line.address).protocol_version(line.app_version);
    for _ in 0..2 {
        let client = within(Client::reattach(reattach.clone())).await.unwrap();
        let kit = within(client.dispense_client("kit")).await.unwrap();
        let pong: String = within(kit.call("Plugin.Ping", &())).await.unwrap();
        assert_eq!(pong, "pong");
        within(client.detach()).await;
    }
    kill_process(raw(plugin.id()), Signal::INT).unwrap();
    let ended = spawn_blocking(move || {
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        (plugin.wait().unwrap(), rest)
    });
    let (status, rest) = within(ended).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(rest, "last words\n");
    assert_eq!(report(&place), "the process was asked to end");
}
