//! What a session's clients and servers share: what was agreed on, and the observer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::obituary::Obituary;
use crate::codec::{CallConfig, Codec};
use crate::event::Observer;
use crate::handshake::Extensions;

/// What is known of the peer of a session's stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// The news of the end of its process.
    pub(crate) obituary: Obituary,
    pub(crate) negotiated: Arc<Negotiated>,
    /// Whether it is the control stream, each request of which names what was agreed on.
    pub(crate) is_control: bool,
}

/// What the two sides of a session agreed on beyond net/rpc, and the session's observer: one for
/// each session, which its broker and all its clients and servers share.
///
/// A host has it from the handshake, before the session begins. A plugin learns it from the first
/// request on the control stream, whose header names the words. Until then it speaks as to a Go
/// host, since a Go host may have inherited the offer of another.
#[derive(Debug, Default)]
pub(crate) struct Negotiated {
    extensions: AtomicU32,
    observer: Observer,
}

impl Negotiated {
    pub(crate) fn new(extensions: Extensions) -> Arc<Self> {
        Self::observed(extensions, Observer::default())
    }

    /// The same, with an observer.
    pub(crate) fn observed(extensions: Extensions, observer: Observer) -> Arc<Self> {
        Arc::new(Negotiated {
            extensions: AtomicU32::new(extensions.bits()),
            observer,
        })
    }

    /// The same session's, of a stream on which something else was agreed on.
    pub(crate) fn with(&self, extensions: Extensions) -> Arc<Self> {
        Self::observed(extensions, self.observer.clone())
    }

    /// What the session's calls and streams report to.
    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Nothing: the peer sees what Go's peers see.
    pub(crate) fn none() -> Arc<Self> {
        Arc::default()
    }

    /// The host has named what it agrees on.
    pub(crate) fn agree(&self, named: Extensions) {
        let agreed = named.and(Extensions::supported());
        self.extensions.fetch_or(agreed.bits(), Ordering::Relaxed);
    }

    /// All of it.
    pub(crate) fn extensions(&self) -> Extensions {
        Extensions::of_bits(self.extensions.load(Ordering::Relaxed))
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
