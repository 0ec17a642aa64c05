//! The handshake: the line a plugin prints, and the environment it is started in.
//!
//! A host starts the plugin with a magic cookie and the list of protocol versions it knows in the
//! environment. The plugin answers with one line on its standard output:
//!
//! ```text
//! CORE|APP|NETWORK|ADDRESS|PROTOCOL|SERVERCERT[|MULTIPLEX]
//! 1|1|unix|/tmp/plugin123456|netrpc|
//! ```
//!
//! A plugin that runs already needs no handshake: a [`ReattachConfig`] says where it is.
//!
//! Everything here is pure: bytes and strings in, values out. Starting processes, reading pipes and
//! the environment are the business of [`host`](crate::host) and [`plugin`](crate::plugin).
//!
//! ```
//! use plugwire::handshake::{Address, HandshakeLine};
//!
//! let line = HandshakeLine::negotiate(b"1|2|unix|/tmp/plugin123456|netrpc|\n", &[1, 2])?;
//! assert_eq!(line.app_version, 2);
//! assert_eq!(line.address, Address::Unix("/tmp/plugin123456".into()));
//! # Ok::<(), plugwire::handshake::HandshakeError>(())
//! ```

mod reattach;

pub use reattach::ReattachConfig;

use std::borrow::Cow;
use std::fmt;
use std::num::ParseIntError;
use std::path::PathBuf;

use crate::InvalidOption;
use crate::tuning::handshake as tuning;
use plugwire_base::escape::Escaped;

/// The version of the plugin system itself, the first field of the line. It has never been anything
/// else.
pub const CORE_PROTOCOL_VERSION: u32 = 1;

/// The name that the line gives to the only protocol spoken here.
pub const NETRPC: &str = "netrpc";

/// The longest handshake line that is read, in bytes. go-plugin's scanner gives up at the same
/// length.
pub const MAX_LINE: usize = tuning::MAX_LINE;

/// Environment: lowest TCP port a plugin may listen on. Plugins on Unix use sockets and ignore it.
pub const ENV_MIN_PORT: &str = "PLUGIN_MIN_PORT";
/// Environment: highest TCP port a plugin may listen on.
pub const ENV_MAX_PORT: &str = "PLUGIN_MAX_PORT";
/// Environment: every app version the host knows, comma separated, in any order.
pub const ENV_PROTOCOL_VERSIONS: &str = "PLUGIN_PROTOCOL_VERSIONS";
/// Environment: the host's one-time certificate as PEM; present only with AutoMTLS.
pub const ENV_CLIENT_CERT: &str = "PLUGIN_CLIENT_CERT";
/// Environment: the directory a plugin makes its unix socket in, instead of the temporary
/// directory.
pub const ENV_UNIX_SOCKET_DIR: &str = "PLUGIN_UNIX_SOCKET_DIR";
/// Environment: the group, by name or number, that owns the plugin's unix socket.
pub const ENV_UNIX_SOCKET_GROUP: &str = "PLUGIN_UNIX_SOCKET_GROUP";
/// Environment: the host understands the line's seventh field. A gRPC matter; net/rpc plugins may
/// still append it.
pub const ENV_MULTIPLEX_GRPC: &str = "PLUGIN_MULTIPLEX_GRPC";
/// Environment: the plugin is meant to outlive the host that starts it. Holds the magic cookie as
/// `KEY=VALUE`, so that no plugin of the plugin's takes it for its own when a host in Go passes it
/// on. This crate's own; go-plugin does not know it, and its plugins always outlive their hosts.
pub const ENV_DETACHED: &str = "PLUGWIRE_DETACHED";

/// A sixth field this short is no certificate: some old plugins put other things there, and
/// go-plugin ignores them.
const LONGEST_NON_CERT: usize = 50;

