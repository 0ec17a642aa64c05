//! The integrity of an executable: checked, and then that very file executed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::diagnose;

/// The checksum that an executable must have to be started.
///
/// ```no_run
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::{Client, ClientConfig, SecureConfig};
///
/// const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
///
/// # async fn start(checksum: [u8; 32]) -> Result<(), plugwire::host::LaunchError> {
/// let command = SecureConfig::sha256(checksum).command("./greeter", |command| {
///     command.arg("--verbose");
/// });
/// let client = Client::launch(ClientConfig::new(HANDSHAKE, command)).await?;
/// # Ok(())
/// # }
/// ```
///
/// The checksum must come from a trusted place. A process that may write into the file can still do
/// so after it was checked, so only the administrator should have that right.
///
/// # What is executed
///
/// On Linux, the file that was read: it is opened once, and started by its descriptor, so that it
/// does not matter if the name leads to another file meanwhile. That needs `/proc`. The plugin's
/// `argv[0]` is the program's name, and `std::env::current_exe` gives its path. A script is started
/// by `/proc/HOST/fd/NUMBER`. It finds this path in `$0` and reads itself from there, until the
/// plugin or the host ends. Its interpreter is not checked.
///
/// Elsewhere the file is checked, and then started by its name.
#[derive(Clone)]
pub struct SecureConfig {
    checksum: Vec<u8>,
    /// The length of a checksum of this kind, in bytes.
    expected: usize,
    hash: fn(&mut dyn Read) -> io::Result<Vec<u8>>,
}

impl SecureConfig {
    /// Expects a SHA-256 checksum.
    #[must_use]
    pub fn sha256(checksum: impl Into<Vec<u8>>) -> Self {
        Self::new::<Sha256>(checksum)
    }

    /// Expects a checksum of another kind: any hash function of the RustCrypto crates, such as
    /// `sha2::Sha512`, or your own that implements their trait.
    ///
    /// ```
    /// use plugwire::host::{Digest, SecureConfig};
    ///
    /// fn expecting<H: Digest>(checksum: Vec<u8>) -> SecureConfig {
    ///     SecureConfig::new::<H>(checksum)
    /// }
    /// ```
    #[must_use]
    pub fn new<D: Digest>(checksum: impl Into<Vec<u8>>) -> Self {
        Self {
            checksum: checksum.into(),
            expected: <D as Digest>::output_size(),
            hash: hash::<D>,
        }
    }

    /// Compares the checksum of a file. (`SecureConfig.Check`)
    ///
    /// # Errors
    ///
    /// Fails when the file has another checksum, when none was provided to compare with or one of
    /// another length, and when the file cannot be read.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<(), SecureError> {
        self.check_checksum()?;
        let path = path.as_ref();
        let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
        self.check_opened(path, &mut file)
    }

    pub(super) fn checksum(&self) -> &[u8] {
        &self.checksum
    }

    /// Whether a file can have this checksum.
    fn check_checksum(&self) -> Result<(), SecureError> {
        match self.checksum.len() {
            0 => Err(SecureError::NoChecksum),
            given if given != self.expected => Err(SecureError::Length {
                given,
                expected: self.expected,
            }),
            _ => Ok(()),
        }
    }

    fn check_opened(&self, path: &Path, file: &mut File) -> Result<(), SecureError> {
        let found = (self.hash)(file).map_err(|source| unreadable(path, source))?;
        if bool::from(found.ct_eq(&self.checksum)) {
            Ok(())
        } else {
            Err(SecureError::Mismatch)
        }
    }

    /// Opens and checks the program, and makes the command that executes what was opened.
    pub(super) fn verify(&self, program: &Path) -> Result<(Command, Verified), SecureError> {
        self.check_checksum()?;
        if program.as_os_str().is_empty() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "no program was named");
            return Err(unreadable(program, source));
        }
        let path = match diagnose::find(program.as_os_str()) {
            Some((path, _)) => path,
            None => program.to_owned(),
        };
        let failed = |source| unreadable(&path, source);
        let mut file = File::open(&path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is not a file")));
        }
        self.check_opened(&path, &mut file)?;
        let command = system::command(&file, &path, program).map_err(failed)?;
        Ok((command, Verified { _file: file }))
    }
}

