//! A directory that is this user's alone, for sockets.

use std::collections::hash_map::RandomState;
use std::fs::DirBuilder;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// How its name begins, as go-plugin's does.
pub(crate) const PREFIX: &str = "plugin-dir";

/// The directory. It is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(crate) struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Makes a fresh one in `base`. Making it is the check that nobody else has it.
    pub(crate) fn create_in(base: &Path) -> io::Result<Self> {
        const ATTEMPTS: usize = 10_000;
        let builder = builder();
        let mut last = io::ErrorKind::AlreadyExists.into();
        for _ in 0..ATTEMPTS {
            let path = base.join(format!("{PREFIX}{}", random()));
            match builder.create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the directory");
        }
    }
}

#[cfg(unix)]
fn builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn builder() -> DirBuilder {
    DirBuilder::new()
}

/// A number that differs from process to process and from call to call: the keys of the standard
/// library's hash maps are random.
pub(crate) fn random() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_what_is_in_it() {
        let base = tempfile::tempdir().unwrap();
        let one = PrivateDir::create_in(base.path()).unwrap();
        let other = PrivateDir::create_in(base.path()).unwrap();
        assert_ne!(one.path(), other.path());
        std::fs::write(one.path().join("socket"), "").unwrap();
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
        assert!(other.path().exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_gets_in() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let mode = directory.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
