//! A directory held by a descriptor.
//!
//! All operations work on this directory, whatever its path names by then. A plugin that replaces
//! its directory by a symbolic link, or by another directory, cannot direct its host to other
//! files.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags, Stat};
use rustix::io::Errno;

/// For looking names up in a directory, which needs no right to list it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SEARCH: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SEARCH: OFlags = OFlags::RDONLY;

/// A directory, and the name it had when it was opened. Clones share the descriptor.
#[derive(Clone, Debug)]
pub(crate) struct HeldDir {
    descriptor: Arc<OwnedFd>,
    /// Its name, as a path from the directory itself: `../NAME`. So no descriptor of the parent is
    /// needed.
    from_within: PathBuf,
}

/// Distinguishes a file from every other file that exists at the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(i128, i128);

impl FileId {
    fn of(stat: &Stat) -> Self {
        Self(i128::from(stat.st_dev), i128::from(stat.st_ino))
    }
}

/// An end of a named pipe.
#[cfg(all(feature = "host", any(target_os = "linux", target_os = "android")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PipeEnd {
    /// For a process that writes to it. It never finds the pipe without a reader, since it is one
    /// itself.
    Writer,
    Reader,
}

impl HeldDir {
    /// Opens a directory to work on the names in it. Follows links in the path.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = SEARCH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self::new(descriptor, path.file_name().unwrap_or_default()))
    }

    /// Opens the directory that contains a path's last name.
    pub(crate) fn open_parent(path: &Path) -> io::Result<Self> {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        Self::open(parent.unwrap_or(Path::new(".")))
    }

    /// Opens a directory in this one, also for listing. Refuses a link.
    pub(crate) fn open_in(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())?;
        Ok(Self::new(descriptor, name))
    }

    /// Makes a directory in this one, for this user alone.
    pub(crate) fn make_in(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(
            &self.descriptor,
            name,
            Mode::from_raw_mode(0o700),
        )?)
    }

    fn new(descriptor: OwnedFd, name: &OsStr) -> Self {
        Self {
            descriptor: Arc::new(descriptor),
            from_within: Path::new("..").join(name),
        }
    }

    pub(crate) fn name(&self) -> &OsStr {
        self.from_within.file_name().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> io::Result<FileId> {
        Ok(FileId::of(&rustix::fs::fstat(&self.descriptor)?))
    }

    /// Whether it belongs to the user of this process.
    pub(crate) fn is_own(&self) -> bool {
        let owner = rustix::process::geteuid().as_raw();
        rustix::fs::fstat(&self.descriptor).is_ok_and(|stat| stat.st_uid == owner)
    }

    /// Whether it has been removed. Not every system counts the names of a directory; on the
    /// others, a directory that was moved counts as removed.
    pub(crate) fn is_gone(&self) -> bool {
        match cfg!(any(target_os = "linux", target_os = "android")) {
            true => rustix::fs::fstat(&self.descriptor).is_ok_and(|stat| stat.st_nlink == 0),
            false => matches!(self.stat(self.from_within.as_os_str()), Err(Errno::NOENT)),
        }
    }

    /// Whether its name still names it.
    pub(crate) fn is_in_place(&self) -> bool {
        // A path that ends with `..` has no name.
        if self.name().is_empty() {
            return false;
        }
        let there = self.stat(self.from_within.as_os_str());
        match (there, self.id()) {
            (Ok(there), Ok(id)) => FileId::of(&there) == id,
            _ => false,
        }
    }

    /// Locks it while it is open: exclusively (`alone`) or shared. [`WouldBlock`] if the lock of
    /// another process is in the way.
    ///
    /// [`WouldBlock`]: io::ErrorKind::WouldBlock
    pub(crate) fn lock(&self, alone: bool) -> io::Result<()> {
        let operation = match alone {
            false => FlockOperation::NonBlockingLockShared,
            true => FlockOperation::NonBlockingLockExclusive,
        };
        Ok(rustix::fs::flock(&self.descriptor, operation)?)
    }

    /// The socket of this name. Any other file is [`NotFound`](io::ErrorKind::NotFound).
    pub(crate) fn socket(&self, name: &OsStr) -> io::Result<FileId> {
        let stat = self.stat(name)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Ok(FileId::of(&stat)),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether the name is that of a directory. A link to a directory is not one.
    pub(crate) fn is_directory(&self, name: &OsStr) -> io::Result<bool> {
        let mode = self.stat(name)?.st_mode;
        Ok(FileType::from_raw_mode(mode) == FileType::Directory)
    }

    /// Makes a named pipe in the directory, for this user alone.
    #[cfg(all(feature = "host", any(target_os = "linux", target_os = "android")))]
    pub(crate) fn make_pipe(&self, name: &OsStr) -> io::Result<()> {
        let mode = Mode::from_raw_mode(0o600);
        Ok(rustix::fs::mknodat(
            &self.descriptor,
            name,
            FileType::Fifo,
            mode,
            0,
        )?)
    }

    /// Opens a named pipe in the directory, to write to or to read from it without blocking.
    /// Refuses a link, and any other file.
    #[cfg(all(feature = "host", any(target_os = "linux", target_os = "android")))]
    pub(crate) fn open_pipe(&self, name: &OsStr, end: PipeEnd) -> io::Result<OwnedFd> {
        let access = match end {
            // A pipe that its writer may also read from has a reader as long as it has a writer.
            PipeEnd::Writer => OFlags::RDWR,
            PipeEnd::Reader => OFlags::RDONLY | OFlags::NONBLOCK,
        };
        let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        let opened = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())?;
        let mode = rustix::fs::fstat(&opened)?.st_mode;
        match FileType::from_raw_mode(mode) {
            FileType::Fifo => Ok(opened),
            _ => Err(io::Error::other("it is no pipe")),
        }
    }

    /// Whether the name is that of a pipe that no process has open to read from it. `None` where it
    /// is another file.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn is_abandoned_pipe(&self, name: &OsStr) -> io::Result<Option<bool>> {
        let mode = self.stat(name)?.st_mode;
        if FileType::from_raw_mode(mode) != FileType::Fifo {
            return Ok(None);
        }
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(_) => Ok(Some(false)),
            Err(Errno::NXIO) => Ok(Some(true)),
            Err(error) => Err(error.into()),
        }
    }

    /// There are no such pipes here.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn is_abandoned_pipe(&self, _: &OsStr) -> io::Result<Option<bool>> {
        Ok(None)
    }

    fn stat(&self, name: &OsStr) -> rustix::io::Result<Stat> {
        rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Removes a file that is not a directory. Of a link, removes the link and not its target.
    pub(crate) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name,
            AtFlags::empty(),
        )?)
    }

    /// Removes an empty directory in this one.
    pub(crate) fn remove_in(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name,
            AtFlags::REMOVEDIR,
        )?)
    }

    /// Removes the directory, if it is empty and its name still names it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        if !self.is_in_place() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let removed = rustix::fs::unlinkat(
            &self.descriptor,
            self.from_within.as_os_str(),
            AtFlags::REMOVEDIR,
        );
        match removed {
            // One of the two, depending on the system.
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            removed => Ok(removed?),
        }
    }

    /// Up to `limit` names in it, unordered.
    pub(crate) fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if names.len() == limit {
                break;
            }
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// Gives the directory to a group, whose members may make sockets in it.
    pub(crate) fn share(&self, group: Gid) -> io::Result<()> {
        // The mode comes last, so that the former group never has the new one's rights.
        rustix::fs::fchown(&self.descriptor, None, Some(group))?;
        let mode = Mode::from_raw_mode(0o770);
        Ok(rustix::fs::fchmod(&self.descriptor, mode)?)
    }

    /// Gives a socket in the directory to a group, whose members may connect to it. Leaves any
    /// other file alone that has the name by now: that group can write to the directory.
    #[cfg(feature = "plugin")]
    pub(crate) fn share_socket(&self, name: &OsStr, group: Gid) -> io::Result<()> {
        self.socket(name)?;
        let no_link = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(&self.descriptor, name, None, Some(group), no_link)?;
        self.set_mode(name, Mode::from_raw_mode(0o660))
    }

    /// Linux changes the mode of a file that could be a link only through a descriptor of it.
    #[cfg(feature = "plugin")]
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn set_mode(&self, name: &OsStr, mode: Mode) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
            return Err(io::ErrorKind::NotFound.into());
        }
        match rustix::fs::chmod(by_descriptor(&file), mode) {
            // Without `/proc` there is no better way.
            Err(Errno::NOENT) => {
                let changed = rustix::fs::chmodat(&self.descriptor, name, mode, AtFlags::empty());
                Ok(changed?)
            }
            changed => Ok(changed?),
        }
    }

    #[cfg(feature = "plugin")]
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn set_mode(&self, name: &OsStr, mode: Mode) -> io::Result<()> {
        let no_link = AtFlags::SYMLINK_NOFOLLOW;
        Ok(rustix::fs::chmodat(&self.descriptor, name, mode, no_link)?)
    }

    /// A path to a name in the directory, for calls that take only paths. On systems with paths of
    /// descriptors it leads into this directory, and on others it is `otherwise`.
    pub(crate) fn path_of(&self, name: &OsStr, otherwise: &Path) -> PathBuf {
        match cfg!(any(target_os = "linux", target_os = "android")) {
            true => by_descriptor(&*self.descriptor).join(name),
            false => otherwise.to_owned(),
        }
    }
}

