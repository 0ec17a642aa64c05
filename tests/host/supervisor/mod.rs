//! Plugins that are kept running: host and plugin both in Rust and in two processes.
//!
//! The plugin is this test program again, as [`half`] says.

mod crashes;
mod health;
mod idle;
mod policies;
mod pool;
mod refused;
mod reloads;
#[cfg(target_os = "linux")]
mod upgrades;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{
    ClientConfig, Event, EventKind, Events, RestartPolicy, State, Supervisor, SupervisorConfig,
};
use plugwire::plugin::{self, ServeConfig};
use plugwire::{Remote, Stream};
use support::{DEADLINE, until, within};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::half;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_SUPERVISOR_TEST", "cookie");

/// The variable that makes the test the plugin's half, and what its worker gives as its edition.
const EDITION: &str = "PLUGWIRE_SUPERVISOR_EDITION";

/// How many callers there are at once.
const CALLERS: usize = 64;

#[plugwire::interface]
trait Worker {
    /// The process that answers.
    async fn pid(&self) -> plugwire::Result<u32>;
    async fn edition(&self) -> plugwire::Result<String>;
    /// The same as `pid`, after a time.
    async fn work(&self, millis: u64) -> plugwire::Result<u32>;
    #[plugwire(idempotent)]
    async fn read(&self, millis: u64) -> plugwire::Result<u32>;
    async fn exit(&self, code: i32) -> plugwire::Result<()>;
    /// Counts to a number, slowly.
    async fn count(&self, to: u32, millis: u64) -> plugwire::Result<Stream<u32>>;
    /// Counts to a number by calls, slowly.
    async fn count_to(
        &self,
        counter: Arc<dyn Counter>,
        to: u32,
        millis: u64,
    ) -> plugwire::Result<u32>;
    /// Counts by calls after the method has returned.
    async fn count_later(
        &self,
        counter: Arc<dyn Counter>,
        to: u32,
        millis: u64,
    ) -> plugwire::Result<()>;
    async fn sub(&self) -> plugwire::Result<Arc<dyn Worker>>;
    /// Writes a line to its log.
    async fn log(&self, line: String) -> plugwire::Result<()>;
    /// Writes numbered lines to its log, slowly, after the method has returned.
    async fn log_later(&self, lines: u32, millis: u64) -> plugwire::Result<()>;
}

#[plugwire::interface]
trait Counter {
    async fn next(&self, number: u32) -> plugwire::Result<()>;
}

/// What the plugin has in place of a [`Worker`] where its edition says so.
#[plugwire::interface]
trait Other {}

// ---- the plugin's half ----

#[test]
fn plugin_half() {
    let Ok(edition) = std::env::var(EDITION) else {
        return;
    };
    half::take_stdout();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let name = match &*edition {
        "without a worker" => "other",
        _ => "worker",
    };
    let plugins = PluginSet::new().register::<dyn Worker>(name, || Ok(Arc::new(Working)));
    runtime.block_on(plugin::serve(ServeConfig::new(HANDSHAKE, plugins)));
    std::process::exit(0);
}

struct Working;

#[plugwire::interface]
impl Worker for Working {
    async fn pid(&self) -> plugwire::Result<u32> {
        Ok(std::process::id())
    }

    async fn edition(&self) -> plugwire::Result<String> {
        std::env::var(EDITION).map_err(plugwire::Error::other)
    }

    async fn work(&self, millis: u64) -> plugwire::Result<u32> {
        sleep(Duration::from_millis(millis)).await;
        Ok(std::process::id())
    }

    async fn read(&self, millis: u64) -> plugwire::Result<u32> {
        self.work(millis).await
    }

    async fn exit(&self, code: i32) -> plugwire::Result<()> {
        std::process::exit(code)
    }

    async fn count(&self, to: u32, millis: u64) -> plugwire::Result<Stream<u32>> {
        let (sender, stream) = Stream::channel();
        tokio::spawn(async move {
            for number in 1..=to {
                sleep(Duration::from_millis(millis)).await;
                if sender.send(number).await.is_err() {
                    return;
                }
            }
        });
        Ok(stream)
    }

    async fn count_to(
        &self,
        counter: Arc<dyn Counter>,
        to: u32,
        millis: u64,
    ) -> plugwire::Result<u32> {
        count(&*counter, to, millis).await?;
        Ok(std::process::id())
    }

    async fn count_later(
        &self,
        counter: Arc<dyn Counter>,
        to: u32,
        millis: u64,
    ) -> plugwire::Result<()> {
        tokio::spawn(async move { count(&*counter, to, millis).await });
        Ok(())
    }

    async fn sub(&self) -> plugwire::Result<Arc<dyn Worker>> {
        Ok(Arc::new(Working))
    }

    async fn log(&self, line: String) -> plugwire::Result<()> {
        Ok(writeln!(plugin::original_stderr(), "{line}")?)
    }

    async fn log_later(&self, lines: u32, millis: u64) -> plugwire::Result<()> {
        tokio::spawn(async move {
            for line in 0..lines {
                if millis > 0 {
                    sleep(Duration::from_millis(millis)).await;
                }
                let _ = writeln!(plugin::original_stderr(), "line {line}");
            }
        });
        Ok(())
    }
}

async fn count(counter: &dyn Counter, to: u32, millis: u64) -> plugwire::Result<()> {
    for number in 1..=to {
        sleep(Duration::from_millis(millis)).await;
        counter.next(number).await?;
    }
    Ok(())
}

// ---- the host's half ----

/// A directory for sockets, which must be empty again in the end.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(TempDir::new().unwrap())
    }

    fn command(&self, edition: &str) -> Command {
        let mut command = half::command("supervisor::plugin_half", self.0.path());
        command.env(EDITION, edition);
        command
    }

    fn client(&self, edition: &str) -> ClientConfig {
        ClientConfig::new(HANDSHAKE, self.command(edition))
    }

    fn config(&self) -> SupervisorConfig {
        SupervisorConfig::new(self.client("first")).restart(quick())
    }

    fn sockets(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// Starts the plugin again soon, and for ever.
fn quick() -> RestartPolicy {
    let (first, longest) = (Duration::from_millis(10), Duration::from_millis(50));
    RestartPolicy::default().delays(first, longest).unlimited()
}

async fn worker(supervisor: &Supervisor) -> Remote<dyn Worker> {
    let worker = within(supervisor.dispense::<dyn Worker>("worker")).await;
    worker.unwrap().with_timeout(DEADLINE)
}

fn kill(pid: u32) {
    let pid = support::process::raw(pid);
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The next event of which something can be made.
async fn next<T>(events: &mut Events, wanted: impl Fn(EventKind) -> Option<T>) -> T {
    let next = async {
        loop {
            let Event { kind, .. } = events.next().await.expect("the supervisor has ended");
            if let Some(found) = wanted(kind) {
                return found;
            }
        }
    };
    within(next).await
}

/// The process that comes into service next.
async fn next_ready(events: &mut Events) -> u32 {
    let ready = |kind| match kind {
        EventKind::Ready { pid } | EventKind::Reloaded { pid } => pid,
        _ => None,
    };
    next(events, ready).await
}

async fn state(supervisor: &Supervisor, reached: impl FnMut(&State) -> bool) -> State {
    within(supervisor.watch().until(reached)).await.unwrap()
}

/// Waits until only the test itself is left of what the runtime runs.
async fn no_task_is_left() {
    let metrics = Handle::current().metrics();
    until("no task is left", || metrics.num_alive_tasks() == 0).await;
}
