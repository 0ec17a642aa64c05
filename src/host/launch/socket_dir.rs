//! The directory that a host makes for the socket of the plugin that it starts.

use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use crate::handshake::{Address, ENV_UNIX_SOCKET_DIR};
use crate::host::config::ClientConfig;
use crate::host::launchable::Starter;
use crate::host::process::Leftovers;
#[cfg(unix)]
use crate::host::unix_socket::UnixSocketConfig;
#[cfg(unix)]
use crate::sys::{private_dir::PrivateDir, socket_path};

/// A directory for the plugin's socket, or none where the plugin finds a place by itself.
#[derive(Debug, Default)]
pub(super) struct SocketDir {
    #[cfg(unix)]
    made: Option<Made>,
}

#[cfg(unix)]
#[derive(Debug)]
struct Made {
    directory: PrivateDir,
    /// What the plugin calls it, which differs where its runner says so.
    in_plugin: PathBuf,
}

#[cfg(unix)]
impl SocketDir {
    /// Makes the directory. Fails with the path that cannot be used.
    pub(super) fn make(
        config: &ClientConfig,
        starter: &Starter,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let Some(directory) = private_dir(config, starter.detached)? else {
            return Ok(Self::default());
        };
        let path = directory.path();
        let address = Address::Unix(path.to_owned());
        let in_plugin = match starter.runner.host_to_plugin(address) {
            Ok(Address::Unix(in_plugin)) => in_plugin,
            Ok(Address::Tcp(_)) => path.to_owned(),
            Err(error) => return Err((path.to_owned(), error)),
        };
        let made = Some(Made {
            directory,
            in_plugin,
        });
        Ok(Self { made })
    }

    /// Its path on this host.
    pub(super) fn in_host(&self) -> Option<&Path> {
        self.made.as_ref().map(|made| made.directory.path())
    }

    /// Its path where the plugin runs.
    pub(super) fn in_plugin(&self) -> Option<&Path> {
        self.made.as_ref().map(|made| &*made.in_plugin)
    }

    /// What must be removed after the plugin.
    pub(super) fn into_leftovers(self) -> Leftovers {
        let directory = self.made.map(|made| made.directory);
        directory.map_or_else(Leftovers::default, Leftovers::from)
    }
}

#[cfg(unix)]
fn private_dir(
    config: &ClientConfig,
    detached: bool,
) -> Result<Option<PrivateDir>, (PathBuf, io::Error)> {
    if config.env.iter().any(|(key, _)| key == ENV_UNIX_SOCKET_DIR) {
        return Ok(None);
    }
    if let Some(config) = &config.unix_socket {
        return config.directory().map(Some);
    }
    // This host may be gone when the plugin ends, so the plugin makes the directory and removes it.
    if detached {
        return Ok(None);
    }
    match UnixSocketConfig::default().directory() {
        Ok(directory) if socket_path::fits(directory.path()) => Ok(Some(directory)),
        // Plugins without sockets do not need it, and the others report the same error.
        Ok(_) => Ok(None),
        Err((_, error)) => {
            tracing::debug!(%error, "no directory for the plugin's sockets");
            Ok(None)
        }
    }
}

/// Plugins have no unix sockets here.
#[cfg(not(unix))]
impl SocketDir {
    pub(super) fn make(_: &ClientConfig, _: &Starter) -> Result<Self, (PathBuf, io::Error)> {
        Ok(Self::default())
    }

    pub(super) fn in_host(&self) -> Option<&Path> {
        None
    }

    pub(super) fn in_plugin(&self) -> Option<&Path> {
        None
    }

    pub(super) fn into_leftovers(self) -> Leftovers {
        Leftovers::default()
    }
}
