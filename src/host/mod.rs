//! The host's side: start a plugin, connect to it, use it, end it.
//!
//! A [`ClientConfig`] says what to start and how; [`Client::launch`] starts it and returns once the
//! plugin has answered over its connection.
//!
//! ```no_run
//! use std::process::Command;
//! use plugwire::handshake::HandshakeConfig;
//! use plugwire::host::{Client, ClientConfig};
//!
//! const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::launch(ClientConfig::new(HANDSHAKE, Command::new("./greeter"))).await?;
//! let greeter = client.dispense("greeter").await?;
//! let greeting: String = greeter.call("Plugin.Greet", &()).await?;
//! println!("{greeting}");
//! client.kill().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What a plugin prints
//!
//! | the plugin writes to | before the handshake line | after it |
//! | --- | --- | --- |
//! | its stdout | must be nothing: the first line is the handshake | [`sync_stdout`] |
//! | its stderr | logged | [`sync_stderr`] |
//! | its *original* stderr, where its logger writes | logged | logged |
//!
//! "Logged" means an event of [`tracing`] for each line, and a copy to [`stderr`].
//!
//! [`sync_stdout`]: ClientConfig::sync_stdout
//! [`sync_stderr`]: ClientConfig::sync_stderr
//! [`stderr`]: ClientConfig::stderr

mod client;
mod config;
mod diagnose;
mod dial;
mod error;
mod launch;
mod lines;
mod output;
mod process;
mod socket;

pub use client::Client;
pub use config::{ClientConfig, Writer};
pub use error::{LaunchError, ProcessReport};