impl fmt::Debug for SecureConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureConfig")
            .field("checksum", &self.checksum)
            .finish_non_exhaustive()
    }
}

/// A program that was checked, and is held open.
pub(super) struct Verified {
    _file: File,
}

/// Why an executable was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecureError {
    /// The file has another checksum.
    #[error("checksums did not match")]
    Mismatch,
    /// The checksum to compare with is empty.
    #[error("error verifying checksum: no checksum provided")]
    NoChecksum,
    /// The checksum does not fit the hash function: it is cut short, or in hexadecimal.
    #[error(
        "checksums did not match: one of {given} bytes was provided, and those of this hash \
         function have {expected}"
    )]
    Length {
        /// The length of the checksum that was provided, in bytes.
        given: usize,
        /// The length that it must have.
        expected: usize,
    },
    /// The file cannot be read.
    #[error("error verifying checksum: cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

fn unreadable(path: &Path, source: io::Error) -> SecureError {
    let path = path.to_owned();
    SecureError::Io { path, source }
}

fn hash<D: Digest>(file: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut hash = D::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().to_vec()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    pub(super) fn command(file: &File, _: &Path, name: &Path) -> io::Result<Command> {
        let mut start = [0; 2];
        let is_script = file.read_at(&mut start, 0)? == 2 && start == *b"#!";
        let descriptor = file.as_raw_fd();
        // The descriptor is closed when the program is executed. The system has the program by
        // then, but the interpreter of a script has yet to open it, and finds it with this process.
        let path = if is_script {
            format!("/proc/{}/fd/{descriptor}", std::process::id())
        } else {
            format!("/proc/self/fd/{descriptor}")
        };
        let mut command = Command::new(path);
        command.arg0(name);
        Ok(command)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::process::Command;

    pub(super) fn command(_: &File, path: &Path, _: &Path) -> io::Result<Command> {
        // A relative path would be looked up in the plugin's working directory.
        Ok(Command::new(std::path::absolute(path)?))
    }
}

#[cfg(test)]
mod tests {
    use sha2::Sha512;

    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugin");
        std::fs::write(&path, content).unwrap();
        (directory, path)
    }

    #[test]
    fn the_right_checksum_passes() {
        let content = vec![7; 200_000];
        let (_directory, path) = file(&content);
        let config = SecureConfig::sha256(Sha256::digest(&content).to_vec());
        config.check(&path).unwrap();
        // A hash state must not carry over to the next check, as it does in go-plugin.
        config.check(&path).unwrap();
        let config = SecureConfig::new::<Sha512>(Sha512::digest(&content).to_vec());
        config.check(&path).unwrap();
    }

    #[test]
    fn a_wrong_checksum_is_told_from_none() {
        let (_directory, path) = file(b"content");
        let right = Sha256::digest(b"content").to_vec();
        let error = SecureConfig::sha256([0; 32]).check(&path).unwrap_err();
        assert_eq!(error.to_string(), "checksums did not match");
        for wrong in [&right[..31], &[&right[..], &[0]].concat()] {
            let error = SecureConfig::sha256(wrong).check(&path).unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with("checksums did not match: one of 3"),
                "{text}"
            );
            let SecureError::Length { given, expected } = error else {
                panic!("{error:?}");
            };
            assert_eq!((given, expected), (wrong.len(), 32));
        }
        let error = SecureConfig::sha256([]).check(&path).unwrap_err();
        assert!(matches!(error, SecureError::NoChecksum), "{error:?}");
        assert!(
            error.to_string().ends_with("no checksum provided"),
            "{error}"
        );
        let error = SecureConfig::sha256(right).check("/no/such/file");
        let Err(SecureError::Io { path, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(path, Path::new("/no/such/file"));
    }
}
