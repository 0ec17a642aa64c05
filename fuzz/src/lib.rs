//! The bodies of the fuzz targets. `tests/hostile_corpus.rs` of the crate itself runs them, too.

pub mod targets;
