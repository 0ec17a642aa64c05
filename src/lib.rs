//! HashiCorp go-plugin's net/rpc protocol for Rust.
#![warn(missing_docs)]

pub mod broker;
pub mod codec;
pub mod connection;
pub mod gob;
pub mod handshake;
pub mod host;
pub mod mux;
pub mod plugin;
pub mod rpc;
