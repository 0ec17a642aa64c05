//! The file of a plugin's unix socket and its directory, and their removal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::net::UnixListener;

use crate::sys::private_dir::{PrivateDir, random};
use crate::sys::socket_file::SocketFile;
use crate::sys::{group, socket_path};

/// The file of a socket and its directory. Dropping this removes the file. It also removes the
/// directory if that was made for the plugin and is empty: the host that made it may be dead.
pub(super) struct SocketPlace {
    path: PathBuf,
    files: Arc<Mutex<Option<Files>>>,
}

struct Files {
    socket: SocketFile,
    /// `None` if the directory has other uses.
    directory: Option<PrivateDir>,
}

/// The files that this process has to remove.
///
/// Lock order: this one, then that of one place. The files are removed while it is held only when
/// the process exits.
static PLACES: Mutex<Vec<Weak<Mutex<Option<Files>>>>> = Mutex::new(Vec::new());

impl SocketPlace {
    /// Listens in the directory that was `given`, or in a new one. An error comes with the
    /// directory.
    pub(super) fn bind(
        given: Option<&Path>,
        group: Option<&str>,
    ) -> Result<(UnixListener, Self), (PathBuf, io::Error)> {
        let given = given.filter(|given| may_bind_in(given));
        let (place, directory) = match given {
            Some(given) => (given.to_owned(), PrivateDir::given(given)),
            None => {
                let base = socket_path::temporary();
                let own = PrivateDir::create_in(&base).map_err(|error| (base, error))?;
                (own.path().to_owned(), Some(own))
            }
        };
        let bound = bind_fresh(&place).and_then(|(listener, path)| {
            let socket = SocketFile::find(&path)?;
            let files = Files { socket, directory };
            if let Some(group) = group {
                if let Some(own) = files.directory.as_ref().filter(|_| given.is_none()) {
                    group::share(group, |group| own.held().share(group))?;
                }
                group::share(group, |group| files.socket.share(group))?;
            }
            let files = Arc::new(Mutex::new(Some(files)));
            remember(&files);
            Ok((listener, Self { path, files }))
        });
        bound.map_err(|error| (place, error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        remove(&self.files);
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Err(error) = self.socket.remove() {
            let path = self.socket.path().display();
            tracing::warn!(%path, %error, "cannot remove the socket");
        }
    }
}

/// Removes the sockets of this process and their directories. For a process that is about to exit
/// without dropping its listeners.
pub(super) fn remove_all() {
    let places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    for place in places.iter().filter_map(Weak::upgrade) {
        remove(&place);
    }
}

fn remove(files: &Mutex<Option<Files>>) {
    let taken = files.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(taken);
}

fn remember(files: &Arc<Mutex<Option<Files>>>) {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    places.retain(|place| place.strong_count() > 0);
    places.push(Arc::downgrade(files));
}

/// Whether the path of a socket in the host's directory is short enough. If not, the socket goes
/// elsewhere.
fn may_bind_in(given: &Path) -> bool {
    let fits = socket_path::fits(given);
    if !fits {
        let given = given.display();
        tracing::warn!(%given, "the directory for sockets is too deep, so another one is made");
    }
    fits
}

/// Binds to an unused path. Binding itself is the check, so no other process can come between.
fn bind_fresh(directory: &Path) -> io::Result<(UnixListener, PathBuf)> {
    const ATTEMPTS: usize = 10_000;
    let mut last = io::ErrorKind::AddrInUse.into();
    for _ in 0..ATTEMPTS {
        let digits = random();
        let path = directory.join(format!("plugin{digits}"));
        match UnixListener::bind(&path) {
            Ok(listener) => return Ok((listener, path)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(directory: &Path) -> usize {
        directory.read_dir().unwrap().count()
    }

    #[tokio::test]
    async fn a_directory_that_a_host_made_for_it_goes_with_the_socket() {
        let base = tempfile::tempdir().unwrap();
        // Its maker is dead.
        let made = base.path().join("plugin-dir-1");
        std::fs::create_dir(&made).unwrap();
        let (listener, place) = SocketPlace::bind(Some(&made), None).unwrap();
        assert!(place.path().starts_with(&made) && place.path().exists());
        drop((listener, place));
        assert_eq!(count(base.path()), 0);
    }

    #[tokio::test]
    async fn a_directory_with_more_in_it_stays() {
        let base = tempfile::tempdir().unwrap();
        let made = base.path().join("plugin-dir-1");
        std::fs::create_dir(&made).unwrap();
        std::fs::write(made.join("more"), "").unwrap();
        drop(SocketPlace::bind(Some(&made), None).unwrap());
        assert!(made.join("more").exists());
        assert_eq!(count(&made), 1);
    }

    #[tokio::test]
    async fn a_directory_that_is_too_deep_is_replaced() {
        let base = tempfile::tempdir().unwrap();
        let deep = base.path().join("x".repeat(socket_path::LONGEST));
        std::fs::create_dir(&deep).unwrap();
        let (listener, place) = SocketPlace::bind(Some(&deep), None).unwrap();
        assert!(!place.path().starts_with(&deep) && place.path().exists());
        let directory = place.path().parent().unwrap().to_owned();
        drop((listener, place));
        assert!(!directory.exists());
        assert_eq!(count(&deep), 0);
    }

    #[tokio::test]
    async fn a_process_that_exits_removes_what_it_has() {
        let base = tempfile::tempdir().unwrap();
        let (_listener, place) = SocketPlace::bind(Some(base.path()), None).unwrap();
        assert_eq!(count(base.path()), 1);
        // Not `remove_all`, which would also remove the sockets of concurrent tests.
        remove(&place.files);
        assert_eq!(count(base.path()), 0);
        drop(place);
        assert!(base.path().exists());
    }
}
