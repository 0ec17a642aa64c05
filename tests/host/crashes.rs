//! What errors say of a plugin's death where the plugin is a script, and where it does not die.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::connection::{ConnectionConfig, PluginSet, RpcServer};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::mux::SessionError;
use plugwire::rpc::{self, CallError, Service};
use support::within;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use crate::silent::Silent;

/// A process that announces a socket, and the server behind it: the two can end apart.
struct Plugin {
    client: Client,
    kit: rpc::Client,
    serving: JoinHandle<()>,
    _directory: TempDir,
}

impl Plugin {
    /// The process runs `script` once it has printed its line.
    async fn start(script: &str) -> Plugin {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let serving = tokio::spawn(async move {
            let (connection, _) = listener.accept().await.unwrap();
            let service = Service::new().method("Block", |(): ()| async {
                std::future::pending::<Result<(), String>>().await
            });
            let plugins = PluginSet::new().register_service("kit", move |_| Ok(service.clone()));
            let server = RpcServer::new(plugins, ConnectionConfig::default(), Arc::new(Silent));
            let _ = server.serve_conn(connection).await;
        });
        let mut command = Command::new("sh");
        let line = format!("echo '1|1|unix|{}|netrpc|'; {script}", path.display());
        command.args(["-c", &line]);
        let handshake = HandshakeConfig::new(1, "PLUGWIRE_CRASHES", "cookie");
        let client = Client::launch(ClientConfig::new(handshake, command));
        let client = within(client).await.unwrap();
        let kit = client.dispense_client("kit").await.unwrap();
        Plugin {
            client,
            kit,
            serving,
            _directory: directory,
        }
    }

    /// What a call gets that waits while `end` happens.
    async fn call(&self, end: impl Future<Output = ()>) -> CallError {
        let call = self.kit.call::<_, ()>("Plugin.Block", &());
        let end = async {
            while self.kit.in_flight() == 0 {
                tokio::task::yield_now().await;
            }
            end.await;
        };
        let (called, ()) = within(async { tokio::join!(call, end) }).await;
        called.unwrap_err()
    }
}

#[tokio::test]
async fn a_plugin_that_closes_its_connection_and_lives_has_not_crashed() {
    let plugin = Plugin::start("exec sleep 1000").await;
    let start = Instant::now();
    let error = plugin.call(async { plugin.serving.abort() }).await;
    assert!(matches!(error, CallError::UnexpectedEof(_)), "{error:?}");
    assert!(!error.is_crashed() && error.is_disconnected());
    println!("told after {:?}", start.elapsed());
    assert!(!plugin.client.exited());
    let reason = within(plugin.client.closed()).await;
    assert!(matches!(reason, SessionError::PeerClosed), "{reason:?}");
    let error = plugin.client.ping().await.unwrap_err();
    assert!(!error.is_crashed() && error.is_disconnected(), "{error:?}");
    plugin.client.kill().await;
}

/// The connection is that of a process that the plugin has left behind.
#[tokio::test]
async fn a_plugin_whose_connection_outlives_it_has_crashed() {
    // It ends when the test tells it by a file.
    let place = TempDir::new().unwrap();
    let end = place.path().join("end");
    let script = format!(
        "echo 'thread '\"'\"'main'\"'\"' panicked at src/main.rs:1:2:' >&2; \
         echo 'out of cheese' >&2; while [ ! -e '{}' ]; do sleep 0.01; done; exit 101",
        end.display()
    );
    let plugin = Plugin::start(&script).await;
    let error = plugin
        .call(async { std::fs::write(&end, "").unwrap() })
        .await;
    assert!(error.is_crashed() && error.is_panic(), "{error:?}");
    let crash = error.crash().unwrap();
    assert_eq!(crash.plugin, "sh");
    assert_eq!(crash.status.unwrap().code(), Some(101));
    let panic = crash.panic.as_ref().unwrap();
    assert_eq!(panic.text, "out of cheese");
    assert_eq!(panic.location.as_deref(), Some("src/main.rs:1:2"));
    assert_eq!(panic.thread.as_deref(), Some("main"));
    assert!(crash.uptime.unwrap() > Duration::ZERO && crash.core.is_none());
    let lost = crash.lost_calls();
    assert_eq!((lost.len(), lost[0].calls), (1, 1), "{lost:?}");
    assert!(
        error
            .to_string()
            .ends_with("exit status: 101, panic at src/main.rs:1:2: out of cheese"),
        "{error}"
    );
    assert!(plugin.client.exited());
}
