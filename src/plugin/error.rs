//! Why a plugin could not serve.

use std::io;
use std::net::SocketAddr;

use crate::InvalidOption;
use crate::handshake::HandshakeError;

/// Why a plugin could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The magic cookie's key or value is empty, or no environment can hold it.
    #[error(
        "Misconfigured ServeConfig given to serve this plugin: no magic cookie\n\
         key or value was set. Please notify the plugin author and report\n\
         this as a bug.\n\
         {0}"
    )]
    Misconfigured(InvalidOption),

    /// An option has a value that it cannot have.
    #[error("plugin init error: serving is misconfigured")]
    Option(#[from] InvalidOption),

    /// The magic cookie is not in the environment: the plugin was started by hand, or by another
    /// host.
    #[error(
        "This binary is a plugin. These are not meant to be executed directly.\n\
         Please execute the program that consumes these plugins, which will\n\
         load any plugins automatically"
    )]
    NotLaunchedByHost,

    /// Listening failed.
    #[error("plugin init error: cannot listen in {place}")]
    Listen {
        /// The directory or the range of ports.
        place: String,
        /// The system's reason.
        source: io::Error,
    },

    /// Other machines can connect to the address, and there is no TLS.
    #[error(
        "plugin init error: refusing to listen on {address} without TLS, because every program in \
         the network could call the plugin; configure tls, or permit it by allow_plaintext"
    )]
    Plaintext {
        /// The address.
        address: SocketAddr,
    },

    /// The host asks for AutoMTLS, and the plugin was built without the crate's feature `tls`.
    #[error(
        "plugin tls init: the host asks for AutoMTLS (PLUGIN_CLIENT_CERT is set), and this plugin \
         was built without plugwire's feature `tls`. Turn one of the two on or off"
    )]
    NoTls,

    /// The host asks for AutoMTLS, and its value is not a certificate.
    #[error(
        "plugin tls init: client cert provided but failed to parse: {reason}, in \
         PLUGIN_CLIENT_CERT, {given}. A host puts its certificate there, as PEM"
    )]
    ClientCert {
        /// What is wrong with the value.
        reason: String,
        /// The beginning of the value, and its length.
        given: String,
    },

    /// The plugin's one-time certificate could not be made.
    #[error("plugin tls init: failed to generate server certificate")]
    ServerCert(#[source] io::Error),

    /// The TCP ports that the host allows are not a range of ports.
    #[error("plugin init error: {0}")]
    Ports(String),

    /// Standard output and standard error could not be taken over.
    #[error("Error preparing plugin: cannot take over standard output and standard error")]
    Stdio(#[source] io::Error),

    /// What [`serve_when`](super::serve_when) waited for has failed.
    #[error("Error preparing plugin: it is not ready")]
    NotReady(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// SIGINT or SIGTERM could not be taken over.
    #[error("Error preparing plugin: cannot handle interrupts")]
    Signal(#[source] io::Error),

    /// The address cannot be written into a handshake line.
    #[error("plugin init error: cannot make the handshake line")]
    Handshake(#[from] HandshakeError),

    /// The handshake line could not be written to standard output.
    #[error("plugin init error: cannot write the handshake")]
    Announce(#[source] io::Error),

    /// The listener failed for good. Failures that can pass do not end serving: if descriptors or
    /// memory run out, or the network is down, the plugin tries again after a pause, 5 ms at first
    /// and 1 s at most.
    #[error("plugin server: cannot accept connections")]
    Accept(#[source] io::Error),
}
