//! Why a handshake line was refused.

use std::fmt;
use std::num::ParseIntError;

use super::address::Address;
use super::environment::ENV_CLIENT_CERT;
use super::extensions::Extensions;
use super::line::{CORE_PROTOCOL_VERSION, MAX_LINE, NETRPC};
use crate::tuning::handshake as tuning;
use plugwire_base::escape::Escaped;

/// Why a handshake line was refused. The texts are go-plugin's. The fields hold what the plugin
/// printed, unchanged; the text holds it on one line, with control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The line has fewer than four fields.
    #[error("Unrecognized remote plugin message: {}", Shortened(line))]
    Unrecognized {
        /// The line as it came.
        line: String,
    },
    /// Standard output ended before there was a line.
    #[error("Unrecognized remote plugin message: \nFailed to read any lines from plugin's stdout")]
    NoLine,
    /// There was no end of line within [`MAX_LINE`] bytes.
    #[error(
        "Unrecognized remote plugin message: {}... (no end of line within {MAX_LINE} bytes)\n\
         Failed to read any lines from plugin's stdout",
        Escaped(start)
    )]
    LineTooLong {
        /// Its first bytes.
        start: String,
    },
    /// The first field is not a number.
    #[error("error parsing core protocol version: {field:?}: {reason}")]
    CoreVersion {
        /// The field.
        field: String,
        /// Why it is not a number.
        reason: ParseIntError,
    },
    /// The plugin was built for another version of the plugin system.
    #[error(
        "incompatible core API version with plugin. Plugin version: {}, Core version: \
         {CORE_PROTOCOL_VERSION}\
         \n\nTo fix this, the plugin usually only needs to be recompiled.\n\
         Please report this to the plugin author",
        Escaped(plugin)
    )]
    IncompatibleCore {
        /// The plugin's core version.
        plugin: String,
    },
    /// The second field is not a version number.
    #[error("Error parsing protocol version {field:?}: {reason}")]
    AppVersion {
        /// The field.
        field: String,
        /// Why it is not a number.
        reason: ParseIntError,
    },
    /// The plugin serves an app version that the host does not know.
    #[error(
        "incompatible API version with plugin. Plugin version: {plugin}, Client versions: {}",
        List(host)
    )]
    IncompatibleVersion {
        /// The version the plugin serves.
        plugin: u32,
        /// The versions the host knows.
        host: Vec<u32>,
    },
    /// The network is neither `unix` nor `tcp`.
    #[error("unknown address type: {} (network {network:?})", Escaped(address))]
    UnknownNetwork {
        /// The network the plugin named.
        network: String,
        /// The address that came with it.
        address: String,
    },
    /// The plugin speaks another protocol, such as gRPC.
    #[error("unsupported plugin protocol {protocol:?}. Supported: [{NETRPC}]")]
    UnsupportedProtocol {
        /// The protocol the plugin named.
        protocol: String,
    },
    /// The sixth field is not a certificate.
    #[error(
        "error parsing server cert: {reason}, in the field {}. A plugin answers AutoMTLS with its \
         certificate, DER in unpadded base64",
        Shortened(field)
    )]
    ServerCert {
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The host wants AutoMTLS, and the line has no certificate.
    #[error(
        "the plugin answers AutoMTLS without a certificate: it does not know AutoMTLS, or has TLS \
         configured instead. Turn AutoMTLS off, or configure the plugin's TLS in the host too"
    )]
    MissingServerCert,
    /// The line has a certificate, and the host did not ask for AutoMTLS.
    #[error(
        "the plugin expects AutoMTLS, which this host has not turned on: {ENV_CLIENT_CERT} came to \
         the plugin's environment from elsewhere. Remove it there, or turn AutoMTLS on (feature \
         `tls`)"
    )]
    UnexpectedServerCert,
    /// The host asks for the rich codec, and the plugin does not answer that it has it.
    #[error(
        "the plugin does not speak the rich codec (`{}`), which this host asks for: it offers {}. \
         A plugin that is made with this version of plugwire, or a later one, speaks it; one in Go \
         does not. For any other plugin use the default codec",
        Extensions::MSGPACK,
        Offered(*offered)
    )]
    Codec {
        /// What the plugin has beyond go-plugin's protocol.
        offered: Extensions,
    },
    /// The address cannot be written into a line.
    #[error("the address {address} cannot be written into a handshake line")]
    UnprintableAddress {
        /// The address.
        address: Address,
    },
}

impl HandshakeError {
    /// A line that is longer than [`MAX_LINE`], of which this much was read.
    #[cfg(feature = "host")]
    pub(crate) fn line_too_long(line: &[u8]) -> Self {
        let start = &line[..line.len().min(tuning::SHOWN_START)];
        Self::LineTooLong {
            start: String::from_utf8_lossy(start).into_owned(),
        }
    }

    /// Whether the output was not meant as a handshake at all.
    pub(crate) fn is_no_handshake(&self) -> bool {
        matches!(
            self,
            Self::Unrecognized { .. } | Self::NoLine | Self::LineTooLong { .. }
        )
    }
}

/// Extensions in a message.
struct Offered(Extensions);

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_empty() {
            true => f.write_str("nothing beyond go-plugin's protocol"),
            false => write!(f, "`{}`", self.0),
        }
    }
}

/// A line in a message: whole unless it has pages.
struct Shortened<'a>(&'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(tuning::SHOWN_LINE) {
            Some((end, _)) => {
                let start = Escaped(&self.0[..end]);
                write!(f, "{start}... ({} bytes)", self.0.len())
            }
            None => Escaped(self.0).fmt(f),
        }
    }
}

/// `[1 2 3]`, the way Go prints a slice.
struct List<'a>(&'a [u32]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<_> = self.0.iter().map(u32::to_string).collect();
        write!(f, "[{}]", items.join(" "))
    }
}
