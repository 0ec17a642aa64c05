//! Where a plugin's unix socket goes, and who may connect to it.

use std::path::PathBuf;
#[cfg(unix)]
use std::{io, path::Path};

#[cfg(unix)]
use super::check::LONGEST_SOCKET_PATH;
#[cfg(unix)]
use super::runner::LaunchEnvironment;
#[cfg(unix)]
use crate::connection::InvalidOption;
#[cfg(unix)]
use crate::private_dir::{self, PrivateDir};

/// Where a plugin's unix socket goes, and who may connect to it.
///
/// Without this, the socket is in a directory of its own in the temporary directory, which only
/// this user may enter, and which goes with the plugin. A plugin that is detached makes such a
/// directory itself, if it is made with this crate; one in Go puts its socket into the temporary
/// directory.
///
/// ```
/// use plugwire::host::UnixSocketConfig;
///
/// let config = UnixSocketConfig::new().temp_dir("/run/my-host").group_owner("plugins");
/// ```
#[derive(Clone, Debug, Default)]
pub struct UnixSocketConfig {
    group: Option<String>,
    temp_dir: Option<PathBuf>,
}

impl UnixSocketConfig {
    /// The socket is this user's, in the temporary directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives socket and directory to a group, by name or number, whose members may connect too. The
    /// plugin's user has to be one of them. (`Group`)
    pub fn group_owner(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Makes the socket's directory in this one, which has to exist. The path of a socket must not
    /// be longer than about a hundred bytes. (`TempDir`)
    pub fn temp_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.temp_dir = Some(directory.into());
        self
    }

    pub(super) fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// Finds the first option that has no meaning.
    #[cfg(unix)]
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        if let Some(group) = &self.group
            && crate::group::number(group).is_err()
        {
            let expected = "the name of a group that there is, or a number";
            return Err(InvalidOption::new("group_owner", group, expected));
        }
        if let Some(directory) = &self.temp_dir {
            let refused = |expected| InvalidOption::new("temp_dir", directory, expected);
            if !directory.is_dir() {
                return Err(refused("a directory that exists"));
            }
            let made = self
                .base()
                .join(format!("{}{}", private_dir::PREFIX, u32::MAX));
            if !fits(&made, LONGEST_SOCKET_PATH) {
                return Err(refused(
                    "a path that is short enough for sockets, of about 60 bytes",
                ));
            }
        }
        Ok(())
    }

    /// Where the directory is made. Absolute, since the plugin may have another working directory.
    #[cfg(unix)]
    fn base(&self) -> PathBuf {
        let base = self.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        std::path::absolute(&base).unwrap_or(base)
    }

    /// Makes the directory. Where that fails, says where it was to be.
    #[cfg(unix)]
    fn directory(&self) -> Result<PrivateDir, (PathBuf, io::Error)> {
        let base = self.base();
        let shared = PrivateDir::create_in(&base).and_then(|directory| {
            if let Some(group) = &self.group {
                crate::group::share(directory.path(), group, 0o770)?;
            }
            Ok(directory)
        });
        shared.map_err(|error| (base, error))
    }
}

/// Makes the directory for a plugin that is to be started, and tells it. `None` where the plugin is
/// to find a place for itself.
#[cfg(unix)]
pub(super) fn prepare(
    config: Option<&UnixSocketConfig>,
    detached: bool,
    environment: &mut LaunchEnvironment,
) -> Result<Option<PrivateDir>, (PathBuf, io::Error)> {
    let key = std::ffi::OsStr::new(crate::handshake::ENV_UNIX_SOCKET_DIR);
    if environment.variables.contains_key(key) {
        return Ok(None);
    }
    let directory = match config {
        Some(config) => config.directory()?,
        // It would have to stay behind.
        None if detached => return Ok(None),
        None => match UnixSocketConfig::default().directory() {
            Ok(directory) if fits(directory.path(), SHORTEST_LIMIT) => directory,
            // Plugins without sockets are none the worse for it, and the others will say so.
            Ok(_) => return Ok(None),
            Err((_, error)) => {
                tracing::debug!(%error, "no directory for the plugin's sockets");
                return Ok(None);
            }
        },
    };
    let path = directory.path().to_owned();
    environment.socket_dir = Some(path.clone());
    environment.variables.insert(key.to_owned(), path.into());
    Ok(Some(directory))
}

/// The longest path of a socket on every system, in bytes.
#[cfg(unix)]
const SHORTEST_LIMIT: usize = 103;

/// Whether a socket in this directory has a path that is short enough.
#[cfg(unix)]
fn fits(directory: &Path, limit: usize) -> bool {
    directory.as_os_str().len() + "/plugin1234567890".len() <= limit
}
