//! A plugin from its start to its end, host and plugin both in Rust and in two processes.
//!
//! The plugin is this test program again, as [`half`] says.

mod ending;
mod output;
mod survival;
mod told;

use std::convert::Infallible;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plugwire::connection::PluginSet;
use plugwire::handshake::{Address, HandshakeConfig};
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{self, ServeConfig};
use plugwire::rpc::{self, Service};
use support::causes::assert_fails;
use support::process::{exists, is_zombie, raw};
use support::{DEADLINE, until, within};
use tempfile::TempDir;

use crate::half;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_LIFECYCLE_TEST", "cookie");

/// The variable that tells the plugin's half what to do after serving.
const AFTERWARDS: &str = "PLUGWIRE_LIFECYCLE_AFTERWARDS";

// ---- the plugin's half ----

#[test]
fn plugin_half() {
    let Some(afterwards) = std::env::var_os(AFTERWARDS) else {
        return;
    };
    half::take_stdout();
    // One thread for everything: the most awkward place for output to come from.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let plugins = PluginSet::new()
        .register_service("tester", |_| Ok(tester()))
        .register::<dyn Blocker>("blocker", || Ok(Arc::new(Blocking::default())));
    runtime.block_on(plugin::serve(ServeConfig::new(HANDSHAKE, plugins)));
    match afterwards.to_str() {
        Some("linger") => std::thread::sleep(Duration::from_secs(1000)),
        Some("print") => {
            println!("late output");
            eprintln!("late error");
        }
        _ => {}
    }
    std::process::exit(7);
}

#[plugwire::interface]
trait Blocker {
    /// Blocks its thread for good.
    async fn block(&self) -> plugwire::Result<()>;
    /// How many do.
    async fn blocked(&self) -> plugwire::Result<u32>;
    async fn other(&self) -> plugwire::Result<Arc<dyn Blocker>>;
    /// Has nothing to give.
    async fn source(&self) -> plugwire::Result<plugwire::Reader>;
}

#[derive(Default)]
struct Blocking(AtomicU32);

#[plugwire::interface]
impl Blocker for Blocking {
    fn block(&self) -> plugwire::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        loop {
            std::thread::park();
        }
    }

    async fn blocked(&self) -> plugwire::Result<u32> {
        Ok(self.0.load(Ordering::Relaxed))
    }

    async fn other(&self) -> plugwire::Result<Arc<dyn Blocker>> {
        Ok(Arc::new(Blocking::default()))
    }

    async fn source(&self) -> plugwire::Result<plugwire::Reader> {
        let (reader, writer) = tokio::io::duplex(1);
        std::mem::forget(writer);
        Ok(plugwire::Reader::new(reader))
    }
}

fn tester() -> Service {
    fn done<T>(value: T) -> Result<T, Infallible> {
        Ok(value)
    }
    Service::new()
        .method("Greet", |_: ()| async { done("Hello!".to_owned()) })
        .method("Print", |text: String| async move {
            // Past libtest's own capture, to the descriptor.
            let _ = std::io::stdout().write_all(text.as_bytes());
            done(true)
        })
        .method("PrintLines", |count: u32| async move {
            let mut stdout = std::io::stdout().lock();
            for line in 0..count {
                let _ = writeln!(stdout, "line {line}");
            }
            done(true)
        })
        .method("PrintError", |text: String| async move {
            let _ = std::io::stderr().write_all(text.as_bytes());
            done(true)
        })
        .method("Log", |text: String| async move {
            let _ = writeln!(plugin::original_stderr(), "{text}");
            done(true)
        })
        .method("Shell", |script: String| async move {
            let status = tokio::process::Command::new("sh")
                .args(["-c", &script])
                .status()
                .await;
            done(status.is_ok_and(|status| status.success()))
        })
        .method("Panic", |text: String| async move {
            let panic = |text: String| -> bool { panic!("{text}") };
            done(panic(text))
        })
        .method("Exit", |code: i32| async move {
            let exit = |code| -> bool { std::process::exit(code) };
            done(exit(code))
        })
        .method("Hang", |_: ()| async {
            done(std::future::pending::<bool>().await)
        })
}

// ---- the host's half ----

/// A directory for sockets, which must be empty again in the end.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(TempDir::new().unwrap())
    }

    fn command(&self, afterwards: &str) -> Command {
        let mut command = half::command("lifecycle::plugin_half", self.0.path());
        command.env(AFTERWARDS, afterwards);
        command
    }

    fn config(&self, afterwards: &str) -> ClientConfig {
        ClientConfig::new(HANDSHAKE, self.command(afterwards))
    }

    async fn launch(&self) -> Client {
        launch(self.config("")).await
    }

    fn sockets(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

async fn launch(config: ClientConfig) -> Client {
    within(Client::launch(config)).await.unwrap()
}

async fn tester_of(client: &Client) -> rpc::Client {
    client
        .dispense_client("tester")
        .await
        .unwrap()
        .with_timeout(DEADLINE)
}

async fn ask(tester: &rpc::Client, method: &str, argument: &str) -> bool {
    tester
        .call(&format!("Plugin.{method}"), argument)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_plugin_serves_and_exits_when_asked() {
    let place = Place::new();
    let client = place.launch().await;
    assert_eq!(client.negotiated_version(), 1);
    assert!(!client.exited());
    let Address::Unix(socket) = client.address().clone() else {
        panic!("{:?}", client.address());
    };
    assert_eq!(place.sockets(), [socket]);
    client.ping().await.unwrap();
    let tester = tester_of(&client).await;
    let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
    assert_eq!(greeting, "Hello!");

    client.kill().await;
    assert!(client.exited());
    assert!(!exists(client.pid().unwrap()));
    assert_eq!(
        client.wait().await.unwrap().code(),
        Some(7),
        "it ended of itself"
    );
    assert!(place.sockets().is_empty());
    client.closed().await;
    let error = tester
        .call::<_, String>("Plugin.Greet", &())
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert_fails(
        client.dispense_client("tester").await,
        "connection is shut down",
    );
}

#[tokio::test]
async fn an_unknown_plugin_is_named() {
    let place = Place::new();
    let client = place.launch().await;
    let error = client.dispense_client("absent").await.unwrap_err();
    assert_eq!(error.to_string(), "unknown plugin type: absent");
    client.kill().await;
}

#[tokio::test]
async fn the_versions_of_the_host_are_negotiated() {
    let place = Place::new();
    let client = launch(place.config("").versions([3, 1, 2])).await;
    assert_eq!(client.negotiated_version(), 1);
    client.kill().await;
    let config = place.config("").versions([2, 3]);
    let error = within(Client::launch(config)).await.unwrap_err();
    assert_eq!(
        error.to_string().lines().next().unwrap(),
        "incompatible API version with plugin. Plugin version: 1, Client versions: [2 3]"
    );
    assert!(place.sockets().is_empty());
}

#[test]
fn a_plugin_started_by_hand_says_so() {
    let place = Place::new();
    for cookie in [None, Some("wrong")] {
        let mut command = place.command("");
        let HandshakeConfig {
            magic_cookie_key, ..
        } = HANDSHAKE;
        command.env_remove(&*magic_cookie_key);
        command.envs(cookie.map(|cookie| (&*magic_cookie_key, cookie)));
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        assert_eq!(status.code(), Some(1));
        assert_eq!(stdout, b"");
        assert_eq!(
            String::from_utf8(stderr).unwrap(),
            "This binary is a plugin. These are not meant to be executed directly.\n\
             Please execute the program that consumes these plugins, which will\n\
             load any plugins automatically\n"
        );
    }
}
