//! Where a plugin prints to that outlives its host: two named pipes in a private directory.
//!
//! A plain pipe breaks with the host that reads it, and a plugin in Go dies of the next line that
//! it writes there. A file does not break, and grows without a bound while no host reads it. A
//! named pipe that its writer may also read from never breaks: it keeps what no host has read yet,
//! up to its size, and then its writer waits, as for a slow host. The next host finds it by its
//! name, and reads on where the last one stopped. Nothing of it is on a disk.

use std::fs::File;
use std::io;
use std::path::Path;

use super::runner::Output;

pub(super) use system::Outlet;

/// The plugin's ends of the two pipes, and its host's.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    allow(dead_code, reason = "there are none elsewhere")
)]
pub(super) struct Ends {
    pub(super) stdout: File,
    pub(super) stderr: File,
    pub(super) host: HostEnds,
}

/// The ends that a host reads from.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    allow(dead_code, reason = "there are none elsewhere")
)]
pub(super) struct HostEnds {
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::ffi::OsStr;

    use tokio::net::unix::pipe::Receiver;

    use super::*;
    use crate::sys::held_dir::{HeldDir, PipeEnd};
    use crate::sys::private_dir::PrivateDir;
    use crate::tuning::host as tuning;

    const STDOUT: &str = "stdout";
    const STDERR: &str = "stderr";

    /// The directory with the two pipes. Dropping it removes it, unless it is [left](Self::leave).
    #[derive(Debug)]
    pub(in crate::host) struct Outlet(PrivateDir);

    impl Outlet {
        /// Whether plugins can outlive their host here.
        pub(in crate::host) const SUPPORTED: bool = true;

        /// Makes the pipes in a directory of their own in `base`, which is made if it is not there.
        pub(in crate::host) fn make(base: &Path) -> io::Result<(Self, Ends)> {
            // The plugin may have another working directory, and the next host as well.
            let base = std::path::absolute(base)?;
            make_private(&base)?;
            let directory = PrivateDir::create_in(&base)?;
            let held = directory.held();
            let pipe = |name| -> io::Result<(File, Output)> {
                let name = OsStr::new(name);
                held.make_pipe(name)?;
                // First the host's end, which does not wait for the other.
                let reader = reader(held, name)?;
                let writer = held.open_pipe(name, PipeEnd::Writer)?;
                // Of a user with many pipes, the system may refuse.
                let _ = rustix::pipe::fcntl_setpipe_size(&writer, tuning::OUTLET);
                Ok((writer.into(), reader))
            };
            let (stdout, read_stdout) = pipe(STDOUT)?;
            let (stderr, read_stderr) = pipe(STDERR)?;
            let host = HostEnds {
                stdout: read_stdout,
                stderr: read_stderr,
            };
            let ends = Ends {
                stdout,
                stderr,
                host,
            };
            Ok((Self(directory), ends))
        }

        /// Opens the pipes that an earlier host has made.
        pub(in crate::host) fn reopen(path: &Path) -> io::Result<(Self, HostEnds)> {
            let directory = Self::found(path)?;
            let held = directory.0.held();
            let host = HostEnds {
                stdout: reader(held, OsStr::new(STDOUT))?,
                stderr: reader(held, OsStr::new(STDERR))?,
            };
            Ok((directory, host))
        }

        /// The directory alone, to remove it.
        pub(in crate::host) fn found(path: &Path) -> io::Result<Self> {
            let directory = PrivateDir::taken_over(path)?;
            let directory = directory.ok_or_else(|| io::Error::other("it is not a plugin's"))?;
            Ok(Self(directory))
        }

        pub(in crate::host) fn path(&self) -> &Path {
            self.0.path()
        }

        /// Removes it once its plugin has ended. It may block.
        pub(in crate::host) fn remove(self) {
            self.0.remove();
        }

        /// Leaves it to the next host.
        pub(in crate::host) fn leave(self) {
            self.0.leave();
        }
    }

    fn reader(held: &HeldDir, name: &OsStr) -> io::Result<Output> {
        let opened = held.open_pipe(name, PipeEnd::Reader)?;
        Ok(Box::new(Receiver::from_owned_fd(opened)?))
    }

    /// Makes a directory that only this user may enter, if it is not there.
    fn make_private(path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(path)
    }
}

/// Only Linux says what a pipe is that is opened for both reading and writing.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::*;

    /// There are none here.
    #[derive(Debug)]
    pub(in crate::host) enum Outlet {}

    impl Outlet {
        /// Whether plugins can outlive their host here.
        pub(in crate::host) const SUPPORTED: bool = false;

        pub(in crate::host) fn make(_: &Path) -> io::Result<(Self, Ends)> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in crate::host) fn reopen(_: &Path) -> io::Result<(Self, HostEnds)> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in crate::host) fn found(_: &Path) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in crate::host) fn path(&self) -> &Path {
            match *self {}
        }

        pub(in crate::host) fn remove(self) {
            match self {}
        }

        pub(in crate::host) fn leave(self) {
            match self {}
        }
    }
}
