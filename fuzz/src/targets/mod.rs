//! What each target does with its bytes: plain functions, so that the corpora can be replayed by
//! `cargo test` without a fuzzer. A finding is a panic, a hang or a large allocation.

mod calls;
mod gob;
mod handshake;
mod hclog;
mod messages;
mod mux;
mod rich;
mod roundtrip;
mod session;
mod shapes;
mod source;
#[allow(dead_code, reason = "decoding is all that is asked of some fields")]
mod types;
mod yamux;

pub use calls::calls;
pub use gob::{gob_dynamic, gob_skip, gob_stream, gob_typed};
pub use handshake::handshake_line;
pub use hclog::hclog_line;
pub use messages::{messages_gob, messages_msgpack};
pub use mux::mux_frames;
pub use rich::codec_rich;
pub use roundtrip::gob_roundtrip;
pub use session::{broker_preface, client_connection, server_connection};
pub use shapes::{gob_go, gob_shapes};
pub use yamux::{yamux_crate, yamux_frames};

/// A target's name, which is also that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const ALL: [Target; 19] = [
    ("gob_typed", gob_typed),
    ("gob_dynamic", gob_dynamic),
    ("gob_skip", gob_skip),
    ("gob_roundtrip", gob_roundtrip),
    ("gob_stream", gob_stream),
    ("messages_gob", messages_gob),
    ("messages_msgpack", messages_msgpack),
    ("handshake_line", handshake_line),
    ("hclog_line", hclog_line),
    ("broker_preface", broker_preface),
    ("mux_frames", mux_frames),
    ("server_connection", server_connection),
    ("client_connection", client_connection),
    ("calls", calls),
    ("gob_shapes", gob_shapes),
    ("gob_go", gob_go),
    ("yamux_frames", yamux_frames),
    ("yamux_crate", yamux_crate),
    ("codec_rich", codec_rich),
];
