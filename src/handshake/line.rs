//! The line that a plugin prints when it is ready.

use std::path::PathBuf;

use super::address::Address;
use super::error::HandshakeError;
use super::extensions::Extensions;
use crate::tuning::handshake as tuning;

/// The version of the plugin system itself, the first field of the line. go-plugin has never had
/// another.
pub const CORE_PROTOCOL_VERSION: u32 = 1;

/// The name that the line gives to the only protocol spoken here.
pub const NETRPC: &str = "netrpc";

/// The longest handshake line that is read, in bytes. go-plugin's scanner gives up at the same
/// length.
pub const MAX_LINE: usize = tuning::MAX_LINE;

/// A sixth field of at most this length is not a certificate: some old plugins put other things
/// there, and go-plugin ignores them (`client.go`, `Start`).
const LONGEST_NON_CERT: usize = 50;

/// What begins the field of this crate's own.
const EXTENSIONS: &str = "plugwire=";

/// The line that a plugin prints when it is ready to be dialled.
///
/// The core version is not kept: it is [`CORE_PROTOCOL_VERSION`] in every line that parses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeLine {
    /// The app version that the plugin serves.
    pub app_version: u32,
    /// Where it listens.
    pub address: Address,
    /// The protocol it speaks. [`NETRPC`] when the line, from an old plugin, names none.
    pub protocol: String,
    /// The plugin's one-time certificate, as it stood in the line: DER in unpadded base64. Only
    /// with AutoMTLS.
    pub server_cert: Option<String>,
    /// Whether the plugin can multiplex its gRPC broker. `None` when the field is absent or
    /// unreadable, neither of which matters over net/rpc.
    pub multiplex: Option<bool>,
    /// What the plugin accepts of the extensions that the host offered. They are in a field that
    /// begins with `plugwire=`, the eighth, which only a plugin prints that was offered some. Go's
    /// hosts ignore it.
    pub extensions: Extensions,
}

impl HandshakeLine {
    /// The line of a net/rpc plugin without TLS.
    #[must_use]
    pub fn new(app_version: u32, address: Address) -> Self {
        Self {
            app_version,
            address,
            protocol: NETRPC.to_owned(),
            server_cert: None,
            multiplex: None,
            extensions: Extensions::NONE,
        }
    }

