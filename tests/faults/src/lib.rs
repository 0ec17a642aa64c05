//! Supervised plugins that fail in every way under their callers.

#![forbid(unsafe_code)]
#![cfg(unix)]

pub mod callers;
pub mod figures;
pub mod judge;
pub mod plot;
pub mod rounds;
pub mod soak;
pub mod worker;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plugwire::handshake::HandshakeConfig;
use plugwire::host::{ClientConfig, Health, RestartPolicy, SupervisorConfig};

/// What host and plugin agree on.
pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_FAULTS", "cookie");

/// How many callers a plugin has.
pub const CALLERS: usize = 64;

/// A plugin that is started again at once, and is found out when it does not answer. It is
/// `program`, with its sockets in `place`.
#[must_use]
pub fn config(program: &Path, place: &Path) -> SupervisorConfig {
    let mut command = Command::new(program);
    command.env("PLUGIN_UNIX_SOCKET_DIR", place);
    let client = ClientConfig::new(HANDSHAKE, command).kill_grace(Duration::from_millis(100));
    let delays = (Duration::from_millis(10), Duration::from_millis(50));
    let policy = RestartPolicy::default().delays(delays.0, delays.1);
    // A busy machine may be slow to answer.
    let health = Health::every(Duration::from_millis(100)).deadline(Duration::from_secs(2));
    SupervisorConfig::new(client)
        .restart(policy.unlimited())
        .health(health)
}
