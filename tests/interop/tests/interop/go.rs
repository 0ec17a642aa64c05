//! The Go programs: whether there is a Go to build them with, and where they are once built.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Whether Go is on this machine. Without it the tests that need it pass with a loud line, except
/// under `CI=true`, where they fail.
pub fn present() -> bool {
    static PRESENT: OnceLock<bool> = OnceLock::new();
    *PRESENT.get_or_init(|| {
        let found = Command::new("go").arg("version").output();
        let found = found.is_ok_and(|output| output.status.success());
        if !found {
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!ci, "GO IS MISSING, and under CI=true it must not be");
            // Not eprintln!, which nobody sees when the test passes.
            let _ = writeln!(
                std::io::stderr(),
                "GO IS MISSING: the tests against go-plugin itself did not run"
            );
        }
        found
    })
}

/// The directory with the built programs: built once per run.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go");
        // One directory a process, so that no run overwrites what another executes.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
        let _ = std::fs::create_dir_all(&target);
        let status = Command::new("go")
            .current_dir(source)
            .args(["build", "-o"])
            .arg(&target)
            .arg("./cmd/...")
            .status()
            .expect("go starts");
        assert!(status.success(), "the Go programs build");
        target
    })
}

pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}
