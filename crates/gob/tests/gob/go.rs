//! Against Go's own `encoding/gob`: the committed vectors are what it writes, and it reads what
//! Rust writes.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::vectors::{self, AsGo, Pair, Visit, committed, find, parse};
use plugwire_gob as gob;
use serde::{Deserialize, Serialize};
use support::{go, hex};

/// The Go program, built; `None` where there is no Go.
fn gobvectors() -> Option<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    go::present().then(|| {
        BUILT
            .get_or_init(|| go::build(env!("CARGO_TARGET_TMPDIR"), "./cmd/gobvectors"))
            .join("gobvectors")
    })
}

#[test]
fn go_still_writes_the_committed_vectors() {
    let Some(program) = gobvectors() else { return };
    let output = Command::new(program).arg("write").output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (now, committed) = (
        parse(std::str::from_utf8(&output.stdout).unwrap()),
        committed(),
    );
    assert_eq!(now.len(), committed.len());
    for (now, committed) in now.iter().zip(&committed) {
        assert_eq!(now, committed);
    }
}

/// Everything that can be encoded, encoded, one line for each.
struct Encodes(Vec<vectors::Vector>, String);

impl Visit for Encodes {
    fn visit<T>(&mut self, name: &str, as_go: AsGo)
    where
        T: Serialize + for<'de> Deserialize<'de> + Clone + std::fmt::Debug,
    {
        if as_go != AsGo::Not {
            let value: T = gob::from_slice(&find(&self.0, name).bytes).unwrap();
            self.1 += &format!("{name} {}\n", hex::encode(&gob::to_vec(&value).unwrap()));
        }
    }
}

#[test]
fn go_reads_what_rust_writes() {
    let Some(program) = gobvectors() else { return };
    let mut encodes = Encodes(committed(), String::new());
    vectors::visit_all(&mut encodes);
    let Encodes(vectors, mut lines) = encodes;
    lines += &format!(
        "pair {}\n",
        hex::encode(&gob::to_vec(&Pair(5, "five".into())).unwrap())
    );
    for (name, _, bytes) in vectors::streams() {
        lines += &format!("{name} {}\n", hex::encode(&bytes));
    }

    let mut child = Command::new(program)
        .arg("check")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sent = lines.clone();
    let writer = std::thread::spawn(move || stdin.write_all(sent.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());

    let read = parse(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(read.len(), lines.lines().count());
    for (read, line) in read.iter().zip(lines.lines()) {
        assert_eq!(read.error, "", "{line}");
        assert_eq!(read.value, find(&vectors, &read.name).value, "{line}");
    }
}
