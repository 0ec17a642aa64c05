//! What the attacks share: a victim in a process of its own, and frames written by hand.

#![forbid(unsafe_code)]

pub mod entered;
pub mod victim;
pub mod wire;

use plugwire::handshake::HandshakeConfig;

/// What the hosts and plugins of the attacks agree on.
pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_ATTACKS", "cookie");

/// How many times as large as usual an attack is, from the environment variable `PLUGWIRE_ROUNDS`.
pub fn rounds() -> usize {
    let rounds = std::env::var("PLUGWIRE_ROUNDS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(1)
}
