//! The house rules: what the documents say exists, errors and options follow one convention, and
//! the committed inputs of the fuzz targets are harmless.

mod errors;
#[cfg(feature = "msgpack")]
mod fuzz_corpus;
mod options;
mod parity;
mod robustness;
