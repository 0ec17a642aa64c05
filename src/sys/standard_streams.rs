//! The standard output and standard error that the process was started with.
//!
//! While a plugin serves, `plugin/stdio` replaces both descriptors by pipes. The originals are kept
//! here, where the log's writers find them.

use std::io::{self, Write};

#[cfg(unix)]
pub(crate) use originals::{Originals, lock};

/// Writes to the standard error that the process was started with: the plugin's log, which the host
/// reads line by line.
///
/// While a plugin serves, the process's own standard error goes to the host as output, separate
/// from the log. At any other time the two are the same.
///
/// Each [`write`](Write::write) is passed on as it is, so write whole lines. The methods block
/// while the host does not read; hosts read it all the time.
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

/// The plugin's log. As a function, it fits `with_writer` of `tracing_subscriber`.
#[must_use]
pub fn original_stderr() -> OriginalStderr {
    OriginalStderr
}

impl Write for OriginalStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(unix)]
        if let Some(originals) = originals::current() {
            return (&*originals.stderr).write(bytes);
        }
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether other descriptors are in the place of the originals.
pub(crate) fn are_replaced() -> bool {
    #[cfg(unix)]
    return originals::current().is_some();
    #[cfg(not(unix))]
    return false;
}

#[cfg(unix)]
mod originals {
    use std::fs::File;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    /// Duplicates of the descriptors that the process was started with.
    #[derive(Clone)]
    pub(crate) struct Originals {
        pub(crate) stdout: Arc<File>,
        pub(crate) stderr: Arc<File>,
    }

    /// Set while the descriptors are replaced. They belong to the process, so this does too.
    ///
    /// Held while the descriptors are replaced and put back, and never during a write. No other
    /// lock of this crate is taken while it is held.
    static ORIGINALS: Mutex<Option<Originals>> = Mutex::new(None);

    /// For replacing the descriptors and for putting them back.
    pub(crate) fn lock() -> MutexGuard<'static, Option<Originals>> {
        ORIGINALS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn current() -> Option<Originals> {
        lock().clone()
    }
}
