//! What a peer answers in place of a reply.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::detail::{Detail, Failure};
use plugwire_base::escape::Escaped;

/// The error that a method of the peer failed with: its text, and what came with it.
///
/// A peer that has this crate on its side sends more than the text: the texts of the error's
/// causes, which [`source`](StdError::source) gives, and the error's own value if its type is
/// `Serialize` and `Deserialize`. The value stays undecoded until a caller asks for it by its type,
/// so a process that does not know the type passes it on unchanged. A Go peer sends the text alone.
///
/// Printed, the text is on one line, with line breaks and other control characters written out, so
/// that it can go to a terminal or a log.
#[derive(Clone)]
pub struct PeerError {
    /// As it came.
    text: String,
    /// What came with it. Shared: an error may be passed on to several peers.
    extra: Option<Arc<Extra>>,
}

struct Extra {
    detail: Detail,
    /// The causes, as errors.
    cause: Option<Box<Cause>>,
}

impl PeerError {
    pub(crate) fn new(text: String, detail: Option<Detail>) -> Self {
        let extra = detail
            .map(Detail::bounded)
            .filter(|detail| !detail.is_empty());
        let extra = extra.map(|detail| {
            let cause = Cause::chain(&detail.causes);
            Arc::new(Extra { detail, cause })
        });
        PeerError { text, extra }
    }

    /// The text, as it came. For some errors it ends with the texts of the causes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The texts of the error's causes, the nearest first. A Go peer's error has none.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        match &self.extra {
            Some(extra) => &extra.detail.causes,
            None => &[],
        }
    }

    /// The name of the type of the error's value, if the value came with it: a Rust type's own
    /// name, without its module.
    #[must_use]
    pub fn type_name(&self) -> Option<&str> {
        let detail = self.detail()?;
        (!detail.name.is_empty()).then_some(&*detail.name)
    }

    /// The bytes of the value.
    pub(crate) fn value(&self) -> &[u8] {
        self.detail().map_or(&[], |detail| &detail.value)
    }

    fn detail(&self) -> Option<&Detail> {
        self.extra.as_deref().map(|extra| &extra.detail)
    }

    /// The error as it is passed on.
    pub(crate) fn failure(&self) -> Failure {
        Failure {
            text: self.text.clone(),
            detail: self.detail().cloned(),
        }
    }

    /// The text without those of the causes.
    fn own_text(&self) -> &str {
        match self.detail() {
            Some(detail) if !detail.text.is_empty() => &detail.text,
            _ => &self.text,
        }
    }
}

impl From<Failure> for PeerError {
    fn from(failure: Failure) -> Self {
        PeerError::new(failure.text, failure.detail)
    }
}

/// An error of this text alone.
impl From<String> for PeerError {
    fn from(text: String) -> Self {
        PeerError::new(text, None)
    }
}

/// An error of this text alone.
impl From<&str> for PeerError {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.own_text()).fmt(f)
    }
}

impl fmt::Debug for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PeerError");
        debug.field("text", &self.text);
        if !self.causes().is_empty() {
            debug.field("causes", &self.causes());
        }
        if let Some(name) = self.type_name() {
            debug.field("type_name", &name);
        }
        debug.finish()
    }
}

impl StdError for PeerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let cause = self.extra.as_ref()?.cause.as_deref()?;
        Some(cause)
    }
}

/// As text and detail, so that a value may hold an error of another process.
impl Serialize for PeerError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.failure().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PeerError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Failure::deserialize(deserializer).map(PeerError::from)
    }
}

/// One cause of an error of a peer, of which the text is known.
struct Cause {
    text: String,
    next: Option<Box<Cause>>,
}

impl Cause {
    fn chain(texts: &[String]) -> Option<Box<Cause>> {
        texts.iter().rev().fold(None, |next, text| {
            let text = text.clone();
            Some(Box::new(Cause { text, next }))
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.text).fmt(f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cause").field(&self.text).finish()
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let next = self.next.as_deref()?;
        Some(next)
    }
}
