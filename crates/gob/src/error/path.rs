//! Where in a value an error occurred, as `User.Tags[3]: `.

use std::fmt::{self, Write};

/// The Rust type, and the way to a part of its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Location {
    pub(super) target: Option<&'static str>,
    /// Names and `[index]`, innermost first.
    pub(super) path: Vec<String>,
}

impl Location {
    /// The steps, outermost first.
    pub(super) fn steps(&self) -> Vec<&str> {
        self.path.iter().rev().map(String::as_str).collect()
    }

    /// The path as text.
    pub(super) fn path(&self) -> String {
        let mut text = String::new();
        let _ = self.write_path(&mut text);
        text
    }

    /// Writes what goes before the error's own text.
    pub(super) fn write(&self, f: &mut impl Write, doing: &str) -> fmt::Result {
        f.write_str("gob: ")?;
        if let Some(target) = self.target {
            write!(f, "{doing} {target}: ")?;
        }
        self.write_path(f)?;
        f.write_str(if self.path.is_empty() { "" } else { ": " })
    }

    fn write_path(&self, f: &mut impl Write) -> fmt::Result {
        for (i, segment) in self.path.iter().rev().enumerate() {
            if i > 0 && !segment.starts_with('[') {
                f.write_str(".")?;
            }
            f.write_str(segment)?;
        }
        Ok(())
    }
}
