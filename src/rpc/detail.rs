//! What an error reply carries besides its text.
//!
//! net/rpc sends the text of an error in the header of the reply, and a body that no client uses:
//! Go's server fills it with an empty struct, and Go's client reads any value and drops it
//! (`net/rpc/server.go`, `invalidRequest`; `net/rpc/client.go`, `input`). To a caller that asked
//! for it, the body is a [`Detail`].

use std::error::Error as StdError;
use std::fmt;
use std::iter::successors;

use serde::{Deserialize, Serialize};

use crate::tuning::rpc::{CAUSES, CAUSES_TEXT, ERROR_VALUE};
use plugwire_base::chain::Chain;

/// The body of an error reply: what the text in the header does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Detail {
    /// The error's own text, where the header's ends with those of the causes. Otherwise empty.
    pub(crate) text: String,
    /// The name of the value's type. Empty without a value.
    pub(crate) name: String,
    /// The value in MessagePack, whichever codec the connection has: a process that does not know
    /// the type passes the bytes on to a connection with another codec.
    pub(crate) value: Vec<u8>,
    /// The texts of the causes, the nearest first.
    pub(crate) causes: Vec<String>,
}

impl Detail {
    /// The causes of an error.
    pub(crate) fn of_causes(error: &(dyn StdError + 'static)) -> Self {
        let mut left = CAUSES_TEXT;
        let texts = successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
        let causes = texts
            .take(CAUSES)
            .take_while(|text| take(&mut left, text.len()))
            .collect();
        Detail {
            causes,
            ..Detail::default()
        }
    }

    /// Whether it says no more than the header.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_empty() && self.causes.is_empty()
    }

    /// What is kept of it: the first causes, and a value that is not too long. A value or a cause
    /// is kept as a whole or not at all.
    pub(crate) fn bounded(mut self) -> Self {
        let mut left = CAUSES_TEXT;
        let kept = self.causes.iter().take(CAUSES);
        let kept = kept.take_while(|text| take(&mut left, text.len())).count();
        self.causes.truncate(kept);
        if self.name.is_empty() || self.name.len() + self.value.len() > ERROR_VALUE {
            self.name = String::new();
            self.value = Vec::new();
        }
        if self.text.len() > CAUSES_TEXT {
            self.text = String::new();
        }
        self
    }
}

/// Takes an amount of what is left, if there is as much.
fn take(left: &mut usize, amount: usize) -> bool {
    let rest = left.checked_sub(amount);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// What a method failed with, ready to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Failure {
    /// The text in the header.
    pub(crate) text: String,
    pub(crate) detail: Option<Detail>,
}

impl Failure {
    /// An error whose text crosses with those of its causes.
    pub(crate) fn chained(error: &(dyn StdError + 'static)) -> Self {
        let text = Chain(error).to_string();
        let mut detail = Detail::of_causes(error);
        let own = error.to_string();
        if own != text {
            detail.text = own;
        }
        Failure {
            text,
            detail: Some(detail),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An error that is its text.
impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure { text, detail: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::PeerError;

    /// An error that is its own cause.
    #[derive(Debug)]
    struct Endless(usize);

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&"x".repeat(self.0))
        }
    }

    impl StdError for Endless {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn causes_without_an_end_are_cut() {
        let detail = Detail::of_causes(&Endless(1));
        assert_eq!(detail.causes.len(), CAUSES);
        let detail = Detail::of_causes(&Endless(CAUSES_TEXT / 2));
        assert_eq!(detail.causes.len(), 2);
        let detail = Detail::of_causes(&Endless(CAUSES_TEXT + 1));
        assert!(detail.causes.is_empty());
    }

    #[test]
    fn what_a_peer_sends_too_much_of_is_dropped() {
        let causes = vec!["x".to_owned(); CAUSES + 5];
        let detail = Detail {
            causes,
            name: "KvError".into(),
            value: vec![0; ERROR_VALUE],
            text: "y".repeat(CAUSES_TEXT + 1),
        };
        let error = PeerError::new("text".into(), Some(detail));
        assert_eq!(error.causes().len(), CAUSES);
        assert_eq!(error.type_name(), None);
        assert!(error.value().is_empty());
        assert_eq!(error.to_string(), "text");
        let long = Detail {
            causes: vec!["x".repeat(CAUSES_TEXT - 1), "yy".into(), "z".into()],
            ..Detail::default()
        };
        assert_eq!(PeerError::new("text".into(), Some(long)).causes().len(), 1);
    }

    #[test]
    fn bytes_without_a_name_are_no_value() {
        let detail = Detail {
            value: vec![1],
            ..Detail::default()
        };
        let error = PeerError::new("text".into(), Some(detail));
        assert!(error.value().is_empty());
        assert_eq!(error.failure(), Failure::from("text".to_owned()));
    }

    #[test]
    fn the_causes_of_a_chained_text_are_printed_once() {
        let io = std::io::Error::other("disk full");
        let error = crate::codec::EncodeError::from(io);
        let error = crate::rpc::CallError::Encode {
            method: "Plugin.Put".into(),
            source: error,
        };
        let failure = Failure::chained(&error);
        assert_eq!(
            failure.text,
            "cannot encode the argument of Plugin.Put: disk full"
        );
        let peer = PeerError::from(failure.clone());
        assert_eq!(peer.text(), failure.text);
        assert_eq!(peer.to_string(), "cannot encode the argument of Plugin.Put");
        assert_eq!(Chain(&peer).to_string(), failure.text);
        assert_eq!(peer.failure(), failure);
    }
}