/// What host and plugin must agree on before they speak.
///
/// The magic cookie is no secret and no protection. It lets a plugin that a person started by hand
/// say so, instead of waiting for a host that will never come.
///
/// ```
/// use plugwire::handshake::HandshakeConfig;
///
/// // Shared by host and plugin, commonly in a crate both depend on.
/// const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// # assert_eq!(HANDSHAKE.protocol_version, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeConfig {
    /// The app version: raised when the interface between host and plugin changes incompatibly.
    pub protocol_version: u32,
    /// Name of the environment variable that carries the cookie.
    pub magic_cookie_key: Cow<'static, str>,
    /// The cookie.
    pub magic_cookie_value: Cow<'static, str>,
}

impl HandshakeConfig {
    /// A handshake made of literals. Fill the fields directly where key or value are made at run
    /// time.
    #[must_use]
    pub const fn new(
        protocol_version: u32,
        magic_cookie_key: &'static str,
        magic_cookie_value: &'static str,
    ) -> Self {
        Self {
            protocol_version,
            magic_cookie_key: Cow::Borrowed(magic_cookie_key),
            magic_cookie_value: Cow::Borrowed(magic_cookie_value),
        }
    }

    /// The cookie as an environment writes it.
    pub(crate) fn cookie_assignment(&self) -> String {
        format!("{}={}", self.magic_cookie_key, self.magic_cookie_value)
    }

    /// Whether key and value are both there and can be put into an environment.
    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        let (key, value) = (&self.magic_cookie_key, &self.magic_cookie_value);
        if key.is_empty() || key.contains(['=', '\0']) {
            let expected = "the name of an environment variable, without '=' and NUL";
            let option = "HandshakeConfig::magic_cookie_key";
            return Err(InvalidOption::new(option, key, expected));
        }
        if value.is_empty() || value.contains('\0') {
            let expected = "a text without NUL, and at least one character of it";
            let option = "HandshakeConfig::magic_cookie_value";
            return Err(InvalidOption::new(option, value, expected));
        }
        Ok(())
    }
}

/// Where a plugin listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A unix socket at this path. On Linux a path that begins with `@` is a name in the abstract
    /// namespace, as in Go, and no file.
    Unix(PathBuf),
    /// A TCP socket, as `host:port`. Not resolved yet.
    ///
    /// It has the forms that Go's dialer takes. Without a host, as in `:4000`, and with `0.0.0.0` or
    /// `[::]` it means this machine. IPv6 addresses stand in brackets, with a zone if needed:
    /// `[fe80::1%eth0]:4000`. The port may be the name of a service. Of a name's addresses those of
    /// IPv4 are tried first.
    Tcp(String),
}

impl Address {
    /// The line's third field.
    #[must_use]
    pub fn network(&self) -> &'static str {
        match self {
            Address::Unix(_) => "unix",
            Address::Tcp(_) => "tcp",
        }
    }

    /// Whether this is the name of a unix socket that has no file.
    #[cfg(feature = "host")]
    pub(crate) fn is_abstract(&self) -> bool {
        match self {
            Address::Unix(path) if cfg!(any(target_os = "linux", target_os = "android")) => {
                path.as_os_str().as_encoded_bytes().starts_with(b"@")
            }
            Address::Unix(_) | Address::Tcp(_) => false,
        }
    }
}

/// Writes the address alone, without the network.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => Escaped(path.display()).fmt(f),
            Address::Tcp(address) => Escaped(address).fmt(f),
        }
    }
}

/// The line a plugin prints when it is ready to be dialled.
///
/// The core version is not kept: it is [`CORE_PROTOCOL_VERSION`] in every line that parses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeLine {
    /// The app version the plugin serves.
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
        }
    }

    /// Reads a line, whatever its app version and protocol. White space around the line is ignored,
    /// and so are fields after the seventh.
    ///
    /// # Errors
    ///
    /// Fails when there are fewer than four fields, when the core version is not 1, when the app
    /// version is no number, and when the network is neither `unix` nor `tcp`.
    pub fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        Self::parse_checked(line, |_| Ok(()))
    }

    /// Reads a line as a host does that knows the app versions `host_versions` and speaks net/rpc
    /// only. What is wrong first is reported, in go-plugin's order: core version, app version,
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
        // White space behind it is no more a part of it here than at the end of the line.
        let server_cert = fields
            .next()
            .map(<[u8]>::trim_ascii_end)
            .filter(|cert| cert.len() > LONGEST_NON_CERT)
            .map(text);
        let multiplex = fields.next().and_then(parse_bool);
        Ok(Self {
            app_version,
            address,
            protocol,
            server_cert,
            multiplex,
        })
    }

    /// The line as a plugin prints it, with the newline that ends it.
    ///
    /// # Errors
    ///
    /// Fails with [`HandshakeError::UnprintableAddress`] when the address holds a `|` or a line
    /// break. No host could read such a line.
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
        if let Some(multiplex) = self.multiplex {
            line.extend_from_slice(format!("|{multiplex}").as_bytes());
        }
        line.push(b'\n');
        Ok(line)
    }
}

