//! The end of a plugin: asked for, forced, of its own, by a crash.

use std::time::{Duration, Instant};

use plugwire::connection::{ConnectionConfig, RpcClient};
use plugwire::host::{PluginCommand, UnixSocketConfig, cleanup_clients};
use plugwire::mux::SessionError;
use plugwire::rpc::CallError;
use rustix::process::{Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::*;

/// A call that is on its way and is never answered.
async fn hanging(tester: &rpc::Client) -> JoinHandle<Result<bool, CallError>> {
    let caller = tester.clone();
    let call = tokio::spawn(async move { caller.call("Plugin.Hang", &()).await });
    until("the call is on its way", || tester.in_flight() == 1).await;
    call
}

#[tokio::test]
async fn killing_twice_and_at_once_is_fine() {
    let place = Place::new();
    let client = Arc::new(place.launch().await);
    let kills: Vec<_> = (0..4)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                client.kill().await;
                client.exited()
            })
        })
        .collect();
    for kill in kills {
        assert!(kill.await.unwrap(), "none returns before the end");
    }
    client.kill().await;
}

/// As in Go, where it takes some 10 ms: the others end with the plugin.
#[tokio::test]
async fn a_plugin_quits_while_other_hosts_are_connected() {
    let place = Place::new();
    let client = place.launch().await;
    let socket = UnixStream::connect(&place.sockets()[0]).await.unwrap();
    let other = RpcClient::connect(socket, &ConnectionConfig::default())
        .await
        .unwrap();
    other.ping().await.unwrap();
    let tester = other.dispense_client("tester").await.unwrap();
    let calling = tokio::spawn(async move { tester.call::<_, bool>("Plugin.Hang", &()).await });
    other.ping().await.unwrap();
    let start = Instant::now();
    within(client.kill()).await;
    let took = start.elapsed();
    assert!(took < Duration::from_millis(800), "{took:?}");
    assert_eq!(within(client.wait()).await.unwrap().code(), Some(7));
    let error = within(calling).await.unwrap();
    assert!(error.unwrap_err().is_disconnected());
}

