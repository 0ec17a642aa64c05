//! A host and its plugin, busy for a long time, watched for what grows.
//!
//! `cargo run --release -p plugwire-attacks --bin soak -- SECONDS`: calls, callbacks, readers and
//! writers (read whole, dropped in the middle, of a call that is cancelled), panics, dispenses,
//! plugins that are killed, dropped and crash. Prints a line now and then, and fails where memory,
//! descriptors, tasks, threads or files are more in the end than they were after the beginning.

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::connection::{BoxError, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{ServeConfig, serve};
use plugwire::{Reader, Remote, Result, Writer};
use support::causes::assert_fails;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_SOAK", "yes");

/// No single operation takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a reader and a writer carry.
const BYTES: usize = 300_000;

#[plugwire::interface]
pub trait Worker {
    async fn echo(&self, text: String) -> Result<String>;
    async fn ask(&self, guest: Arc<dyn Guest>) -> Result<String>;
    async fn count(&self, bytes: Reader) -> Result<u64>;
    async fn peek(&self, bytes: Reader) -> Result<u64>;
    async fn fill(&self, bytes: Writer, n: u64) -> Result<()>;
    async fn stall(&self, bytes: Reader) -> Result<()>;
    async fn fall(&self) -> Result<()>;
    async fn crash(&self) -> Result<()>;
}

#[plugwire::interface]
pub trait Guest {
    async fn name(&self) -> Result<String>;
}

struct Plugin;

#[plugwire::interface]
impl Worker for Plugin {
    async fn echo(&self, text: String) -> Result<String> {
        Ok(text)
    }

    async fn ask(&self, guest: Arc<dyn Guest>) -> Result<String> {
        guest.name().await
    }

    async fn count(&self, mut bytes: Reader) -> Result<u64> {
        Ok(tokio::io::copy(&mut bytes, &mut tokio::io::sink()).await?)
    }

    async fn peek(&self, mut bytes: Reader) -> Result<u64> {
        let mut some = [0; 100];
        Ok(bytes.read(&mut some).await? as u64)
    }

    async fn fill(&self, mut bytes: Writer, n: u64) -> Result<()> {
        bytes.write_all(&vec![7; n as usize]).await?;
        bytes.shutdown().await?;
        Ok(())
    }

    async fn stall(&self, _bytes: Reader) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }

    async fn fall(&self) -> Result<()> {
        panic!("as asked")
    }

    async fn crash(&self) -> Result<()> {
        std::process::abort()
    }
}

struct Ferris;

#[plugwire::interface]
impl Guest for Ferris {
    async fn name(&self) -> Result<String> {
        Ok("Ferris".into())
    }
}

async fn launch() -> std::result::Result<Client, BoxError> {
    let command = Command::new(std::env::current_exe()?);
    Ok(Client::launch(ClientConfig::new(HANDSHAKE, command)).await?)
}

/// One round of everything that a plugin which lives on is used for.
async fn work(client: &Client) -> std::result::Result<(), BoxError> {
    let worker = client.dispense::<dyn Worker>("worker").await?;
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let worker = worker.clone();
        callers.spawn(async move {
            for n in 0..50 {
                assert_eq!(worker.echo(n.to_string()).await?, n.to_string());
            }
            Ok::<(), plugwire::Error>(())
        });
    }
    while let Some(called) = callers.join_next().await {
        called??;
    }
    for _ in 0..10 {
        assert_eq!(worker.ask(Arc::new(Ferris)).await?, "Ferris");
    }
    let data = vec![5; BYTES];
    let source = || Reader::new(std::io::Cursor::new(data.clone()));
    assert_eq!(worker.count(source()).await?, BYTES as u64);
    assert_eq!(worker.peek(source()).await?, 100);
    worker
        .fill(Writer::new(tokio::io::sink()), BYTES as u64)
        .await?;
    // Lent, and taken back before the plugin is done with it.
    let hasty: Remote<dyn Worker> = worker.with_timeout(Duration::from_millis(1));
    let error = hasty.stall(source()).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_fails(worker.fall().await, "ended without a reply");
    client.ping().await?;
    Ok(())
}

/// A plugin's life, ended in one of several ways.
async fn live(way: usize) -> std::result::Result<(), BoxError> {
    let client = launch().await?;
    let worker = client.dispense::<dyn Worker>("worker").await?;
    worker.echo("hello".into()).await?;
    match way % 3 {
        0 => client.kill().await,
        1 => drop(client),
        _ => {
            let error = worker.crash().await.unwrap_err();
            assert!(error.is_disconnected(), "{error:?}");
            client.closed().await;
            client.kill().await;
        }
    }
    Ok(())
}

