//! What a plugin serves.

#[cfg(feature = "tls")]
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::security::TlsOptions;
use super::shutdown::{Hook, Shutdown};
use crate::InvalidOption;
use crate::connection::{ConnectionConfig, PluginSet};
use crate::handshake::{self, HandshakeConfig};
use crate::tuning::plugin as tuning;

/// What a plugin serves, and to which hosts.
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
    /// By app version.
    pub(super) versions: BTreeMap<u32, PluginSet>,
    pub(super) connection: ConnectionConfig,
    /// A TCP address to listen on, in place of the unix socket.
    pub(super) address: Option<SocketAddr>,
    pub(super) outlive_host: bool,
    pub(super) tls: TlsOptions,
    pub(super) max_pending: usize,
    pub(super) allow_plaintext: bool,
    pub(super) standalone: bool,
    pub(super) on_shutdown: Option<Hook>,
    pub(super) shutdown_grace: Duration,
    /// An app version that one call gave twice.
    doubled: Option<u32>,
}

impl ServeConfig {
    /// Serves `plugins` as the handshake's app version.
    #[must_use]
    pub fn new(handshake: HandshakeConfig, plugins: PluginSet) -> Self {
        Self {
            versions: BTreeMap::from([(handshake.protocol_version, plugins)]),
            handshake,
            connection: ConnectionConfig::default(),
            address: None,
            outlive_host: false,
            tls: TlsOptions::default(),
            max_pending: tuning::MAX_PENDING,
            allow_plaintext: false,
            standalone: false,
            on_shutdown: None,
            shutdown_grace: tuning::SHUTDOWN_GRACE,
            doubled: None,
        }
    }

    /// Serves another app version too, or replaces one. (`VersionedPlugins`)
    ///
    /// A host lists the versions that it knows, and gets the highest of them that is served here. A
    /// host without a list, such as an old one, gets the lowest. So does a host that knows none of
    /// these; it reports the mismatch.
    ///
    /// ```
    /// use plugwire::connection::PluginSet;
    /// use plugwire::handshake::HandshakeConfig;
    /// use plugwire::plugin::ServeConfig;
    ///
    /// # let (old_interface, new_interface) = (PluginSet::new(), PluginSet::new());
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// let config = ServeConfig::new(handshake, old_interface).version(2, new_interface);
    /// ```
    #[must_use]
    pub fn version(mut self, version: u32, plugins: PluginSet) -> Self {
        self.versions.insert(version, plugins);
        self
    }

    /// Serves exactly these app versions, instead of the handshake's one. See
    /// [`version`](Self::version) for which of them a host gets. At least one is needed, and each
    /// only once. (`VersionedPlugins`)
    #[must_use]
    pub fn versioned_plugins(
        mut self,
        versions: impl IntoIterator<Item = (u32, PluginSet)>,
    ) -> Self {
        self.versions.clear();
        self.doubled = None;
        for (version, plugins) in versions {
            if self.versions.insert(version, plugins).is_some() {
                self.doubled = Some(version);
            }
        }
        self
    }

    /// Listens on TCP at this address, instead of on a unix socket, for hosts on other machines.
    /// Port 0 is any free one. They reattach by host and port:
    /// [`ReattachConfig::tcp`](crate::handshake::ReattachConfig::tcp).
    ///
    /// The protocol has no secret: any program that can connect can call the plugin and make it
    /// quit. An address beyond the loopback interface therefore needs TLS (`ServeConfig::tls` or a
    /// host with AutoMTLS, both with the crate's feature `tls`), or
    /// [`allow_plaintext`](Self::allow_plaintext).
    ///
    /// ```
    /// use plugwire::connection::PluginSet;
    /// use plugwire::handshake::HandshakeConfig;
    /// use plugwire::plugin::ServeConfig;
    ///
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// let config = ServeConfig::new(handshake, PluginSet::new())
    ///     .listen_tcp(([127, 0, 0, 1], 4000));
    /// ```
    #[must_use]
    pub fn listen_tcp(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Allows an address beyond the loopback interface without TLS, where every program in the
    /// network can read the traffic and call the plugin. Default off: serving fails with
    /// [`ServeError::Plaintext`](super::ServeError::Plaintext).
    #[must_use]
    pub fn allow_plaintext(mut self, allow: bool) -> Self {
        self.allow_plaintext = allow;
        self
    }

    /// Whether the plugin goes on after the host that started it has died without asking it to
    /// quit. Default off: a plugin stops serving when its host has died and the last connection has
    /// ended. Plugins written in Go always go on.
    ///
    /// A plugin that a host of this crate started [detached] goes on in any case, and so does one
    /// that leads a session of its own: hosts and service managers in other languages start a
    /// process in this way if it is meant to outlive them. The plugin detects the host's death by
    /// the closed end of its standard output. Only on Unix.
    ///
    /// [detached]: crate::host::PluginCommand::detached
    #[must_use]
    pub fn outlive_host(mut self, outlive: bool) -> Self {
        self.outlive_host = outlive;
        self
    }

    /// Whether the plugin may be started without a host, as by a person or a service manager: for
    /// plugins that hosts reattach to over the network. Default off: without the magic cookie in
    /// its environment the process ends with an explanation.
    ///
    /// Started without the cookie it serves its highest app version and writes its handshake line
    /// to standard output, where its address can be read. It goes on until a host asks it
    /// to quit, or until SIGTERM or SIGINT. What it prints goes to its own standard output and
    /// standard error, and to the hosts. There is no AutoMTLS, which needs a host that starts the
    /// plugin. With the cookie it is a host's, as any other.
    ///
    /// ```no_run
    /// # use plugwire::connection::PluginSet;
    /// # use plugwire::handshake::HandshakeConfig;
    /// use plugwire::plugin::{ServeConfig, serve};
    ///
    /// # async fn example(plugins: PluginSet) {
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// let config = ServeConfig::new(handshake, plugins)
    ///     .listen_tcp(([127, 0, 0, 1], 4000))
    ///     .standalone(true);
    /// serve(config).await;
    /// # }
    /// ```
    #[must_use]
    pub fn standalone(mut self, standalone: bool) -> Self {
        self.standalone = standalone;
        self
    }

    /// What the plugin does before it ends: when a host asks it to quit, when the host that started
    /// it is gone, and on SIGTERM. Called once. Default: SIGTERM ends the process at once, and the
    /// rest is left to what follows [`serve`](super::serve).
    ///
    /// At a host's request the connection is still there: the hook may call interfaces of the
    /// host's, what it prints arrives, and the host's request is answered when it has ended. It has
    /// [`shutdown_grace`](Self::shutdown_grace), and is dropped then.
    ///
    /// ```
    /// # use plugwire::connection::PluginSet;
    /// # use plugwire::handshake::HandshakeConfig;
    /// use plugwire::plugin::ServeConfig;
    ///
    /// # fn example(plugins: PluginSet, store: std::sync::Arc<tokio::fs::File>) -> ServeConfig {
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// ServeConfig::new(handshake, plugins).on_shutdown(async move |why| {
    ///     if let Err(error) = store.sync_all().await {
    ///         eprintln!("not saved, and {why}: {error}");
    ///     }
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn on_shutdown<F, D>(mut self, hook: F) -> Self
    where
        F: FnOnce(Shutdown) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        self.on_shutdown = Some(Hook::new(hook));
        self
    }

