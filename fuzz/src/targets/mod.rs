//! What each target does with its bytes: plain functions, so that the corpora can be replayed by
//! `cargo test` without a fuzzer. A finding is a panic, a hang or a large allocation.

mod gob;
mod handshake;
mod messages;
mod roundtrip;
mod session;
mod source;
mod types;

pub use gob::{gob_dynamic, gob_skip, gob_stream, gob_typed};
pub use handshake::handshake_line;
pub use messages::{messages_gob, messages_msgpack};
pub use roundtrip::gob_roundtrip;
pub use session::{broker_preface, mux_frames, server_connection};

/// Every target by its name, which is also that of its corpus.
pub const ALL: [(&str, fn(&[u8])); 11] = [
    ("gob_typed", gob_typed),
    ("gob_dynamic", gob_dynamic),
    ("gob_skip", gob_skip),
    ("gob_roundtrip", gob_roundtrip),
    ("gob_stream", gob_stream),
    ("messages_gob", messages_gob),
    ("messages_msgpack", messages_msgpack),
    ("handshake_line", handshake_line),
    ("broker_preface", broker_preface),
    ("mux_frames", mux_frames),
    ("server_connection", server_connection),
];
