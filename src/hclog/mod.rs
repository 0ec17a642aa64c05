//! The log of a plugin: lines of JSON, in the form of Go's hclog.
//!
//! | file | side | what it does |
//! | --- | --- | --- |
//! | `record.rs` | host | [`LogRecord`](record::LogRecord): one line, as the host sees it |
//! | `parser.rs` | host | bytes of a line in, record out; no I/O |
//! | `writer.rs` | plugin | key-value pairs in, bytes of a line out; no I/O |
//! | `pairs.rs`, `layer.rs` | plugin | events and spans of `tracing` into lines |
//! | `timestamp.rs` | both | the text of `@timestamp`; its calendar is gob's |
//!
//! The host's pipe is read in `host/output.rs`, and its records become events in `host/log.rs`.

#[cfg(feature = "hclog")]
mod layer;
#[cfg(feature = "hclog")]
mod pairs;
#[cfg(feature = "host")]
mod parser;
#[cfg(feature = "host")]
mod record;
pub(crate) mod timestamp;
#[cfg(feature = "plugin")]
pub(crate) mod writer;

#[cfg(feature = "hclog")]
pub use layer::HclogLayer;
#[cfg(feature = "host")]
pub use parser::LogParser;
#[cfg(feature = "host")]
pub use record::{LogLevel, LogRecord};
