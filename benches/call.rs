//! The time of one call: host and plugin in two processes over a unix socket.
//!
//! `cargo bench --bench call`; on one core `taskset -c 0 cargo bench --bench call`. The executable
//! is host and plugin in one, told by the cookie which. Prints the median of several rounds, with
//! the fastest and the slowest, for a current-thread and a multi-thread runtime: once by hand on
//! both sides, and once through a trait on both. The rounds are short and take turns, and each is
//! compared with its neighbour, so that what else the machine does falls on both alike.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::broker::MuxBroker;
use plugwire::connection::{BoxError, PluginSet};
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
    println!("{ROUNDS} rounds of {CALLS} calls each, by turns");
    for kind in ["current-thread", "multi-thread"] {
        // From a spawned task, as a server's work is; what `main` awaits itself pays for waking it.
        let runtime = runtime(kind);
        runtime
            .block_on(async { tokio::spawn(host(kind)).await })
            .expect("the host's task");
    }
}

/// Makes the same calls in both ways, and prints the times.
async fn compare<A, B>(what: &str, by_hand: impl Fn() -> A, by_trait: impl Fn() -> B)
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
                    0 => by_hand().await,
                    _ => by_trait().await,
                }
            }
            times[way] = start.elapsed() / CALLS;
        }
        rounds.push((times[0], times[1]));
    }
    let rounds = &rounds[1..];
    show(what, "by hand", rounds.iter().map(|round| round.0));
    show(what, "by trait", rounds.iter().map(|round| round.1));
    let ratios = rounds
        .iter()
        .map(|(by_hand, by_trait)| by_trait.as_secs_f64() / by_hand.as_secs_f64());
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let more = (ratios[ROUNDS / 2] - 1.0) * 100.0;
    println!("{what}: by trait a round takes {more:+.1} % of its neighbour by hand (median)");
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
    let client = Client::launch(config).await.expect("the plugin starts");
    let by_hand = client.dispense_client("by hand").await;
    let by_hand = by_hand.expect("it is dispensed");
    let by_trait = client.dispense::<dyn Echo>("by trait").await;
    let by_trait: Arc<dyn Echo> = Arc::new(by_trait.expect("it is dispensed"));

    let text = "x".repeat(64);
    compare(
        &format!("{runtime}, a string of 64 bytes"),
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
    client.kill().await;
}