    /// How long what [`on_shutdown`](Self::on_shutdown) set may take. Default 1 s: a host of this
    /// crate waits 2 s for the answer to its request to quit. Not zero.
    #[must_use]
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.shutdown_grace = grace;
        self
    }

    /// How many connections may be pending at once: accepted, but without their three streams yet,
    /// or without the TLS handshake if TLS is used. Default 256, and at least 1; go-plugin has no
    /// bound.
    ///
    /// Without the bound, peers that connect and send nothing could use up the process's
    /// descriptors. At the bound, a new connection replaces the oldest pending one as soon as that
    /// one is 100 ms old; until then the new one waits. So only a flood of more than 2,560
    /// connections a second delays a host. A connection with its streams is a host's, and no other
    /// connection replaces it.
    #[must_use]
    pub fn max_pending(mut self, connections: usize) -> Self {
        self.max_pending = connections;
        self
    }

    /// Finds the first option with a value that it cannot have, except the handshake's.
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        let option = "versioned_plugins";
        if let Some(version) = self.doubled {
            let given = format!("version {version} twice");
            return Err(InvalidOption::with_text(option, given, "each version once"));
        }
        if self.versions.is_empty() {
            let expected = "at least one app version";
            return Err(InvalidOption::new(option, &self.versions, expected));
        }
        if self.max_pending == 0 {
            return Err(InvalidOption::new(
                "max_pending",
                0,
                "at least 1 connection",
            ));
        }
        if self.shutdown_grace.is_zero() {
            let (option, given) = ("shutdown_grace", self.shutdown_grace);
            return Err(InvalidOption::new(option, given, "more than 0 s"));
        }
        self.tls.check()?;
        self.connection.check()
    }

    /// The app version for a host that knows these, and its plugins.
    pub(super) fn negotiate(&self, host_versions: &[u32]) -> (u32, PluginSet) {
        let own: Vec<u32> = self.versions.keys().copied().collect();
        let version = handshake::choose_version(&own, host_versions)
            .unwrap_or(self.handshake.protocol_version);
        let plugins = self.versions.get(&version).cloned().unwrap_or_default();
        (version, plugins)
    }

    /// Settings of the session, the broker and the calls.
    #[must_use]
    pub fn connection(mut self, connection: ConnectionConfig) -> Self {
        self.connection = connection;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(2, "BASIC_PLUGIN", "hello");

    fn set(name: &str) -> PluginSet {
        PluginSet::new().register_service(name, |_| Err("never dispensed".into()))
    }

    fn negotiated(config: &ServeConfig, host_versions: &[u32]) -> (u32, String) {
        let (version, plugins) = config.negotiate(host_versions);
        (version, format!("{plugins:?}"))
    }

    #[test]
    fn the_highest_version_both_know_is_served() {
        let config = ServeConfig::new(HANDSHAKE, set("two"))
            .version(1, set("one"))
            .version(3, set("three"));
        let two = (2, r#"{"two"}"#.to_owned());
        assert_eq!(negotiated(&config, &[1, 2]), two);
        assert_eq!(negotiated(&config, &[2, 1, 7]), two);
        assert_eq!(negotiated(&config, &[1, 2, 3]).0, 3);
    }

    #[test]
    fn a_host_without_a_list_and_one_without_a_match_get_the_lowest() {
        let config = ServeConfig::new(HANDSHAKE, set("two")).version(1, set("one"));
        let one = (1, r#"{"one"}"#.to_owned());
        assert_eq!(negotiated(&config, &[]), one);
        assert_eq!(negotiated(&config, &[7]), one);
    }

    #[test]
    fn a_list_of_versions_replaces_the_handshakes() {
        let config = ServeConfig::new(HANDSHAKE, set("two"));
        let config = config.versioned_plugins([(5, set("five")), (4, set("four"))]);
        assert_eq!(negotiated(&config, &[2]).0, 4);
        assert_eq!(negotiated(&config, &[5, 2]).0, 5);
    }
}
