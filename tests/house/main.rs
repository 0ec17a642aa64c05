//! The house rules: what the documents say exists, errors and options follow one convention, the
//! committed inputs of the fuzz targets are harmless, and words, lines, files and crates are as
//! CONTRIBUTING.md asks.

mod architecture;
mod errors;
#[cfg(feature = "msgpack")]
mod fuzz_corpus;
mod layers;
mod options;
mod parity;
mod robustness;
mod shape;
mod tree;
mod words;
