//! What is said of connections: events, spans, metrics, names and numbers.

mod bounds;
mod calls;
#[path = "../../examples/metrics/exporter.rs"]
mod exporter;
mod filter;
#[path = "../host/half.rs"]
mod half;
mod kv;
mod names;
mod page;
mod processes;
mod scrape;
mod snapshots;
mod spans;
mod streams;
mod traces;
