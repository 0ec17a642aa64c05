//! Methods that block the threads of their runtime: the plugin goes on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plugwire::handshake::{Address, HandshakeConfig};
use plugwire::host::{Client, ClientConfig};
use plugwire::rpc;
use plugwire_attacks::{entered, rounds};
use support::within;
use tempfile::NamedTempFile;
use tokio::task::JoinSet;
use tokio::time::sleep;

const BLOCKER: &str = env!("CARGO_BIN_EXE_blocker");
const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BLOCKER", "blocker");

/// How long a method blocks its thread where that is to end.
const BLOCK: Duration = Duration::from_millis(1500);

/// Longer than any test waits.
const LONG: u64 = 600_000;

/// A plugin with so many threads, and the file in which its methods note that they block.
fn command(workers: usize) -> (Command, NamedTempFile) {
    let entered = NamedTempFile::new().unwrap();
    let mut command = Command::new(BLOCKER);
    command.env("BLOCKER_WORKERS", workers.to_string());
    command.env(entered::VARIABLE, entered.path());
    (command, entered)
}

async fn launch_by(command: Command) -> (Client, rpc::Client) {
    let client = Client::launch(ClientConfig::new(HANDSHAKE, command))
        .await
        .unwrap();
    let blocker = client.dispense_client("blocker").await.unwrap();
    (client, blocker)
}

async fn echo(blocker: &rpc::Client) {
    let echo: String = blocker.call("Plugin.Echo", "hello").await.unwrap();
    assert_eq!(echo, "hello");
}

/// Waits until so many methods block their threads, also those before.
async fn all_blocked(entered: &NamedTempFile, methods: usize) {
    let path = entered.path().to_owned();
    let waited = tokio::task::spawn_blocking(move || entered::wait(&path, methods));
    waited.await.unwrap();
}

/// Times one exchange.
async fn timed(exchange: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    within(exchange).await;
    start.elapsed()
}

