//! Tests of plugins and hosts without a process. (Feature `testing`)
//!
//! - [`pair`] gives a remote of an implementation, over a real session in memory.
//! - [`FakeHost`] is a host for a plugin's author: it dispenses from a
//!   [`PluginSet`](crate::connection::PluginSet).
//! - `FakePlugin` is a plugin for a host's author: [`Client::launch`](crate::host::Client::launch)
//!   starts it as any other, through its handshake and its log. (Feature `host`)
//! - [`Faults`] has something go wrong on demand: a [delay](Fault::Delay), a [cut](Fault::Cut),
//!   [garbage](Fault::Garbage), a [crash](Fault::Crash), [silence](Fault::Silence).
//! - [`Faults::conversation`] is what was said, as text.
//!
//! All of it works in tokio's paused time, in which a deadline of 20 seconds passes at once:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use plugwire::testing::{Fault, pair};
//!
//! #[plugwire::interface]
//! trait Kv {
//!     async fn put(&self, key: String, value: i64) -> plugwire::Result<()>;
//!     async fn get(&self, key: String) -> plugwire::Result<i64>;
//! }
//!
//! # struct Sevens;
//! # #[plugwire::interface]
//! # impl Kv for Sevens {
//! #     async fn put(&self, _: String, _: i64) -> plugwire::Result<()> { Ok(()) }
//! #     async fn get(&self, _: String) -> plugwire::Result<i64> { Ok(7) }
//! # }
//! # fn store() -> Arc<dyn Kv> { Arc::new(Sevens) }
//! /// A test, with `#[tokio::test(start_paused = true)]`.
//! async fn a_silent_plugin_is_given_up() {
//!     let kv = pair::<dyn Kv>(store()).await;
//!     kv.put("visits".into(), 7).await.unwrap();
//!     kv.faults().befall_at("Plugin.Get", Fault::Silence);
//!     let patient = kv.with_timeout(Duration::from_secs(20));
//!     assert!(patient.get("visits".into()).await.unwrap_err().is_timeout());
//!     assert_eq!(
//!         kv.conversation(),
//!         "control\n  \
//!            Dispenser.Dispense \"pair\" = 1\n\
//!          host dials 1\n  \
//!            Plugin.Put {Key: \"visits\", Value: 7} = nil\n  \
//!            Plugin.Get \"visits\" = cancelled\n"
//!     );
//! }
//! # let mut runtime = tokio::runtime::Builder::new_current_thread();
//! # let runtime = runtime.enable_time().start_paused(true).build();
//! # runtime.unwrap().block_on(a_silent_plugin_is_given_up());
//! ```
//!
//! # Recordings
//!
//! A recording is read off the bytes that went over the connection, so it shows what the peer gets.
//! It has one paragraph for each stream, in the order in which they were opened, and one line for
//! each call, with its argument and its answer, in the order of the calls. It is the same in every
//! run of the same conversation: it has no times, no stream numbers and no call numbers, fields and
//! entries are sorted, and a call stands where it began, whenever its answer came. The ids of the
//! broker are those of the wire: each side counts its own from 1.
//!
//! Zero fields are not in a struct that gob has sent. Streams without calls show their bytes. Long
//! texts and bytes are cut after 64.

mod fake_host;
#[cfg(feature = "host")]
mod fake_plugin;
mod fault;
mod pair;
mod recorder;
mod wire;

pub use fake_host::FakeHost;
#[cfg(feature = "host")]
pub use fake_plugin::FakePlugin;
pub use fault::{Fault, UnknownFault};
pub use pair::{Pair, pair, pair_with};
pub use wire::Faults;
