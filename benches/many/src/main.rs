//! Many plugins in one host: `plugwire-many PLUGINS PROGRAM`. It is a plugin, too.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs::{read_dir, read_to_string};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use plugwire::Result;
use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{ServeConfig, serve};

/// That of `go/main.go`.
const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_MANY", "cookie");

/// How many are started or ended at a time.
const AT_ONCE: usize = 8;

const IDLE: Duration = Duration::from_secs(10);

#[plugwire::interface]
trait Echo {
    async fn echo(&self, text: String) -> Result<String>;
}

struct Plugin;

#[plugwire::interface]
impl Echo for Plugin {
    async fn echo(&self, text: String) -> Result<String> {
        Ok(text)
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), BoxError> {
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        let plugins = PluginSet::new().register::<dyn Echo>("echo", || Ok(Arc::new(Plugin)));
        serve(ServeConfig::new(HANDSHAKE, plugins)).await;
        return Ok(());
    }
    let mut arguments = std::env::args().skip(1);
    let (Some(plugins), Some(program)) = (arguments.next(), arguments.next()) else {
        return Err("plugwire-many PLUGINS PROGRAM".into());
    };
    measure(plugins.parse()?, &program).await
}

async fn measure(plugins: usize, program: &str) -> Result<(), BoxError> {
    let start = Instant::now();
    let started: Vec<Client> = stream::iter(0..plugins)
        .map(|_| launch(program))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let start_ms = start.elapsed().as_secs_f64() * 1e3;

    let pids: Vec<u32> = started.iter().filter_map(Client::pid).collect();
    let host = std::process::id();
    let time_of = |pids: &[u32]| pids.iter().copied().map(ticks).sum::<u64>();
    // What the start has set off is over.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = (ticks(host), time_of(&pids));
    tokio::time::sleep(IDLE).await;
    let after = (ticks(host), time_of(&pids));
    // A tick is 10 ms.
    let a_second = |ticks: u64| ticks as f64 * 10.0 / IDLE.as_secs_f64();
    let memory: u64 = pids
        .iter()
        .map(|pid| field(&format!("{pid}/smaps_rollup"), "Pss:"))
        .sum();
    let (host_kib, threads) = (
        field("self/status", "VmRSS:"),
        field("self/status", "Threads:"),
    );
    let descriptors = read_dir("/proc/self/fd")?.count();

    let end = Instant::now();
    stream::iter(started)
        .for_each_concurrent(AT_ONCE, |client| async move { client.kill().await })
        .await;
    println!(
        "{{\"plugins\":{plugins},\"start_ms\":{start_ms:.0},\"host_kib\":{host_kib},\
         \"plugin_kib\":{},\"descriptors\":{descriptors},\"threads\":{threads},\
         \"idle_host_ms\":{:.1},\"idle_plugins_ms\":{:.1},\"end_ms\":{:.0}}}",
        memory / plugins.max(1) as u64,
        a_second(after.0 - before.0),
        a_second(after.1 - before.1),
        end.elapsed().as_secs_f64() * 1e3,
    );
    Ok(())
}

async fn launch(program: &str) -> Result<Client, BoxError> {
    let client = Client::launch(ClientConfig::new(HANDSHAKE, Command::new(program))).await?;
    let echo = client.dispense::<dyn Echo>("echo").await?;
    assert_eq!(echo.echo("hello".into()).await?, "hello");
    Ok(client)
}

/// The number behind a key in a file of `/proc`.
fn field(file: &str, key: &str) -> u64 {
    let text = read_to_string(format!("/proc/{file}")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The processor time of a process.
fn ticks(pid: u32) -> u64 {
    let stat = read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let fields = rest.split(' ').skip(11).take(2);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}