/// All threads but one are blocked, each in its own way: other calls and pings are answered before
/// any of them is free again.
async fn others_go_on(workers: usize) {
    let (command, entered) = command(workers);
    let (client, blocker) = launch_by(command).await;
    // Those of a method that is always quick run on the connection's own task.
    for _ in 0..200 {
        echo(&blocker).await;
        let _: u64 = blocker.call("Plugin.Maybe", &0u64).await.unwrap();
    }
    let mut slowest = Duration::ZERO;
    for round in 0..3 * rounds() {
        let mut blocked = JoinSet::new();
        let before = entered::count(entered.path());
        let start = Instant::now();
        for n in 0..workers - 1 {
            let method = ["Plugin.OpenAndBlock", "Plugin.Maybe", "Plugin.Block"][(round + n) % 3];
            let blocker = blocker.clone();
            blocked.spawn(async move {
                let millis = BLOCK.as_millis() as u64;
                blocker.call::<_, u64>(method, &millis).await.unwrap()
            });
        }
        all_blocked(&entered, before + workers - 1).await;
        for _ in 0..20 {
            slowest = slowest.max(timed(echo(&blocker)).await);
        }
        slowest = slowest.max(timed(async { client.ping().await.unwrap() }).await);
        let took = start.elapsed();
        assert!(took < BLOCK, "round {round}, {workers} workers: {took:?}");
        blocked.join_all().await;
        for _ in 0..100 {
            let _: u64 = blocker.call("Plugin.Maybe", &0u64).await.unwrap();
        }
    }
    println!("{workers} workers, all but one blocked: at most {slowest:?}");
    client.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_while_one_thread_of_two_is_free() {
    others_go_on(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_while_one_thread_of_eight_is_free() {
    others_go_on(8).await;
}

/// With no thread left the plugin still answers pings, and ends when it is asked to.
async fn ends_when_asked(workers: usize, tcp: bool) {
    for _ in 0..rounds() {
        let (mut command, entered) = command(workers);
        if tcp {
            command.env("BLOCKER_TCP", "1");
        }
        let (client, blocker) = launch_by(command).await;
        let mut blocked = JoinSet::new();
        for _ in 0..workers.max(1) {
            let blocker = blocker.clone();
            blocked.spawn(async move { blocker.call::<_, u64>("Plugin.Block", &LONG).await });
        }
        all_blocked(&entered, workers.max(1)).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            slowest = slowest.max(timed(async { client.ping().await.unwrap() }).await);
        }
        let quit = timed(client.kill()).await;
        let status = client.wait().await.unwrap();
        println!("{workers} workers, all blocked: ping {slowest:?}, quit {quit:?}, {status}");
        // Not by a signal: it was not the host that ended it.
        assert_eq!(status.code(), Some(0), "{workers} workers: {status}");
        if let Address::Unix(socket) = client.address() {
            assert!(!socket.exists(), "{}", socket.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_with_all_threads_blocked_answers_pings_and_quits() {
    for workers in [0, 1, 2, 8] {
        ends_when_asked(workers, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_does_one_that_listens_on_tcp() {
    for workers in [0, 2] {
        ends_when_asked(workers, true).await;
    }
}

/// Nor does a method on the blocking pool, for which the end of the runtime waits, keep the
/// process.
#[tokio::test]
async fn a_plugin_whose_plain_methods_run_quits() {
    let (command, entered) = command(2);
    let (client, _) = launch_by(command).await;
    let plain = client.dispense_client("plain").await.unwrap();
    let blocked = tokio::spawn({
        let plain = plain.clone();
        async move { plain.call::<_, u64>("Plugin.Block", &LONG).await }
    });
    all_blocked(&entered, 1).await;
    timed(async { client.ping().await.unwrap() }).await;
    let quit = timed(client.kill()).await;
    let status = client.wait().await.unwrap();
    println!("a plain method runs: quit {quit:?}, {status}");
    assert_eq!(status.code(), Some(0), "{status}");
    let error = blocked.await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
}

/// How often the thread that rescues others was woken, of the process.
fn wakes(pid: u32) -> u64 {
    let of = |task: &std::path::Path, file: &str| std::fs::read_to_string(task.join(file)).unwrap();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let thread = tasks
        .map(|task| task.unwrap().path())
        .find(|task| of(task, "comm").trim() == "plugwire-rescue")
        .expect("it was started by the first call");
    let status = of(&thread, "status");
    let line = status
        .lines()
        .find(|line| line.starts_with("voluntary_ctxt_switches:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn while_no_method_runs_nothing_wakes_the_plugin() {
    let (command, _entered) = command(2);
    let (client, blocker) = launch_by(command).await;
    for _ in 0..100 {
        echo(&blocker).await;
    }
    let asleep = async {
        loop {
            let before = wakes(client.pid().unwrap());
            sleep(Duration::from_millis(500)).await;
            if wakes(client.pid().unwrap()) == before {
                return;
            }
        }
    };
    within(asleep).await;
    let woken = wakes(client.pid().unwrap());
    echo(&blocker).await;
    let awake = async {
        while wakes(client.pid().unwrap()) == woken {
            sleep(Duration::from_millis(1)).await;
        }
    };
    within(awake).await;
    client.kill().await;
}

/// Kills and reaps the process when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_plugin_with_all_threads_blocked_does_not_outlive_its_killed_host() {
    for workers in [0, 1, 2, 8] {
        let (mut host, _entered) = command(workers);
        let host = host.arg("host").stdout(Stdio::piped()).spawn().unwrap();
        let mut host = Killed(host);
        let mut line = String::new();
        BufReader::new(host.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let plugin: u32 = line.trim().parse().unwrap();
        host.0.kill().unwrap();
        let start = Instant::now();
        let status = format!("/proc/{plugin}/status");
        let lives = || {
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            status.contains("State:") && !status.contains("State:\tZ")
        };
        assert!(lives());
        while lives() {
            let lived = start.elapsed();
            if lived > Duration::from_secs(30) {
                let _ = Command::new("kill").args(["-9", line.trim()]).status();
                panic!("{workers} workers: still there {lived:?} after its host");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        println!(
            "{workers} workers, all blocked: ended {:?} after the host",
            start.elapsed()
        );
    }
}
