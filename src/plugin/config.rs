//! What a plugin serves.

use std::collections::BTreeMap;

use crate::connection::{ConnectionConfig, PluginSet};
use crate::handshake::HandshakeConfig;

/// What a plugin serves, and to whom.
///
/// ```
/// use plugwire::connection::PluginSet;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::plugin::ServeConfig;
///
/// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// let config = ServeConfig::new(handshake, PluginSet::new());
/// ```
#[derive(Clone, Debug)]
pub struct ServeConfig {
    pub(super) handshake: HandshakeConfig,
    /// By app version. Never empty.
    pub(super) versions: BTreeMap<u32, PluginSet>,
    pub(super) connection: ConnectionConfig,
}

impl ServeConfig {
    /// Serves `plugins` as the handshake's app version.
    pub fn new(handshake: HandshakeConfig, plugins: PluginSet) -> Self {
        Self {
            versions: BTreeMap::from([(handshake.protocol_version, plugins)]),
            handshake,
            connection: ConnectionConfig::default(),
        }
    }

    /// Settings of the session, the broker and the calls.
    pub fn connection(mut self, connection: ConnectionConfig) -> Self {
        self.connection = connection;
        self
    }
}
