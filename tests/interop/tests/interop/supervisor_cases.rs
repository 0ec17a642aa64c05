//! Plugins that are kept running.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use plugwire::handshake::Address;
use plugwire::host::{
    Client, EventKind, RestartPolicy, State, Supervisor, SupervisorConfig, SupervisorState,
};
use plugwire::{Remote, Result};
use plugwire_interop::KIT;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::task::JoinSet;

use crate::peer::Peer;
use support::process::{exists, is_running};
use support::{DEADLINE, until, within};

/// What the tests call of the kit.
#[plugwire::interface]
trait Kit {
    #[plugwire(idempotent)]
    async fn greet(&self) -> Result<String>;
    async fn exit(&self, code: i64) -> Result<i64>;
}

async fn supervised(config: SupervisorConfig) -> (Supervisor, Remote<dyn Kit>) {
    let delays = (Duration::from_millis(10), Duration::from_millis(50));
    let policy = RestartPolicy::default().delays(delays.0, delays.1);
    let supervisor = Supervisor::start(config.restart(policy)).unwrap();
    let kit = within(supervisor.dispense::<dyn Kit>(KIT)).await.unwrap();
    (supervisor, kit.with_timeout(DEADLINE))
}

fn pid(supervisor: &Supervisor) -> u32 {
    match supervisor.state() {
        State::Ready { pid } => pid.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn another_than(supervisor: &Supervisor, old: u32) -> u32 {
    let is_new = |state: &State| matches!(state, State::Ready { pid } if *pid != Some(old));
    within(supervisor.watch().until(is_new)).await.unwrap();
    pid(supervisor)
}

/// It exits, it is killed, and it is replaced while 16 callers are at work: one handle for all.
pub async fn a_supervised_plugin_is_started_again_and_replaced(peer: Peer) {
    let (supervisor, kit) = supervised(SupervisorConfig::new(peer.config())).await;
    assert_eq!(kit.greet().await.unwrap(), peer.greeting());
    let first = pid(&supervisor);
    let error = within(kit.exit(3)).await.unwrap_err();
    assert!(
        error
            .crash()
            .unwrap()
            .to_string()
            .contains("exit status: 3")
    );
    let second = another_than(&supervisor, first).await;
    assert_eq!(within(kit.greet()).await.unwrap(), peer.greeting());
    let raw = Pid::from_raw(i32::try_from(second).unwrap()).unwrap();
    kill_process(raw, Signal::KILL).unwrap();
    let third = another_than(&supervisor, second).await;

    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let kit = kit.clone();
        callers.spawn(async move {
            for _ in 0..200 {
                assert_eq!(kit.greet().await.unwrap(), peer.greeting());
            }
        });
    }
    let mut events = supervisor.events();
    for _ in 0..5 {
        within(supervisor.reload()).await.unwrap();
    }
    within(callers.join_all()).await;
    let mut drained = 0;
    while drained < 5 {
        let event = within(events.next()).await.unwrap();
        if let EventKind::Drained { finished, .. } = event.kind {
            assert!(finished, "{event:?}");
            drained += 1;
        }
    }
    let last = pid(&supervisor);
    within(supervisor.shutdown()).await;
    assert!(
        [first, second, third, last]
            .into_iter()
            .all(|pid| !exists(pid))
    );
}

/// A host in a process of its own.
struct Host {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Those that came while another one was waited for.
    earlier: Vec<String>,
    /// The plugin's process.
    pid: u32,
}

impl Host {
    async fn start(peer: Peer, place: &Path) -> Self {
        let mut host = tokio::process::Command::new(env!("CARGO_BIN_EXE_kit-host"));
        host.arg("supervise")
            .args([peer.path(), place.join("pipes"), place.join("state.json")])
            .env("TMPDIR", place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = host.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut host = Self {
            process,
            lines,
            earlier: Vec::new(),
            pid: 0,
        };
        host.pid = host.line("pid ").await.parse().unwrap();
        host
    }

    /// The rest of the next line that begins so.
    async fn line(&mut self, start: &str) -> String {
        loop {
            let found = self.earlier.iter().position(|line| line.starts_with(start));
            if let Some(found) = found {
                return self.earlier.remove(found)[start.len()..].to_owned();
            }
            let line = within(self.lines.next_line()).await.unwrap();
            self.earlier.push(line.expect("a line"));
        }
    }

    /// Tells the host how to end.
    async fn end(mut self, order: &str) {
        let mut stdin = self.process.stdin.take().unwrap();
        stdin.write_all(order.as_bytes()).await.unwrap();
        stdin.write_all(b"\n").await.unwrap();
        assert!(within(self.process.wait()).await.unwrap().success());
    }
}

/// Has a plugin log a line while it has no host that reads it.
async fn log(place: &Path, line: &str) {
    let state = SupervisorState::load(place.join("state.json")).unwrap();
    let config = state.reattach_configs().next().unwrap().clone();
    let client = within(Client::reattach(config)).await.unwrap();
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    let _: i64 = within(kit.call("Plugin.Log", line)).await.unwrap();
}

/// Each line that it logs reaches a host, whichever is there by then.
pub async fn a_supervised_plugin_survives_an_upgrade_and_a_crash_of_its_host(peer: Peer) {
    let place = tempfile::tempdir().unwrap();
    let mut host = Host::start(peer, place.path()).await;
    let pid = host.pid;
    log(place.path(), "with a host").await;
    host.line("log with a host").await;
    host.end("detach").await;

    log(place.path(), "between hosts").await;
    assert!(is_running(pid));
    let mut host = Host::start(peer, place.path()).await;
    assert_eq!(host.pid, pid);
    host.line("log between hosts").await;
    within(host.process.kill()).await.unwrap();

    log(place.path(), "after a crash").await;
    assert!(is_running(pid));
    let mut host = Host::start(peer, place.path()).await;
    assert_eq!(host.pid, pid);
    host.line("log after a crash").await;
    host.end("shutdown").await;
    until("it has ended", || !is_running(pid)).await;

    // A plugin that has died without a host leaves a socket and pipes, which the next host removes.
    let host = Host::start(peer, place.path()).await;
    let second = host.pid;
    assert_ne!(second, pid);
    host.end("detach").await;
    let state = SupervisorState::load(place.path().join("state.json")).unwrap();
    let Address::Unix(socket) = state.reattach_configs().next().unwrap().address.clone() else {
        panic!("{state:?}");
    };
    assert!(socket.exists());
    let raw = Pid::from_raw(i32::try_from(second).unwrap()).unwrap();
    kill_process(raw, Signal::KILL).unwrap();
    until("the second has ended", || !is_running(second)).await;
    let host = Host::start(peer, place.path()).await;
    assert_ne!(host.pid, second);
    assert!(!socket.exists());
    host.end("shutdown").await;
    let pipes = place.path().join("pipes");
    until("no pipe is left", || pipes.read_dir().unwrap().count() == 0).await;
}

pub async fn an_idle_supervised_plugin_is_stopped_and_started(peer: Peer) {
    let config = SupervisorConfig::new(peer.config()).idle_timeout(Duration::from_millis(20));
    let (supervisor, kit) = supervised(config).await;
    for _ in 0..3 {
        assert_eq!(within(kit.greet()).await.unwrap(), peer.greeting());
        let is_idle = || matches!(supervisor.state(), State::Idle);
        until("the plugin is idle", is_idle).await;
    }
    within(supervisor.shutdown()).await;
}
