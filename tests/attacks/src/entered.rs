//! How a test knows that methods of a plugin in another process have begun: each notes it in a
//! file.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The variable that names the file, for the plugin and for a host that starts it.
pub const VARIABLE: &str = "PLUGWIRE_ATTACKS_ENTERED";

/// More than the slowest machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Notes that a method has begun, where a test waits for it.
///
/// # Panics
///
/// Where the file cannot be written.
pub fn note() {
    if let Some(path) = std::env::var_os(VARIABLE) {
        let file = std::fs::OpenOptions::new().append(true).open(path);
        file.unwrap().write_all(b".").unwrap();
    }
}

/// How many methods have begun.
///
/// # Panics
///
/// Where the file cannot be read.
pub fn count(path: &Path) -> usize {
    std::fs::read(path).unwrap().len()
}

/// Waits until so many methods have begun, also those before. It blocks its thread.
///
/// # Panics
///
/// Where they do not begin in a minute.
pub fn wait(path: &Path, methods: usize) {
    let start = Instant::now();
    while count(path) < methods {
        assert!(start.elapsed() < PATIENCE, "{} of {methods}", count(path));
        std::thread::sleep(Duration::from_millis(1));
    }
}
