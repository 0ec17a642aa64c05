//! The file of a unix socket.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::sys::held_dir::{FileId, HeldDir};

/// A socket that was found at a path, and its directory.
#[derive(Debug)]
pub(crate) struct SocketFile {
    directory: HeldDir,
    name: OsString,
    id: FileId,
    path: PathBuf,
}

impl SocketFile {
    /// Finds the socket. Any other file is [`NotFound`](io::ErrorKind::NotFound).
    pub(crate) fn find(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
        let directory = HeldDir::open_parent(path)?;
        Self::find_in(&directory, name, path.parent().unwrap_or(Path::new("")))
    }

    /// Finds the socket in a directory, whose path is `place`.
    pub(crate) fn find_in(directory: &HeldDir, name: &OsStr, place: &Path) -> io::Result<Self> {
        Ok(Self {
            id: directory.socket(name)?,
            name: name.to_owned(),
            path: place.join(name),
            directory: directory.clone(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn directory(&self) -> &HeldDir {
        &self.directory
    }

    /// Uses another descriptor of the same directory instead of one of its own.
    #[cfg(feature = "host")]
    pub(crate) fn share_directory(&mut self, directory: &HeldDir) {
        self.directory = directory.clone();
    }

    /// Whether it is certain that no process has the socket open.
    ///
    /// The system refuses the connection of a datagram socket in one of two ways: with "wrong type"
    /// if there is a listener, and with "connection refused" if there is none. Neither disturbs the
    /// process that listens.
    pub(crate) fn is_abandoned(&self) -> bool {
        let path = self.directory.path_of(&self.name, &self.path);
        let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
        connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Removes the file, unless it is gone or another file has its name.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match self.directory.socket(&self.name) {
            Ok(id) if id == self.id => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        match self.directory.unlink(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Gives the socket to a group.
    #[cfg(feature = "plugin")]
    pub(crate) fn share(&self, group: rustix::fs::Gid) -> io::Result<()> {
        self.directory.share_socket(&self.name, group)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_listener_is_noticed_and_not_disturbed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let socket = SocketFile::find(&path).unwrap();
        assert!(!socket.is_abandoned());
        listener.set_nonblocking(true).unwrap();
        let error = listener.accept().unwrap_err();
        assert_eq!(
            error.kind(),
            io::ErrorKind::WouldBlock,
            "the listener saw no connection"
        );
        let _connected = UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(socket.is_abandoned());
        socket.remove().unwrap();
        assert!(!path.exists() && !socket.is_abandoned());
        socket.remove().unwrap();
    }

    #[test]
    fn other_files_are_not_found() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        std::os::unix::fs::symlink("precious", place.path().join("link")).unwrap();
        for name in ["precious", "link", "missing", "missing/too", ".."] {
            let error = SocketFile::find(&place.path().join(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{name}");
        }
    }

    #[test]
    fn another_socket_of_its_name_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let _one = UnixListener::bind(&path).unwrap();
        let socket = SocketFile::find(&path).unwrap();
        // Kept, so that the next socket does not get its inode number.
        std::fs::rename(&path, place.path().join("moved")).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        socket.remove().unwrap();
        assert!(path.exists());
    }

    /// A link to another directory takes the place of the directory, between finding the socket and
    /// removing it.
    #[test]
    fn a_link_in_the_directorys_place_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (own, other) = (place.path().join("own"), place.path().join("other"));
        for directory in [&own, &other] {
            std::fs::create_dir(directory).unwrap();
        }
        drop(UnixListener::bind(own.join("socket")).unwrap());
        let _listener = UnixListener::bind(other.join("socket")).unwrap();
        let socket = SocketFile::find(&own.join("socket")).unwrap();
        std::fs::rename(&own, place.path().join("moved")).unwrap();
        std::os::unix::fs::symlink(&other, &own).unwrap();
        assert!(socket.is_abandoned());
        socket.remove().unwrap();
        assert!(other.join("socket").exists());
        assert!(!place.path().join("moved/socket").exists());
    }
}
