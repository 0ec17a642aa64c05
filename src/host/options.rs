//! The options of both launching and reattaching.

use std::fmt;
use std::time::Duration;

use super::output::Writer;
use crate::codec::Codec;
use crate::connection::ConnectionConfig;
use crate::event;
use crate::handshake::{Extensions, HandshakeError};
use crate::tuning::host as tuning;

/// The options of both [`ClientConfig`](super::ClientConfig) and
/// [`AttachConfig`](super::AttachConfig).
#[derive(Clone)]
pub(super) struct Options {
    pub(super) connection: ConnectionConfig,
    /// `None` for that of the connection.
    pub(super) name: Option<String>,
    pub(super) start_timeout: Duration,
    pub(super) dial_timeout: Duration,
    pub(super) kill_grace: Duration,
    pub(super) call_timeout: Option<Duration>,
    /// `None` for that of the connection.
    pub(super) codec: Option<Codec>,
    pub(super) sync_stdout: Option<Writer>,
    pub(super) sync_stderr: Option<Writer>,
    pub(super) managed: bool,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("connection", &self.connection)
            .field("name", &self.name)
            .field("start_timeout", &self.start_timeout)
            .field("dial_timeout", &self.dial_timeout)
            .field("kill_grace", &self.kill_grace)
            .field("call_timeout", &self.call_timeout)
            .field("codec", &self.codec)
            .field("managed", &self.managed)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connection: ConnectionConfig::default(),
            name: None,
            start_timeout: tuning::START_TIMEOUT,
            dial_timeout: tuning::DIAL_TIMEOUT,
            kill_grace: tuning::KILL_GRACE,
            call_timeout: None,
            codec: None,
            sync_stdout: None,
            sync_stderr: None,
            managed: false,
        }
    }
}

impl Options {
    /// Settings of the session, the broker and the calls.
    pub(super) fn connection(&self) -> ConnectionConfig {
        let mut connection = match self.codec {
            Some(codec) => self.connection.clone().codec(codec),
            None => self.connection.clone(),
        };
        if let Some(name) = &self.name {
            connection.events.set_name(name.as_str());
        }
        match self.call_timeout {
            Some(timeout) => connection.call_timeout(timeout),
            None => connection,
        }
    }
}

impl Options {
    /// How the plugin is observed. Without a name that was set it is called `default`.
    pub(super) fn observed(&mut self, default: &str) -> event::Options {
        if self.name.is_none() {
            self.connection.events.set_default_name(default);
        }
        self.connection().events
    }

    /// The instance name that was set.
    pub(super) fn own_name(&self) -> Option<String> {
        self.connection().events.own_name().map(str::to_owned)
    }

    /// Whether a plugin has the codec that is asked for.
    pub(super) fn check_codec(&self, offered: Extensions) -> Result<(), HandshakeError> {
        let asked = self.connection().extensions().contains(Extensions::MSGPACK);
        let needed = Extensions::MSGPACK.with(Extensions::CALLS);
        match asked && !offered.contains(needed) {
            true => Err(HandshakeError::Codec { offered }),
            false => Ok(()),
        }
    }
}

