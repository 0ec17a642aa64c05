//! Learning a type from its `Deserialize`.
//!
//! The type is deserialized from nothing: a deserializer notes what is asked for and returns zeros.
//! That takes more than one run for three reasons. A type may refuse zeros, and is then tried with
//! other samples. An enum shows one variant a run, and all must be seen to have no data. And serde
//! lists the aliases of a field as if they were fields.
//!
//! `run` is what one run knows, `access` and `deserializer` are serde's side of it, `search` does
//! the runs, `losses` notes what a type can say and gob cannot, and `cache` remembers what was
//! found.

mod access;
mod cache;
mod deserializer;
mod losses;
mod run;
mod samples;
mod search;

pub(crate) use self::cache::Learned;
pub(crate) use self::cache::{cached, learned};
pub(crate) use self::search::is_tracer;
pub use self::search::is_tracing;
