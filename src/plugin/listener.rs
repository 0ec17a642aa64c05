//! What a plugin listens on: a unix socket at a fresh path, a TCP port where there are none, or the
//! TCP address that its author chose.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};

use super::door::Listen;
use super::serve::ServeError;
use super::tls::Security;
use crate::handshake::{Address, Environment};

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
            let ports = environment.ports.clone();
            let ports = ports.map_err(|error| ServeError::Ports(error.to_string()))?;
            let failed = |source| ServeError::Listen {
                place: format!("127.0.0.1, ports {} to {}", ports.start(), ports.end()),
                source,
            };
            let mut last = io::ErrorKind::AddrInUse.into();
            for port in ports.clone() {
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

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::handshake::HandshakeConfig;

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
            let port = taken.local_addr().unwrap().port();
            let environment = Environment {
                ports: Ok(port..=port),
                ..Environment::default()
            };
            let error = Socket::bind(&environment).err().unwrap();
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

        #[tokio::test]
        async fn what_is_no_range_is_refused() {
            for (lowest, highest) in [("9", "8"), ("x", "8"), ("1", "65536")] {
                let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
                let environment = Environment::from_variables(&handshake, |name| match name {
                    "PLUGIN_MIN_PORT" => Some(lowest.into()),
                    "PLUGIN_MAX_PORT" => Some(highest.into()),
                    _ => None,
                });
                let error = Socket::bind(&environment).err().unwrap();
                assert!(matches!(error, ServeError::Ports(_)), "{error:?}");
            }
        }
    }
}
