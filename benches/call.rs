//! The time of one call: host and plugin in two processes over a unix socket.
//!
//! `cargo bench --bench call`; on one core `taskset -c 0 cargo bench --bench call`. The executable
//! is host and plugin in one, told by the cookie which. Prints the median of several rounds, with
//! the fastest and the slowest, for a current-thread and a multi-thread runtime.

use std::process::Command;
use std::time::{Duration, Instant};

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{ServeConfig, serve};
use plugwire::rpc::Service;
use tokio::runtime::{Builder, Runtime};

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_BENCH", "call");
const CALLS: u32 = 10_000;
const ROUNDS: usize = 9;

/// Which runtime, for the plugin too.
const RUNTIME: &str = "PLUGWIRE_BENCH_RUNTIME";

fn runtime(kind: &str) -> Runtime {
    let mut builder = match kind {
        "current-thread" => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build().expect("a runtime")
}

fn main() {
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        let kind = std::env::var(RUNTIME).unwrap_or_default();
        runtime(&kind).block_on(plugin());
        return;
    }
    println!("one call with a string of 64 bytes, {ROUNDS} rounds of {CALLS} calls");
    for kind in ["current-thread", "multi-thread"] {
        // From a spawned task, as a server's work is; what `main` awaits itself pays for waking it.
        let runtime = runtime(kind);
        let mut rounds = runtime
            .block_on(async { tokio::spawn(host(kind)).await })
            .expect("the host's task");
        rounds.sort();
        println!(
            "{kind}: median {:.2?}, fastest {:.2?}, slowest {:.2?}",
            rounds[ROUNDS / 2],
            rounds[0],
            rounds[ROUNDS - 1]
        );
    }
}

async fn plugin() {
    let plugins = PluginSet::new().register_service("echo", |_| {
        Ok(Service::new().method("Echo", |text: String| async move { Ok::<_, String>(text) }))
    });
    serve(ServeConfig::new(HANDSHAKE, plugins)).await;
}

async fn host(runtime: &'static str) -> Vec<Duration> {
    let this = std::env::current_exe().expect("the path of this program");
    let config = ClientConfig::new(HANDSHAKE, Command::new(this)).env(RUNTIME, runtime);
    let client = Client::launch(config).await.expect("the plugin starts");
    let echo = client
        .dispense_client("echo")
        .await
        .expect("the plugin dispenses");
    let text = "x".repeat(64);
    let mut rounds = Vec::new();
    // The first round warms up.
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            let reply: String = echo.call("Plugin.Echo", &text).await.expect("a reply");
            assert_eq!(reply.len(), text.len());
        }
        rounds.push(start.elapsed() / CALLS);
    }
    client.kill().await;
    rounds.split_off(1)
}
