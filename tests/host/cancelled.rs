//! Deadlines and cancels that cross from one process to another.
//!
//! The plugin is this test program again, as [`half`] says.

use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::{ConnectionConfig, PluginSet};
use plugwire::handshake::{Extensions, HandshakeConfig, ReattachConfig};
use plugwire::host::{AttachConfig, Client, ClientConfig};
use plugwire::mux;
use plugwire::plugin::ServeConfig;
use plugwire::{Error, Reader, Remote, Result};
use support::within;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::half;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_CANCELLED_TEST", "cookie");

#[plugwire::interface]
pub trait Worker {
    /// Waits for ever, and tells what happens to it.
    async fn hang(&self, watcher: Arc<dyn Watcher>) -> Result<()>;
    /// The same, of a reader that it waits for.
    async fn import(&self, data: Reader, watcher: Arc<dyn Watcher>) -> Result<()>;
    /// Hands another one out.
    async fn other(&self) -> Result<Arc<dyn Worker>>;
    /// How many milliseconds are left, or -1.
    async fn left(&self) -> Result<i64>;
    /// The same, in a call back to the caller.
    async fn left_behind(&self, watcher: Arc<dyn Watcher>) -> Result<i64>;
}

#[plugwire::interface]
pub trait Watcher {
    async fn saw(&self, event: String) -> Result<()>;
    async fn left(&self) -> Result<i64>;
    async fn hang(&self) -> Result<()>;
}

fn left() -> i64 {
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    let left = plugwire::call().deadline().map(left);
    left.map_or(-1, |left| i64::try_from(left.as_millis()).unwrap())
}

// ---- the plugin's half ----

#[test]
fn plugin_half() {
    half::serve("PLUGWIRE_CANCELLED_TEST", || {
        let plugins = PluginSet::new().register::<dyn Worker>("worker", || Ok(Arc::new(Plugin)));
        ServeConfig::new(HANDSHAKE, plugins)
    });
}

struct Plugin;

/// Tells the watcher when it is dropped.
struct Guard(Arc<dyn Watcher>);

impl Drop for Guard {
    fn drop(&mut self) {
        tell(&self.0, "dropped".into());
    }
}

/// From outside of the call, which would end this call too.
fn tell(watcher: &Arc<dyn Watcher>, event: String) {
    let watcher = watcher.clone();
    tokio::spawn(async move { watcher.saw(event).await });
}

#[plugwire::interface]
impl Worker for Plugin {
    async fn hang(&self, watcher: Arc<dyn Watcher>) -> Result<()> {
        let _guard = Guard(watcher.clone());
        watcher.saw("begun".into()).await?;
        watcher.hang().await
    }

    async fn import(&self, mut data: Reader, watcher: Arc<dyn Watcher>) -> Result<()> {
        let read_by = watcher.clone();
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            let result = data.read_to_end(&mut read).await;
            let event =
                result.map_or_else(|error| format!("{:?}", error.kind()), |n| n.to_string());
            tell(&read_by, event);
        });
        watcher.saw("begun".into()).await?;
        reading.await.map_err(Error::other)
    }

    async fn other(&self) -> Result<Arc<dyn Worker>> {
        Ok(Arc::new(Plugin))
    }

    async fn left(&self) -> Result<i64> {
        Ok(left())
    }

    async fn left_behind(&self, watcher: Arc<dyn Watcher>) -> Result<i64> {
        watcher.left().await
    }
}

// ---- the host's half ----

struct Host(mpsc::UnboundedSender<String>);

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.send("released".into());
    }
}

struct HangGuard(mpsc::UnboundedSender<String>);

impl Drop for HangGuard {
    fn drop(&mut self) {
        let _ = self.0.send("own dropped".into());
    }
}

#[plugwire::interface]
impl Watcher for Host {
    async fn saw(&self, event: String) -> Result<()> {
        self.0.send(event).map_err(Error::other)
    }

    async fn left(&self) -> Result<i64> {
        Ok(left())
    }

    async fn hang(&self) -> Result<()> {
        let _guard = HangGuard(self.0.clone());
        let _ = self.0.send("own begun".into());
        std::future::pending().await
    }
}

type Events = mpsc::UnboundedReceiver<String>;

fn watcher() -> (Arc<dyn Watcher>, Events) {
    let (sender, events) = mpsc::unbounded_channel();
    (Arc::new(Host(sender)), events)
}

/// The next events, in the order of their names.
async fn next(events: &mut Events, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..count {
        seen.push(within(events.recv()).await.unwrap());
    }
    seen.sort();
    seen
}

fn config(place: &TempDir) -> ClientConfig {
    let command = half::command("cancelled::plugin_half", place.path());
    ClientConfig::new(HANDSHAKE, command)
}