/// The value of [`ENV_PROTOCOL_VERSIONS`] for a host that knows these versions.
pub fn print_versions(versions: &[u32]) -> String {
    versions
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// Reads the value of [`ENV_PROTOCOL_VERSIONS`]. What is no version number is skipped with a
/// warning: one bad item must not hide the good ones.
#[must_use]
pub fn parse_versions(value: &str) -> Vec<u32> {
    if value.is_empty() {
        return Vec::new();
    }
    let parse = |item: &str| match item.parse() {
        Ok(version) => Some(version),
        Err(_) => {
            tracing::warn!("host sent invalid plugin version {item:?}");
            None
        }
    };
    value.split(',').filter_map(parse).collect()
}

/// The version a plugin serves: the highest of its own that the host listed. When there is none,
/// its lowest, so that a host which lists nothing gets the oldest interface and any other can
/// report the mismatch. `None` only for a plugin without versions.
#[must_use]
pub fn choose_version(plugin: &[u32], host: &[u32]) -> Option<u32> {
    let common = plugin.iter().filter(|version| host.contains(version)).max();
    common.or_else(|| plugin.iter().min()).copied()
}

/// Why a handshake line was refused. The texts are go-plugin's; what the plugin printed is in the fields
/// as it came, and in the text on one line, with control characters written out.
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
        /// How it began.
        start: String,
    },
    /// The first field is no number.
    #[error("error parsing core protocol version: {field:?}: {reason}")]
    CoreVersion {
        /// The field.
        field: String,
        /// Why it is no number.
        reason: ParseIntError,
    },
    /// The plugin was built for another version of the plugin system.
    #[error(
        "incompatible core API version with plugin. Plugin version: {}, Core version: {CORE_PROTOCOL_VERSION}\
         \n\nTo fix this, the plugin usually only needs to be recompiled.\n\
         Please report this to the plugin author",
        Escaped(plugin)
    )]
    IncompatibleCore {
        /// The plugin's core version.
        plugin: String,
    },
    /// The second field is no version number.
    #[error("Error parsing protocol version {field:?}: {reason}")]
    AppVersion {
        /// The field.
        field: String,
        /// Why it is no number.
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
    /// The sixth field is no certificate.
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
         configured in its stead. Turn AutoMTLS off, or configure the plugin's TLS in the host too"
    )]
    MissingServerCert,
    /// The line has a certificate, and the host did not ask for AutoMTLS.
    #[error(
        "the plugin expects AutoMTLS, which this host has not turned on: {ENV_CLIENT_CERT} came to \
         the plugin's environment from elsewhere. Remove it there, or turn AutoMTLS on (feature `tls`)"
    )]
    UnexpectedServerCert,
    /// The address cannot be written into a line.
    #[error("the address {address} cannot be written into a handshake line")]
    UnprintableAddress {
        /// The address.
        address: Address,
    },
}

impl HandshakeError {
    /// Whether what came was not even meant as a handshake.
    pub(crate) fn is_no_handshake(&self) -> bool {
        matches!(
            self,
            Self::Unrecognized { .. } | Self::NoLine | Self::LineTooLong { .. }
        )
    }
}

/// The first bytes of an overlong line, enough to recognise what printed it.
pub(crate) fn start_of(line: &[u8]) -> String {
    text(&line[..line.len().min(tuning::SHOWN_START)])
}

/// A line in a message: whole unless somebody printed pages.
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
