//! The plugin's standard input is the host's.

use std::fs::OpenOptions;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::peer::Peer;
use support::within;

/// What a plugin whose host has this for its standard input says of its own.
async fn is_terminal(peer: Peer, stdin: Stdio) -> bool {
    let mut host = tokio::process::Command::new(env!("CARGO_BIN_EXE_kit-host"));
    host.arg("terminal")
        .arg(peer.path())
        .stdin(stdin)
        .kill_on_drop(true);
    let output = within(host.output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    match output.stdout.as_slice() {
        b"true\n" => true,
        b"false\n" => false,
        other => panic!("{other:?}"),
    }
}

pub async fn a_terminal_stays_a_terminal(peer: Peer) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let stdin = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    assert!(is_terminal(peer, stdin.into()).await);
    assert!(!is_terminal(peer, Stdio::null()).await);
}
