//! Deadlines, cancels and traces that cross between languages, with Go's package `plugwire` and
//! without it.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::handshake::Extensions;
use plugwire::host::{Client, ClientConfig};
use plugwire::{CallContext, Remote, Result};
use plugwire_interop::context::{HANDSHAKE, Named, Seen, WORKER, Watcher, Worker, seen};
use support::within;
use tokio::sync::mpsc;

use crate::go;
use crate::go_host::passes;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const HOUR: Duration = Duration::from_secs(3600);

struct Host(mpsc::UnboundedSender<String>);

/// Tells when a call of the plugin's is dropped.
struct Dropped(String, mpsc::UnboundedSender<String>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.1.send(format!("cancelled {}", self.0));
    }
}

#[plugwire::interface]
impl Watcher for Host {
    async fn saw(&self, event: String) -> Result<()> {
        self.0.send(event).map_err(plugwire::Error::other)
    }

    async fn context(&self, _: Named) -> Result<Seen> {
        Ok(seen())
    }

    async fn hang(&self, of: Named) -> Result<()> {
        let _ = self.0.send(format!("begun {}", of.name));
        let _dropped = Dropped(of.name, self.0.clone());
        std::future::pending().await
    }
}

fn watcher() -> (Arc<dyn Watcher>, mpsc::UnboundedReceiver<String>) {
    let (sender, events) = mpsc::unbounded_channel();
    (Arc::new(Host(sender)), events)
}

async fn launch(command: Command) -> (Client, Remote<dyn Worker>) {
    let config = ClientConfig::new(HANDSHAKE, command);
    let client = within(Client::launch(config)).await.unwrap();
    let worker = within(client.dispense::<dyn Worker>(WORKER)).await.unwrap();
    (client, worker)
}

fn rust_plugin() -> Command {
    Command::new(env!("CARGO_BIN_EXE_context-plugin"))
}

fn go_plugin() -> Command {
    Command::new(go::program("contextplugin"))
}

fn plain_go_plugin() -> Command {
    let mut command = go_plugin();
    command.arg("plain");
    command
}

fn named() -> Named {
    Named { name: "x".into() }
}

/// Begins a call that never ends, and drops it.
async fn drop_a_call(worker: &Remote<dyn Worker>, behind: bool) {
    let (own, mut events) = watcher();
    let calling = worker.clone();
    let call = tokio::spawn(async move {
        match behind {
            false => calling.hang("one".into(), own).await,
            true => calling.hang_behind("one".into(), own).await,
        }
    });
    assert_eq!(within(events.recv()).await.unwrap(), "begun one");
    call.abort();
    assert_eq!(within(events.recv()).await.unwrap(), "cancelled one");
    // The watcher is dropped.
    assert_eq!(within(events.recv()).await, None);
}

async fn cancels(command: Command) {
    let (client, worker) = launch(command).await;
    for behind in [false, true] {
        drop_a_call(&worker, behind).await;
    }
    client.kill().await;
}

async fn deadlines(command: Command) {
    let (client, worker) = launch(command).await;
    let untold = Seen {
        left: -1,
        trace: String::new(),
    };
    assert_eq!(within(worker.context(named())).await.unwrap(), untold);
    let timed = worker.with_timeout(HOUR);
    let context = CallContext::default().with_traceparent(TRACE).unwrap();
    let traced = context.scope(async move {
        let (own, _events) = watcher();
        let seen = within(timed.context(named())).await.unwrap();
        let behind = within(timed.context_behind("x".into(), own)).await.unwrap();
        [seen, behind]
    });
    for seen in traced.await {
        assert!((3_500_000..=3_600_000).contains(&seen.left), "{seen:?}");
        assert_eq!(seen.trace, TRACE);
    }
    client.kill().await;
}

/// Of an interface that the plugin lends as a part of a reply.
async fn deadline_of_a_part(command: Command) {
    let (client, worker) = launch(command).await;
    let lent = within(worker.own_watcher(named())).await.unwrap();
    assert_eq!(lent.name, "x");
    let watcher = Remote::of(&*lent.watcher).unwrap().with_timeout(HOUR);
    let seen = within(watcher.context(named())).await.unwrap();
    assert!((3_500_000..=3_600_000).contains(&seen.left), "{seen:?}");
    client.kill().await;
}

#[tokio::test]
async fn an_interface_in_a_reply_of_a_rust_plugin_sees_deadlines() {
    deadline_of_a_part(rust_plugin()).await;
}

#[tokio::test]
async fn an_interface_in_a_reply_of_a_go_plugin_with_the_package_sees_deadlines() {
    if go::present() {
        deadline_of_a_part(go_plugin()).await;
    }
}

#[tokio::test]
async fn a_rust_plugin_sees_deadlines_and_traces() {
    deadlines(rust_plugin()).await;
}

#[tokio::test]
async fn a_go_plugin_with_the_package_sees_deadlines_and_traces() {
    if go::present() {
        deadlines(go_plugin()).await;
    }
}

#[tokio::test]
async fn a_dropped_call_ends_in_a_rust_plugin_and_behind_it() {
    cancels(rust_plugin()).await;
}

#[tokio::test]
async fn a_dropped_call_ends_in_a_go_plugin_with_the_package_and_behind_it() {
    if go::present() {
        cancels(go_plugin()).await;
    }
}

#[tokio::test]
async fn a_go_plugin_without_the_package_sees_what_it_always_saw() {
    if !go::present() {
        return;
    }
    let (client, worker) = launch(plain_go_plugin()).await;
    assert_eq!(client.reattach_config().extensions, Extensions::NONE);
    let (own, mut events) = watcher();
    let timed = worker.with_timeout(HOUR);
    assert_eq!(within(timed.context(named())).await.unwrap().left, -1);
    let behind = within(timed.context_behind("x".into(), own)).await.unwrap();
    assert_eq!(behind.left, -1);
    // Its calls run on, and their replies are discarded.
    let (own, mut hung) = watcher();
    let hanging = worker.clone();
    let call = tokio::spawn(async move { hanging.hang("one".into(), own).await });
    assert_eq!(within(hung.recv()).await.unwrap(), "begun one");
    call.abort();
    assert_eq!(within(worker.context(named())).await.unwrap().left, -1);
    assert!(hung.try_recv().is_err() && events.try_recv().is_err());
    client.kill().await;
}

#[tokio::test]
async fn a_go_plugin_with_the_package_says_so_where_it_was_offered() {
    if !go::present() {
        return;
    }
    let (client, _worker) = launch(go_plugin()).await;
    let words = client.reattach_config().extensions;
    assert_eq!(words, Extensions::CALLS_WHEN_ASKED);
    client.kill().await;
}

macro_rules! go_host_cases {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            go_host(stringify!($name)).await;
        }
    )*};
}

async fn go_host(case: &str) {
    if !go::present() {
        return;
    }
    let plugins = [
        env!("CARGO_BIN_EXE_context-plugin").into(),
        go::program("contextplugin"),
    ];
    for plugin in plugins {
        let mut host = tokio::process::Command::new(go::program("contexthost"));
        host.arg("-plugin").arg(plugin).args(["-case", case]);
        passes(host, case, Duration::from_secs(90)).await;
    }
}

go_host_cases! {
    context_of_a_go_host,
    cancel_by_a_go_host,
    cancel_through_a_rust_plugin,
    deadline_through_a_rust_plugin,
    thousand_cancels_by_a_go_host,
    cancel_of_a_nested_watcher,
    deadline_of_a_nested_watcher,
}
