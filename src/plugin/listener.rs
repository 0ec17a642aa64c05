//! What a plugin listens on: a unix socket at a fresh path, or a TCP port where there are none.

use std::io;
use std::path::PathBuf;

use super::serve::ServeError;
use crate::handshake::{self, Address};

/// What the host says in the environment, beside the cookie.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) host_versions: Vec<u32>,
    #[cfg_attr(not(unix), allow(dead_code, reason = "a port is in no directory"))]
    socket_dir: Option<PathBuf>,
    #[cfg_attr(unix, allow(dead_code, reason = "a unix socket has no port"))]
    min_port: Option<String>,
    #[cfg_attr(unix, allow(dead_code, reason = "a unix socket has no port"))]
    max_port: Option<String>,
}

impl Environment {
    pub(super) fn of_this_process() -> Self {
        let text = |key| std::env::var(key).ok().filter(|value| !value.is_empty());
        let versions = text(handshake::ENV_PROTOCOL_VERSIONS).unwrap_or_default();
        Self {
            host_versions: handshake::parse_versions(&versions),
            socket_dir: std::env::var_os(handshake::ENV_UNIX_SOCKET_DIR)
                .filter(|directory| !directory.is_empty())
                .map(PathBuf::from),
            min_port: text(handshake::ENV_MIN_PORT),
            max_port: text(handshake::ENV_MAX_PORT),
        }
    }
}

#[cfg(unix)]
pub(super) use unix::Listener;

#[cfg(not(unix))]
pub(super) use tcp::Listener;

#[cfg(unix)]
mod unix {
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hasher};
    use std::path::Path;

    use tokio::net::UnixListener;

    use super::*;
    use crate::unix_stream::QuietUnixStream;

    /// A unix socket. Its file is removed when it is dropped.
    pub(in crate::plugin) struct Listener {
        listener: UnixListener,
        address: Address,
        _file: SocketFile,
    }

    struct SocketFile(PathBuf);

    impl Drop for SocketFile {
        fn drop(&mut self) {
            if let Err(error) = std::fs::remove_file(&self.0) {
                // A host that found us gone may have removed it already.
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %self.0.display(), %error, "cannot remove the socket");
                }
            }
        }
    }

    impl Listener {
        pub(in crate::plugin) fn bind(environment: &Environment) -> Result<Self, ServeError> {
            let directory = environment
                .socket_dir
                .clone()
                .unwrap_or_else(std::env::temp_dir);
            let (listener, path) = bind_fresh(&directory).map_err(|source| ServeError::Listen {
                place: directory.display().to_string(),
                source,
            })?;
            Ok(Self {
                listener,
                address: Address::Unix(path.clone()),
                _file: SocketFile(path),
            })
        }

        pub(in crate::plugin) fn address(&self) -> &Address {
            &self.address
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<QuietUnixStream> {
            let (stream, _) = self.listener.accept().await?;
            QuietUnixStream::new(stream)
        }
    }

    /// Binds to a path nobody uses. Binding itself is the check, so no other process can get in
    /// between.
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

    /// A number that differs from process to process and from call to call: the keys of the
    /// standard library's hash maps are random.
    fn random() -> u32 {
        RandomState::new().build_hasher().finish() as u32
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn within(directory: &Path) -> Environment {
            Environment {
                socket_dir: Some(directory.to_owned()),
                ..Environment::default()
            }
        }

        #[tokio::test]
        async fn the_socket_is_made_where_the_host_says_and_removed() {
            let directory = tempfile::tempdir().unwrap();
            let listener = Listener::bind(&within(directory.path())).unwrap();
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
            let error = Listener::bind(&within(Path::new("/no/such/place")))
                .err()
                .unwrap();
            assert!(error.to_string().contains("/no/such/place"), "{error}");
        }

        #[tokio::test]
        async fn two_listeners_have_two_paths() {
            let directory = tempfile::tempdir().unwrap();
            let one = Listener::bind(&within(directory.path())).unwrap();
            let other = Listener::bind(&within(directory.path())).unwrap();
            assert_ne!(one.address(), other.address());
        }
    }
}

/// Compiled for the tests on Unix too, so that it is checked where most of the work is done.
#[cfg(any(not(unix), test))]
mod tcp {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A TCP port on the loopback interface.
    pub(in crate::plugin) struct Listener {
        listener: TcpListener,
        address: Address,
    }

    impl Listener {
        pub(in crate::plugin) fn bind(environment: &Environment) -> Result<Self, ServeError> {
            let (lowest, highest) = port_range(environment)?;
            let failed = |source| ServeError::Listen {
                place: format!("127.0.0.1, ports {lowest} to {highest}"),
                source,
            };
            let mut last = io::ErrorKind::AddrInUse.into();
            for port in lowest..=highest {
                match bind(port) {
                    Ok((listener, address)) => return Ok(Self { listener, address }),
                    Err(error) => last = error,
                }
            }
            Err(failed(last))
        }

        pub(in crate::plugin) fn address(&self) -> &Address {
            &self.address
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<TcpStream> {
            let (stream, _) = self.listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    }

    fn bind(port: u16) -> io::Result<(TcpListener, Address)> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let address = Address::Tcp(listener.local_addr()?.to_string());
        Ok((TcpListener::from_std(listener)?, address))
    }

    /// Absent is 0, and from 0 to 0 is any free port.
    fn port_range(environment: &Environment) -> Result<(u16, u16), ServeError> {
        let port = |key: &str, value: &Option<String>| match value {
            None => Ok(0),
            Some(value) => value.parse::<u16>().map_err(|error| {
                ServeError::Ports(format!("couldn't get value from {key}: {value:?}: {error}"))
            }),
        };
        let lowest = port(handshake::ENV_MIN_PORT, &environment.min_port)?;
        let highest = port(handshake::ENV_MAX_PORT, &environment.max_port)?;
        if lowest > highest {
            return Err(ServeError::Ports(format!(
                "{} value of {lowest} is greater than {} value of {highest}",
                handshake::ENV_MIN_PORT,
                handshake::ENV_MAX_PORT,
            )));
        }
        Ok((lowest, highest))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn ports(lowest: &str, highest: &str) -> Environment {
            Environment {
                min_port: Some(lowest.to_owned()),
                max_port: Some(highest.to_owned()),
                ..Environment::default()
            }
        }

        #[tokio::test]
        async fn without_a_range_any_port_will_do() {
            let listener = Listener::bind(&Environment::default()).unwrap();
            let address = listener.address().to_string();
            assert!(
                address.starts_with("127.0.0.1:") && !address.ends_with(":0"),
                "{address}"
            );
            let (connected, accepted) =
                tokio::join!(TcpStream::connect(&address), listener.accept());
            connected.unwrap();
            accepted.unwrap();
        }

        #[tokio::test]
        async fn a_taken_port_is_passed_over() {
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = taken.local_addr().unwrap().port().to_string();
            let error = Listener::bind(&ports(&port, &port)).err().unwrap();
            assert!(matches!(error, ServeError::Listen { .. }), "{error:?}");
        }

        #[test]
        fn what_is_no_range_is_refused() {
            for (lowest, highest) in [("9", "8"), ("x", "8"), ("1", "65536")] {
                let error = port_range(&ports(lowest, highest)).unwrap_err();
                assert!(matches!(error, ServeError::Ports(_)), "{error:?}");
            }
        }
    }
}
