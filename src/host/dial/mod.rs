//! Connecting to the address that a plugin announced.

mod tcp_address;
#[cfg(unix)]
mod unix;

pub(super) use tcp_address::is_dialable;

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::{ConnectionConfig, ConnectionError, RpcClient};
use crate::handshake::{Address, Extensions};
use crate::mux::{OpenError, SessionError};
use crate::rpc::{CallError, Obituary};
use crate::tls::Connector;
use crate::tuning::host as tuning;
use plugwire_base::instant;
use plugwire_yamux::transport::{self, Plain, Transport};

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum DialError {
    /// No process answered at the address.
    Connect(io::Error),
    /// A process answered, but without TLS, or with another certificate than expected.
    Tls(io::Error),
    /// A process answered, but no session was set up.
    Session(ConnectionError),
}

/// A connection, and what is known of the process at its other end.
pub(super) struct Dialed {
    pub(super) rpc: RpcClient,
    pub(super) listening: Listening,
}

/// Which process listens at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listening {
    /// The one with this process id.
    #[cfg_attr(not(unix), allow(dead_code, reason = "a port does not show it"))]
    Process(u32),
    /// One of this machine.
    Local,
    /// One that may be of another machine, or that has another process id in its own namespace.
    Anywhere,
}

/// How to connect: within `timeout`, with TLS if there is any.
pub(super) struct Way<'a> {
    pub(super) timeout: Duration,
    pub(super) config: &'a ConnectionConfig,
    pub(super) tls: Option<&'a Connector>,
    pub(super) extensions: Extensions,
    pub(super) obituary: Obituary,
}

impl<'a> Way<'a> {
    fn session(self) -> Session<'a> {
        Session {
            deadline: instant::after(self.timeout),
            config: self.config,
            tls: self.tls,
            extensions: self.extensions,
            obituary: self.obituary,
        }
    }

    /// Starts the session on a byte stream that is there already.
    pub(super) async fn start(self, stream: Box<dyn Transport>) -> Result<Dialed, DialError> {
        Ok(Dialed {
            rpc: self.session().start(stream).await?,
            listening: Listening::Anywhere,
        })
    }

    /// Connects to an address and starts the session.
    pub(super) async fn dial(self, address: &Address) -> Result<Dialed, DialError> {
        let session = self.session();
        let deadline = session.deadline;
        let connected = DialError::Connect;
        match address {
            Address::Unix(path) => {
                let is_abstract = address.is_abstract();
                let connecting = system::connect(path, is_abstract);
                let stream = within(deadline, connected, connecting).await?;
                let listening = system::listening(&stream);
                let stream = system::transport(stream).map_err(DialError::Connect)?;
                let rpc = session.start(stream).await?;
                Ok(Dialed { rpc, listening })
            }
            Address::Tcp(address) => {
                let stream = within(deadline, connected, connect_tcp(address)).await?;
                let listening = match stream.peer_addr() {
                    Ok(peer) if peer.ip().is_loopback() => Listening::Local,
                    _ => Listening::Anywhere,
                };
                let rpc = session.start(transport::TcpStream::new(stream)).await?;
                Ok(Dialed { rpc, listening })
            }
        }
    }
}

/// What it takes to start a session on a stream.
struct Session<'a> {
    config: &'a ConnectionConfig,
    tls: Option<&'a Connector>,
    deadline: Instant,
    extensions: Extensions,
    obituary: Obituary,
}

impl Session<'_> {
    async fn start<T>(self, stream: T) -> Result<RpcClient, DialError>
    where
        T: Transport + 'static,
    {
        let (config, extensions, obituary) = (self.config, self.extensions, self.obituary);
        let started = match self.tls {
            None => RpcClient::start(stream, config, extensions, obituary).await,
            Some(tls) => {
                let secured = within(self.deadline, DialError::Tls, tls.connect(stream)).await?;
                RpcClient::start(Plain(secured), config, extensions, obituary).await
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

/// Why a plugin that was connected to does not answer its first call.
pub(super) enum PingError {
    /// It refused this host after TLS had shown it this host's certificate, or that there is none.
    Refused(io::Error),
    /// The call failed.
    Call(CallError),
}

/// Makes the first call. Only its answer shows that a plugin is at the other end: streams are
/// opened without one, and since TLS 1.3 a client is done before the server has looked at its
/// certificate.
pub(super) async fn first_ping(rpc: &RpcClient, tls: Option<&Connector>) -> Result<(), PingError> {
    let error = match rpc.ping().await {
        Ok(()) => return Ok(()),
        // A server that names the missing method works, and is older than the method.
        Err(error) if error.is_method_not_found() => return Ok(()),
        Err(error) => error,
    };
    if tls.is_none() || !error.is_disconnected() {
        return Err(PingError::Call(error));
    }
    // The call may fail a moment before the session has the reason.
    let ended = timeout(tuning::SESSION_END, rpc.closed()).await.ok();
    Err(match ended.as_ref().and_then(refusal) {
        Some(refusal) => PingError::Refused(refusal),
        None => PingError::Call(error),
    })
}

/// Why the peer refused this host, as the end of a session with TLS shows that had no answer yet.
fn refusal(ended: &SessionError) -> Option<io::Error> {
    match ended {
        // The session keeps the error, so this is another of the same text.
        SessionError::Io(error) => Some(io::Error::new(error.kind(), error.to_string())),
        SessionError::PeerClosed => Some(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the plugin closed the connection after it had seen this host's certificate, or the \
             lack of one",
        )),
        _ => None,
    }
}

async fn connect_tcp(address: &str) -> io::Result<TcpStream> {
    let stream = tcp_address::connect(address).await?;
    // Calls are small and each is flushed whole, so waiting to fill a packet would delay them.
    stream.set_nodelay(true)?;
    system::keep_alive(&stream)?;
    Ok(stream)
}

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::net::{TcpStream, UnixStream};

    use super::Listening;
    pub(super) use super::unix::connect;
    use plugwire_yamux::transport;

    pub(super) fn transport(stream: UnixStream) -> io::Result<transport::UnixStream> {
        transport::UnixStream::new(stream)
    }

    /// The system notes which process began to listen.
    pub(super) fn listening(stream: &UnixStream) -> Listening {
        let credentials = stream.peer_cred().ok();
        let pid = credentials.and_then(|credentials| u32::try_from(credentials.pid()?).ok());
        match pid {
            None => Listening::Local,
            // One in another namespace of process ids.
            Some(0) => Listening::Anywhere,
            Some(pid) => Listening::Process(pid),
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

    use super::Listening;
    use plugwire_yamux::transport;

    pub(super) fn listening(_: &TcpStream) -> Listening {
        Listening::Local
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
