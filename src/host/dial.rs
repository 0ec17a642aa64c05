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

/// Connects within `timeout` and starts the session.
pub(super) async fn dial(
    address: &Address,
    timeout: Duration,
    config: &ConnectionConfig,
) -> Result<RpcClient, DialError> {
    match address {
        Address::Unix(path) => {
            let stream = within(timeout, system::connect(path)).await?;
            RpcClient::connect(stream, config).await
        }
        Address::Tcp(address) => {
            let stream = within(timeout, connect_tcp(address)).await?;
            RpcClient::connect(stream, config).await
        }
    }
    .map_err(DialError::Session)
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

    use crate::unix_stream::QuietUnixStream;

    pub(super) async fn connect(path: &Path) -> io::Result<QuietUnixStream> {
        QuietUnixStream::new(UnixStream::connect(path).await?)
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

    pub(super) async fn connect(_: &Path) -> io::Result<TcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The session's own keep-alive notices a dead peer sooner than the socket's would.
    pub(super) fn keep_alive(_: &TcpStream) -> io::Result<()> {
        Ok(())
    }
}
