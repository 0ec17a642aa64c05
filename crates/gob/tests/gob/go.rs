//! Against Go's own `encoding/gob`: the committed vectors are what it writes, and it reads what
//! Rust writes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::vectors::{self, AsGo, Pair, Visit, committed, find, parse, to_hex};
use plugwire_gob as gob;
use serde::{Deserialize, Serialize};

/// The Go program, built; None where there is no Go.
fn gobvectors() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if Command::new("go").arg("version").output().is_err() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "GO IS MISSING, and this is CI"
            );
            return None;
        }
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gobvectors");
        let status = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg("./cmd/gobvectors")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/go"))
            .status()
            .unwrap();
        assert!(status.success(), "go build failed");
        Some(program)
    });
    if built.is_none() {
        // Not println!, which is not shown when the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "GO IS MISSING: gob is not compared with Go's own"
        );
    }
    built.as_deref()
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
            self.1 += &format!("{name} {}\n", to_hex(&gob::to_vec(&value).unwrap()));
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
        to_hex(&gob::to_vec(&Pair(5, "five".into())).unwrap())
    );
    for (name, _, bytes) in vectors::streams() {
        lines += &format!("{name} {}\n", to_hex(&bytes));
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
