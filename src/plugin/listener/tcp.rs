//! A TCP port to listen on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};

use crate::handshake::Address;
#[cfg(any(not(unix), test))]
use crate::handshake::Environment;
use crate::plugin::error::ServeError;

/// A TCP port.
pub(in crate::plugin) struct Socket {
    listener: TcpListener,
    address: Address,
}

impl Socket {
    /// Listens at the address that the plugin's author chose.
    pub(in crate::plugin) async fn bind_at(
        address: SocketAddr,
        beyond_loopback: bool,
    ) -> Result<Self, ServeError> {
        if !address.ip().is_loopback() && !beyond_loopback {
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

    /// Listens on the loopback interface, on a port that the host allows. Unix has no use for it
    /// and compiles it for the tests.
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

/// The address that the host, on this machine, connects to: the loopback one in place of the
/// unspecified one.
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
        let (connected, accepted) = tokio::join!(TcpStream::connect(&address), listener.accept());
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
    async fn beyond_loopback_needs_permission() {
        let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let refused = Socket::bind_at(anywhere, false).await;
        let error = refused.err().unwrap();
        assert!(matches!(error, ServeError::Plaintext { .. }), "{error:?}");
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        for (address, allowed) in [(loopback, false), (anywhere, true)] {
            let listener = Socket::bind_at(address, allowed).await.unwrap();
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
