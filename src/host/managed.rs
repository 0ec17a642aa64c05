//! The clients that one call cleans up.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::task::JoinSet;

use super::running::Running;

/// Held to add to the list or to take it, and never with another lock.
static MANAGED: Mutex<Vec<Weak<Running>>> = Mutex::new(Vec::new());

pub(super) fn manage(running: &Arc<Running>) {
    let mut managed = MANAGED.lock().unwrap_or_else(PoisonError::into_inner);
    managed.retain(|other| other.strong_count() > 0);
    managed.push(Arc::downgrade(running));
}

/// Ends every [managed] plugin of this process, all at once, and returns when they are gone. A host
/// calls it before it ends. (`CleanupClients`)
///
/// That includes plugins whose [`Client`](super::Client) was dropped and that have not exited yet.
/// Each is ended as by [`Client::kill`], so this takes as long as the slowest of them. Plugins that
/// are launched meanwhile are not among them. It may be called again.
///
/// ```no_run
/// # use plugwire::handshake::HandshakeConfig;
/// # const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// use std::process::Command;
/// use plugwire::host::{self, Client, ClientConfig};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = |path| ClientConfig::new(HANDSHAKE, Command::new(path)).managed(true);
/// let one = Client::launch(config("./one")).await?;
/// let other = Client::launch(config("./other")).await?;
/// // ...
/// host::cleanup_clients().await;
/// # Ok(())
/// # }
/// ```
///
/// [managed]: super::ClientConfig::managed
/// [`Client::kill`]: super::Client::kill
pub async fn cleanup_clients() {
    let managed = std::mem::take(&mut *MANAGED.lock().unwrap_or_else(PoisonError::into_inner));
    let mut kills = JoinSet::new();
    for running in managed.iter().filter_map(Weak::upgrade) {
        kills.spawn(async move { running.kill().await });
    }
    while let Some(killed) = kills.join_next().await {
        if let Err(error) = killed {
            tracing::error!(%error, "cannot clean up a plugin");
        }
    }
}
