//! Ways to launch: checked executables, runners, sockets in places of choice, many at once.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use futures::future::BoxFuture;
use plugwire::handshake::Address;
use plugwire::host::{
    self, AttachConfig, Client, ClientConfig, Launch, LaunchEnvironment, LaunchError, Runner,
    SecureConfig, SecureError, Started, UnixSocketConfig, local_process,
};
use plugwire_interop::{HANDSHAKE, KIT};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::go;
use crate::peer::Peer;
use support::process::exists;
use support::within;

async fn greet_and_kill(peer: Peer, config: ClientConfig) {
    let client = within(Client::launch(config)).await.unwrap();
    assert_eq!(greeting(&client).await, peer.greeting());
    within(client.kill()).await;
    assert!(!exists(client.pid().unwrap()));
}

async fn greeting(client: &Client) -> String {
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    within(kit.call("Plugin.Greet", &())).await.unwrap()
}

fn socket(client: &Client) -> PathBuf {
    match client.address() {
        Address::Unix(path) => path.clone(),
        other => panic!("a unix socket, not {other:?}"),
    }
}

// ---- integrity ----

/// Writes an executable file, by a process of its own: had this one ever opened it for writing, a
/// process that is being started by another test might still hold it, and it could not be executed.
fn install(script: &str, path: &Path, source: impl AsRef<OsStr>) {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(path).arg(source);
    assert!(shell.status().unwrap().success());
}

/// A copy of the plugin, and its checksum.
fn copy_of(peer: Peer, directory: &TempDir) -> (PathBuf, Vec<u8>) {
    let path = directory.path().join("plugin");
    install(r#"cp "$1" "$0""#, &path, peer.path());
    let checksum = Sha256::digest(std::fs::read(&path).unwrap()).to_vec();
    (path, checksum)
}

fn script(path: &Path, text: &str) {
    install(r#"printf %s "$1" >"$0" && chmod 755 "$0""#, path, text);
}

pub async fn an_executable_with_the_right_checksum_is_started(peer: Peer) {
    let directory = TempDir::new().unwrap();
    let (path, checksum) = copy_of(peer, &directory);
    let command = SecureConfig::sha256(checksum).command(path, |_| {});
    greet_and_kill(peer, ClientConfig::new(HANDSHAKE, command)).await;
}

pub async fn an_executable_with_a_wrong_checksum_is_not(peer: Peer) {
    for (checksum, text) in [
        (vec![1; 32], "checksums did not match"),
        (vec![], "error verifying checksum: no checksum provided"),
    ] {
        let command = SecureConfig::sha256(checksum).command(peer.path(), |_| {});
        let launched = within(Client::launch(ClientConfig::new(HANDSHAKE, command))).await;
        let error = launched.unwrap_err();
        assert!(matches!(error, LaunchError::Secure(_)), "{error:?}");
        assert_eq!(error.to_string(), text);
    }
    let command = SecureConfig::sha256([1; 32]).command("/no/such/plugin", |_| {});
    let launched = within(Client::launch(ClientConfig::new(HANDSHAKE, command))).await;
    assert!(
        matches!(launched, Err(LaunchError::Secure(SecureError::Io { .. }))),
        "{launched:?}"
    );
}

/// What is executed is what was checked, even where its name leads elsewhere by then.
pub async fn an_executable_replaced_after_its_check_is_not_started(peer: Peer) {
    let directory = TempDir::new().unwrap();
    let (path, checksum) = copy_of(peer, &directory);
    let evil = directory.path().join("evil");
    script(&evil, "#!/bin/sh\necho evil\n");
    let replaced = path.clone();
    let command = SecureConfig::sha256(checksum).command(&path, move |_| {
        std::fs::rename(&evil, &replaced).unwrap();
    });
    greet_and_kill(peer, ClientConfig::new(HANDSHAKE, command)).await;
    assert!(std::fs::read(&path).unwrap().starts_with(b"#!/bin/sh"));
}

pub async fn a_checked_script_runs(peer: Peer) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("plugin.sh");
    let text = "#!/bin/sh\nexec \"$1\"\n";
    script(&path, text);
    let plugin = peer.path();
    let command =
        SecureConfig::sha256(Sha256::digest(text).to_vec()).command(path, move |command| {
            command.arg(&plugin);
        });
    greet_and_kill(peer, ClientConfig::new(HANDSHAKE, command)).await;
}

// ---- runners ----

/// Runs plugins under `sh -c`, to which the directory for sockets has another name.
struct Shell {
    script: &'static str,
    plugin: PathBuf,
    /// The directory by its two names.
    inside: PathBuf,
    outside: PathBuf,
}

impl Shell {
    fn new(script: &'static str, peer: Peer, directory: &TempDir) -> Self {
        let outside = directory.path().join("outside");
        let inside = directory.path().join("inside");
        std::fs::create_dir(&outside).unwrap();
        symlink(&outside, &inside).unwrap();
        Self {
            script,
            plugin: peer.path(),
            inside,
            outside,
        }
    }
}

fn moved(address: Address, from: &Path, to: &Path) -> io::Result<Address> {
    match address {
        Address::Unix(path) => match path.strip_prefix(from) {
            Ok(rest) => Ok(Address::Unix(to.join(rest))),
            Err(_) => Err(io::Error::other(format!("what is {}?", path.display()))),
        },
        tcp => Ok(tcp),
    }
}

impl Runner for Shell {
    fn name(&self) -> String {
        format!("a shell that runs {}", self.plugin.display())
    }

    fn start(&mut self, environment: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
        Box::pin(async move {
            let mut command = Command::new("sh");
            command.args(["-c", self.script]).arg(&self.plugin);
            environment.apply(&mut command);
            local_process(command)
        })
    }

    fn diagnose(&self) -> BoxFuture<'_, String> {
        Box::pin(async { "Have you tried turning it off and on again?".to_owned() })
    }

    fn plugin_to_host(&self, address: Address) -> io::Result<Address> {
        moved(address, &self.inside, &self.outside)
    }

    fn host_to_plugin(&self, address: Address) -> io::Result<Address> {
        moved(address, &self.outside, &self.inside)
    }
}

