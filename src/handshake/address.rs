//! Where a plugin listens.

use std::fmt;
use std::path::PathBuf;

use plugwire_base::escape::Escaped;

/// Where a plugin listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A unix socket at this path. On Linux a path that begins with `@` is a name in the abstract
    /// namespace, as in Go, and no file.
    Unix(PathBuf),
    /// A TCP socket, as `host:port`. Not resolved yet.
    ///
    /// It has the forms that Go's dialer takes. Without a host, as in `:4000`, and with `0.0.0.0`
    /// or `[::]` it means this machine. IPv6 addresses stand in brackets, with a zone if needed:
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
