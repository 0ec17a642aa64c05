//! The handshake: the environment that a plugin is started in, and the line that it prints.
//!
//! A host starts the plugin with a magic cookie and the list of app versions that it knows in the
//! environment. The plugin answers with one line on its standard output:
//!
//! ```text
//! CORE|APP|NETWORK|ADDRESS|PROTOCOL|SERVERCERT[|MULTIPLEX[|plugwire=WORDS]]
//! 1|1|unix|/tmp/plugin123456|netrpc|
//! ```
//!
//! A plugin that runs already needs no handshake: a [`ReattachConfig`] says where it is.
//!
//! Everything here is pure: bytes and strings in, values out. Starting processes, reading pipes and
//! reading the environment are the business of [`host`](crate::host) and
//! [`plugin`](crate::plugin).
//!
//! ```
//! use plugwire::handshake::{Address, HandshakeLine};
//!
//! let line = HandshakeLine::negotiate(b"1|2|unix|/tmp/plugin123456|netrpc|\n", &[1, 2])?;
//! assert_eq!(line.app_version, 2);
//! assert_eq!(line.address, Address::Unix("/tmp/plugin123456".into()));
//! # Ok::<(), plugwire::handshake::HandshakeError>(())
//! ```

mod address;
mod config;
mod environment;
mod error;
mod extensions;
mod line;
mod reattach;
mod version;

pub use address::Address;
pub use config::HandshakeConfig;
pub use environment::{
    ENV_CLIENT_CERT, ENV_DETACHED, ENV_EXTENSIONS, ENV_MAX_PORT, ENV_MIN_PORT, ENV_MULTIPLEX_GRPC,
    ENV_PROTOCOL_VERSIONS, ENV_UNIX_SOCKET_DIR, ENV_UNIX_SOCKET_GROUP,
};
pub(crate) use environment::{Environment, NOT_INHERITED};
pub use error::HandshakeError;
pub use extensions::Extensions;
pub use line::{CORE_PROTOCOL_VERSION, HandshakeLine, MAX_LINE, NETRPC};
pub use reattach::ReattachConfig;
pub use version::{choose_version, parse_versions, print_versions};
