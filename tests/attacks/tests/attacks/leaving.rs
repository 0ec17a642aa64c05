//! Hosts that end without a word: their plugins end, and nothing is left in the temporary
//! directory.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use plugwire_attacks::{entered, rounds};
use support::block_until;
use support::process::is_running;

fn signal(host: &Child, signal: &str) {
    let pid = host.id().to_string();
    let status = Command::new("kill").args([signal, &pid]).status().unwrap();
    assert!(status.success());
}

fn entries(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Has a host launch a plugin and then end, some times over.
fn leave(mode: &str, manners: &str, end: impl Fn(&Child)) {
    leave_often(3 * rounds(), mode, manners, end);
}

fn leave_often(rounds: usize, mode: &str, manners: &str, end: impl Fn(&Child)) {
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let temporary = tempfile::tempdir().unwrap();
        let entered = tempfile::NamedTempFile::new().unwrap();
        let mut host = Command::new(env!("CARGO_BIN_EXE_leaving-host"))
            .args([mode, env!("CARGO_BIN_EXE_untidy-plugin")])
            .env("TMPDIR", temporary.path())
            .env(entered::VARIABLE, entered.path())
            .env("UNTIDY", manners)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(host.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let plugin: u32 = line.trim().parse().unwrap();
        assert_eq!(entries(temporary.path()).len(), 1);
        host.stdin.take().unwrap().write_all(b"\n").unwrap();
        end(&host);
        host.wait().unwrap();
        let took = block_until("the plugin ends", || !is_running(plugin));
        longest = longest.max(took);
        block_until("nothing is left", || entries(temporary.path()).is_empty());
        assert!(!is_running(plugin), "round {round}");
    }
    println!("{mode}: the longest time until the plugin had ended was {longest:?}");
}

#[test]
fn nothing_is_left_of_a_host_that_is_killed() {
    leave("wait", "own", |host| signal(host, "-KILL"));
}

#[test]
fn nothing_is_left_of_a_host_that_is_terminated() {
    leave("wait", "own", |host| signal(host, "-TERM"));
}

#[test]
fn nothing_is_left_of_a_host_that_exits() {
    leave("exit", "own", |_| {});
}

#[test]
fn nothing_is_left_of_a_host_that_aborts() {
    leave("abort", "own", |_| {});
}

/// Even of a plugin that would go on without its host.
#[test]
fn nothing_is_left_of_a_host_that_drops_its_client_and_exits() {
    leave("drop", "outlive", |_| {});
}

/// The plugin has to end the process itself, after some seconds. It removes what it has first.
#[test]
fn nothing_is_left_of_a_killed_host_whose_plugins_threads_are_blocked() {
    leave_often(1, "block", "own", |host| signal(host, "-KILL"));
}