/// What may not grow.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    memory: usize,
    descriptors: usize,
    threads: usize,
}

impl Figures {
    fn of(pid: u32) -> Figures {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
        Figures {
            memory: field("VmRSS:"),
            descriptors: open.map_or(0, Iterator::count),
            threads: field("Threads:"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    host: Figures,
    plugin: Figures,
    tasks: usize,
    files: usize,
}

impl Sample {
    fn take(plugin: u32, directory: &std::path::Path) -> Sample {
        Sample {
            host: Figures::of(std::process::id()),
            plugin: Figures::of(plugin),
            tasks: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            files: std::fs::read_dir(directory).map_or(0, Iterator::count),
        }
    }

    fn figures(&self) -> [(&'static str, usize, usize); 8] {
        // What may be more: memory by its allocator's whims, the others by what ends just now.
        [
            ("host memory, KiB", self.host.memory, 4096),
            ("host descriptors", self.host.descriptors, 8),
            ("host threads", self.host.threads, 8),
            ("plugin memory, KiB", self.plugin.memory, 4096),
            ("plugin descriptors", self.plugin.descriptors, 8),
            ("plugin threads", self.plugin.threads, 8),
            ("host tasks", self.tasks, 8),
            ("files", self.files, 2),
        ]
    }
}

/// The middle one of each figure.
fn median(samples: &[Sample]) -> Vec<(&'static str, usize, usize)> {
    (0..samples[0].figures().len())
        .map(|column| {
            let mut values: Vec<_> = samples.iter().map(|s| s.figures()[column]).collect();
            values.sort_by_key(|value| value.1);
            values[values.len() / 2]
        })
        .collect()
}

async fn soak(seconds: u64, directory: &std::path::Path) -> std::result::Result<bool, BoxError> {
    let client = launch().await?;
    let plugin = client.reattach_config().pid.unwrap_or(0);
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut samples = Vec::new();
    let mut next = Duration::ZERO;
    let step = Duration::from_secs(seconds) / 40;
    let mut rounds = 0;
    while Instant::now() < end {
        timeout(PATIENCE, work(&client)).await??;
        if rounds % 4 == 0 {
            timeout(PATIENCE, live(rounds / 4)).await??;
        }
        rounds += 1;
        if start.elapsed() >= next {
            next += step;
            let sample = Sample::take(plugin, directory);
            println!(
                "{:6.1} s, {rounds} rounds: {sample:?}",
                start.elapsed().as_secs_f64()
            );
            samples.push(sample);
        }
    }
    timeout(PATIENCE, client.kill()).await?;
    // The first quarter is for caches to fill and allocators to settle.
    let (first, last) = (samples.len() / 4, samples.len() * 3 / 4);
    let before = median(&samples[first..first + samples.len() / 4]);
    let after = median(&samples[last..]);
    let mut flat = true;
    for ((what, before, more), (_, after, _)) in before.into_iter().zip(after) {
        let verdict = after <= before + before / 10 + more;
        flat &= verdict;
        println!(
            "{what}: {before} → {after}{}",
            if verdict { "" } else { "  GROWS" }
        );
    }
    println!(
        "{rounds} rounds in {seconds} s, {} plugins ended",
        rounds.div_ceil(4)
    );
    Ok(flat)
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        let plugins = PluginSet::new().register::<dyn Worker>("worker", || Ok(Arc::new(Plugin)));
        runtime.block_on(serve(ServeConfig::new(HANDSHAKE, plugins)));
        return ExitCode::SUCCESS;
    }
    let argument = std::env::args().nth(1);
    let Some(seconds) = argument.and_then(|text| text.parse::<u64>().ok()) else {
        eprintln!("soak SECONDS");
        return ExitCode::from(2);
    };
    let directory = tempfile::tempdir().expect("a directory");
    if std::env::var_os("PLUGWIRE_SOAK_DIRECTORY").is_none() {
        // Sockets go to a directory of this run's own, which is counted. It has to be set
        // before there are threads.
        let status = Command::new(std::env::current_exe().expect("this program"))
            .arg(seconds.to_string())
            .env("TMPDIR", directory.path())
            .env("PLUGWIRE_SOAK_DIRECTORY", directory.path())
            .status();
        return match status {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    let counted = std::path::PathBuf::from(std::env::var_os("TMPDIR").expect("set above"));
    match runtime.block_on(soak(seconds, &counted)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}
