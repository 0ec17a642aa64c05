//! What is known when an interface is dispensed.

use std::net::SocketAddr;

use crate::broker::MuxBroker;

/// What is known when an interface is dispensed: to which host, over which connection. See
/// [`PluginSet::register_with`](super::PluginSet::register_with).
#[derive(Clone, Debug)]
pub struct DispenseContext {
    pub(super) broker: MuxBroker,
    pub(super) app_version: Option<u32>,
    pub(super) peer: Peer,
}

impl DispenseContext {
    /// The broker of the connection: to [share](MuxBroker::share) services with the host, or to
    /// dial what it offers.
    #[must_use]
    pub fn broker(&self) -> &MuxBroker {
        &self.broker
    }

    /// The app version that host and plugin agreed on at the handshake. `None` where none was
    /// negotiated: at an [`RpcServer`](super::RpcServer) that was not given
    /// [one](super::RpcServer::app_version).
    #[must_use]
    pub fn app_version(&self) -> Option<u32> {
        self.app_version
    }

    /// The host.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// What is known of the host at the other end of a connection. All of it is what the operating
/// system says: net/rpc has no field for a host's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Its address, if it connected by TCP.
    pub address: Option<SocketAddr>,
    /// The id of its process, if it connected by a unix socket and the system says so.
    pub process_id: Option<u32>,
    /// Whether the connection is encrypted by TLS.
    pub is_encrypted: bool,
}
