//! The "kit": one plugin that shows everything a go-plugin plugin can do, written once here and
//! once in Go (`go/cmd/kitplugin`), so that the same tests drive either.

#![forbid(unsafe_code)]

pub mod bytes;
pub mod context;
pub mod events;
pub mod lookup;
pub mod nest;
pub mod objects;
pub mod service;
pub mod shapes;
pub mod tls;
pub mod types;
pub mod vault;

use plugwire::handshake::HandshakeConfig;

/// What kit hosts and kit plugins agree on.
pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_KIT", "interop");

/// The name under which the kit is dispensed.
pub const KIT: &str = "kit";
