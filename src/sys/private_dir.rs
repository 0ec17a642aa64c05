//! A directory that is this user's alone, for sockets.
//!
//! Each process that uses one holds a shared lock on it (`flock`). Programs that clean temporary
//! directories, such as systemd-tmpfiles, leave a locked directory alone. A directory without a
//! lock may be one that was left behind, see [`sweep`].

pub(super) mod name;
mod sweep;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::background::in_background;
use super::held_dir::HeldDir;
use crate::tuning::sys as tuning;
pub(crate) use name::random;

/// The directory. Dropping this removes it, unless another program made it.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    path: PathBuf,
    held: HeldDir,
    removal: Removal,
}

/// How much of a directory is removed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    /// The files in it too, up to [`tuning::MAX_FILES`].
    WithFiles,
    /// Only the directory, if it is empty.
    IfEmpty,
    /// Not even the directory.
    Never,
}

impl PrivateDir {
    /// Makes a new one in `base`. Making it is the check that no other process has it. Later, in
    /// the background, those that were left behind in `base` are removed.
    pub(crate) fn create_in(base: &Path) -> io::Result<Self> {
        const ATTEMPTS: usize = 10_000;
        let parent = HeldDir::open(base)?;
        sweep::soon(base);
        let mut last = io::ErrorKind::AlreadyExists.into();
        for _ in 0..ATTEMPTS {
            let name = OsString::from(name::fresh());
            match parent.make_in(&name) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    last = error;
                    continue;
                }
                Err(error) => return Err(error),
            }
            match take(&parent, &name) {
                Ok(Some(held)) => {
                    return Ok(Self {
                        path: base.join(name),
                        held,
                        removal: Removal::WithFiles,
                    });
                }
                Ok(None) => {}
                Err(error) => {
                    let _ = parent.remove_in(&name);
                    return Err(error);
                }
            }
        }
        Err(last)
    }

    /// Shares a directory that another process made for this one, if it is a private one. Dropping
    /// this removes a directory that this crate made, if it is empty: its maker may be dead. It
    /// does not remove one that go-plugin made.
    #[cfg(feature = "plugin")]
    pub(crate) fn given(path: &Path) -> Option<Self> {
        let name = path.file_name()?;
        let removal = if name::is_ours(name) {
            Removal::IfEmpty
        } else if name::is_of_go(name) {
            Removal::Never
        } else {
            return None;
        };
        let held = HeldDir::open_parent(path).and_then(|parent| parent.open_in(name));
        let held = held.ok().filter(HeldDir::is_own)?;
        if let Err(error) = held.lock(false) {
            tracing::debug!(path = %path.display(), %error, "cannot lock the directory");
        }
        Some(Self {
            path: path.to_owned(),
            held,
            removal,
        })
    }

    /// Takes over one that another process made, which may be dead, with all that is in it. `None`
    /// if it is not a private one of this user.
    #[cfg(all(feature = "host", any(target_os = "linux", target_os = "android")))]
    pub(crate) fn taken_over(path: &Path) -> io::Result<Option<Self>> {
        let Some(name) = path.file_name().filter(|name| name::is_ours(name)) else {
            return Ok(None);
        };
        let held = HeldDir::open_parent(path)?.open_in(name)?;
        if !held.is_own() {
            return Ok(None);
        }
        if let Err(error) = held.lock(false) {
            tracing::debug!(path = %path.display(), %error, "cannot lock the directory");
        }
        Ok(Some(Self {
            path: path.to_owned(),
            held,
            removal: Removal::WithFiles,
        }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor that holds it.
    pub(crate) fn held(&self) -> &HeldDir {
        &self.held
    }

    /// Removes it if it is empty, which takes only a few system calls. Returns whether no more is
    /// to be done.
    pub(crate) fn try_remove(&mut self) -> bool {
        if self.removal == Removal::Never {
            return true;
        }
        match self.held.remove() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => return false,
            // Another process that uses it may have removed it.
            Err(_) if self.held.is_gone() => {}
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot remove the directory");
            }
        }
        self.removal = Removal::Never;
        true
    }

    /// Leaves it as it is, to the next host.
    #[cfg(all(feature = "host", any(target_os = "linux", target_os = "android")))]
    pub(crate) fn leave(mut self) {
        self.removal = Removal::Never;
    }

    /// Removes it, and the files in it if it was made here. If it contains directories, which this
    /// crate does not make, it stays. Takes up to [`tuning::REMOVAL`], and longer if the file
    /// system hangs, so it is not for a thread that other work waits for.
    pub(crate) fn remove(mut self) {
        if self.try_remove() {
            return;
        }
        if self.removal == Removal::WithFiles
            && let Err(error) = remove_files(&self.held)
        {
            let path = self.path.display();
            tracing::warn!(%path, %error, "cannot remove the directory's files");
        }
        if !self.try_remove() {
            tracing::warn!(
                path = %self.path.display(),
                "the directory for sockets stays, because a plugin put other files into it"
            );
            self.removal = Removal::Never;
        }
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if self.try_remove() {
            return;
        }
        // If no thread can be started, the directory stays.
        let mut rest = Self {
            path: self.path.clone(),
            held: self.held.clone(),
            removal: Removal::Never,
        };
        let removal = self.removal;
        drop(in_background(move || {
            rest.removal = removal;
            rest.remove();
        }));
    }
}

