//! Plugins that use the directory of their sockets against their host, or against other plugins.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use plugwire::codec::Encode;
use plugwire::handshake::Address;
use plugwire::host::{Client, ClientConfig, UnixSocketConfig};
use plugwire_attacks::{HANDSHAKE, rounds};
use support::{DEADLINE, within};

/// A temporary directory that `rm` removes, which does not mind how deep it is.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        // In memory: on a disk it takes a minute to remove again what these plugins make.
        let memory = Path::new("/dev/shm");
        let place = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Place(place.unwrap().keep())
    }

    fn entries(&self) -> usize {
        self.0.read_dir().unwrap().count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = Command::new("rm").arg("-rf").arg(&self.0).status();
    }
}

fn config(manners: &str) -> ClientConfig {
    let mut command = Command::new(env!("CARGO_BIN_EXE_untidy-plugin"));
    command.env("UNTIDY", manners);
    ClientConfig::new(HANDSHAKE, command).kill_grace(Duration::from_millis(100))
}

async fn launch(place: &Place, manners: &str) -> Client {
    let sockets = UnixSocketConfig::new().temp_dir(&place.0);
    let launched = Client::launch(config(manners).unix_socket(sockets));
    within(launched).await.unwrap()
}

async fn ask<T: Encode>(client: &Client, method: &str, argument: &T) {
    let untidy = client.dispense_client("untidy").await.unwrap();
    let untidy = untidy.with_timeout(DEADLINE);
    let done: bool = untidy
        .call(&format!("Plugin.{method}"), argument)
        .await
        .unwrap();
    assert!(done);
}

fn socket(client: &Client) -> PathBuf {
    match client.address() {
        Address::Unix(path) => path.clone(),
        other => panic!("{other}"),
    }
}

fn directory(client: &Client) -> PathBuf {
    socket(client).parent().unwrap().to_owned()
}

/// Ends a plugin, and returns how long that took and the longest time that a task of the runtime's
/// only thread waited meanwhile.
async fn kill(client: &Client) -> (Duration, Duration) {
    let ticking = tokio::spawn(async {
        let mut longest = Duration::ZERO;
        let mut last = Instant::now();
        let mut note = move || {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            longest
        };
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let ticks = tokio::spawn(async move {
            loop {
                let longest = note();
                tokio::select! {
                    biased;
                    _ = &mut stopped => return longest,
                    () = tokio::time::sleep(Duration::from_millis(1)) => {}
                }
            }
        });
        (stop, ticks)
    });
    let (stop, ticks) = ticking.await.unwrap();
    let start = Instant::now();
    within(client.kill()).await;
    let took = start.elapsed();
    stop.send(()).unwrap();
    (took, ticks.await.unwrap())
}

#[tokio::test]
async fn nested_directories_neither_abort_nor_delay_the_host() {
    let place = Place::new();
    let client = launch(&place, "own").await;
    ask(&client, "Nest", &(19_000 * rounds().min(10))).await;
    let (took, gap) = kill(&client).await;
    println!("took {took:?}, the longest gap was {gap:?}");
    assert!(client.exited());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(gap < Duration::from_secs(2), "{gap:?}");
    // What a plugin made is not the host's to remove.
    assert!(directory(&client).join("d/d/d").exists());
}

