//! A plugin served within the program that tests it.

use std::convert::Infallible;
use std::error::Error as _;
use std::io::{self, Write as _};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use plugwire::connection::PluginSet;
use plugwire::handshake::{Address, HandshakeConfig};
use plugwire::host::{AttachConfig, AttachedRunner, Client, ReattachError};
use plugwire::plugin::{ServeConfig, ServeTestConfig, TestServer, serve_test};
use plugwire::rpc::Service;
use support::causes::with_causes;
use support::{DEADLINE, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

fn greeter(greeting: &'static str) -> PluginSet {
    PluginSet::new().register_service("greeter", move |_| {
        let greet = move |_: ()| async move { Ok::<_, Infallible>(greeting.to_owned()) };
        Ok(Service::new().method("Greet", greet))
    })
}

/// No cookie is ever set for it.
fn config() -> ServeConfig {
    let handshake = HandshakeConfig::new(1, "PLUGWIRE_TEST_MODE", "unset");
    ServeConfig::new(handshake, greeter("one")).version(2, greeter("two"))
}

async fn reattach(server: &TestServer) -> Client {
    Client::reattach(server.reattach_config().clone())
        .await
        .unwrap()
}

async fn greeting(client: &Client) -> String {
    let greeter = client.dispense_client("greeter").await.unwrap();
    greeter.call("Plugin.Greet", &()).await.unwrap()
}

fn exists(server: &TestServer) -> bool {
    match &server.reattach_config().address {
        Address::Unix(path) => path.exists(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn hosts_come_and_go_and_kill_nobody() {
    let server = serve_test(config(), ServeTestConfig::new()).await.unwrap();
    assert_eq!(
        server.reattach_config().pid,
        Some(std::process::id()),
        "which is what must not be killed"
    );
    for _ in 0..3 {
        let client = reattach(&server).await;
        assert_eq!(greeting(&client).await, "one", "the lowest version");
        client.kill().await;
        assert!(client.exited());
    }
    assert!(exists(&server));
    let config = server.reattach_config().clone();
    let address = config.address.to_string();
    server.stop().await.unwrap();
    let error = Client::reattach(config).await.unwrap_err();
    assert!(
        matches!(error, ReattachError::ProcessNotFound { .. }),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "reattachment process not found");
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), format!("cannot connect to {address}"));
    assert!(source.source().is_some(), "{source:?}");
}

#[tokio::test]
async fn the_version_is_negotiated_with_the_host_there_is() {
    let test = ServeTestConfig::new().host_versions([1, 2, 3]);
    let server = serve_test(config(), test).await.unwrap();
    assert_eq!(server.reattach_config().protocol_version, 2);
    let client = reattach(&server).await;
    assert_eq!(client.negotiated_version(), 2);
    assert_eq!(greeting(&client).await, "two");
}

#[tokio::test]
async fn cancellation_ends_it_with_its_connections() {
    let token = CancellationToken::new();
    let test = ServeTestConfig::new().cancellation(token.clone());
    let mut server = serve_test(config(), test).await.unwrap();
    let client = reattach(&server).await;
    assert_eq!(greeting(&client).await, "one");
    token.cancel();
    within(server.wait()).await.unwrap();
    assert!(!exists(&server));
    within(client.closed()).await;
    within(client.wait()).await;
    assert!(client.exited());
    server.wait().await.unwrap();
}

#[tokio::test]
async fn several_are_served_at_once_and_one_that_is_dropped_ends() {
    let one = serve_test(config(), ServeTestConfig::new()).await.unwrap();
    let other = serve_test(config(), ServeTestConfig::new()).await.unwrap();
    let (first, second) = (reattach(&one).await, reattach(&other).await);
    drop(other);
    within(second.closed()).await;
    assert_eq!(greeting(&first).await, "one");
}

#[tokio::test]
async fn output_reaches_the_host_if_it_is_asked_for() {
    let test = ServeTestConfig::new().sync_stdio(true);
    let server = serve_test(config(), test).await.unwrap();
    let again = serve_test(config(), ServeTestConfig::new().sync_stdio(true)).await;
    let Err(error) = again else {
        panic!("the output is one plugin's");
    };
    assert!(
        with_causes(&error).ends_with("this process is serving already"),
        "{error:?}"
    );

    let (stdout, copied) = tokio::io::duplex(1024);
    let attach = AttachConfig::new(server.reattach_config().clone()).sync_stdout(stdout);
    let client = Client::reattach(attach).await.unwrap();
    // Past libtest's own capture, which would keep it from the descriptor.
    std::io::stdout().write_all(b"for the host\n").unwrap();
    std::io::stdout().flush().unwrap();
    // Other tests' results may come before.
    let mut lines = BufReader::new(copied).lines();
    let found = within(async {
        loop {
            let line = lines.next_line().await.unwrap().expect("more output");
            if line.ends_with("for the host") {
                return;
            }
        }
    });
    found.await;
    client.kill().await;
    server.stop().await.unwrap();
}

/// A plugin in a container, say: nothing that a process id is for.
struct Container {
    killed: Arc<AtomicBool>,
    gone: Arc<Notify>,
}

impl AttachedRunner for Container {
    fn id(&self) -> String {
        "container 7".to_owned()
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>> {
        Box::pin(async {
            self.gone.notified().await;
            Ok(None)
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, io::Result<()>> {
        self.killed.store(true, Ordering::SeqCst);
        self.gone.notify_one();
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn an_attached_runner_ends_its_plugin() {
    for exits in [true, false] {
        let server = serve_test(config(), ServeTestConfig::new()).await.unwrap();
        let (killed, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let runner = Container {
            killed: Arc::clone(&killed),
            gone: Arc::clone(&gone),
        };
        let mut reattach = server.reattach_config().clone().test(false);
        reattach.pid = None;
        let attach = AttachConfig::new(reattach).runner(runner);
        let grace = if exits {
            DEADLINE
        } else {
            Duration::from_millis(100)
        };
        let client = Client::reattach(attach.kill_grace(grace)).await.unwrap();
        assert_eq!((client.id(), client.pid()), ("container 7", None));
        assert!(!client.exited());
        if exits {
            // As a process would that has been asked to quit.
            gone.notify_one();
        }
        within(client.kill()).await;
        assert!(client.exited());
        assert_eq!(killed.load(Ordering::SeqCst), !exits);
    }
}

#[tokio::test]
async fn a_plugin_in_this_very_process_is_asked_to_quit_and_not_killed() {
    let mut server = serve_test(config(), ServeTestConfig::new()).await.unwrap();
    let not_a_test = server.reattach_config().clone().test(false);
    let attach = AttachConfig::new(not_a_test).kill_grace(Duration::from_millis(100));
    let client = Client::reattach(attach).await.unwrap();
    within(client.kill()).await;
    within(server.wait()).await.unwrap();
}
