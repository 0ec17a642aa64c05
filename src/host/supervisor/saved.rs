//! What a supervisor leaves to the next one, and the file for it.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::handshake::ReattachConfig;
use crate::host::survivor::Survivor;
use crate::tuning::supervisor as tuning;

/// The version of the state that this crate writes and reads.
const VERSION: u32 = 1;

/// What a supervisor leaves to the next one, in this process or another: which processes there are,
/// and where they are found, with their logs. [`Supervisor::detach`] gives it, and
/// [`SupervisorConfig::resume`] takes it.
///
/// [`save`](Self::save) writes it to a file that only this user may read, and [`load`](Self::load)
/// reads it. It is a serde type, too, for other ways to the next host. It is not for the eyes of
/// other users: with it they may find the plugins' sockets and lines of their logs.
///
/// [`Supervisor::detach`]: super::Supervisor::detach
/// [`SupervisorConfig::resume`]: super::SupervisorConfig::resume
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct SupervisorState {
    version: u32,
    processes: Vec<Survivor>,
}

/// The state as it came.
#[derive(Deserialize)]
struct Saved {
    version: u32,
    processes: Vec<Survivor>,
}

/// The one field that all versions have.
#[derive(Deserialize)]
struct Format {
    version: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("version {0} of the state of a supervisor; this host knows {VERSION}")]
struct OtherVersion(u32);

impl TryFrom<Saved> for SupervisorState {
    type Error = OtherVersion;

    fn try_from(saved: Saved) -> Result<Self, OtherVersion> {
        match saved.version {
            VERSION => Ok(Self::new(saved.processes)),
            other => Err(OtherVersion(other)),
        }
    }
}

impl SupervisorState {
    pub(super) fn new(processes: Vec<Survivor>) -> Self {
        let version = VERSION;
        Self { version, processes }
    }

    pub(super) fn into_processes(self) -> Vec<Survivor> {
        self.processes
    }

    /// Whether there is no process: the plugin was idle, down, or is not the kind that survives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Where each process is found.
    pub fn reattach_configs(&self) -> impl Iterator<Item = &ReattachConfig> {
        self.processes.iter().map(|process| &process.reattach)
    }

    /// Writes it to a file that only this user may read, in place of one that is there. Whatever
    /// happens meanwhile, the file is the old one or the new one. It blocks for as long as the disk
    /// takes.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, and when a path in it is not UTF-8.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), StateFileError> {
        let path = path.as_ref();
        let text = serde_json::to_vec_pretty(self).map_err(|source| StateFileError::Encode {
            path: path.to_owned(),
            source: source.into(),
        })?;
        replace(path, &text).map_err(|source| failed(path, source))
    }

    /// Reads what [`save`](Self::save) has written. It blocks for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// See [`StateFileError`]. Of a host that was not stopped in order there is no file:
    /// [`is_not_found`](StateFileError::is_not_found).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, StateFileError> {
        let path = path.as_ref();
        let text = read(path)?;
        let malformed = |source: serde_json::Error| StateFileError::Malformed {
            path: path.to_owned(),
            source: source.into(),
        };
        let Format { version } = serde_json::from_slice(&text).map_err(malformed)?;
        if version != VERSION {
            let (path, supported) = (path.to_owned(), VERSION);
            return Err(StateFileError::Version {
                path,
                version,
                supported,
            });
        }
        serde_json::from_slice(&text).map_err(malformed)
    }
}

/// Why the state of a supervisor was not written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFileError {
    /// The file cannot be read or written.
    #[error("no state of a supervisor in {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file may have been written by another user: it belongs to one, or one may write to it.
    /// Which processes are taken over, or killed, depends on it.
    #[error("the state of a supervisor in {} may be another user's", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
    },
    /// The file is longer than any state.
    #[error("{} is too long for the state of a supervisor: more than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The file is not the state of a supervisor, or was cut off.
    #[error("{} is not the state of a supervisor", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file was written by another version of this crate, in another form.
    #[error(
        "the state of a supervisor in {} has version {version}; this host knows {supported}",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The version that this host reads.
        supported: u32,
    },
    /// The state cannot be written as text: the path of a socket or of a pipe is not UTF-8.
    #[error("the state of a supervisor cannot be written to {}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What cannot be written.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StateFileError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

