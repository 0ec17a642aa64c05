//! The time of one call: host and plugin in two processes over a unix socket.
//!
//! `cargo bench --bench call`; on one core `taskset -c 0 cargo bench --bench call`. The executable
//! is host and plugin in one, told by the cookie which. Prints the median of several rounds, with
//! the fastest and the slowest, for a current-thread and a multi-thread runtime: once by hand on both
//! sides, and once through a trait on both. The rounds are short and take turns, and each is compared
//! with its neighbour, so that what else the machine does falls on both alike.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{ServeConfig, serve};
use plugwire::rpc::Service;
use tokio::runtime::{Builder, Runtime};

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_BENCH", "call");
const CALLS: u32 = 250;
const ROUNDS: usize = 401;

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
        let rounds = runtime
            .block_on(async { tokio::spawn(host(kind)).await })
            .expect("the host's task");
        show(kind, "by hand", rounds.iter().map(|round| round.0));
        show(kind, "by trait", rounds.iter().map(|round| round.1));
        let ratios = rounds
            .iter()
            .map(|(by_hand, typed)| typed.as_secs_f64() / by_hand.as_secs_f64());
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        let more = (ratios[ROUNDS / 2] - 1.0) * 100.0;
        println!("{kind}: by trait a round takes {more:+.1} % of its neighbour by hand (median)");
    }
}

/// Prints the rounds of one kind.
fn show(kind: &str, how: &str, rounds: impl Iterator<Item = Duration>) {
    let mut rounds: Vec<Duration> = rounds.collect();
    rounds.sort();
    let [fastest, .., slowest] = rounds[..] else {
        unreachable!("there are several rounds");
    };
    let median = rounds[rounds.len() / 2];
    println!("{kind}, {how}: median {median:.2?}, fastest {fastest:.2?}, slowest {slowest:.2?}");
}

#[plugwire::interface]
trait Echo {
    async fn echo(&self, text: String) -> plugwire::Result<String>;
}

struct Same;

#[plugwire::interface]
impl Echo for Same {
    async fn echo(&self, text: String) -> plugwire::Result<String> {
        Ok(text)
    }
}

async fn plugin() {
    let plugins = PluginSet::new()
        .register::<dyn Echo>("typed", || Ok(Arc::new(Same)))
        .register_service("echo", |_| {
            Ok(Service::new().method("Echo", |text: String| async move { Ok::<_, String>(text) }))
        });
    serve(ServeConfig::new(HANDSHAKE, plugins)).await;
}

/// The time of a call in each round: by hand, and by the trait.
async fn host(runtime: &'static str) -> Vec<(Duration, Duration)> {
    let this = std::env::current_exe().expect("the path of this program");
    let config = ClientConfig::new(HANDSHAKE, Command::new(this)).env(RUNTIME, runtime);
    let client = Client::launch(config).await.expect("the plugin starts");
    let echo = client.dispense_client("echo").await.expect("it dispenses");
    let typed = client
        .dispense::<dyn Echo>("typed")
        .await
        .expect("it dispenses");
    let text = "x".repeat(64);
    let mut rounds = Vec::new();
    // The first round warms up.
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            let reply: String = echo
                .call("Plugin.Echo", &text.clone())
                .await
                .expect("a reply");
            assert_eq!(reply.len(), text.len());
        }
        let by_hand = start.elapsed() / CALLS;
        let start = Instant::now();
        for _ in 0..CALLS {
            let reply = typed.echo(text.clone()).await.expect("a reply");
            assert_eq!(reply.len(), text.len());
        }
        rounds.push((by_hand, start.elapsed() / CALLS));
    }
    client.kill().await;
    rounds.split_off(1)
}
