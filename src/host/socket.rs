//! The socket file of a plugin, which a plugin that is killed cannot remove itself.

use std::path::{Path, PathBuf};

use crate::handshake::Address;
use crate::private_dir;

/// A unix socket that a plugin announced.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Whether the plugin has answered on it. Before that the path is only what somebody printed.
    confirmed: bool,
}

impl SocketFile {
    /// The file to clean up behind a plugin that listens on `address`.
    pub(super) fn announced(address: &Address) -> Option<Self> {
        match address {
            _ if address.is_abstract() => None,
            Address::Unix(path) => Some(Self {
                path: path.clone(),
                confirmed: false,
            }),
            Address::Tcp(_) => None,
        }
    }

    /// The plugin answered, so the socket is its own.
    pub(super) fn confirmed(mut self) -> Self {
        self.confirmed = true;
        self
    }

    /// Removes the file, now that the process is gone. What is no socket stays; so does a socket
    /// the plugin merely named, as long as anyone listens there.
    pub(super) async fn remove_abandoned(self) {
        if !system::is_socket(&self.path) {
            return;
        }
        if !self.confirmed && !system::is_abandoned(&self.path).await {
            return;
        }
        match std::fs::remove_file(&self.path) {
            Ok(()) => {
                tracing::debug!(path = %self.path.display(), "removed the plugin's socket");
                remove_private_dir(&self.path);
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot remove the plugin's socket");
            }
        }
    }
}

/// Removes the directory that a plugin made for its socket alone.
fn remove_private_dir(socket: &Path) {
    let directory = socket.parent().filter(|directory| {
        let name = directory.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(private_dir::PREFIX))
    });
    if let Some(directory) = directory {
        // Only if it is empty. If it is not, somebody else uses it.
        let _ = std::fs::remove_dir(directory);
    }
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::os::unix::fs::FileTypeExt;
    use std::path::Path;
    use std::time::Duration;

    use tokio::net::UnixStream;

    pub(super) fn is_socket(path: &Path) -> bool {
        path.symlink_metadata()
            .is_ok_and(|metadata| metadata.file_type().is_socket())
    }

    /// Whether the socket file has no listener behind it.
    pub(super) async fn is_abandoned(path: &Path) -> bool {
        let connect = tokio::time::timeout(Duration::from_secs(1), UnixStream::connect(path));
        matches!(connect.await, Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

#[cfg(not(unix))]
mod system {
    use std::path::Path;

    pub(super) fn is_socket(_: &Path) -> bool {
        false
    }

    pub(super) async fn is_abandoned(_: &Path) -> bool {
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use tokio::net::UnixListener;

    use super::*;

    fn announced(path: &Path) -> SocketFile {
        SocketFile::announced(&Address::Unix(path.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn a_socket_nobody_listens_on_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        announced(&path).remove_abandoned().await;
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_of_somebody_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        announced(&path).remove_abandoned().await;
        assert!(path.exists());
        announced(&path).confirmed().remove_abandoned().await;
        assert!(!path.exists());
        drop(listener);
    }

    #[tokio::test]
    async fn what_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        announced(&path).confirmed().remove_abandoned().await;
        assert!(path.exists());
        announced(&directory.path().join("missing"))
            .remove_abandoned()
            .await;
    }
}
