//! What this crate's two sides may agree on beyond go-plugin's protocol.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Extensions of go-plugin's protocol, as a host offers them and a plugin accepts them.
///
/// A host names its own in the environment ([`ENV_EXTENSIONS`](super::ENV_EXTENSIONS)), and a
/// plugin that knows some answers with them in its [line](super::HandshakeLine::extensions). A peer
/// that does not answer, such as every plugin of go-plugin alone, sees the bytes that it always
/// saw.
///
/// As text they are words with commas between them. A word that this version does not know is
/// ignored, so that later versions can have more.
///
/// ```
/// use plugwire::handshake::Extensions;
///
/// let host: Extensions = "calls,errors,telepathy".parse()?;
/// assert_eq!(host, Extensions::CALLS.with(Extensions::ERRORS));
/// assert_eq!(host.and(Extensions::CALLS).to_string(), "calls");
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Extensions(u32);

/// In the order in which they are printed.
const WORDS: [(&str, Extensions); 4] = [
    ("calls", Extensions::CALLS),
    ("errors", Extensions::ERRORS),
    ("codec=msgpack", Extensions::MSGPACK),
    ("calls=asked", Extensions::CALLS_WHEN_ASKED),
];

impl Extensions {
    /// None at all.
    pub const NONE: Extensions = Extensions(0);

    /// `calls`: deadlines, cancels and trace contexts travel with calls.
    pub const CALLS: Extensions = Extensions(1);

    /// `errors`: errors keep their type.
    pub const ERRORS: Extensions = Extensions(1 << 1);

    /// `codec=msgpack`: what is dispensed and brokered can be written in MessagePack, with a form
    /// for every serde type.
    pub const MSGPACK: Extensions = Extensions(1 << 2);

    /// `calls=asked`: as [`CALLS`](Self::CALLS), but only on streams that were asked for: a
    /// program with go-plugin leaves its other streams to net/rpc.
    pub const CALLS_WHEN_ASKED: Extensions = Extensions(1 << 3);

    /// All that this build knows.
    #[must_use]
    pub const fn supported() -> Extensions {
        Extensions::CALLS
            .with(Extensions::CALLS_WHEN_ASKED)
            .with(Extensions::MSGPACK)
            .with(Extensions::ERRORS)
    }

    /// Whether all of the others are among these.
    #[must_use]
    pub const fn contains(self, others: Extensions) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// These and the others.
    #[must_use]
    pub const fn with(self, others: Extensions) -> Extensions {
        Extensions(self.0 | others.0)
    }

    /// These without the others.
    #[must_use]
    pub const fn without(self, others: Extensions) -> Extensions {
        Extensions(self.0 & !others.0)
    }

    /// Those that are among both.
    #[must_use]
    pub const fn and(self, others: Extensions) -> Extensions {
        Extensions(self.0 & others.0)
    }

    /// As a number that an atomic can hold.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// From the number of [`bits`](Self::bits).
    pub(crate) const fn of_bits(bits: u32) -> Extensions {
        Extensions(bits)
    }
}

impl fmt::Display for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (word, extension) in WORDS {
            if self.contains(extension) {
                write!(f, "{separator}{word}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({self})")
    }
}

/// Never fails: unknown words are ignored.
impl FromStr for Extensions {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |word: &str| {
            let found = WORDS.iter().find(|(known, _)| *known == word.trim());
            found.map_or(Extensions::NONE, |&(_, extension)| extension)
        };
        Ok(text
            .split(',')
            .map(known)
            .fold(Extensions::NONE, Extensions::with))
    }
}

impl Serialize for Extensions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|never| match never {})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Extensions {
        let Ok(parsed) = text.parse();
        parsed
    }

    #[test]
    fn words_are_read_in_any_order_and_unknown_ones_ignored() {
        for text in ["calls,errors", "errors,calls", " errors , x=1,,calls,calls"] {
            assert_eq!(parsed(text).to_string(), "calls,errors", "{text}");
        }
        assert_eq!(parsed(""), Extensions::NONE);
        assert_eq!(parsed("Calls,codec,codec=gob"), Extensions::NONE);
        assert_eq!(parsed("codec=msgpack"), Extensions::MSGPACK);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            bits in 0u32..1 << WORDS.len(),
            other in 0u32..1 << WORDS.len(),
        ) {
            let (one, other) = (Extensions(bits), Extensions(other));
            prop_assert_eq!(parsed(&one.to_string()), one);
            prop_assert!(one.with(other).contains(one) && one.contains(one.and(other)));
            prop_assert!(one.without(other).and(other).is_empty());
        }

        #[test]
        fn any_text_is_words(text in ".{0,60}") {
            let known = parsed(&text);
            prop_assert_eq!(parsed(&known.to_string()), known);
        }
    }
}