/// Opens and locks a directory that was just made. `None` if a sweep of another process came
/// between.
fn take(parent: &HeldDir, name: &OsStr) -> io::Result<Option<HeldDir>> {
    let held = match parent.open_in(name) {
        Ok(held) => held,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match held.lock(false) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let _ = held.remove();
            return Ok(None);
        }
        // Not every file system has locks.
        Err(error) => tracing::debug!(%error, "cannot lock the directory"),
    }
    Ok((held.is_in_place() && held.is_own()).then_some(held))
}

/// Removes a directory if its name is that of a private one of this crate, and it is empty.
#[cfg(feature = "host")]
pub(crate) fn remove_if_ours(directory: &HeldDir) {
    if name::is_ours(directory.name()) {
        // If it is not empty, another process uses it.
        let _ = directory.remove();
    }
}

/// Removes the files in a directory, but no directories.
fn remove_files(held: &HeldDir) -> io::Result<()> {
    let start = Instant::now();
    for name in held.names(tuning::MAX_FILES)? {
        if start.elapsed() > tuning::REMOVAL {
            break;
        }
        if !held.is_directory(&name)? {
            held.unlink(&name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use std::time::Duration;

    use super::*;

    fn count(directory: &Path) -> usize {
        directory.read_dir().unwrap().count()
    }

    #[test]
    fn it_is_removed_with_its_files() {
        let base = tempfile::tempdir().unwrap();
        let one = PrivateDir::create_in(base.path()).unwrap();
        let other = PrivateDir::create_in(base.path()).unwrap();
        assert_ne!(one.path(), other.path());
        std::fs::write(one.path().join("socket"), "").unwrap();
        let path = one.path().to_owned();
        one.remove();
        assert!(!path.exists());
        assert!(other.path().exists());
        drop(other);
        assert_eq!(count(base.path()), 0, "an empty one goes at once");
    }

    #[test]
    fn dropped_with_files_in_it_it_is_removed_soon() {
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        std::fs::write(directory.path().join("socket"), "").unwrap();
        drop(directory);
        let start = Instant::now();
        while count(base.path()) > 0 {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn other_users_cannot_enter() {
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let mode = directory.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn directories_in_it_stay_and_links_are_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let outside = base.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("precious"), "data").unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let path = directory.path().to_owned();
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        std::fs::write(path.join("a/b/file"), "").unwrap();
        std::fs::write(path.join("file"), "").unwrap();
        symlink(&outside, path.join("link")).unwrap();
        directory.remove();
        assert!(path.join("a/b/file").exists() && outside.join("precious").exists());
        assert_eq!(count(&path), 1);
    }

    #[test]
    fn the_number_of_files_removed_is_bounded() {
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let path = directory.path().to_owned();
        for file in 0..tuning::MAX_FILES + 7 {
            std::fs::write(path.join(file.to_string()), "").unwrap();
        }
        directory.remove();
        assert_eq!(count(&path), 7);
    }

    #[test]
    fn what_took_its_place_stays() {
        let base = tempfile::tempdir().unwrap();
        let other = base.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("precious"), "data").unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let path = directory.path().to_owned();
        std::fs::rename(&path, base.path().join("moved")).unwrap();
        symlink(&other, &path).unwrap();
        directory.remove();
        assert!(path.is_symlink() && other.join("precious").exists());
    }

    #[test]
    fn it_is_locked_while_it_is_used() {
        let base = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create_in(base.path()).unwrap();
        let parent = HeldDir::open(base.path()).unwrap();
        // As systemd-tmpfiles does before it looks at the age of a directory's files.
        let cleaner = || {
            parent
                .open_in(directory.path().file_name().unwrap())
                .unwrap()
        };
        let error = cleaner().lock(true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        cleaner().lock(false).unwrap();
    }

    #[cfg(feature = "plugin")]
    #[test]
    fn one_that_was_given_goes_if_it_is_empty_and_was_made_here() {
        let base = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = base.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let ours = make("plugin-dir-1234");
        let file = ours.join("file");
        std::fs::write(&file, "").unwrap();
        let given = || PrivateDir::given(&ours).unwrap();
        given().remove();
        assert!(file.exists());
        std::fs::remove_file(&file).unwrap();
        drop(given());
        assert!(!ours.exists());

        // Of go-plugin, and of a user.
        let of_go = make("plugin-dir1234");
        drop(PrivateDir::given(&of_go).unwrap());
        assert!(of_go.exists());
        for name in ["sockets", "plugin-dir-x", "plugin-dir-"] {
            let path = make(name);
            drop(PrivateDir::given(&path));
            assert!(path.exists(), "{name}");
        }
        symlink(make("target"), base.path().join("plugin-dir-7")).unwrap();
        assert!(PrivateDir::given(&base.path().join("plugin-dir-7")).is_none());
    }
}
