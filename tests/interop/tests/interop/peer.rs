//! A kit plugin under test, whichever language it is written in.

use std::path::PathBuf;
use std::process::Command;

use plugwire::host::{Client, ClientConfig, Tls};
use plugwire::rpc;
use plugwire_interop::{HANDSHAKE, KIT};
use support::within;

use crate::go;

/// How often to try what goes wrong by chance only: `PLUGWIRE_ROUNDS` times, or as often as there
/// is time for with each change.
pub fn rounds(usual: usize) -> usize {
    match std::env::var("PLUGWIRE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("PLUGWIRE_ROUNDS is a number"),
        Err(_) => usual,
    }
}

/// A plugin, and what the tests' hosts speak with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Peer {
    Rust,
    Go,
    RustByMtls,
    GoByMtls,
}

impl Peer {
    pub fn is_rust(self) -> bool {
        matches!(self, Peer::Rust | Peer::RustByMtls)
    }

    pub fn path(self) -> PathBuf {
        match self.is_rust() {
            true => env!("CARGO_BIN_EXE_kit-plugin").into(),
            false => go::program("kitplugin"),
        }
    }

    pub fn config(self) -> ClientConfig {
        let config = ClientConfig::new(HANDSHAKE, Command::new(self.path()));
        match self {
            Peer::Rust | Peer::Go => config,
            Peer::RustByMtls | Peer::GoByMtls => config.tls(Tls::AutoMtls),
        }
    }

    pub async fn launch(self) -> Client {
        within(Client::launch(self.config()))
            .await
            .expect("the kit starts")
    }

    /// A running kit, and its service.
    pub async fn kit(self) -> (Client, rpc::Client) {
        let client = self.launch().await;
        let kit = within(client.dispense_client(KIT))
            .await
            .expect("the kit dispenses");
        (client, kit)
    }

    pub fn greeting(self) -> &'static str {
        match self.is_rust() {
            true => "Hello from Rust!",
            false => "Hello from Go!",
        }
    }
}