#[tokio::test]
async fn a_hundred_thousand_files_do_not_delay_the_host() {
    let place = Place::new();
    let client = launch(&place, "own").await;
    let files = 100_000 * rounds().min(10);
    ask(&client, "Litter", &files).await;
    let (took, gap) = kill(&client).await;
    println!("took {took:?}, the longest gap was {gap:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(gap < Duration::from_secs(2), "{gap:?}");
    let left = directory(&client).read_dir().unwrap().count();
    assert!(left > files - 1_000, "the work is bounded: {left} are left");
}

#[tokio::test]
async fn a_few_files_go_with_the_plugin() {
    let place = Place::new();
    let client = launch(&place, "own").await;
    ask(&client, "Litter", &20_usize).await;
    kill(&client).await;
    assert_eq!(place.entries(), 0);
}

/// The plugin's directory becomes a link to that of another, where a socket of the same name is.
#[tokio::test]
async fn a_link_does_not_lead_the_host_to_another_plugins_socket() {
    let place = Place::new();
    let other = launch(&place, "own").await;
    let name = socket(&other).file_name().unwrap().to_owned();
    let attacker = launch(&place, name.to_str().unwrap()).await;
    assert_eq!(socket(&attacker).file_name(), Some(&*name));
    ask(
        &attacker,
        "BecomeLink",
        &directory(&other).to_str().unwrap(),
    )
    .await;
    assert_eq!(
        socket(&attacker).canonicalize().unwrap(),
        socket(&other).canonicalize().unwrap()
    );
    kill(&attacker).await;
    assert!(directory(&attacker).is_symlink(), "nor is the link removed");
    still_serves(&other).await;
}

/// So does a dropped client, which removes at once.
#[tokio::test]
async fn nor_when_its_client_is_dropped() {
    let place = Place::new();
    let other = launch(&place, "own").await;
    let name = socket(&other).file_name().unwrap().to_owned();
    let attacker = launch(&place, name.to_str().unwrap()).await;
    ask(
        &attacker,
        "BecomeLink",
        &directory(&other).to_str().unwrap(),
    )
    .await;
    let pid = attacker.pid().unwrap();
    drop(attacker);
    while Path::new(&format!("/proc/{pid}")).exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    still_serves(&other).await;
}

#[tokio::test]
async fn another_directory_in_its_place_stays() {
    let place = Place::new();
    let client = launch(&place, "own").await;
    ask(&client, "BecomeDirectory", &"precious").await;
    kill(&client).await;
    assert!(directory(&client).join("precious").exists());
}

/// The plugin announces the socket of another, which then answers for it.
#[tokio::test]
async fn a_plugin_that_announces_anothers_socket_does_not_take_it_along() {
    let place = Place::new();
    let other = launch(&place, "own").await;
    let attacker = launch(&place, socket(&other).to_str().unwrap()).await;
    assert_eq!(socket(&attacker), socket(&other));
    drop(attacker);
    let attacker = launch(&place, socket(&other).to_str().unwrap()).await;
    let pid = attacker.pid().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
    within(attacker.wait()).await;
    still_serves(&other).await;
}

/// It is alive and can be reached by its path.
async fn still_serves(client: &Client) {
    assert!(socket(client).exists());
    let second = Client::reattach(client.reattach_config()).await.unwrap();
    within(second.ping()).await.unwrap();
    drop(second);
    kill(client).await;
    assert!(!directory(client).exists());
}

/// systemd-tmpfiles removes what is old in temporary directories, but nothing in a locked
/// directory.
#[tokio::test]
async fn a_cleaner_of_temporary_directories_leaves_those_in_use() {
    if Command::new("systemd-tmpfiles")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("systemd-tmpfiles is missing: that it leaves sockets alone was not tried");
        return;
    }
    let place = Place::new();
    let client = launch(&place, "own").await;
    ask(&client, "Litter", &1_usize).await;
    let unused = place.0.join("unused");
    std::fs::create_dir(&unused).unwrap();
    std::fs::write(unused.join("0"), "").unwrap();

    let rules = tempfile::tempdir().unwrap();
    let rule = rules.path().join("clean.conf");
    // Age 0: everything is old.
    std::fs::write(&rule, format!("d {} 0755 - - 0\n", place.0.display())).unwrap();
    let cleaned = Command::new("systemd-tmpfiles")
        .arg("--clean")
        .arg(&rule)
        .status();
    assert!(cleaned.unwrap().success());
    assert!(!unused.exists(), "it does clean");
    assert!(directory(&client).join("0").exists());
    still_serves(&client).await;
}
