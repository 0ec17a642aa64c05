//! The integrity of an executable: checked, and then that very file executed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::diagnose;
use super::local::PluginCommand;

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
/// The checksum has to come from somewhere that is trusted. Whoever may write into the file could
/// still do so after it was checked; it should be nobody but the administrator.
///
/// # What is executed
///
/// On Linux, the file that was read: it is opened once, and started by its descriptor, so replacing
/// it under its name in between changes nothing. That needs `/proc`. The plugin's `argv[0]` is the
/// program's name all the same, and `std::env::current_exe` gives its path. A script is started by
/// `/proc/HOST/fd/NUMBER`, which is what it reads itself from and finds in `$0`, as long as the host
/// holds it open, that is, until the plugin ends or the host does. Its interpreter is not checked.
///
/// Elsewhere the file is checked, and then started by its name.
#[derive(Clone)]
pub struct SecureConfig {
    checksum: Vec<u8>,
    hash: fn(&mut dyn Read) -> io::Result<Vec<u8>>,
}

impl SecureConfig {
    /// Expects a SHA-256 checksum.
    pub fn sha256(checksum: impl Into<Vec<u8>>) -> Self {
        Self::new::<Sha256>(checksum)
    }

    /// Expects a checksum of another kind: any hash function of the RustCrypto crates, such as
    /// `sha2::Sha512`, or one's own that implements their trait.
    ///
    /// ```
    /// use plugwire::host::{Digest, SecureConfig};
    ///
    /// fn expecting<H: Digest>(checksum: Vec<u8>) -> SecureConfig {
    ///     SecureConfig::new::<H>(checksum)
    /// }
    /// ```
    pub fn new<D: Digest>(checksum: impl Into<Vec<u8>>) -> Self {
        Self {
            checksum: checksum.into(),
            hash: hash::<D>,
        }
    }

    /// Compares the checksum of a file. (`SecureConfig.Check`)
    ///
    /// # Errors
    ///
    /// Fails when the file has another checksum, when none was provided to compare with, and when
    /// the file cannot be read.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<(), SecureError> {
        if self.checksum.is_empty() {
            return Err(SecureError::NoChecksum);
        }
        self.check_opened(&mut File::open(path)?)
    }

    /// A command that starts `program` if it has this checksum. It is looked up in the host's
    /// `PATH` if its name has no slash, and otherwise from the host's working directory.
    ///
    /// `prepare` sets arguments, working directory and the like. The command it gets names the file
    /// in a way of its own.
    pub fn command(
        self,
        program: impl Into<PathBuf>,
        prepare: impl FnMut(&mut Command) + Send + Sync + 'static,
    ) -> PluginCommand {
        PluginCommand::secure(self, program.into(), Box::new(prepare))
    }

    fn check_opened(&self, file: &mut File) -> Result<(), SecureError> {
        let found = (self.hash)(file)?;
        if bool::from(found.ct_eq(&self.checksum)) {
            Ok(())
        } else {
            Err(SecureError::Mismatch)
        }
    }

    /// Opens and checks the program, and makes the command that executes what was opened.
    pub(super) fn verify(&self, program: &Path) -> Result<(Command, Verified), SecureError> {
        if self.checksum.is_empty() {
            return Err(SecureError::NoChecksum);
        }
        let path = match diagnose::find(program.as_os_str()) {
            Some((path, _)) => path,
            None => program.to_owned(),
        };
        let mut file = File::open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other(format!("{} is no file", path.display())).into());
        }
        self.check_opened(&mut file)?;
        let command = system::command(&file, &path, program)?;
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

/// A program that was checked, held open.
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
    /// The file cannot be read.
    #[error("error verifying checksum: {0}")]
    Io(#[from] io::Error),
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
        for wrong in [
            vec![0; 32],
            right[..31].to_vec(),
            [&right[..], &[0]].concat(),
        ] {
            let error = SecureConfig::sha256(wrong).check(&path).unwrap_err();
            assert_eq!(error.to_string(), "checksums did not match");
        }
        let error = SecureConfig::sha256([]).check(&path).unwrap_err();
        assert!(matches!(error, SecureError::NoChecksum), "{error:?}");
        assert!(
            error.to_string().ends_with("no checksum provided"),
            "{error}"
        );
        let error = SecureConfig::sha256(right).check("/no/such/file");
        assert!(matches!(error, Err(SecureError::Io(_))), "{error:?}");
    }
}
