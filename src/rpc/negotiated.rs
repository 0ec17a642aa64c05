//! What the two sides of a session agreed on beyond net/rpc.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::codec::{CallConfig, Codec};
use crate::handshake::Extensions;

/// What the two sides of a session agreed on beyond net/rpc: one for each session, which its
/// broker and all its clients and servers share.
///
/// A host has it from the handshake, before the session begins. A plugin learns it from the first
/// request on the control stream, whose header names the words. Until then it speaks as to a Go
/// host, since a Go host may have inherited the offer of another.
#[derive(Debug, Default)]
pub(crate) struct Negotiated(AtomicU32);

impl Negotiated {
    pub(crate) fn new(extensions: Extensions) -> Arc<Self> {
        Arc::new(Negotiated(AtomicU32::new(extensions.bits())))
    }

    /// Nothing: the peer sees what Go's peers see.
    pub(crate) fn none() -> Arc<Self> {
        Arc::default()
    }

    /// The host has named what it agrees on.
    pub(crate) fn agree(&self, named: Extensions) {
        let agreed = named.and(Extensions::supported());
        self.0.fetch_or(agreed.bits(), Ordering::Relaxed);
    }

    /// All of it.
    pub(crate) fn extensions(&self) -> Extensions {
        Extensions::of_bits(self.0.load(Ordering::Relaxed))
    }

    /// Whether deadlines, cancels and trace contexts travel.
    pub(crate) fn calls(&self) -> bool {
        self.extensions().contains(Extensions::CALLS)
    }

    /// Whether the same is so on streams that are asked for, and on no others.
    pub(crate) fn calls_when_asked(&self) -> bool {
        let extensions = self.extensions();
        extensions.contains(Extensions::CALLS_WHEN_ASKED) && !extensions.contains(Extensions::CALLS)
    }

    /// Whether errors keep their type.
    pub(crate) fn errors(&self) -> bool {
        self.extensions().contains(Extensions::ERRORS)
    }

    /// How what is dispensed and brokered is written, where `configured` is what the settings say.
    /// The control stream is always written in gob.
    pub(crate) fn codec(&self, configured: CallConfig) -> CallConfig {
        let rich = self.extensions().contains(Extensions::MSGPACK);
        match configured.name() {
            Codec::Gob if rich => configured.codec(Codec::Rich),
            _ => configured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_agrees_to_what_it_knows() {
        let negotiated = Negotiated::none();
        assert!(!negotiated.calls());
        negotiated.agree(Extensions::of_bits(u32::MAX));
        assert_eq!(negotiated.extensions(), Extensions::supported());
        assert!(negotiated.calls());
        negotiated.agree(Extensions::NONE);
        assert_eq!(negotiated.extensions(), Extensions::supported());
    }
}
