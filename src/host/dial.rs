//! Connecting to the address a plugin announced.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::tcp_address;
use super::tls::TlsConfig;
use crate::connection::{ConnectionConfig, ConnectionError, RpcClient};
use crate::handshake::Address;
use crate::mux::{OpenError, SessionError};
use crate::rpc::{CallError, Obituary};
use crate::tuning::host as tuning;
use plugwire_base::instant;
use plugwire_yamux::transport::{self, Plain, Transport};

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum DialError {
    /// Nobody answered at the address.
    Connect(io::Error),
    /// Somebody answered, but not by TLS, or not as the one that was expected.
    Tls(io::Error),
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

/// Connects within `timeout`, with TLS if there is any, and starts the session.
pub(super) async fn dial(
    address: &Address,
    timeout: Duration,
    config: &ConnectionConfig,
    tls: Option<&TlsConfig>,
    obituary: Obituary,
) -> Result<Dialed, DialError> {
    let deadline = instant::after(timeout);
    let connected = DialError::Connect;
    let session = Session {
        config,
        tls,
        deadline,
        obituary,
    };
    match address {
        Address::Unix(path) => {
            let is_abstract = address.is_abstract();
            let stream = within(deadline, connected, system::connect(path, is_abstract)).await?;
            let listener = system::listener(&stream);
            let stream = system::transport(stream).map_err(DialError::Connect)?;
            let rpc = session.start(stream).await?;
            Ok(Dialed { rpc, listener })
        }
        Address::Tcp(address) => {
            let stream = within(deadline, connected, connect_tcp(address)).await?;
            let listener = match stream.peer_addr() {
                Ok(peer) if peer.ip().is_loopback() => Listener::Local,
                _ => Listener::Anywhere,
            };
            let rpc = session.start(transport::TcpStream::new(stream)).await?;
            Ok(Dialed { rpc, listener })
        }
    }
}

/// How to come from a stream to a session.
struct Session<'a> {
    config: &'a ConnectionConfig,
    tls: Option<&'a TlsConfig>,
    deadline: Instant,
    obituary: Obituary,
}

impl Session<'_> {
    async fn start<T>(self, stream: T) -> Result<RpcClient, DialError>
    where
        T: Transport + 'static,
    {
        let started = match self.tls {
            None => RpcClient::start(stream, self.config, self.obituary).await,
            Some(tls) => {
                let secured = within(self.deadline, DialError::Tls, tls.connect(stream)).await?;
                RpcClient::start(Plain(secured), self.config, self.obituary).await
            }
        };
        started.map_err(|error| {
            let ended = match &error {
                ConnectionError::Session(ended)
                | ConnectionError::Open(OpenError::Session(ended)) => Some(ended),
                _ => None,
            };
            let refusal = ended.filter(|_| self.tls.is_some()).and_then(refusal);
            match refusal {
                Some(refusal) => DialError::Tls(refusal),
                None => DialError::Session(error),
            }
        })
    }
}

async fn within<T>(
    deadline: Instant,
    failed: fn(io::Error) -> DialError,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, DialError> {
    let timed_out = |_| Err(io::ErrorKind::TimedOut.into());
    timeout_at(deadline, step)
        .await
        .unwrap_or_else(timed_out)
        .map_err(failed)
}

/// Why a plugin that was connected to does not answer.
pub(super) enum Silence {
    /// It refused this host when it had seen its certificate, or that there is none.
    Refused(io::Error),
    Ping(CallError),
}

/// Asks for the first sign of life. Opening streams takes no answer, so only a call shows that a
/// plugin is at the other end. Nor does TLS: since version 1.3 a client is done before the server
/// has looked at its certificate.
pub(super) async fn answers(rpc: &RpcClient, tls: Option<&TlsConfig>) -> Result<(), Silence> {
    let error = match rpc.ping().await {
        Ok(()) => return Ok(()),
        // A server that names the missing method is alive, just older than the method.
        Err(error) if error.is_method_not_found() => return Ok(()),
        Err(error) => error,
    };
    if tls.is_none() || !error.is_disconnected() {
        return Err(Silence::Ping(error));
    }
    // The call may fail a moment before the session knows why.
    let ended = timeout(tuning::SESSION_END, rpc.closed()).await.ok();
    Err(match ended.as_ref().and_then(refusal) {
        Some(refusal) => Silence::Refused(refusal),
        None => Silence::Ping(error),
    })
}

/// What the end of a session says that had TLS and no answer yet.
fn refusal(ended: &SessionError) -> Option<io::Error> {
    match ended {
        // The session keeps the error, so this is another of the same text.
        SessionError::Io(error) => Some(io::Error::new(error.kind(), error.to_string())),
        SessionError::PeerClosed => Some(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the plugin closed the connection when it had seen this host's certificate, or the \
             lack of one",
        )),
        _ => None,
    }
}

async fn connect_tcp(address: &str) -> io::Result<TcpStream> {
    let stream = tcp_address::connect(address).await?;
    // Calls are small and each is flushed whole; waiting to fill a packet would only delay them.
    stream.set_nodelay(true)?;
    system::keep_alive(&stream)?;
    Ok(stream)
}

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::net::{TcpStream, UnixStream};

    use super::Listener;
    pub(super) use crate::host::unix_dial::connect;
    use plugwire_yamux::transport;

    pub(super) fn transport(stream: UnixStream) -> io::Result<transport::UnixStream> {
        transport::UnixStream::new(stream)
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
    use plugwire_yamux::transport;

    pub(super) fn listener(_: &TcpStream) -> Listener {
        Listener::Local
    }

    pub(super) async fn connect(_: &Path, _: bool) -> io::Result<TcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn transport(stream: TcpStream) -> io::Result<transport::TcpStream> {
        Ok(transport::TcpStream::new(stream))
    }

    /// The session's own keep-alive notices a dead peer sooner than the socket's would.
    pub(super) fn keep_alive(_: &TcpStream) -> io::Result<()> {
        Ok(())
    }
}
