//! Connecting to the address a plugin announced.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::connection::{ConnectionConfig, ConnectionError, RpcClient};
use crate::handshake::Address;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum DialError {
    /// Nobody answered at the address.
    Connect(io::Error),
    /// Somebody answered, but no session came to be.
    Session(ConnectionError),
}

/// A connection, and who is at its other end.
pub(super) struct Dialed {
    pub(super) rpc: RpcClient,
    pub(super) listener: Listener,
}

/// Which process listens at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// The one with this number.
    #[cfg_attr(not(unix), allow(dead_code, reason = "a port does not tell"))]
    Process(u32),
    /// One of this machine.
    Local,
    /// One that may be of another machine, or that has another number where it is.
    Anywhere,
}

/// Connects within `timeout` and starts the session.
pub(super) async fn dial(
    address: &Address,
    timeout: Duration,
    config: &ConnectionConfig,
) -> Result<Dialed, DialError> {
    let (rpc, listener) = match address {
        Address::Unix(path) => {
            let stream = within(timeout, system::connect(path)).await?;
            let listener = system::listener(&stream);
            let stream = system::quiet(stream).map_err(DialError::Connect)?;
            (RpcClient::connect(stream, config).await, listener)
        }
        Address::Tcp(address) => {
            let stream = within(timeout, connect_tcp(address)).await?;
            let listener = match stream.peer_addr() {
                Ok(peer) if peer.ip().is_loopback() => Listener::Local,
                _ => Listener::Anywhere,
            };
            (RpcClient::connect(stream, config).await, listener)
        }
    };
    let rpc = rpc.map_err(DialError::Session)?;
    Ok(Dialed { rpc, listener })
}

async fn within<T>(
    timeout: Duration,
    connect: impl Future<Output = io::Result<T>>,
) -> Result<T, DialError> {
    let timed_out = |_| Err(io::ErrorKind::TimedOut.into());
    tokio::time::timeout(timeout, connect)
        .await
        .unwrap_or_else(timed_out)
        .map_err(DialError::Connect)
}

async fn connect_tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Calls are small and each is flushed whole; waiting to fill a packet would only delay them.
    stream.set_nodelay(true)?;
    system::keep_alive(&stream)?;
    Ok(stream)
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::path::Path;

    use tokio::net::{TcpStream, UnixStream};

    use super::Listener;
    use crate::unix_stream::QuietUnixStream;

    pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
        UnixStream::connect(path).await
    }

    pub(super) fn quiet(stream: UnixStream) -> io::Result<QuietUnixStream> {
        QuietUnixStream::new(stream)
    }

    /// The system notes who began to listen.
    pub(super) fn listener(stream: &UnixStream) -> Listener {
        let credentials = stream.peer_cred().ok();
        let pid = credentials.and_then(|credentials| u32::try_from(credentials.pid()?).ok());
        match pid {
            None => Listener::Local,
            // One of a namespace that this process does not see into.
            Some(0) => Listener::Anywhere,
            Some(pid) => Listener::Process(pid),
        }
    }

    pub(super) fn keep_alive(stream: &TcpStream) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_socket_keepalive(stream, true)?)
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::path::Path;

    use tokio::net::TcpStream;

    use super::Listener;

    pub(super) fn listener(_: &TcpStream) -> Listener {
        Listener::Local
    }

    pub(super) async fn connect(_: &Path) -> io::Result<TcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn quiet(stream: TcpStream) -> io::Result<TcpStream> {
        Ok(stream)
    }

    /// The session's own keep-alive notices a dead peer sooner than the socket's would.
    pub(super) fn keep_alive(_: &TcpStream) -> io::Result<()> {
        Ok(())
    }
}
