//! AutoMTLS: host and plugin make a certificate each, give it to the other at launch, and accept
//! nothing else. (go-plugin: `mtls.go`)
//!
//! The host's goes into the plugin's environment as PEM, the plugin's into the handshake line as DER
//! in base64. The private keys stay where they were made, in memory.

mod certificate;
mod pinned;

pub(crate) use certificate::{OneTime, from_field, from_pem};
pub(crate) use pinned::{client_config, server_config};
