//! A unix socket to listen on.

use std::io;

use tokio::net::{UnixListener, UnixStream};

use super::socket_place::SocketPlace;
use crate::handshake::{Address, Environment};
use crate::plugin::error::ServeError;

/// A unix socket. Dropping it removes its file, and its directory if that was made for it.
pub(in crate::plugin) struct Socket {
    listener: UnixListener,
    address: Address,
    _place: SocketPlace,
}

impl Socket {
    /// Listens in the directory that the host made for it, or in a new one that only this user may
    /// enter.
    pub(in crate::plugin) fn bind(environment: &Environment) -> Result<Self, ServeError> {
        let given = environment.socket_dir.as_deref();
        let bound = SocketPlace::bind(given, environment.socket_group.as_deref());
        let (listener, place) = bound.map_err(|(place, source)| ServeError::Listen {
            place: place.display().to_string(),
            source,
        })?;
        Ok(Self {
            listener,
            address: Address::Unix(place.path().to_owned()),
            _place: place,
        })
    }

    pub(in crate::plugin) fn address(&self) -> &Address {
        &self.address
    }

    pub(in crate::plugin) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn within(directory: &Path) -> Environment {
        Environment {
            socket_dir: Some(directory.to_owned()),
            ..Environment::default()
        }
    }

    #[tokio::test]
    async fn without_a_directory_there_is_a_private_one() {
        use std::os::unix::fs::PermissionsExt;
        let listener = Socket::bind(&Environment::default()).unwrap();
        let Address::Unix(path) = listener.address().clone() else {
            panic!("{:?}", listener.address());
        };
        let directory = path.parent().unwrap().to_owned();
        let mode = directory.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(listener);
        assert!(!directory.exists());
    }

    #[tokio::test]
    async fn a_group_gets_the_socket() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let group = rustix::process::getegid().as_raw();
        let mut environment = within(directory.path());
        environment.socket_group = Some(group.to_string());
        let listener = Socket::bind(&environment).unwrap();
        let metadata = std::fs::metadata(listener.address().to_string()).unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o777), (group, 0o660));
        environment.socket_group = Some("no such group".to_owned());
        assert!(Socket::bind(&environment).is_err());
        drop(listener);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_socket_is_made_where_the_host_says_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let listener = Socket::bind(&within(directory.path())).unwrap();
        let Address::Unix(path) = listener.address().clone() else {
            panic!("{:?}", listener.address());
        };
        let name = path
            .strip_prefix(directory.path())
            .unwrap()
            .to_str()
            .unwrap();
        let digits = name.strip_prefix("plugin").unwrap();
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
        let (connected, accepted) =
            tokio::join!(tokio::net::UnixStream::connect(&path), listener.accept());
        connected.unwrap();
        accepted.unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_named() {
        let error = Socket::bind(&within(Path::new("/no/such/place")))
            .err()
            .unwrap();
        assert!(error.to_string().contains("/no/such/place"), "{error}");
    }

    #[tokio::test]
    async fn two_listeners_have_two_paths() {
        let directory = tempfile::tempdir().unwrap();
        let one = Socket::bind(&within(directory.path())).unwrap();
        let other = Socket::bind(&within(directory.path())).unwrap();
        assert_ne!(one.address(), other.address());
    }
}
