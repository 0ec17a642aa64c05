//! Where a plugin's unix socket is made, and which group may connect to it.

#[cfg(unix)]
use std::io;
use std::path::PathBuf;

#[cfg(unix)]
use crate::InvalidOption;
#[cfg(unix)]
use crate::sys::private_dir::PrivateDir;
#[cfg(unix)]
use crate::sys::socket_path;

/// Where a plugin's unix socket is made, and which group may connect to it.
///
/// Without this, the socket is in a directory of its own in the temporary directory, which only
/// this user may enter, and which is removed with the plugin. A detached plugin makes the directory
/// itself, if it is made with this crate; one in Go puts its socket into the temporary directory.
/// Where that is too deep for a socket's path, `/tmp` takes its place.
///
/// The directory is locked (`flock`) while it is used, so that programs that clean temporary
/// directories, such as systemd-tmpfiles, leave it alone. When the host is killed, a plugin that is
/// made with this crate removes the directory. One that stays is removed by the next host
/// that makes one in the same place.
///
/// ```
/// use plugwire::host::UnixSocketConfig;
///
/// let config = UnixSocketConfig::new().temp_dir("/run/my-host").group_owner("plugins");
/// ```
#[derive(Clone, Debug, Default)]
pub struct UnixSocketConfig {
    pub(super) group: Option<String>,
    temp_dir: Option<PathBuf>,
}

impl UnixSocketConfig {
    /// The socket is this user's, in the temporary directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives socket and directory to a group, by name or number, whose members may connect too. The
    /// plugin's user must be a member. (`Group`)
    #[must_use]
    pub fn group_owner(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Makes the socket's directory in this one, which must exist. The path of a socket may have
    /// about 100 bytes, so that of the directory may have about 60. (`TempDir`)
    #[must_use]
    pub fn temp_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.temp_dir = Some(directory.into());
        self
    }

    /// Finds the first option that is invalid.
    #[cfg(unix)]
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        if let Some(group) = &self.group
            && crate::sys::group::number(group).is_err()
        {
            let expected = "the name of an existing group, or a number";
            return Err(InvalidOption::new("group_owner", group, expected));
        }
        if let Some(directory) = &self.temp_dir {
            let refused = |expected| InvalidOption::new("temp_dir", directory, expected);
            if !directory.is_dir() {
                return Err(refused("a directory that exists"));
            }
            if !socket_path::fits_within(&self.base()) {
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
        match &self.temp_dir {
            Some(base) => std::path::absolute(base).unwrap_or_else(|_| base.clone()),
            None => socket_path::temporary(),
        }
    }

    /// Makes the directory. Fails with the place that it was to be made in.
    #[cfg(unix)]
    pub(super) fn directory(&self) -> Result<PrivateDir, (PathBuf, io::Error)> {
        let base = self.base();
        let shared = PrivateDir::create_in(&base).and_then(|directory| {
            if let Some(group) = &self.group {
                crate::sys::group::share(group, |group| directory.held().share(group))?;
            }
            Ok(directory)
        });
        shared.map_err(|error| (base, error))
    }
}
