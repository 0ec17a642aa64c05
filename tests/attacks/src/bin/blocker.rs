//! A plugin whose methods block threads, and a host that is killed while they do.
//!
//! Started by a host it is the plugin, on a runtime of `BLOCKER_WORKERS` threads, or on that of the
//! current thread for 0. With `BLOCKER_TCP` it listens on TCP. `blocker host` starts itself as a
//! plugin, blocks as many of its threads as `BLOCKER_WORKERS` says, prints the plugin's process id,
//! and waits.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::broker::MuxBroker;
use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{ServeConfig, serve};
use plugwire::rpc::Service;
use plugwire_attacks::entered;
use tokio::runtime::Builder;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BLOCKER", "blocker");

/// Longer than any test waits.
const LONG: u64 = 600_000;

fn workers() -> usize {
    let workers = std::env::var("BLOCKER_WORKERS").ok();
    workers.and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Notes that a method blocks its thread from now on.
fn enter(millis: u64) {
    if millis > 0 {
        entered::note();
    }
}

fn service(broker: MuxBroker) -> Service {
    let block = |millis: u64| async move {
        enter(millis);
        std::thread::sleep(Duration::from_millis(millis));
        Ok::<_, String>(millis)
    };
    Service::new()
        .method("Echo", |text: String| async move { Ok::<_, String>(text) })
        // Quick, until it is not.
        .method("Maybe", block)
        .method("Block", block)
        // Wakes the session's driver right before, which then waits for this very thread.
        .method("OpenAndBlock", move |millis: u64| {
            let broker = broker.clone();
            async move {
                let _stream = broker.session().open().await;
                enter(millis);
                std::thread::sleep(Duration::from_millis(millis));
                Ok::<_, String>(millis)
            }
        })
}

/// What blocks as it should.
#[plugwire::interface]
trait Plain {
    async fn block(&self, millis: u64) -> plugwire::Result<u64>;
}

struct Pooled;

#[plugwire::interface]
impl Plain for Pooled {
    fn block(&self, millis: u64) -> plugwire::Result<u64> {
        enter(millis);
        std::thread::sleep(Duration::from_millis(millis));
        Ok(millis)
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("host") {
        let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(host());
    }
    let runtime = match workers() {
        0 => Builder::new_current_thread().enable_all().build(),
        workers => Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build(),
    };
    let plugins = PluginSet::new()
        .register_service("blocker", |broker| Ok(service(broker)))
        .register::<dyn Plain>("plain", || Ok(Arc::new(Pooled)));
    let mut config = ServeConfig::new(HANDSHAKE, plugins);
    if std::env::var_os("BLOCKER_TCP").is_some() {
        config = config.listen_tcp(([127, 0, 0, 1], 0));
    }
    runtime.unwrap().block_on(serve(config));
}

async fn host() {
    let command = Command::new(std::env::current_exe().unwrap());
    let client = Client::launch(ClientConfig::new(HANDSHAKE, command))
        .await
        .unwrap();
    let blocker = client.dispense_client("blocker").await.unwrap();
    for _ in 0..workers().max(1) {
        let blocker = blocker.clone();
        tokio::spawn(async move { blocker.call::<_, u64>("Plugin.Block", &LONG).await });
    }
    let file = std::env::var_os(entered::VARIABLE).unwrap();
    entered::wait(file.as_ref(), workers().max(1));
    println!("{}", client.pid().unwrap());
    std::future::pending().await
}
