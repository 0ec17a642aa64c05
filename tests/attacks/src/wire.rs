//! yamux frames by hand, over a blocking socket.

use std::io::{self, Write};

pub use support::yamux::*;

/// Opens the three streams that every connection begins with: control, stdout, stderr (1, 3, 5).
///
/// # Errors
///
/// The writer's.
pub fn open_three(to: &mut impl Write) -> io::Result<()> {
    for stream in [1, 3, 5] {
        to.write_all(&header(WINDOW_UPDATE, SYN, stream, 0))?;
    }
    to.flush()
}
