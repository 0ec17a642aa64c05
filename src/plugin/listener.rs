//! What a plugin listens on: a unix socket at a fresh path, a TCP port where there are none, or the
//! TCP address that its author chose.

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use tokio::net::{TcpListener, TcpStream};

use super::door::Listen;
use super::serve::ServeError;
use super::tls::Security;
use crate::handshake::{self, Address, HandshakeConfig};

/// What the host says in the environment, beside the cookie.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) host_versions: Vec<u32>,
    /// The certificate of a host with AutoMTLS.
    pub(super) client_cert: Option<OsString>,
    /// Whom the host wants to outlive it, by the cookie of that plugin.
    detached: Option<OsString>,
    #[cfg_attr(not(unix), allow(dead_code, reason = "a port is in no directory"))]
    socket_dir: Option<PathBuf>,
    #[cfg_attr(not(unix), allow(dead_code, reason = "a port has no group"))]
    socket_group: Option<String>,
    #[cfg_attr(unix, allow(dead_code, reason = "a unix socket has no port"))]
    min_port: Option<String>,
    #[cfg_attr(unix, allow(dead_code, reason = "a unix socket has no port"))]
    max_port: Option<String>,
}

impl Environment {
    pub(super) fn of_this_process() -> Self {
        let raw = |key| std::env::var_os(key).filter(|value: &OsString| !value.is_empty());
        let text = |key| std::env::var(key).ok().filter(|value| !value.is_empty());
        let versions = text(handshake::ENV_PROTOCOL_VERSIONS).unwrap_or_default();
        Self {
            host_versions: handshake::parse_versions(&versions),
            client_cert: raw(handshake::ENV_CLIENT_CERT),
            detached: raw(handshake::ENV_DETACHED),
            socket_dir: raw(handshake::ENV_UNIX_SOCKET_DIR).map(PathBuf::from),
            socket_group: text(handshake::ENV_UNIX_SOCKET_GROUP),
            min_port: text(handshake::ENV_MIN_PORT),
            max_port: text(handshake::ENV_MAX_PORT),
        }
    }

    /// Whether the plugin with this cookie is to outlive the host. A host in Go that is a plugin
    /// itself passes on what its own host said of it, which is no business of its plugins.
    pub(super) fn detaches(&self, handshake: &HandshakeConfig) -> bool {
        let detached = self.detached.as_deref();
        detached.is_some_and(|detached| detached == handshake.cookie_assignment().as_str())
    }
}

/// Where a plugin listens on the network, instead of where it is usual.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) address: SocketAddr,
    /// Whether it may be where anybody can come, since they could not listen in or since that is as
    /// it should be.
    pub(super) anywhere: bool,
}

/// Removes the files of sockets, for a process that is about to exit without dropping its listener.
pub(super) fn remove_files() {
    #[cfg(unix)]
    super::socket_place::remove_all();
}

/// A socket that hosts connect to.
pub(super) enum Listener {
    #[cfg(unix)]
    Unix(unix::Socket),
    Tcp(tcp::Socket),
}

/// A host that has connected.
pub(super) enum Accepted {
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    /// Listens at the network address, if there is one, and else where hosts expect it.
    pub(super) async fn bind(
        environment: &Environment,
        network: Option<Network>,
        security: &Security,
    ) -> Result<Self, ServeError> {
        match network {
            Some(mut network) => {
                network.anywhere |= security.acceptor.is_some();
                Ok(Self::Tcp(tcp::Socket::bind_network(network).await?))
            }
            #[cfg(unix)]
            None => Ok(Self::Unix(unix::Socket::bind(environment)?)),
            #[cfg(not(unix))]
            None => Ok(Self::Tcp(tcp::Socket::bind(environment)?)),
        }
    }

    pub(super) fn address(&self) -> &Address {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => socket.address(),
            Self::Tcp(socket) => socket.address(),
        }
    }
}

impl Listen for Listener {
    type Connection = Accepted;

    /// Does no more than accept, so that a failure is the listener's and not the connection's.
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => Ok(Accepted::Unix(socket.accept().await?)),
            Self::Tcp(socket) => Ok(Accepted::Tcp(socket.accept().await?)),
        }
    }
}

#[cfg(unix)]
mod unix {
    use tokio::net::{UnixListener, UnixStream};

    use super::super::socket_place::SocketPlace;
    use super::*;

    /// A unix socket. Its file is removed when it is dropped, and then its directory if that was made
    /// for it.
    pub(in crate::plugin) struct Socket {
        listener: UnixListener,
        address: Address,
        _place: SocketPlace,
    }

    impl Socket {
        /// Listens in the directory that the host made for it, or in a fresh one that only this user
        /// may enter.
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
}

mod tcp {
    use super::*;

    /// A TCP port.
    pub(in crate::plugin) struct Socket {
        listener: TcpListener,
        address: Address,
    }

    impl Socket {
        /// Listens where the plugin's author says.
        pub(in crate::plugin) async fn bind_network(network: Network) -> Result<Self, ServeError> {
            let Network { address, anywhere } = network;
            if !address.ip().is_loopback() && !anywhere {
                return Err(ServeError::Plaintext { address });
            }
            let failed = |source| ServeError::Listen {
                place: address.to_string(),
                source,
            };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let address = dialable(listener.local_addr().map_err(failed)?);
            Ok(Self {
                listener,
                address: Address::Tcp(address.to_string()),
            })
        }

        /// Listens on the loopback interface, on a port that the host allows. Compiled for the tests
        /// on Unix too, so that it is checked where most of the work is done.
        #[cfg(any(not(unix), test))]
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
            Ok(self.listener.accept().await?.0)
        }
    }

    /// Where the host, which is on this machine, connects to. One that listens everywhere is not
    /// reached "everywhere".
    fn dialable(mut address: SocketAddr) -> SocketAddr {
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            });
        }
        address
    }

    #[cfg(any(not(unix), test))]
    fn bind(port: u16) -> io::Result<(TcpListener, Address)> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let address = Address::Tcp(listener.local_addr()?.to_string());
        Ok((TcpListener::from_std(listener)?, address))
    }

    /// Absent is 0, and from 0 to 0 is any free port.
    #[cfg(any(not(unix), test))]
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
            let listener = Socket::bind(&Environment::default()).unwrap();
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
            let error = Socket::bind(&ports(&port, &port)).err().unwrap();
            assert!(matches!(error, ServeError::Listen { .. }), "{error:?}");
        }

        #[tokio::test]
        async fn beyond_loopback_it_takes_a_word() {
            let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            let network = |address, anywhere| Network { address, anywhere };
            let refused = Socket::bind_network(network(anywhere, false)).await;
            let error = refused.err().unwrap();
            assert!(matches!(error, ServeError::Plaintext { .. }), "{error:?}");
            let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            for (address, allowed) in [(loopback, false), (anywhere, true)] {
                let listener = Socket::bind_network(network(address, allowed))
                    .await
                    .unwrap();
                let address = listener.address().to_string();
                assert!(address.starts_with("127.0.0.1:"), "{address}");
                let (connected, accepted) =
                    tokio::join!(TcpStream::connect(&address), listener.accept());
                connected.unwrap();
                accepted.unwrap();
            }
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