pub async fn a_runner_starts_the_plugin_and_translates_addresses(peer: Peer) {
    let directory = TempDir::new().unwrap();
    // Refuses to run where its directory is not told by its inner name.
    let runner = Shell::new(
        r#"case "$PLUGIN_UNIX_SOCKET_DIR" in */inside/*) exec "$0" ;; esac"#,
        peer,
        &directory,
    );
    let outside = runner.outside.clone();
    let config = ClientConfig::new(HANDSHAKE, Launch::runner(runner))
        .unix_socket(UnixSocketConfig::new().temp_dir(&outside));
    let client = within(Client::launch(config)).await.unwrap();
    assert_eq!(greeting(&client).await, peer.greeting());
    assert!(socket(&client).starts_with(&outside));
    assert_eq!(client.id(), client.pid().unwrap().to_string());
    within(client.kill()).await;
    assert!(!exists(client.pid().unwrap()));
    assert_eq!(outside.read_dir().unwrap().count(), 0);
}

pub async fn a_runner_says_what_may_be_the_matter(peer: Peer) {
    let directory = TempDir::new().unwrap();
    let runner = Shell::new("echo Usage: plugin; sleep 1000", peer, &directory);
    let config = ClientConfig::new(HANDSHAKE, Launch::runner(runner));
    // Its directory is elsewhere, which its translation does not know.
    let error = within(Client::launch(config)).await.unwrap_err();
    assert!(matches!(error, LaunchError::SocketDir { .. }), "{error:?}");

    let directory = TempDir::new().unwrap();
    let runner = Shell::new("echo Usage: plugin; exec sleep 1000", peer, &directory);
    let socket = UnixSocketConfig::new().temp_dir(&runner.outside);
    let config = ClientConfig::new(HANDSHAKE, Launch::runner(runner)).unix_socket(socket);
    let error = within(Client::launch(config)).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Unrecognized remote plugin message: Usage: plugin\n"),
        "{text}"
    );
    assert!(text.ends_with("turning it off and on again?"), "{text}");
}

// ---- sockets ----

pub async fn the_socket_is_in_a_private_directory(peer: Peer) {
    let client = peer.launch().await;
    let socket = socket(&client);
    let directory = socket.parent().unwrap();
    let name = directory.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("plugin-dir"), "{name}");
    assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
    within(client.kill()).await;
    assert!(!directory.exists());
}

pub async fn the_socket_goes_where_the_host_says_and_to_its_group(peer: Peer) {
    let place = TempDir::new().unwrap();
    let group = rustix::process::getegid().as_raw();
    let unix_socket = UnixSocketConfig::new()
        .temp_dir(place.path())
        .group_owner(group.to_string());
    let config = peer.config().unix_socket(unix_socket);
    let client = within(Client::launch(config)).await.unwrap();
    let socket = socket(&client);
    let directory = socket.parent().unwrap();
    assert_eq!(directory.parent(), Some(place.path()));
    let rights = |path: &Path| {
        let metadata = path.metadata().unwrap();
        (metadata.gid(), metadata.mode() & 0o777)
    };
    assert_eq!(rights(directory), (group, 0o770));
    assert_eq!(rights(&socket), (group, 0o660));
    within(client.kill()).await;
    assert_eq!(place.path().read_dir().unwrap().count(), 0);

    let no_group = UnixSocketConfig::new().group_owner("no such group");
    let config = peer.config().unix_socket(no_group);
    let error = within(Client::launch(config)).await.unwrap_err();
    assert!(matches!(error, LaunchError::Option(_)), "{error:?}");
}

// ---- many ----

pub async fn several_interfaces_in_one_process(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let greeter = within(client.dispense_client("greeter")).await.unwrap();
    let other_kit = within(client.dispense_client(KIT)).await.unwrap();
    for _ in 0..3 {
        let hello: String = within(greeter.call("Plugin.Greet", &())).await.unwrap();
        assert_eq!(hello, "Hello!");
        for kit in [&kit, &other_kit] {
            let hello: String = within(kit.call("Plugin.Greet", &())).await.unwrap();
            assert_eq!(hello, peer.greeting());
        }
    }
    within(client.kill()).await;
}

/// The only test with managed clients: cleaning up is a matter of the whole process.
#[tokio::test]
async fn managed_clients_are_cleaned_up_together() {
    let mut peers = vec![Peer::Rust, Peer::Rust];
    if go::present() {
        peers.push(Peer::Go);
    }
    let mut managed = Vec::new();
    for peer in peers {
        let config = peer.config().managed(true);
        managed.push(within(Client::launch(config)).await.unwrap());
    }
    let unmanaged = Peer::Rust.launch().await;
    let attached = AttachConfig::new(managed[0].reattach_config()).managed(true);
    managed.push(within(Client::reattach(attached)).await.unwrap());
    for client in &managed {
        greeting(client).await;
    }

    within(host::cleanup_clients()).await;
    for client in &managed {
        assert!(client.exited() && !exists(client.pid().unwrap()));
    }
    greeting(&unmanaged).await;
    within(host::cleanup_clients()).await;
    greeting(&unmanaged).await;
    within(unmanaged.kill()).await;
}
