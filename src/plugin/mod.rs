//! The plugin's side: a process that a host starts, and that serves the host.
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
//! While a plugin serves, the output that the process writes to its standard output and standard
//! error goes to the host over the connection. On Unix that includes the output of C code and of
//! processes that the plugin started. Each of the two keeps its order, and output from before the
//! host's request to quit arrives before the answer.
//!
//! Before a host connects, and while it reads slowly, output is kept: 1 MiB of each of the two, and
//! the contents of a pipe. Beyond that, writing blocks, as it does on any full pipe. If a host
//! reads no output for 5 s then, output that does not fit is dropped until a host reads again, so
//! that a plugin without a reader does not hang.
//!
//! The *original* standard error is the plugin's log. [`original_stderr`] writes there, and so does
//! the report of a panic. A host turns each line into a log record.
//!
//! With the crate's feature `hclog`, `HclogLayer` writes the events of [`tracing`] there as hclog
//! does, so the host's records have their levels, modules, fields and spans:
//!
//! ```text
//! tracing_subscriber::registry().with(plugwire::plugin::HclogLayer::new()).init();
//! ```
//!
//! Any other logger with a configurable destination works, too. A host gives its lines the level
//! debug, unless they begin with `[INFO]` or the like:
//!
//! ```text
//! tracing_subscriber::fmt().with_writer(plugwire::plugin::original_stderr).init();
//! ```
//!
//! # Its host
//!
//! A plugin serves one host after another, or several at once: the end of a connection does not end
//! it. It ends when a host asks it to quit, or when the host that started it has died and no other
//! is connected; see [`ServeConfig::outlive_host`]. At its end it removes its socket, and the
//! directory that was made for the socket. [`serve_test`] serves a plugin within its test.
//!
//! With the crate's feature `tls`, a plugin does AutoMTLS with a host that asks for it, without any
//! code of its author, and then serves that host alone. `ServeConfig::tls` configures other TLS.
//! Without the feature, a host that asks for AutoMTLS is an [error](ServeError::NoTls).
//!
//! # Methods that block
//!
//! A method that blocks its thread (by a lock, a file, `std::thread::sleep`) delays the other tasks
//! of that thread. As long as one thread of the runtime is free, other calls go on within some tens
//! of milliseconds. When none is free, calls wait; on Unix, pings and the request to quit are still
//! answered, and the host's death is noticed. The thread `plugwire-rescue` of this crate does that.
//! It starts with the first call, looks every 10 ms while methods run, sleeps otherwise, and never
//! runs a plugin's code. After quit, or once the host is gone, it also ends a process that a
//! blocked method keeps alive; see [`serve`]. Blocking work is still best done with
//! [`tokio::task::spawn_blocking`], so that calls do not wait.
//!
//! # Signals
//!
//! From [`serve`] on, and for the rest of the process's life, SIGINT is ignored: Ctrl-C at a
//! terminal reaches both host and plugin, and the host decides what happens. SIGTERM ends the
//! process at once, or in order where [`ServeConfig::on_shutdown`] has something to do before.

mod accept;
mod config;
mod connection;
mod door;
mod ending;
mod error;
mod hooks;
mod host_watch;
mod interrupt;
mod listener;
mod panic;
mod security;
mod serve;
mod serve_mux;
mod shutdown;
mod stdio;
mod test_mode;

pub use config::ServeConfig;
pub use error::ServeError;
pub use serve::{serve, serve_when, try_serve};
pub use serve_mux::serve_mux;
pub use shutdown::Shutdown;
pub use test_mode::{ServeTestConfig, TestServer, serve_test};

#[cfg(feature = "hclog")]
pub use crate::hclog::HclogLayer;
pub use crate::sys::standard_streams::{OriginalStderr, original_stderr};