fn by_descriptor(descriptor: &impl AsFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    let number = descriptor.as_fd().as_raw_fd();
    PathBuf::from(format!("/proc/self/fd/{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory within another, held.
    fn held(base: &Path) -> HeldDir {
        let parent = HeldDir::open(base).unwrap();
        parent.make_in(OsStr::new("held")).unwrap();
        parent.open_in(OsStr::new("held")).unwrap()
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let (path, moved) = (base.path().join("held"), base.path().join("moved"));
        let directory = held(base.path());
        let other = base.path().join("other");
        std::fs::create_dir(&other).unwrap();
        for place in [&path, &other] {
            std::fs::write(place.join("file"), "").unwrap();
        }
        std::fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();

        assert!(!directory.is_in_place() && !directory.is_gone());
        directory.unlink(OsStr::new("file")).unwrap();
        assert!(other.join("file").exists() && !moved.join("file").exists());
        let error = directory.remove().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(moved.exists() && path.is_symlink());

        let parent = HeldDir::open(base.path()).unwrap();
        assert!(parent.open_in(OsStr::new("held")).is_err(), "it is a link");
    }

    #[test]
    fn another_directory_in_its_place_stays() {
        let base = tempfile::tempdir().unwrap();
        let directory = held(base.path());
        let path = base.path().join("held");
        std::fs::rename(&path, base.path().join("moved")).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(directory.remove().is_err());
        assert!(path.exists());
    }

    #[cfg(all(feature = "host", any(target_os = "linux", target_os = "android")))]
    #[test]
    fn a_pipe_is_in_use_while_its_writer_lives() {
        use std::io::{Read, Write};

        let base = tempfile::tempdir().unwrap();
        let directory = held(base.path());
        let (name, file) = (OsStr::new("pipe"), OsStr::new("file"));
        directory.make_pipe(name).unwrap();
        std::fs::write(base.path().join("held/file"), "").unwrap();
        assert_eq!(directory.is_abandoned_pipe(file).unwrap(), None);
        assert!(directory.open_pipe(file, PipeEnd::Writer).is_err());
        assert_eq!(directory.is_abandoned_pipe(name).unwrap(), Some(true));

        let mut writer = std::fs::File::from(directory.open_pipe(name, PipeEnd::Writer).unwrap());
        assert_eq!(directory.is_abandoned_pipe(name).unwrap(), Some(false));
        // Without any reader but itself.
        writer.write_all(b"one").unwrap();
        let mut reader = std::fs::File::from(directory.open_pipe(name, PipeEnd::Reader).unwrap());
        let mut read = [0; 8];
        assert_eq!(reader.read(&mut read).unwrap(), 3);
        drop(writer);
        assert_eq!(reader.read(&mut read).unwrap(), 0, "the end");
    }

    #[test]
    fn it_is_removed_when_it_is_empty() {
        let base = tempfile::tempdir().unwrap();
        let directory = held(base.path());
        std::fs::write(base.path().join("held/file"), "").unwrap();
        let error = directory.remove().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
        assert_eq!(directory.names(9).unwrap(), ["file"]);
        directory.unlink(OsStr::new("file")).unwrap();
        assert!(directory.is_in_place() && directory.is_own());
        directory.remove().unwrap();
        assert!(directory.is_gone());
        let error = directory.remove().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(feature = "plugin")]
    #[test]
    fn only_a_socket_is_shared() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let directory = held(base.path());
        let (socket, precious) = (
            base.path().join("held/socket"),
            base.path().join("precious"),
        );
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::fs::write(&precious, "data").unwrap();
        std::os::unix::fs::symlink(&precious, base.path().join("held/link")).unwrap();
        let own = rustix::process::getegid();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let before = mode(&precious);
        assert_ne!(before, 0o660);
        directory.share_socket(OsStr::new("socket"), own).unwrap();
        assert!(directory.share_socket(OsStr::new("link"), own).is_err());
        assert_eq!((mode(&socket), mode(&precious)), (0o660, before));
    }
}
