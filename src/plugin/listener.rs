//! The socket that a plugin listens on: a unix socket at a new path, a loopback TCP port where the
//! system has no unix sockets, or the TCP address that the plugin's author chose.

#[cfg(unix)]
mod socket_place;
mod tcp;
#[cfg(unix)]
mod unix;

use std::io;
use std::net::SocketAddr;

use super::door::Listen;
use super::error::ServeError;
use crate::handshake::{Address, Environment};

/// A socket that hosts connect to.
pub(super) enum Listener {
    #[cfg(unix)]
    Unix(unix::Socket),
    Tcp(tcp::Socket),
}

/// A connection of a host.
pub(super) enum Accepted {
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream),
}

impl Listener {
    /// Listens at `address` if there is one, and otherwise where the host expects it.
    /// `beyond_loopback` allows an address that other machines can connect to.
    pub(super) async fn bind(
        environment: &Environment,
        address: Option<SocketAddr>,
        beyond_loopback: bool,
    ) -> Result<Self, ServeError> {
        match address {
            Some(address) => {
                let socket = tcp::Socket::bind_at(address, beyond_loopback).await?;
                Ok(Self::Tcp(socket))
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

    /// Only accepts, so that each failure is the listener's and not the connection's.
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => Ok(Accepted::Unix(socket.accept().await?)),
            Self::Tcp(socket) => Ok(Accepted::Tcp(socket.accept().await?)),
        }
    }
}

/// Removes the files of all sockets of the process. For a process that is about to exit without
/// dropping its listeners.
pub(super) fn remove_files() {
    #[cfg(unix)]
    socket_place::remove_all();
}
