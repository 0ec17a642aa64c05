//! Where in a value something went wrong, as `User.Tags[3]: `.

use std::fmt::{self, Write};

/// Writes the segments, which were gathered from the inside out, and a colon. A segment is a name or `[index]`.
pub(crate) fn write(f: &mut impl Write, path: &[String]) -> fmt::Result {
    if path.is_empty() {
        return Ok(());
    }
    for (i, segment) in path.iter().rev().enumerate() {
        if i > 0 && !segment.starts_with('[') {
            f.write_str(".")?;
        }
        f.write_str(segment)?;
    }
    f.write_str(": ")
}