/// Of a plugin with one thread for all but plain methods.
#[tokio::test]
async fn a_plugin_whose_plain_methods_block_answers_and_quits() {
    const CALLS: u32 = 20;
    let place = Place::new();
    let client = place.launch().await;
    let tester = tester_of(&client).await;
    let blocker = client.dispense::<dyn Blocker>("blocker").await.unwrap();
    for _ in 0..CALLS {
        let blocker = blocker.clone();
        tokio::spawn(async move { blocker.block().await });
    }
    let all_block = async {
        while blocker.blocked().await.unwrap() < CALLS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within(all_block).await;
    for _ in 0..CALLS {
        within(client.ping()).await.unwrap();
        let greeting = tester.call::<_, String>("Plugin.Greet", &());
        assert_eq!(within(greeting).await.unwrap(), "Hello!");
    }
    within(client.kill()).await;
    let status = within(client.wait()).await;
    assert_eq!(status.unwrap().code(), Some(7), "it quit when it was asked");
}

#[tokio::test]
async fn a_kill_given_up_can_be_repeated() {
    let place = Place::new();
    let client = place.launch().await;
    tokio::select! {
        biased;
        () = client.kill() => panic!("at the first poll?"),
        () = tokio::task::yield_now() => {}
    }
    within(client.kill()).await;
    assert!(!exists(client.pid().unwrap()));
}

#[tokio::test]
async fn a_dropped_client_leaves_nothing() {
    let place = Place::new();
    let client = place.launch().await;
    let pid = client.pid().unwrap();
    drop(client);
    until("it is reaped", || !exists(pid)).await;
    until("its socket is removed", || place.sockets().is_empty()).await;
}

/// Waits for a process to die while no task of this runtime can run.
fn dies_without_the_runtime(pid: u32) {
    support::block_until("it is dead", || !exists(pid) || is_zombie(pid));
}

/// Drops a client outside of any runtime.
fn drop_outside(client: Client) {
    std::thread::spawn(move || drop(client)).join().unwrap();
}

#[tokio::test]
async fn a_dropped_client_lets_its_plugin_end_in_order() {
    let place = Place::new();
    let grace = Duration::from_secs(1000);
    let client = launch(place.config("").kill_grace(grace)).await;
    let exit = client.wait();
    drop(client);
    assert_eq!(within(exit).await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn a_dropped_client_kills_a_plugin_that_does_not_exit_after_its_grace() {
    use std::os::unix::process::ExitStatusExt;

    let place = Place::new();
    let grace = Duration::from_millis(300);
    let client = launch(place.config("linger").kill_grace(grace)).await;
    let exit = client.wait();
    let start = Instant::now();
    drop(client);
    assert_eq!(within(exit).await.unwrap().signal(), Some(9));
    assert!(start.elapsed() >= grace);
}

#[tokio::test]
async fn cleaning_up_waits_for_the_plugins_of_dropped_clients() {
    let place = Place::new();
    let client = launch(place.config("").managed(true)).await;
    let pid = client.pid().unwrap();
    drop(client);
    within(cleanup_clients()).await;
    assert!(!exists(pid));
}

/// Its host may exit right after dropping it, and none of its tasks may run again.
#[tokio::test]
async fn a_client_dropped_outside_of_a_runtime_kills_before_any_task_runs() {
    let base = TempDir::new().unwrap();
    let place = Place::new();
    let mut command = place.command("");
    command.env_remove("PLUGIN_UNIX_SOCKET_DIR");
    let sockets = UnixSocketConfig::new().temp_dir(base.path());
    let client = launch(ClientConfig::new(HANDSHAKE, command).unix_socket(sockets)).await;
    let pid = client.pid().unwrap();
    assert!(exists(pid) && !is_zombie(pid));
    assert_eq!(base.path().read_dir().unwrap().count(), 1);
    drop_outside(client);
    assert_eq!(
        base.path().read_dir().unwrap().count(),
        0,
        "its socket and its directory are gone, too"
    );
    dies_without_the_runtime(pid);
}

#[tokio::test]
async fn so_does_its_process_group() {
    let place = Place::new();
    let command = PluginCommand::new(place.command("")).process_group(true);
    let client = launch(ClientConfig::new(HANDSHAKE, command)).await;
    let tester = tester_of(&client).await;
    let note = place.0.path().join("child");
    let script = format!("sleep 1000 & echo $! > {}", note.display());
    assert!(ask(&tester, "Shell", &script).await);
    let child = std::fs::read_to_string(&note).unwrap();
    let (plugin, child) = (client.pid().unwrap(), child.trim().parse().unwrap());
    assert!(exists(child));
    drop_outside(client);
    dies_without_the_runtime(plugin);
    dies_without_the_runtime(child);
}

#[tokio::test]
async fn a_client_that_leaves_its_plugin_running_does_not_kill_it() {
    let place = Place::new();
    let first = place.launch().await;
    let pid = first.pid().unwrap();
    let reattached = Client::reattach(first.reattach_config()).await.unwrap();
    drop(reattached);
    let kept = first.detach().await;
    let second = Client::reattach(kept).await.unwrap();
    within(second.ping()).await.unwrap();
    assert!(exists(pid) && !is_zombie(pid));
    within(second.kill()).await;
    until("it has ended", || !exists(pid)).await;
}

#[test]
fn a_runtime_that_ends_takes_its_plugins_along() {
    let place = Place::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(place.launch());
    let pid = client.pid().unwrap();
    drop(runtime);
    // Whether it is reaped is up to the system then, so dead is enough.
    dies_without_the_runtime(pid);
    drop(client);
}

#[tokio::test]
async fn a_plugin_that_dies_fails_its_calls_and_is_cleaned_up() {
    let place = Place::new();
    let client = place.launch().await;
    let tester = tester_of(&client).await;
    let pending = hanging(&tester).await;
    let exiting = tester.call::<_, bool>("Plugin.Exit", &5).await;
    assert!(exiting.unwrap_err().is_disconnected());
    let error: CallError = within(pending).await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");

    within(client.closed()).await;
    let status = within(client.wait()).await;
    assert_eq!(status.unwrap().code(), Some(5));
    assert!(client.exited() && !exists(client.pid().unwrap()));
    assert!(place.sockets().is_empty(), "the socket it left is removed");
    client.kill().await;
}

#[tokio::test]
async fn a_plugin_that_is_killed_is_told_by_its_signal() {
    use std::os::unix::process::ExitStatusExt;

    let place = Place::new();
    let client = place.launch().await;
    kill_process(raw(client.pid().unwrap()), Signal::KILL).unwrap();
    let status = within(client.wait()).await.unwrap();
    assert_eq!(status.signal(), Some(9));
    within(client.closed()).await;
    assert!(place.sockets().is_empty());
}

#[tokio::test]
async fn a_plugin_that_hangs_is_killed() {
    let place = Place::new();
    let grace = Duration::from_millis(300);
    let client = launch(place.config("").kill_grace(grace)).await;
    kill_process(raw(client.pid().unwrap()), Signal::STOP).unwrap();
    let start = Instant::now();
    within(client.kill()).await;
    assert!(start.elapsed() >= grace);
    assert!(!exists(client.pid().unwrap()));
    assert!(place.sockets().is_empty());
}

#[tokio::test]
async fn a_plugin_that_does_not_exit_is_killed_after_its_grace() {
    use std::os::unix::process::ExitStatusExt;

    let place = Place::new();
    let grace = Duration::from_millis(300);
    let client = launch(place.config("linger").kill_grace(grace)).await;
    let start = Instant::now();
    within(client.kill()).await;
    assert!(start.elapsed() >= grace);
    assert_eq!(client.wait().await.unwrap().signal(), Some(9));
}

#[tokio::test]
async fn a_long_grace_is_not_waited_out() {
    let place = Place::new();
    let client = launch(place.config("").kill_grace(Duration::from_secs(1000))).await;
    within(client.kill()).await;
    assert_eq!(client.wait().await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn a_call_that_runs_does_not_hold_up_the_end() {
    let place = Place::new();
    let client = place.launch().await;
    let tester = tester_of(&client).await;
    let pending = hanging(&tester).await;
    client.kill().await;
    assert_eq!(client.wait().await.unwrap().code(), Some(7));
    let error = pending.await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
}

#[tokio::test]
async fn an_interrupt_is_the_hosts_to_act_on() {
    let place = Place::new();
    let client = place.launch().await;
    let tester = tester_of(&client).await;
    for _ in 0..3 {
        kill_process(raw(client.pid().unwrap()), Signal::INT).unwrap();
        let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
        assert_eq!(greeting, "Hello!");
    }
    client.kill().await;
    assert_eq!(client.wait().await.unwrap().code(), Some(7));
}

/// What was got from a client does not keep it, and says so.
#[tokio::test]
async fn what_outlives_its_client_says_that_it_was_dropped() {
    let place = Place::new();
    let client = place.launch().await;
    let pid = client.pid().unwrap();
    let tester = tester_of(&client).await;
    let blocker = client.dispense::<dyn Blocker>("blocker").await.unwrap();
    let other = blocker.other().await.unwrap();
    let mut reader = blocker.source().await.unwrap();
    let broker = client.broker().clone();
    let pending = hanging(&tester).await;
    drop(client);
    // The process is ended as ever.
    until("it is reaped", || !exists(pid)).await;

    let told = "the client of plugin sh was dropped";
    let says_so = |error: &(dyn std::error::Error + 'static)| {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let texts: Vec<String> = chain.map(ToString::to_string).collect();
        assert!(texts.iter().any(|text| text.starts_with(told)), "{texts:?}");
    };
    let error = within(pending).await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    says_so(&error);
    let error = tester
        .call::<_, String>("Plugin.Greet", &())
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    says_so(&error);
    for error in [
        blocker.blocked().await.unwrap_err(),
        other.blocked().await.unwrap_err(),
        blocker.other().await.err().unwrap(),
    ] {
        assert!(error.is_disconnected(), "{error:?}");
        says_so(&error);
    }
    let error = reader.read_u8().await.unwrap_err();
    assert!(error.to_string().starts_with(told), "{error}");
    says_so(&broker.dial(1).await.unwrap_err());
    let session = broker.session().closed().await;
    assert!(
        matches!(session, SessionError::ClientDropped { .. }),
        "{session}"
    );
}

/// The plugin is left, and all the same its client is gone.
#[tokio::test]
async fn a_dropped_client_of_a_plugin_that_stays_is_named_by_the_address() {
    let place = Place::new();
    let first = place.launch().await;
    let second = Client::reattach(first.reattach_config()).await.unwrap();
    let address = second.address().to_string();
    let tester = tester_of(&second).await;
    drop(second);
    let session = tester
        .call::<_, String>("Plugin.Greet", &())
        .await
        .unwrap_err();
    let chain = std::iter::successors(Some(&session as &dyn std::error::Error), |e| e.source());
    let texts: Vec<String> = chain.map(ToString::to_string).collect();
    let told = format!("the client of plugin at {address} was dropped");
    assert!(
        texts.iter().any(|text| text.starts_with(&told)),
        "{texts:?}"
    );
    first.ping().await.unwrap();
    first.kill().await;
}
