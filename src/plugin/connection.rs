//! One connection of a host, from its acceptance to its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::door::Place;
use super::ending::{Presence, Quit};
use super::hooks::Hooks;
use super::listener::Accepted;
use super::shutdown::ShuttingDown;
use super::stdio::Stdio;
use crate::connection::{ConnectionConfig, ConnectionError, Peer, PluginSet, RpcServer};
use crate::tls::Acceptor;
use plugwire_yamux::transport::{self, Plain, Transport};

/// Serves a connection. Each connection has a clone.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) plugins: PluginSet,
    /// The app version of the plugins.
    pub(super) version: u32,
    pub(super) connection: ConnectionConfig,
    /// See [`Hooks`].
    pub(super) stdio: Option<Arc<Stdio>>,
    pub(super) quit: watch::Sender<bool>,
    pub(super) ending: Option<Quit>,
    pub(super) shutting_down: ShuttingDown,
    /// `None` for plain text.
    pub(super) acceptor: Option<Acceptor>,
    pub(super) _presence: Presence,
}

/// The end of a connection.
pub(super) struct Ended {
    pub(super) result: Result<(), Failed>,
    /// Whether the connection had asked the plugin to quit.
    pub(super) asked: bool,
}

/// Why a connection was not served to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[cfg(unix)]
    #[error("its socket cannot be used")]
    Socket(#[source] io::Error),
    #[error("no TLS with it")]
    Tls(#[source] io::Error),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl Handler {
    /// Serves the connection until the host hangs up.
    pub(super) async fn handle(self, accepted: Accepted, place: Place) -> Ended {
        let asked = Arc::new(AtomicBool::new(false));
        let hooks = Hooks {
            stdio: self.stdio,
            quit: self.quit,
            asked: Arc::clone(&asked),
            ending: self.ending,
            shutting_down: self.shutting_down,
        };
        let rpc = RpcServer::new(self.plugins, self.connection, Arc::new(hooks));
        let rpc = rpc.app_version(self.version);
        let acceptor = self.acceptor.as_ref();
        let mut peer = Peer {
            is_encrypted: acceptor.is_some(),
            ..Peer::default()
        };
        let result = match accepted {
            #[cfg(unix)]
            Accepted::Unix(stream) => {
                let process = stream.peer_cred().ok().and_then(|host| host.pid());
                peer.process_id = process.and_then(|id| u32::try_from(id).ok());
                match transport::UnixStream::new(stream) {
                    Ok(stream) => serve(&rpc, acceptor, stream, peer, place).await,
                    Err(error) => Err(Failed::Socket(error)),
                }
            }
            Accepted::Tcp(stream) => {
                // Fails only if the connection has ended, which the session notices.
                let _ = stream.set_nodelay(true);
                peer.address = stream.peer_addr().ok();
                serve(
                    &rpc,
                    acceptor,
                    transport::TcpStream::new(stream),
                    peer,
                    place,
                )
                .await
            }
        };
        let asked = asked.load(Ordering::Relaxed);
        Ended { result, asked }
    }
}

/// The connection is pending, and holds `place`, until it has its streams; the TLS handshake comes
/// before them.
async fn serve<T>(
    rpc: &RpcServer,
    acceptor: Option<&Acceptor>,
    stream: T,
    peer: Peer,
    place: Place,
) -> Result<(), Failed>
where
    T: Transport + 'static,
{
    let connected = || place.give_up();
    match acceptor {
        None => rpc.serve_conn_when(stream, peer, connected).await?,
        Some(acceptor) => {
            let stream = acceptor.accept(stream).await.map_err(Failed::Tls)?;
            rpc.serve_conn_when(Plain(stream), peer, connected).await?;
        }
    }
    Ok(())
}
