//! The plugin's side: be started by a host, and serve it.
//!
//! A plugin's `main` makes a [`ServeConfig`] and calls [`serve`], which returns when the host has
//! asked the plugin to quit:
//!
//! ```no_run
//! use std::convert::Infallible;
//! use plugwire::connection::PluginSet;
//! use plugwire::handshake::HandshakeConfig;
//! use plugwire::plugin::{self, ServeConfig};
//! use plugwire::rpc::Service;
//!
//! const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
//!
//! #[tokio::main]
//! async fn main() {
//!     let plugins = PluginSet::new().register_service("greeter", |_broker| {
//!         let greet = |_: ()| async { Ok::<_, Infallible>("Hello!".to_owned()) };
//!         Ok(Service::new().method("Greet", greet))
//!     });
//!     plugin::serve(ServeConfig::new(HANDSHAKE, plugins)).await;
//! }
//! ```
//!
//! # Standard output and standard error
//!
//! While a plugin serves, what the process writes to its standard output and standard error goes to
//! the host over the connection, on Unix whoever writes it: `println!`, C code, a process it
//! started. Both are kept in order, and what was written before the host asked the plugin to quit
//! arrives before the answer.
//!
//! Before a host connects, and while it reads slowly, output is kept: 1 MiB of each of the two, and
//! what a pipe holds. Beyond that writing blocks, as it does on any full pipe. If nobody has read
//! anything for 5 s by then, what does not fit is dropped until somebody does, so that a plugin
//! cannot hang for want of a reader.
//!
//! The *original* standard error is the plugin's log. [`original_stderr`] writes there, and so does
//! a panic. A host turns each line into a log record.
//!
//! With the crate's feature `hclog`, `HclogLayer` writes [`tracing`]'s events there as hclog does, so
//! that the host's records have their levels, modules, fields and spans:
//!
//! ```text
//! tracing_subscriber::registry().with(plugwire::plugin::HclogLayer::new()).init();
//! ```
//!
//! Any other logger that can be told where to write will do. Its lines are debug to the host, unless
//! they begin with `[INFO]` or the like:
//!
//! ```text
//! tracing_subscriber::fmt().with_writer(plugwire::plugin::original_stderr).init();
//! ```
//!
//! # Its host
//!
//! A plugin serves one host after another, or several: a connection that ends is not its end. It
//! ends when a host asks it to quit, and when the host that started it dies and nobody else is
//! connected; see [`ServeConfig::outlive_host`]. When it ends it removes its socket, and the directory
//! that was made for the socket. [`serve_test`] serves a plugin within its test.
//!
//! With the crate's feature `tls`, a plugin does AutoMTLS with a host that asks for it, without a word
//! of its author's, and then serves that host alone. `ServeConfig::tls` configures it otherwise.
//! Without the feature, such a host is an [error](ServeError::NoTls).
//!
//! # Methods that block
//!
//! A method that blocks its thread (by a lock, a file, `std::thread::sleep`) holds up what tokio has to
//! run on that thread. Other calls go on within some tens of milliseconds as long as one thread of the
//! runtime is free. When none is, calls wait; on Unix, pings and the request to quit are answered all
//! the same, and the host's death is noticed. A thread of the crate's own, `plugwire-rescue`, does
//! that. It starts with the first call, looks every 10 ms while methods run, sleeps otherwise, and
//! never runs a plugin's code. After quit, or once the host is gone, it also ends the process that a
//! blocked method keeps alive; see [`serve`]. What blocks is still best left to
//! [`tokio::task::spawn_blocking`], so that calls do not wait.
//!
//! # Signals
//!
//! From [`serve`] on, and for the rest of the process's life, SIGINT is ignored: Ctrl-C at a
//! terminal reaches host and plugin alike, and it is the host that decides.

mod accept_error;
mod config;
mod door;
mod ending;
mod hooks;
mod host_watch;
mod interrupt;
mod listener;
mod panic;
mod serve;
mod serve_mux;
#[cfg(unix)]
mod socket_place;
mod stdio;
mod test_mode;
mod tls;

pub use config::ServeConfig;
pub use serve::{ServeError, serve, try_serve};
pub use serve_mux::serve_mux;
pub use test_mode::{ServeTestConfig, TestServer, serve_test};

#[cfg(feature = "hclog")]
pub use crate::hclog::HclogLayer;
pub use crate::sys::standard_streams::{OriginalStderr, original_stderr};
