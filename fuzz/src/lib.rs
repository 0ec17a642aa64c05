//! The bodies of the fuzz targets. `tests/house/fuzz_corpus.rs` of the crate itself runs them, too.

#![forbid(unsafe_code)]

pub mod targets;
