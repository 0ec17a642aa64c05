//! A plugin that dies: the call that it leaves without an answer tells how.

use std::time::{Duration, Instant};

use plugwire::host::Client;
use plugwire::mux::SessionError;
use plugwire::rpc::{self, CallError};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;

use crate::peer::{Peer, rounds};
use support::within;

/// Far more than it takes on a machine that has other things to do. When there is nothing else, it
/// is some milliseconds, which `PLUGWIRE_ROUNDS` prints.
const SOON: Duration = Duration::from_secs(2);

fn file_name(peer: Peer) -> String {
    let path = peer.path();
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What every error of the plugin's end says.
#[track_caller]
fn assert_crashed(error: &CallError, peer: Peer, client: &Client, method: &str, how: &str) {
    assert!(error.is_crashed() && error.is_disconnected(), "{error:?}");
    let crash = error.crash().unwrap();
    let found = (crash.pid, &crash.plugin);
    assert_eq!(found, (client.pid(), &file_name(peer)));
    let text = error.to_string();
    for part in [method, how, &file_name(peer)] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\n'), "{text}");
    assert!(client.exited());
}

async fn blocked(kit: &rpc::Client, calls: usize) -> JoinSet<Result<String, CallError>> {
    let mut pending = JoinSet::new();
    for _ in 0..calls {
        let kit = kit.clone();
        pending.spawn(async move { kit.call("Plugin.Block", &()).await });
    }
    while kit.in_flight() < calls {
        tokio::task::yield_now().await;
    }
    pending
}

pub async fn an_exit_is_told_by_the_call_and_by_all_others(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let other = within(client.dispense_client(plugwire_interop::KIT))
        .await
        .unwrap();
    let id: u32 = within(kit.call("Plugin.MakeCounter", &1i64)).await.unwrap();
    let received = within(client.broker().dial_client(id)).await.unwrap();
    let _: i64 = within(received.call("Plugin.Incr", &1i64)).await.unwrap();
    let pending = blocked(&other, 3).await;
    let _: i64 = within(kit.call("Plugin.Log", "the last words"))
        .await
        .unwrap();
    let error = within(kit.call::<_, i64>("Plugin.Exit", &3i64))
        .await
        .unwrap_err();
    assert_crashed(&error, peer, &client, "Plugin.Exit", "exit status: 3");
    assert!(!error.is_panic(), "{error:?}");
    assert!(error.to_string().contains("the last words"), "{error}");
    for result in within(pending.join_all()).await {
        assert_crashed(
            &result.unwrap_err(),
            peer,
            &client,
            "Plugin.Block",
            "exit status: 3",
        );
    }
    // So do later calls, on all connections.
    for kit in [&kit, &other] {
        let error = within(kit.call::<_, String>("Plugin.Greet", &()))
            .await
            .unwrap_err();
        assert_crashed(&error, peer, &client, "Plugin.Greet", "exit status: 3");
    }
    // And those of what the plugin has handed out.
    let error = within(received.call::<_, i64>("Plugin.Incr", &1i64)).await;
    assert_crashed(
        &error.unwrap_err(),
        peer,
        &client,
        "Plugin.Incr",
        "exit status: 3",
    );
    let error = within(client.ping()).await.unwrap_err();
    assert_crashed(&error, peer, &client, "Control.Ping", "exit status: 3");
    let reason = within(client.closed()).await;
    assert!(matches!(reason, SessionError::PeerClosed), "{reason:?}");
    within(client.kill()).await;
    let error = within(client.ping()).await.unwrap_err();
    assert!(error.is_crashed(), "{error:?}");
}

pub async fn a_signal_is_told(peer: Peer) {
    for (signal, rust, go) in [
        (Signal::KILL, "signal: 9", "signal: 9"),
        // Go's runtime takes the others for reasons to print where its goroutines are.
        (Signal::ABORT, "signal: 6", "exit status: 2"),
        (Signal::SEGV, "signal: 11", "exit status: 2"),
    ] {
        let (client, kit) = peer.kit().await;
        let pending = blocked(&kit, 2).await;
        let pid = Pid::from_raw(client.pid().unwrap() as i32).unwrap();
        // Rust takes the first SIGSEGV for a fault that will come again.
        let kills = async {
            while !client.exited() {
                let _ = kill_process(pid, signal);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(kills).await;
        for result in within(pending.join_all()).await {
            let how = if peer.is_rust() { rust } else { go };
            assert_crashed(&result.unwrap_err(), peer, &client, "Plugin.Block", how);
        }
    }
}

pub async fn a_panic_is_told_with_its_text(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let pending = blocked(&kit, 1).await;
    let error = within(kit.call::<_, String>("Plugin.Crash", &()))
        .await
        .unwrap_err();
    let status = if peer.is_rust() {
        "exit status: 101"
    } else {
        "exit status: 2"
    };
    assert_crashed(&error, peer, &client, "Plugin.Crash", status);
    assert!(error.is_panic(), "{error:?}");
    let crash = error.crash().unwrap();
    let panic = crash.panic.as_ref().unwrap();
    assert_eq!(panic.text, "kit crashed");
    let location = panic.location.as_deref().unwrap();
    let file = if peer.is_rust() { ".rs:" } else { ".go:" };
    assert!(location.contains(file), "{location}");
    let line = format!("panic at {location}: kit crashed");
    assert!(error.to_string().ends_with(&line), "{error}");
    let crash = crash.clone();
    for result in within(pending.join_all()).await {
        assert!(result.unwrap_err().is_panic());
    }
    let lost = crash.lost_calls();
    let lost: Vec<_> = lost
        .iter()
        .map(|lost| (lost.method.as_str(), lost.calls))
        .collect();
    assert_eq!(lost, [("Plugin.Block", 1), ("Plugin.Crash", 1)]);
    let report = crash.report().to_string();
    assert!(
        report.contains(location) && report.contains("in flight  2 calls"),
        "{report}"
    );
}

/// It is a call that ends, not the plugin.
pub async fn a_plugin_that_is_asked_to_quit_has_not_crashed(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let pending = blocked(&kit, 2).await;
    within(client.kill()).await;
    for result in within(pending.join_all()).await {
        let error = result.unwrap_err();
        assert!(error.is_disconnected() && !error.is_crashed(), "{error:?}");
    }
    let error = within(kit.call::<_, String>("Plugin.Greet", &()))
        .await
        .unwrap_err();
    assert!(!error.is_crashed(), "{error:?}");
}

pub async fn a_death_is_told_soon(peer: Peer) {
    let mut took = Vec::new();
    for _ in 0..rounds(3) {
        let (client, kit) = peer.kit().await;
        let pending = blocked(&kit, 10).await;
        let pid = Pid::from_raw(client.pid().unwrap() as i32).unwrap();
        let start = Instant::now();
        kill_process(pid, Signal::KILL).unwrap();
        for result in within(pending.join_all()).await {
            let error = result.unwrap_err();
            assert!(error.is_crashed(), "{error:?}");
        }
        assert!(client.exited());
        took.push(start.elapsed());
    }
    took.sort();
    let (middle, last) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{peer:?}: told in {middle:?}, at the latest in {last:?}");
    assert!(last < SOON, "{last:?}");
}
