//! The files that a killed plugin cannot remove: its socket, the directory made for it, and the
//! pipes that it prints to.

use crate::handshake::Address;
use crate::host::outlet::Outlet;
#[cfg(unix)]
use crate::sys::private_dir::PrivateDir;

pub(in crate::host) use system::Leftovers;

#[cfg(unix)]
mod system {
    use std::io;

    use super::*;
    use crate::sys::private_dir;
    use crate::sys::socket_file::SocketFile;

    /// The files of one plugin.
    #[derive(Debug, Default)]
    pub(in crate::host) struct Leftovers {
        socket: Option<Socket>,
        directory: Option<PrivateDir>,
        outlet: Option<Outlet>,
        /// The plugin outlives this host, and still needs them.
        kept: bool,
    }

    /// A socket that a plugin announced.
    #[derive(Debug)]
    struct Socket {
        file: SocketFile,
        /// Whether it is certainly the plugin's: in its own directory, or with its process
        /// listening. Any other is a path that a process printed, and another process may listen
        /// there.
        own: bool,
    }

    impl From<PrivateDir> for Leftovers {
        fn from(directory: PrivateDir) -> Self {
            let mut leftovers = Self::default();
            leftovers.directory = Some(directory);
            leftovers
        }
    }

    impl Leftovers {
        /// Notes the socket that the plugin announced. From now on it is held by its directory's
        /// descriptor, and its path is not looked up again.
        pub(in crate::host) fn announced(&mut self, address: &Address) {
            let path = match address {
                Address::Unix(path) if !address.is_abstract() => path,
                Address::Unix(_) | Address::Tcp(_) => return,
            };
            let mut file = match SocketFile::find(path) {
                Ok(file) => file,
                Err(error) => {
                    tracing::debug!(path = %path.display(), %error, "no socket to clean up");
                    return;
                }
            };
            let directory = self.directory.as_ref().map(PrivateDir::held);
            let directory = directory.filter(|held| {
                let ids = (held.id(), file.directory().id());
                matches!(ids, (Ok(held), Ok(found)) if held == found)
            });
            if let Some(held) = directory {
                file.share_directory(held);
            }
            self.socket = Some(Socket {
                own: directory.is_some(),
                file,
            });
        }

        /// The plugin's process listens on the socket.
        pub(in crate::host) fn confirmed(&mut self) {
            if let Some(socket) = &mut self.socket {
                socket.own = true;
            }
        }

        /// The plugin prints there.
        pub(in crate::host) fn prints_to(&mut self, outlet: Outlet) {
            self.outlet = Some(outlet);
        }

        /// Leaves everything to a plugin that outlives this host, even if the runtime ends first.
        pub(in crate::host) fn keep(&mut self) {
            self.kept = true;
        }

        pub(in crate::host) fn is_kept(&self) -> bool {
            self.kept
        }

        pub(in crate::host) fn is_empty(&self) -> bool {
            self.socket.is_none() && self.directory.is_none() && self.outlet.is_none()
        }

        /// Removes what is certainly the plugin's, by a few system calls. The rest stays noted, and
        /// so does a directory with other files in it.
        pub(in crate::host) fn has_own_socket(&self) -> bool {
            self.socket.as_ref().is_some_and(|socket| socket.own)
        }

        pub(in crate::host) fn remove_at_once(&mut self) {
            if let Some(socket) = self.socket.take_if(|socket| socket.own) {
                socket.remove();
            }
            self.directory.take_if(PrivateDir::try_remove);
        }

        /// Removes everything after the process has ended. It may block, so not for a thread of the
        /// runtime.
        pub(in crate::host) fn remove(mut self) {
            if let Some(socket) = self.socket.take() {
                socket.remove();
            }
            if let Some(directory) = self.directory.take() {
                directory.remove();
            }
            if let Some(outlet) = self.outlet.take() {
                outlet.remove();
            }
        }
    }

    impl Drop for Leftovers {
        fn drop(&mut self) {
            if self.kept {
                // With its lock, for as long as this process lives.
                std::mem::forget(self.directory.take());
                // Its pipes show that it is in use.
                if let Some(outlet) = self.outlet.take() {
                    outlet.leave();
                }
            }
        }
    }

    impl Socket {
        /// Removes the file. A socket that the plugin only named stays while a process listens
        /// there.
        fn remove(&self) {
            let path = self.file.path().display();
            if !self.own && !self.file.is_abandoned() {
                tracing::debug!(%path, "a socket stays: it may be another process's");
                return;
            }
            match self.file.remove() {
                Ok(()) => {
                    tracing::debug!(%path, "removed the plugin's socket");
                    // A plugin without a directory from its host makes one.
                    private_dir::remove_if_ours(self.file.directory());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(%path, %error, "cannot remove the plugin's socket"),
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::*;

    /// Sockets are not files here.
    #[derive(Debug, Default)]
    pub(in crate::host) struct Leftovers {
        kept: bool,
    }

    impl Leftovers {
        pub(in crate::host) fn announced(&mut self, _: &Address) {}

        pub(in crate::host) fn confirmed(&mut self) {}

        pub(in crate::host) fn prints_to(&mut self, outlet: Outlet) {
            match outlet {}
        }

        pub(in crate::host) fn keep(&mut self) {
            self.kept = true;
        }

        pub(in crate::host) fn is_kept(&self) -> bool {
            self.kept
        }

        pub(in crate::host) fn is_empty(&self) -> bool {
            true
        }

        pub(in crate::host) fn has_own_socket(&self) -> bool {
            false
        }

        pub(in crate::host) fn remove_at_once(&mut self) {}

        pub(in crate::host) fn remove(self) {}
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;

    fn announced(path: &Path) -> Leftovers {
        let mut leftovers = Leftovers::default();
        leftovers.announced(&Address::Unix(path.to_owned()));
        leftovers
    }

    #[test]
    fn a_socket_nobody_listens_on_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        announced(&path).remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_of_somebody_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        announced(&path).remove();
        let mut leftovers = announced(&path);
        leftovers.remove_at_once();
        assert!(path.exists() && !leftovers.is_empty());
        leftovers.confirmed();
        leftovers.remove();
        assert!(!path.exists());
        drop(listener);
    }

    #[test]
    fn what_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        let mut leftovers = announced(&path);
        leftovers.confirmed();
        leftovers.remove();
        assert!(path.exists());
        announced(&directory.path().join("missing")).remove();
    }

    #[test]
    fn a_socket_in_the_plugins_own_directory_goes_at_once() {
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let path = directory.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        let mut leftovers = Leftovers::from(directory);
        leftovers.announced(&Address::Unix(path));
        leftovers.remove_at_once();
        assert!(leftovers.is_empty());
        assert_eq!(base.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn the_directory_that_a_plugin_made_goes_with_its_socket() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("plugin-dir-7");
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("socket");
        drop(UnixListener::bind(&path).unwrap());
        announced(&path).remove();
        assert!(!directory.exists());
    }

    #[test]
    fn what_a_kept_plugin_uses_stays() {
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let path = directory.path().to_owned();
        let mut leftovers = Leftovers::from(directory);
        leftovers.keep();
        drop(leftovers);
        assert!(path.exists());
    }
}