async fn launch(config: ClientConfig) -> (Client, Remote<dyn Worker>) {
    let client = within(Client::launch(config)).await.unwrap();
    let worker = within(client.dispense::<dyn Worker>("worker"))
        .await
        .unwrap();
    (client, worker)
}

#[tokio::test]
async fn a_dropped_call_ends_in_the_plugin_and_in_the_hosts_own_callback() {
    let place = tempfile::tempdir().unwrap();
    let (client, worker) = launch(config(&place)).await;
    let (own, mut events) = watcher();
    let hung = worker.clone();
    let call = tokio::spawn(async move { hung.hang(own).await });
    assert_eq!(next(&mut events, 2).await, ["begun", "own begun"]);
    call.abort();
    // The plugin drops the watcher once it has sent all.
    let seen = next(&mut events, 3).await;
    assert_eq!(seen, ["dropped", "own dropped", "released"]);
    client.kill().await;
}

#[tokio::test]
async fn a_reader_of_a_dropped_call_fails_in_the_plugin() {
    let place = tempfile::tempdir().unwrap();
    let (client, worker) = launch(config(&place)).await;
    let (own, mut events) = watcher();
    let (end, source) = tokio::io::duplex(64);
    let call = tokio::spawn(async move { worker.import(Reader::new(source), own).await });
    assert_eq!(next(&mut events, 1).await, ["begun"]);
    call.abort();
    let seen = next(&mut events, 2).await;
    assert_eq!(seen, ["ConnectionReset", "released"]);
    drop(end);
    client.kill().await;
}

fn is_about(left: i64, seconds: i64) -> bool {
    // The calls take some of it, on a slow machine much.
    left > 1000 * (seconds - 20) && left <= 1000 * seconds
}

#[tokio::test]
async fn the_call_timeout_is_inherited_by_all_that_is_dispensed_and_received() {
    let place = tempfile::tempdir().unwrap();
    let hour = Duration::from_secs(3600);
    let (client, worker) = launch(config(&place).call_timeout(hour)).await;
    let (own, _events) = watcher();
    let received = within(worker.other()).await.unwrap();
    for left in [
        within(worker.left()).await,
        within(received.left()).await,
        within(worker.left_behind(own.clone())).await,
        within(received.left_behind(own.clone())).await,
        within(received.other()).await.unwrap().left().await,
    ] {
        let left = left.unwrap();
        assert!(is_about(left, 3600), "{left}");
    }
    let patient = worker.with_timeout(None);
    assert_eq!(within(patient.left()).await.unwrap(), -1);
    assert_eq!(within(patient.left_behind(own.clone())).await.unwrap(), -1);
    let minute = worker.with_timeout(Duration::from_secs(60));
    let left = within(minute.left_behind(own)).await.unwrap();
    assert!(is_about(left, 60), "{left}");
    let soon = worker.with_method_timeout(<dyn Worker>::HANG, Duration::from_millis(20));
    let (own, mut events) = watcher();
    let error = within(soon.hang(own)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(next(&mut events, 1).await[0].contains("begun"));
    client.kill().await;
}

/// What a host without the words says to a plugin that knows them: a Go host that has inherited the
/// offer, for example.
#[tokio::test]
async fn a_plugin_speaks_gos_protocol_to_a_host_that_does_not_answer() {
    let place = tempfile::tempdir().unwrap();
    let (client, worker) = launch(config(&place)).await;
    let reattach = client.reattach_config();
    let expected = Extensions::supported().without(Extensions::MSGPACK);
    assert_eq!(reattach.extensions, expected);
    let deadline = Duration::from_secs(3600);
    for (extensions, travels) in [(Extensions::NONE, false), (reattach.extensions, true)] {
        let reattach = ReattachConfig::new(reattach.address.clone()).extensions(extensions);
        let config = AttachConfig::new(reattach).call_timeout(deadline);
        let other = within(Client::reattach(config)).await.unwrap();
        let there = within(other.dispense::<dyn Worker>("worker"))
            .await
            .unwrap();
        let (own, _events) = watcher();
        let left = within(there.left_behind(own)).await.unwrap();
        assert_eq!(is_about(left, 3600), travels, "{left}");
        other.detach().await;
    }
    assert_eq!(within(worker.left()).await.unwrap(), -1);
    client.kill().await;
}

#[tokio::test]
async fn a_thousand_dropped_calls_leave_nothing_in_the_plugin() {
    let place = tempfile::tempdir().unwrap();
    // No more streams at a time than these: the first three, and those of a call.
    let few = ConnectionConfig::default().mux(mux::Config::default().max_streams(32));
    let (client, worker) = launch(config(&place).connection(few)).await;
    for _ in 0..1000 {
        let (own, mut events) = watcher();
        let hung = worker.clone();
        let call = tokio::spawn(async move { hung.hang(own).await });
        next(&mut events, 2).await;
        call.abort();
        next(&mut events, 3).await;
    }
    client.kill().await;
}
