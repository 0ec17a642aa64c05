//! An error with its causes, as one text.
//!
//! The `Display` of this crate's errors leaves out what `source()` gives. Where an error becomes a
//! text for good, in a log line or on its way to a peer, the causes belong to it.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use crate::escape::Escaped;

/// How many causes of an error are shown. Errors nest a few deep; one that is its own cause has no
/// last.
pub const MAX_CAUSES: usize = 32;

/// Shows an error and its causes: `error: cause: cause`. A cause that an error's own text ends
/// with, as with errors of others that print their source, is shown once.
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.to_string();
        f.write_str(&shown)?;
        let causes = std::iter::successors(self.0.source(), |&error| error.source());
        for cause in causes.take(MAX_CAUSES) {
            let text = cause.to_string();
            if !shown.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            shown = text;
        }
        Ok(())
    }
}

/// An error with its causes for a line of the log.
pub fn logged<'a>(error: &'a (dyn StdError + 'static)) -> Escaped<Chain<'a>> {
    Escaped(Chain(error))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot save")]
    struct Save(#[source] io::Error);

    /// Prints its source itself, as many do.
    #[derive(Debug, thiserror::Error)]
    #[error("cannot load: {0}")]
    struct Load(#[source] Save);

    fn save() -> Save {
        Save(io::Error::other("disk\nfull"))
    }

    #[test]
    fn each_cause_is_shown_once() {
        assert_eq!(Chain(&save()).to_string(), "cannot save: disk\nfull");
        let load = Load(save());
        assert_eq!(
            Chain(&load).to_string(),
            "cannot load: cannot save: disk\nfull"
        );
        assert_eq!(
            logged(&load).to_string(),
            r"cannot load: cannot save: disk\nfull"
        );
    }
}