/// Gives a configuration with a field `options` the methods that set them.
macro_rules! setters {
    ($config:ident) => {
        impl $config {
            /// Settings of the session, the broker and the calls.
            #[must_use]
            pub fn connection(mut self, connection: $crate::connection::ConnectionConfig) -> Self {
                self.options.connection = connection;
                self
            }

            /// What this plugin is called in logs, spans, metrics and errors: 1 to 64 bytes of text
            /// without control characters. Default: its executable's file name, or the address of
            /// one that runs already. go-plugin has none.
            ///
            /// ```
            /// use std::process::Command;
            /// use plugwire::handshake::HandshakeConfig;
            /// use plugwire::host::ClientConfig;
            ///
            /// const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
            ///
            /// fn config(place: &str) -> ClientConfig {
            ///     let mut command = Command::new("./kv");
            ///     command.arg(place);
            ///     ClientConfig::new(HANDSHAKE, command).name(format!("kv-{place}"))
            /// }
            /// ```
            #[must_use]
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.options.name = Some(name.into());
                self
            }

            /// How long the plugin may take, from its start or from the first try to connect to one
            /// that runs, until it has answered over its connection. Default 1 minute; not zero.
            /// (`StartTimeout`)
            #[must_use]
            pub fn start_timeout(mut self, timeout: std::time::Duration) -> Self {
                self.options.start_timeout = timeout;
                self
            }

            /// How long connecting to the address may take, TLS included, within the start timeout.
            /// Default 10 s; not zero. go-plugin waits for ever.
            #[must_use]
            pub fn dial_timeout(mut self, timeout: std::time::Duration) -> Self {
                self.options.dial_timeout = timeout;
                self
            }

            /// The deadline of each call to what is dispensed, and to each interface that the
            /// plugin hands over, unless the handle that it is made through has another:
            /// [`Remote::with_timeout`](crate::Remote::with_timeout) sets one, or none. Default
            /// none: that of the [connection](Self::connection). Not zero. go-plugin waits for
            /// ever.
            ///
            /// ```
            /// use std::process::Command;
            /// use std::time::Duration;
            /// use plugwire::handshake::HandshakeConfig;
            /// use plugwire::host::{Client, ClientConfig};
            ///
            /// # #[plugwire::interface]
            /// # trait Counter { async fn get(&self, key: String) -> plugwire::Result<i64>; }
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
            /// let config = ClientConfig::new(handshake, Command::new("./counter"))
            ///     .call_timeout(Duration::from_secs(5));
            /// let client = Client::launch(config).await?;
            /// let counter = client.dispense::<dyn Counter>("counter").await?;
            /// counter.get("visits".into()).await?; // 5 s
            /// counter.with_timeout(None).get("visits".into()).await?; // as long as it takes
            /// # Ok(())
            /// # }
            /// ```
            #[must_use]
            pub fn call_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
                self.options.call_timeout = timeout.into();
                self
            }

            /// How the values of calls are written, with all that is dispensed and all that crosses
            /// by broker id. Default: that of the [connection](Self::connection), which is gob,
            /// go-plugin's own.
            ///
            /// With [`Codec::Rich`] every serde type can be a parameter and a result, and each
            /// value arrives as it was: variants with data, `Option<Option<_>>`, `Some(0)`, `None`
            /// in lists, maps with any key. The plugin has to know it: it is made with this crate,
            /// needs no setting, and its other hosts may go on with gob. For a plugin that does not
            /// know it, such as one in Go, connecting fails with
            /// [`HandshakeError::Codec`](crate::handshake::HandshakeError::Codec). A plugin that
            /// runs already says in
            /// [`ReattachConfig::extensions`](crate::handshake::ReattachConfig::extensions) what
            /// it knows.
            ///
            /// Any other codec is not negotiated: both sides have to be configured with it.
            ///
            /// ```
            /// use std::process::Command;
            /// use plugwire::codec::Codec;
            /// use plugwire::handshake::HandshakeConfig;
            /// use plugwire::host::ClientConfig;
            ///
            /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
            /// let config = ClientConfig::new(handshake, Command::new("./kv")).codec(Codec::Rich);
            /// ```
            ///
            /// [`Codec::Rich`]: crate::codec::Codec::Rich
            #[must_use]
            pub fn codec(mut self, codec: $crate::codec::Codec) -> Self {
                self.options.codec = Some(codec);
                self
            }

            /// What [`Client::kill`](super::Client::kill) grants: this long to answer the request
            /// to quit, and as long again to exit. Default 2 s. Zero kills at once.
            #[must_use]
            pub fn kill_grace(mut self, grace: std::time::Duration) -> Self {
                self.options.kill_grace = grace;
                self
            }

            /// Where a copy of the plugin's standard output goes: anything that tokio can write to.
            /// Default: nowhere. (`SyncStdout`)
            ///
            /// A slow writer slows the plugin down, as a slow pipe would. After a failure nothing
            /// is written any more, and the plugin does not notice. The clones of a configuration
            /// share the writer.
            #[must_use]
            pub fn sync_stdout(
                mut self,
                writer: impl tokio::io::AsyncWrite + Send + Unpin + 'static,
            ) -> Self {
                self.options.sync_stdout = Some($crate::host::output::Writer::new(writer));
                self
            }

            /// Where a copy of the plugin's standard error goes, from when it serves; as
            /// [`sync_stdout`](Self::sync_stdout). Default: nowhere. (`SyncStderr`)
            ///
            /// Its log goes to the host that started it, by
            /// [`ClientConfig::stderr`](super::ClientConfig::stderr).
            #[must_use]
            pub fn sync_stderr(
                mut self,
                writer: impl tokio::io::AsyncWrite + Send + Unpin + 'static,
            ) -> Self {
                self.options.sync_stderr = Some($crate::host::output::Writer::new(writer));
                self
            }

            /// Whether [`cleanup_clients`](super::cleanup_clients) ends this plugin too. Default
            /// off. (`Managed`)
            #[must_use]
            pub fn managed(mut self, managed: bool) -> Self {
                self.options.managed = managed;
                self
            }
        }
    };
}

pub(super) use setters;
