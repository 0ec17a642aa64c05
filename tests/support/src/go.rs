//! The Go programs of `tests/interop/go`: whether there is a Go to build them with, and building.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the Go module is.
#[must_use]
pub fn module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop/go")
}

/// Whether Go is on this machine. Without it the tests that need it pass with a loud line, except
/// under `CI=true`, where they fail.
pub fn present() -> bool {
    static PRESENT: OnceLock<bool> = OnceLock::new();
    let present = *PRESENT.get_or_init(|| {
        let found = Command::new("go").arg("version").output();
        found.is_ok_and(|output| output.status.success())
    });
    if !present {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "GO IS MISSING, and under CI=true it must not be");
        // Not eprintln!, whose lines are hidden when the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "GO IS MISSING: the tests against Go itself did not run"
        );
    }
    present
}

/// Builds packages of the module into a directory, which is returned: `./cmd/yamuxpeer`, or
/// `./cmd/...` for all of them. `target` is the caller's `env!("CARGO_TARGET_TMPDIR")`.
///
/// # Panics
///
/// Where they do not build.
pub fn build(target: impl AsRef<Path>, packages: &str) -> PathBuf {
    let target = target.as_ref().join("go");
    std::fs::create_dir_all(&target).expect("the target directory is writable");
    let status = Command::new("go")
        .current_dir(module())
        .args(["build", "-o"])
        .arg(&target)
        .arg(packages)
        .status()
        .expect("go starts");
    assert!(status.success(), "{packages} builds");
    target
}
