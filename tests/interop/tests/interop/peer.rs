//! A kit plugin under test, whichever language it is written in.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use plugwire::host::{Client, ClientConfig, Tls};
use plugwire::rpc;
use plugwire_interop::{HANDSHAKE, KIT};

use crate::go;

/// No test waits longer than this for anything that should happen soon.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often to try what goes wrong by chance only: `PLUGWIRE_ROUNDS` times, or as often as there is time for with each
/// change.
pub fn rounds(usual: usize) -> usize {
    match std::env::var("PLUGWIRE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("PLUGWIRE_ROUNDS is a number"),
        Err(_) => usual,
    }
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("within the deadline")
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

/// Whether a process exists that is not merely waiting to be reaped.
pub fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses and may hold anything.
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// Whether a process exists at all, reaped ones excluded.
pub fn exists(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("a process id");
    rustix::process::test_kill_process(pid).is_ok()
}
