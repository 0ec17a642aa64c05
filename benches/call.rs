//! The time of one call: host and plugin in two processes over a unix socket.
//!
//! `cargo bench --bench call`; on one core `taskset -c 0 cargo bench --bench call`. The executable
//! is host and plugin in one, told by the cookie which. Prints the median of several rounds, with
//! the fastest and the slowest, for a current-thread and a multi-thread runtime: once by hand on
//! both sides, and once through a trait on both. The rounds are short and take turns, and each is
//! compared with its neighbour, so that what else the machine does falls on both alike. A third
//! pair is a remote of a supervisor beside a bare one on the same stream.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::Remote;
use plugwire::broker::MuxBroker;
use plugwire::connection::{BoxError, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig, Supervisor, SupervisorConfig};
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
    println!("{ROUNDS} rounds of {CALLS} calls each, by turns");
    for kind in ["current-thread", "multi-thread"] {
        // From a spawned task, as a server's work is; what `main` awaits itself pays for waking it.
        let runtime = runtime(kind);
        runtime
            .block_on(async { tokio::spawn(host(kind)).await })
            .expect("the host's task");
    }
}

/// Makes the same calls in two ways, and prints the times.
async fn compare<A, B>(what: &str, ways: [&str; 2], one: impl Fn() -> A, other: impl Fn() -> B)
where
    A: Future<Output = ()>,
    B: Future<Output = ()>,
{
    let mut rounds = Vec::new();
    // The first round warms up.
    for round in 0..=ROUNDS {
        let mut times = [Duration::ZERO; 2];
        // Neither is always the first.
        for way in [round % 2, (round + 1) % 2] {
            let start = Instant::now();
            for _ in 0..CALLS {
                match way {
                    0 => one().await,
                    _ => other().await,
                }
            }
            times[way] = start.elapsed() / CALLS;
        }
        rounds.push((times[0], times[1]));
    }
    let rounds = &rounds[1..];
    show(what, ways[0], rounds.iter().map(|round| round.0));
    show(what, ways[1], rounds.iter().map(|round| round.1));
    let ratios = rounds
        .iter()
        .map(|(one, other)| other.as_secs_f64() / one.as_secs_f64());
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let more = (ratios[ROUNDS / 2] - 1.0) * 100.0;
    let [one, other] = ways;
    println!("{what}: {other} a round takes {more:+.1} % of its neighbour {one} (median)");
}

/// Prints the rounds in one of the ways.
fn show(what: &str, how: &str, rounds: impl Iterator<Item = Duration>) {
    let mut rounds: Vec<Duration> = rounds.collect();
    rounds.sort();
    let [fastest, .., slowest] = rounds[..] else {
        unreachable!("there are several rounds");
    };
    let median = rounds[rounds.len() / 2];
    println!("{what}, {how}: median {median:.2?}, fastest {fastest:.2?}, slowest {slowest:.2?}");
}

#[plugwire::interface]
trait Echo {
    async fn echo(&self, text: String) -> plugwire::Result<String>;
    async fn echo_of(&self, other: Arc<dyn Echo>) -> plugwire::Result<String>;
}

struct Same;

#[plugwire::interface]
impl Echo for Same {
    async fn echo(&self, text: String) -> plugwire::Result<String> {
        Ok(text)
    }

    async fn echo_of(&self, other: Arc<dyn Echo>) -> plugwire::Result<String> {
        other.echo("echo".to_owned()).await
    }
}

/// The same by hand.
fn echo(broker: MuxBroker) -> Service {
    Service::new()
        .method("Echo", |text: String| async move { Ok::<_, String>(text) })
        .method("EchoOf", move |other: u32| {
            let broker = broker.clone();
            async move {
                let other = broker.dial_client(other).await?;
                let text: String = other.call("Plugin.Echo", "echo").await?;
                Ok::<_, BoxError>(text)
            }
        })
}

async fn plugin() {
    let plugins = PluginSet::new()
        .register::<dyn Echo>("by trait", || Ok(Arc::new(Same)))
        .register_service("by hand", |broker| Ok(echo(broker)));
    serve(ServeConfig::new(HANDSHAKE, plugins)).await;
}

async fn host(runtime: &'static str) {
    let this = std::env::current_exe().expect("the path of this program");
    let config = ClientConfig::new(HANDSHAKE, Command::new(this)).env(RUNTIME, runtime);
    let client = Client::launch(config.clone())
        .await
        .expect("the plugin starts");
    let by_hand = client.dispense_client("by hand").await;
    let by_hand = by_hand.expect("it is dispensed");
    let by_trait = client.dispense::<dyn Echo>("by trait").await;
    let by_trait: Arc<dyn Echo> = Arc::new(by_trait.expect("it is dispensed"));

    let text = "x".repeat(64);
    let ways = ["by hand", "by trait"];
    compare(
        &format!("{runtime}, a string of 64 bytes"),
        ways,
        || {
            let (by_hand, text) = (by_hand.clone(), text.clone());
            async move {
                let reply: String = by_hand.call("Plugin.Echo", &text).await.expect("a reply");
                assert_eq!(reply.len(), text.len());
            }
        },
        || {
            let (by_trait, text) = (by_trait.clone(), text.clone());
            async move {
                let length = text.len();
                let reply = by_trait.echo(text).await.expect("a reply");
                assert_eq!(reply.len(), length);
            }
        },
    )
    .await;

    let same: Arc<dyn Echo> = Arc::new(Same);
    compare(
        &format!("{runtime}, an interface that is called back"),
        ways,
        || {
            let (by_hand, broker) = (by_hand.clone(), client.broker().clone());
            async move {
                let id = broker.next_id();
                let service = echo(broker.clone());
                tokio::spawn(async move { broker.accept_and_serve(id, service).await });
                let reply: String = by_hand.call("Plugin.EchoOf", &id).await.expect("a reply");
                assert_eq!(reply, "echo");
            }
        },
        || {
            let (by_trait, same) = (by_trait.clone(), same.clone());
            async move {
                let reply = by_trait.echo_of(same).await.expect("a reply");
                assert_eq!(reply, "echo");
            }
        },
    )
    .await;
    supervised(runtime, config, client.broker().clone()).await;
    client.kill().await;
}

/// A remote of a supervisor beside a bare one, which calls the same process over the same stream.
/// The calls lend nothing, so any broker will do.
async fn supervised(runtime: &str, config: ClientConfig, broker: MuxBroker) {
    let config = SupervisorConfig::new(config);
    let supervisor = Supervisor::start(config).expect("a valid configuration");
    let supervised = supervisor.dispense::<dyn Echo>("by trait").await;
    let supervised = supervised.expect("it is dispensed");
    let bare = Remote::<dyn Echo>::new(Remote::rpc_client(&supervised), broker);
    let text = "x".repeat(64);
    let call = |remote: &Remote<dyn Echo>| {
        let (remote, text) = (remote.clone(), text.clone());
        async move {
            let length = text.len();
            let reply = remote.echo(text).await.expect("a reply");
            assert_eq!(reply.len(), length);
        }
    };
    compare(
        &format!("{runtime}, a string of 64 bytes"),
        ["bare", "supervised"],
        || call(&bare),
        || call(&supervised),
    )
    .await;
    supervisor.shutdown().await;
}