fn failed(path: &Path, source: io::Error) -> StateFileError {
    let path = path.to_owned();
    StateFileError::Io { path, source }
}

fn read(path: &Path) -> Result<Vec<u8>, StateFileError> {
    let mut file = File::open(path).map_err(|source| failed(path, source))?;
    if !is_private(&file).map_err(|source| failed(path, source))? {
        let path = path.to_owned();
        return Err(StateFileError::NotPrivate { path });
    }
    let limit = tuning::STATE_FILE;
    let mut text = Vec::new();
    let read = Read::by_ref(&mut file)
        .take(limit + 1)
        .read_to_end(&mut text);
    let read = read.map_err(|source| failed(path, source))?;
    if u64::try_from(read).is_ok_and(|read| read <= limit) {
        return Ok(text);
    }
    let path = path.to_owned();
    Err(StateFileError::TooLong { path, limit })
}

/// Puts a new file into the place of the old one, in one step.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    // One that a process of the same number has left.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = private(&temporary).and_then(|mut file| {
        file.write_all(text)?;
        // Or the name could lead to an empty file after a loss of power.
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(unix)]
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

/// Whether only this user, and the system's, may have written it.
#[cfg(unix)]
fn is_private(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    let own = rustix::process::geteuid().as_raw();
    Ok([own, 0].contains(&metadata.uid()) && metadata.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::Address;

    fn state() -> SupervisorState {
        let address = Address::Unix("/tmp/plugin1".into());
        let mut survivor = Survivor::new(ReattachConfig::new(address).pid(7));
        survivor.unread.0 = b"half a l\xff".to_vec();
        survivor.output = Some("/run/x/plugin-dir-1".into());
        SupervisorState::new(vec![survivor])
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.json");
        assert!(SupervisorState::load(&path).unwrap_err().is_not_found());
        state().save(&path).unwrap();
        assert_eq!(SupervisorState::load(&path).unwrap(), state());
        let empty = SupervisorState::new(Vec::new());
        empty.save(&path).unwrap();
        assert!(SupervisorState::load(&path).unwrap().is_empty());
        assert_eq!(place.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.json");
        state().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let error = SupervisorState::load(&path).unwrap_err();
            assert!(
                matches!(error, StateFileError::Malformed { .. }),
                "{end}: {error:?}"
            );
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_another_state() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.json");
        state().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            match SupervisorState::load(&path) {
                Ok(_) | Err(StateFileError::Malformed { .. } | StateFileError::Version { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    #[test]
    fn another_version_is_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.json");
        std::fs::write(&path, r#"{"version":2,"plugins":{}}"#).unwrap();
        let error = SupervisorState::load(&path).unwrap_err();
        let StateFileError::Version {
            version, supported, ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((version, supported), (2, 1));
        let json = r#"{"version":2,"processes":[]}"#;
        let error = serde_json::from_str::<SupervisorState>(json).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.json");
        let file = File::create(&path).unwrap();
        file.set_len(tuning::STATE_FILE + 1).unwrap();
        let error = SupervisorState::load(&path).unwrap_err();
        assert!(matches!(error, StateFileError::TooLong { .. }), "{error:?}");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_this_user_s_alone() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.json");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
        let error = SupervisorState::load(&path).unwrap_err();
        assert!(
            matches!(error, StateFileError::NotPrivate { .. }),
            "{error:?}"
        );
        state().save(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let place = tempfile::tempdir().unwrap();
        let missing = place.path().join("missing/state.json");
        let error = state().save(&missing).unwrap_err();
        assert!(error.is_not_found(), "{error:?}");
        let error = state().save(place.path()).unwrap_err();
        assert!(matches!(error, StateFileError::Io { .. }), "{error:?}");
    }
}