    /// Reads a line of any app version and protocol. White space around the line is ignored, and so
    /// are fields after the seventh, but for that of the [extensions](Self::extensions).
    ///
    /// # Errors
    ///
    /// Fails when there are fewer than four fields, when the core version is not 1, when the app
    /// version is not a number, and when the network is neither `unix` nor `tcp`.
    pub fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        Self::parse_checked(line, |_| Ok(()))
    }

    /// Reads a line as a host does that knows the app versions `host_versions` and speaks net/rpc
    /// only. The first mistake is reported, in go-plugin's order: core version, app version,
    /// network, protocol.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and also when the app version is not listed or the protocol is
    /// not net/rpc.
    pub fn negotiate(line: &[u8], host_versions: &[u32]) -> Result<Self, HandshakeError> {
        let line = Self::parse_checked(line, |plugin| {
            if host_versions.contains(&plugin) {
                return Ok(());
            }
            Err(HandshakeError::IncompatibleVersion {
                plugin,
                host: host_versions.to_vec(),
            })
        })?;
        if line.protocol != NETRPC {
            return Err(HandshakeError::UnsupportedProtocol {
                protocol: line.protocol,
            });
        }
        Ok(line)
    }

    fn parse_checked(
        line: &[u8],
        check_version: impl FnOnce(u32) -> Result<(), HandshakeError>,
    ) -> Result<Self, HandshakeError> {
        let line = line.trim_ascii();
        let mut fields = line.split(|&byte| byte == b'|');
        let (Some(core), Some(app), Some(network), Some(address)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(HandshakeError::Unrecognized { line: text(line) });
        };

        let core = text(core);
        match core.parse::<u32>() {
            Ok(CORE_PROTOCOL_VERSION) => {}
            Ok(_) => return Err(HandshakeError::IncompatibleCore { plugin: core }),
            Err(reason) => {
                return Err(HandshakeError::CoreVersion {
                    field: core,
                    reason,
                });
            }
        }

        let app = text(app);
        let app_version = match app.parse::<u32>() {
            Ok(version) => version,
            Err(reason) => return Err(HandshakeError::AppVersion { field: app, reason }),
        };
        check_version(app_version)?;

        let address = match network {
            b"unix" => Address::Unix(path(address)),
            b"tcp" => Address::Tcp(text(address)),
            _ => {
                return Err(HandshakeError::UnknownNetwork {
                    network: text(network),
                    address: text(address),
                });
            }
        };
        let protocol = fields.next().map_or_else(|| NETRPC.to_owned(), text);
        // White space after it is dropped, as at the end of the line.
        let server_cert = fields
            .next()
            .map(<[u8]>::trim_ascii_end)
            .filter(|cert| cert.len() > LONGEST_NON_CERT)
            .map(text);
        let multiplex = fields.next().and_then(parse_bool);
        // Go's own line may have an eighth field one day.
        let words = fields.find_map(|field| field.strip_prefix(EXTENSIONS.as_bytes()));
        let extensions = words.and_then(|words| text(words).parse().ok());
        Ok(Self {
            app_version,
            address,
            protocol,
            server_cert,
            multiplex,
            extensions: extensions.unwrap_or_default(),
        })
    }

    /// The line as a plugin prints it, with the newline that ends it.
    ///
    /// # Errors
    ///
    /// Fails with [`HandshakeError::UnprintableAddress`] when the address holds a `|` or a line
    /// break, because no host could read the line.
    pub fn encode(&self) -> Result<Vec<u8>, HandshakeError> {
        let address = match &self.address {
            Address::Unix(path) => path_bytes(path)?,
            Address::Tcp(address) => address.as_bytes(),
        };
        if address
            .iter()
            .any(|byte| matches!(byte, b'|' | b'\n' | b'\r'))
        {
            return Err(HandshakeError::UnprintableAddress {
                address: self.address.clone(),
            });
        }
        let mut line = Vec::with_capacity(64 + address.len());
        line.extend_from_slice(
            format!(
                "{CORE_PROTOCOL_VERSION}|{}|{}|",
                self.app_version,
                self.address.network()
            )
            .as_bytes(),
        );
        line.extend_from_slice(address);
        let cert = self.server_cert.as_deref().unwrap_or("");
        line.extend_from_slice(format!("|{}|{cert}", self.protocol).as_bytes());
        match self.multiplex {
            Some(multiplex) => line.extend_from_slice(format!("|{multiplex}").as_bytes()),
            // Empty, so that the next is the eighth.
            None if !self.extensions.is_empty() => line.push(b'|'),
            None => {}
        }
        if !self.extensions.is_empty() {
            line.extend_from_slice(format!("|{EXTENSIONS}{}", self.extensions).as_bytes());
        }
        line.push(b'\n');
        Ok(line)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Go's `strconv.ParseBool`, which is what prints and reads the seventh field.
fn parse_bool(field: &[u8]) -> Option<bool> {
    match field {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}

/// Unix paths are bytes, and a temporary directory need not be UTF-8.
#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(text(bytes))
}

#[cfg(unix)]
fn path_bytes(path: &std::path::Path) -> Result<&[u8], HandshakeError> {
    use std::os::unix::ffi::OsStrExt;
    Ok(path.as_os_str().as_bytes())
}

#[cfg(not(unix))]
fn path_bytes(path: &std::path::Path) -> Result<&[u8], HandshakeError> {
    let unprintable = || HandshakeError::UnprintableAddress {
        address: Address::Unix(path.to_owned()),
    };
    path.to_str().map(str::as_bytes).ok_or_else(unprintable)
}

#[cfg(test)]
mod tests;
