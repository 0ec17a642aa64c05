//! The standard error that the process was started with.

use std::io::{self, Write};

/// Writes to the standard error that the process was started with: the plugin's log, which the host
/// reads line by line.
///
/// While a plugin serves, the process's own standard error goes to the host as output, apart from
/// the log. At any other time the two are the same.
///
/// Each [`write`](Write::write) goes out as it is, so write whole lines. The methods block when the
/// host does not read; hosts read it all the time.
///
/// ```
/// use std::io::Write;
///
/// writeln!(plugwire::plugin::original_stderr(), "ready")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OriginalStderr;

/// The log. As a function it is what `tracing_subscriber`'s `with_writer` takes.
#[must_use]
pub fn original_stderr() -> OriginalStderr {
    OriginalStderr
}

impl Write for OriginalStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match super::stdio::with_original_stderr(|stderr| stderr.write(bytes)) {
            Some(written) => written,
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
