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
//! let greeter = client.dispense_client("greeter").await?;
//! let greeting: String = greeter.call("Plugin.Greet", &()).await?;
//! println!("{greeting}");
//! client.kill().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Ways to a plugin
//!
//! | the plugin is | what says so |
//! | --- | --- |
//! | started by a command | a [`Command`](std::process::Command) |
//! | one that must have a checksum | [`SecureConfig::command`] |
//! | to end together with all processes that it started | [`PluginCommand::process_group`] |
//! | to outlive this host | [`PluginCommand::detached`] |
//! | to outlive this host and to be kept running by the next | [`SupervisorConfig::survives_host`] |
//! | started by your own code, for example in a container | a [`Runner`] |
//! | running already, here or on another machine | [`Client::reattach`] |
//!
//! The connection is in plain text, on a unix socket that only this user may open. With the crate's
//! feature `tls`, `ClientConfig::tls` turns AutoMTLS on or takes a configuration of rustls, and
//! `AttachConfig::tls` takes one for a plugin that runs already.
//!
//! # What a plugin prints
//!
//! | the plugin writes to | before the handshake line | after it |
//! | --- | --- | --- |
//! | its stdout | not allowed: the first line is the handshake | [`sync_stdout`] |
//! | its stderr | logged | [`sync_stderr`] |
//! | its *original* stderr, where its logger writes | logged | logged |
//!
//! "Logged" means a copy to [`stderr`], and for each line a [`LogRecord`], made by a [`LogParser`].
//! A line of hclog keeps its level, its module and its key-value pairs; `[WARN]` and the like give
//! the level of a plain line; a crash is an error.
//!
//! Each record goes to [`on_log`], and becomes an event of [`tracing`] at its level, with the
//! target [`LOG_TARGET`] with the names of plugin and logger, and these fields, where the line has
//! them:
//!
//! | field | is |
//! | --- | --- |
//! | `message` | the text of the line |
//! | `plugin` | the [instance name](ClientConfig::name) |
//! | `module` | the name of the logger in the plugin |
//! | `timestamp` | when the plugin wrote it, as text |
//! | each pair's key | its value; of lists and objects, JSON |
//! | `fields` | of more pairs than [fit](LOG_TARGET), one JSON object: `{"answer":42}` |
//!
//! [`on_log`]: ClientConfig::on_log
//! [`sync_stdout`]: ClientConfig::sync_stdout
//! [`sync_stderr`]: ClientConfig::sync_stderr
//! [`stderr`]: ClientConfig::stderr

// The rooms, from what is used to what uses it: `secure`, `diagnose`, `discover` (files); `runner`,
// `outlet`, `command`, `process/` (processes); `output/`, `log`, `crash_reporter` (what they
// print); `dial/` (connections); `options`, `config`, `check` (settings); `launch/`, `reattach`,
// `survivor` and `resume` (ways to a plugin); `running`, `managed`, `client` (plugins in use).
//
// Locks: `process::Process::leftovers` (files to remove), the child of `process/local.rs`, the
// lines of `output/tail.rs`, the list of `managed.rs`, and the two task sets of `running.rs`. No
// lock is held while another one is taken, no user code runs under one, and only the two of
// `running.rs` are held across an await.

mod check;
mod client;
mod command;
mod config;
mod crash_reporter;
mod diagnose;
mod dial;
mod discover;
mod error;
mod launch;
mod launchable;
mod log;
mod managed;
mod options;
mod outlet;
mod output;
mod process;
mod reattach;
mod resume;
mod runner;
mod running;
mod secure;
mod supervisor;
mod survivor;
#[cfg(feature = "tls")]
mod tls;
mod unix_socket;

pub use crate::hclog::{LogLevel, LogParser, LogRecord};
pub use client::Client;
pub use command::PluginCommand;
pub use config::ClientConfig;
pub use discover::{DiscoverError, discover};
pub use error::{LaunchError, ProcessReport};
pub use launchable::Launch;
pub use log::LOG_TARGET;
pub use managed::cleanup_clients;
pub use process::local_process;
pub use reattach::{AttachConfig, ReattachError};
pub use runner::{
    AttachedRunner, BoxFuture, KillSwitch, LaunchEnvironment, Output, Runner, Started,
};
pub use secure::{SecureConfig, SecureError};
pub use supervisor::{
    Cause, Event, EventKind, Events, Health, HealthError, ReloadError, Restart, RestartPolicy,
    StartError, State, StateFileError, StateWatch, Supervisor, SupervisorConfig, SupervisorState,
    WhenDown,
};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsConfig};
pub use unix_socket::UnixSocketConfig;

pub use crate::handshake::ReattachConfig;
/// The hash functions that [`SecureConfig::new`] takes, as the `digest` crate describes them.
pub use sha2::Digest;
