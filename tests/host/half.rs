//! The plugin's half of a test: this test program again.
//!
//! What libtest prints must not come before the handshake, so the program's stdout leads nowhere
//! and the real one waits as descriptor 3 until the plugin's half calls [`take_stdout`].

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;

use plugwire::plugin::{self, ServeConfig};

/// The command that runs a test of this program as a plugin, with its sockets in `place`.
pub fn command(test: &str, place: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            r#"exec "$0" --exact "$1" --nocapture 3>&1 >/dev/null"#,
        ])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("PLUGIN_UNIX_SOCKET_DIR", place);
    command
}

/// Gives this process the stdout that its host reads.
pub fn take_stdout() {
    let stdout = OpenOptions::new().write(true).open("/dev/fd/3").unwrap();
    rustix::stdio::dup2_stdout(&stdout).unwrap();
}

/// Serves and ends the process, where it is a plugin's: where its host has set the variable.
pub fn serve(variable: &str, config: impl FnOnce() -> ServeConfig) {
    if std::env::var_os(variable).is_none() {
        return;
    }
    take_stdout();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(plugin::serve(config()));
    std::process::exit(0);
}
