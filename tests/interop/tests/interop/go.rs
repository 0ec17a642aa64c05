//! The Go programs, built once per run.

use std::path::PathBuf;
use std::sync::OnceLock;

pub use support::go::{module, present};

pub fn program(name: &str) -> PathBuf {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS
        .get_or_init(|| support::go::build(env!("CARGO_TARGET_TMPDIR"), "./cmd/..."))
        .join(name)
}
