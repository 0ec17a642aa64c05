//! What is left in the temporary directory, and where sockets go when that is too deep.

use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use plugwire::handshake::Address;
use plugwire::host::{Client, ReattachConfig};
use plugwire_interop::KIT;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::go;
use crate::peer::{Peer, rounds};
use support::process::is_running;
use support::{until, within};

/// A host with a plugin and a temporary directory of its own. Dropping it kills the host.
struct Host {
    child: Child,
    plugin: ReattachConfig,
}

impl Host {
    async fn start(program: impl AsRef<OsStr>, arguments: &[&OsStr], temporary: &Path) -> Self {
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .env("TMPDIR", temporary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = within(lines.next_line()).await.unwrap().expect("a line");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let plugin = serde_json::from_str(&line).expect("a reattach configuration");
        Self { child, plugin }
    }

    /// This crate's host.
    async fn rust(mode: &str, peer: Peer, temporary: &Path) -> Self {
        let host = env!("CARGO_BIN_EXE_kit-host");
        Self::start(
            host,
            &[OsStr::new(mode), peer.path().as_os_str()],
            temporary,
        )
        .await
    }

    /// go-plugin's host, with the plugin in Rust.
    async fn go(temporary: &Path) -> Self {
        let plugin = Peer::Rust.path();
        let arguments = ["-case", "abandon", "-plugin"].map(OsStr::new);
        let arguments = [&arguments[..], &[plugin.as_os_str()]].concat();
        Self::start(go::program("kithost"), &arguments, temporary).await
    }

    fn pid(&self) -> u32 {
        self.plugin.pid.unwrap()
    }

    fn socket(&self) -> &Path {
        match &self.plugin.address {
            Address::Unix(path) => path,
            other => panic!("a unix socket, not {other:?}"),
        }
    }

    fn directory(&self) -> &Path {
        self.socket().parent().unwrap()
    }

    async fn connect(&self) -> Client {
        within(Client::reattach(self.plugin.clone())).await.unwrap()
    }

    /// Has a host that is to drop its client do so, and exit.
    async fn exits(&mut self) {
        drop(self.child.stdin.take());
        assert!(within(self.child.wait()).await.unwrap().success());
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    async fn kill(&mut self) {
        within(self.child.kill()).await.unwrap();
    }

    async fn kill_plugin(&self) {
        let pid = Pid::from_raw(self.pid() as i32).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        self.plugin_ends().await;
        // Its first thread may end before those that still hold its socket.
        until("its socket is closed", || {
            UnixStream::connect(self.socket()).is_err()
        })
        .await;
    }

    async fn plugin_ends(&self) {
        until("the plugin ends", || !is_running(self.pid())).await;
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

async fn greeting(client: &Client) -> String {
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    within(kit.call("Plugin.Greet", &())).await.unwrap()
}

/// Whether a process holds a lock on the directory.
fn is_locked(directory: &Path) -> bool {
    let directory = std::fs::File::open(directory).unwrap();
    flock(&directory, FlockOperation::NonBlockingLockExclusive).is_err()
}

pub async fn a_host_that_drops_its_client_and_exits_leaves_nothing(peer: Peer) {
    for _ in 0..rounds(3) {
        let temporary = TempDir::new().unwrap();
        let mut host = Host::rust("drop", peer, temporary.path()).await;
        assert!(is_running(host.pid()) && host.socket().exists());
        host.exits().await;
        host.plugin_ends().await;
        assert!(entries(temporary.path()).is_empty());
    }
}

/// A host and its plugin that are killed at once, as by the out-of-memory killer.
pub async fn what_is_left_of_both_is_removed_by_the_next_host(peer: Peer) {
    for _ in 0..rounds(3) {
        let temporary = TempDir::new().unwrap();
        let mut host = Host::rust("hold", peer, temporary.path()).await;
        host.signal(Signal::STOP);
        host.kill_plugin().await;
        host.kill().await;
        assert!(host.socket().exists(), "no process could remove it");
        until("the lock is released", || !is_locked(host.directory())).await;

        let mut next = Host::rust("drop", peer, temporary.path()).await;
        until("its directory is removed", || !host.directory().exists()).await;
        assert_eq!(entries(temporary.path()), [next.directory()]);
        next.exits().await;
        until("nothing is left", || entries(temporary.path()).is_empty()).await;
    }
}

/// A plugin in Go goes on without its host, and other hosts leave its socket alone until it ends.
#[tokio::test]
async fn a_go_plugin_without_a_host_keeps_its_socket() {
    if !go::present() {
        return;
    }
    for _ in 0..rounds(1) {
        let temporary = TempDir::new().unwrap();
        let mut host = Host::rust("hold", Peer::Go, temporary.path()).await;
        host.kill().await;
        let dead = temporary.path().join("plugin-dir-1");
        std::fs::create_dir(&dead).unwrap();
        let mut next = Host::rust("drop", Peer::Go, temporary.path()).await;
        // Both were looked at then.
        until("the dead one is removed", || !dead.exists()).await;
        let client = host.connect().await;
        assert_eq!(greeting(&client).await, Peer::Go.greeting());
        drop(client);
        next.exits().await;
        host.kill_plugin().await;

        let mut last = Host::rust("drop", Peer::Go, temporary.path()).await;
        until("its directory is removed", || !host.directory().exists()).await;
        last.exits().await;
        until("nothing is left", || entries(temporary.path()).is_empty()).await;
    }
}

pub async fn the_directory_is_locked_while_it_is_used(peer: Peer) {
    let temporary = TempDir::new().unwrap();
    let mut host = Host::rust("hold", peer, temporary.path()).await;
    assert!(is_locked(host.directory()));
    let client = host.connect().await;
    host.kill().await;
    assert_eq!(is_locked(host.directory()), peer.is_rust());
    within(client.kill()).await;
    host.plugin_ends().await;
}

pub async fn a_temporary_directory_too_deep_for_sockets_is_replaced(peer: Peer) {
    let temporary = TempDir::new().unwrap();
    let deep = temporary.path().join("x".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let mut host = Host::rust("drop", peer, &deep).await;
    assert_eq!(greeting(&host.connect().await).await, peer.greeting());
    host.exits().await;
    host.plugin_ends().await;
    assert!(!host.directory().exists());
}

/// No host made it a directory.
#[tokio::test]
async fn a_detached_plugin_finds_a_place_that_is_not_too_deep() {
    let temporary = TempDir::new().unwrap();
    let deep = temporary.path().join("x".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let mut host = Host::rust("upgrade", Peer::Rust, &deep).await;
    assert!(within(host.child.wait()).await.unwrap().success());
    let client = host.connect().await;
    assert_eq!(greeting(&client).await, Peer::Rust.greeting());
    within(client.kill()).await;
    assert!(!host.directory().exists());
}

#[tokio::test]
async fn a_rust_plugin_of_a_go_host_finds_a_place_that_is_not_too_deep() {
    if !go::present() {
        return;
    }
    let temporary = TempDir::new().unwrap();
    let deep = temporary.path().join("x".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let mut host = Host::go(&deep).await;
    let client = host.connect().await;
    assert_eq!(greeting(&client).await, Peer::Rust.greeting());
    host.kill().await;
    drop(client);
    host.plugin_ends().await;
    until("its directory is removed", || !host.directory().exists()).await;
}

#[tokio::test]
async fn a_rust_plugin_of_a_killed_go_host_leaves_nothing() {
    if !go::present() {
        return;
    }
    for _ in 0..rounds(3) {
        let temporary = TempDir::new().unwrap();
        let mut host = Host::go(temporary.path()).await;
        assert!(is_locked(host.directory()));
        host.kill().await;
        host.plugin_ends().await;
        until("its directory is removed", || !host.directory().exists()).await;
    }
}

/// go-plugin kills a plugin that does not quit in time, and removes nothing of it.
#[tokio::test]
async fn what_a_killed_plugin_of_a_go_host_leaves_is_removed_by_the_next() {
    if !go::present() {
        return;
    }
    let temporary = TempDir::new().unwrap();
    let mut host = Host::go(temporary.path()).await;
    host.kill_plugin().await;
    assert!(host.socket().exists());
    // This host has moved its temporary directory.
    let place = host.directory().parent().unwrap().to_owned();
    host.kill().await;
    until("the lock is released", || !is_locked(host.directory())).await;
    let next = Host::rust("hold", Peer::Rust, &place).await;
    until("its directory is removed", || !host.directory().exists()).await;
    assert_eq!(greeting(&next.connect().await).await, Peer::Rust.greeting());
    next.kill_plugin().await;
}
