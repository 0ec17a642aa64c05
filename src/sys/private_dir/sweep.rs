//! Private directories that were left behind.
//!
//! If a host is killed, its plugin removes the directory; if a plugin is killed, its host does. If
//! both are killed at once, or if the plugin is written in Go, the directory stays until the next
//! host or plugin of this crate makes one beside it.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::name::is_ours;
use crate::sys::background::in_background;
use crate::sys::held_dir::HeldDir;
use crate::sys::socket_file::SocketFile;
use crate::tuning::sys as tuning;

/// Removes the directories that were left behind in `base`: on another thread, and once in the life
/// of the process.
pub(super) fn soon(base: &Path) {
    // A leaf: no other lock is taken while it is held.
    static SWEPT: Mutex<VecDeque<PathBuf>> = Mutex::new(VecDeque::new());
    {
        let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.iter().any(|other| other == base) {
            return;
        }
        if swept.len() == tuning::REMEMBERED {
            swept.pop_front();
        }
        swept.push_back(base.to_owned());
    }
    let base = base.to_owned();
    drop(in_background(move || {
        if let Err(error) = sweep(&base) {
            let base = base.display();
            tracing::debug!(%base, %error, "cannot look for directories that were left behind");
        }
    }));
}

fn sweep(base: &Path) -> io::Result<()> {
    let start = Instant::now();
    let parent = HeldDir::open(base)?.open_in(OsStr::new("."))?;
    for name in parent.names(tuning::SWEPT_NAMES)? {
        if start.elapsed() > tuning::SWEEP {
            break;
        }
        if !is_ours(&name) {
            continue;
        }
        let path = base.join(&name);
        match remove_if_left(&parent, &name, &path) {
            Ok(()) => {
                tracing::debug!(path = %path.display(), "removed a directory that was left behind");
            }
            Err(error) => tracing::debug!(path = %path.display(), %error, "a directory stays"),
        }
    }
    Ok(())
}

/// Removes a directory that no process uses. Its lock shows hosts and plugins of this crate that
/// use it; its sockets show plugins in Go, and its pipes those that outlive their host.
fn remove_if_left(parent: &HeldDir, name: &OsStr, path: &Path) -> io::Result<()> {
    let directory = parent.open_in(name)?;
    if !directory.is_own() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    directory.lock(true)?;
    let names = directory.names(tuning::MAX_SOCKETS + 1)?;
    if names.len() > tuning::MAX_SOCKETS {
        return Err(io::ErrorKind::DirectoryNotEmpty.into());
    }
    let (mut sockets, mut pipes) = (Vec::new(), Vec::new());
    for name in &names {
        match directory.is_abandoned_pipe(name)? {
            None => {}
            Some(true) => {
                pipes.push(name);
                continue;
            }
            Some(false) => return Err(io::ErrorKind::AddrInUse.into()),
        }
        let socket = SocketFile::find_in(&directory, name, path)?;
        if !socket.is_abandoned() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        sockets.push(socket);
    }
    for socket in sockets {
        socket.remove()?;
    }
    for pipe in pipes {
        directory.unlink(pipe)?;
    }
    directory.remove()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use super::*;
    use crate::sys::private_dir::PrivateDir;

    #[test]
    fn only_unused_directories_are_removed() {
        let base = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = base.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let used = PrivateDir::create_in(base.path()).unwrap();
        let empty = make("plugin-dir-1");
        let dead = make("plugin-dir-2");
        drop(UnixListener::bind(dead.join("plugin1")).unwrap());
        let alive = make("plugin-dir-3");
        let _listener = UnixListener::bind(alive.join("plugin1")).unwrap();
        drop(UnixListener::bind(alive.join("plugin2")).unwrap());
        let with_file = make("plugin-dir-4");
        std::fs::write(with_file.join("file"), "").unwrap();
        let with_directory = make("plugin-dir-5");
        std::fs::create_dir(with_directory.join("directory")).unwrap();
        let of_go = make("plugin-dir1234");
        let outside = make("outside");
        let link = base.path().join("plugin-dir-6");
        std::os::unix::fs::symlink(&outside, &link).unwrap();

        sweep(base.path()).unwrap();
        assert!(!empty.exists() && !dead.exists());
        assert!(used.path().exists(), "it is locked");
        assert!(alive.join("plugin1").exists() && alive.join("plugin2").exists());
        assert!(with_file.join("file").exists() && with_directory.join("directory").exists());
        assert!(of_go.exists() && outside.exists() && link.is_symlink());
    }

    #[cfg(all(feature = "host", any(target_os = "linux", target_os = "android")))]
    #[test]
    fn the_pipes_of_a_plugin_that_lives_stay() {
        use crate::sys::held_dir::PipeEnd;

        let base = tempfile::tempdir().unwrap();
        let parent = HeldDir::open(base.path()).unwrap();
        let name = OsStr::new("plugin-dir-1");
        parent.make_in(name).unwrap();
        let directory = parent.open_in(name).unwrap();
        let pipe = OsStr::new("stderr");
        directory.make_pipe(pipe).unwrap();
        let writer = directory.open_pipe(pipe, PipeEnd::Writer).unwrap();
        sweep(base.path()).unwrap();
        assert!(base.path().join(name).join(pipe).exists());
        drop(writer);
        sweep(base.path()).unwrap();
        assert_eq!(base.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn making_the_next_directory_starts_a_sweep() {
        let base = tempfile::tempdir().unwrap();
        let left = base.path().join("plugin-dir-1");
        std::fs::create_dir(&left).unwrap();
        drop(UnixListener::bind(left.join("plugin1")).unwrap());
        let made = PrivateDir::create_in(base.path()).unwrap();
        let start = Instant::now();
        while left.exists() {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(made.path().exists());
    }

    /// Hosts that start and sweep at the same time do not take each other's directories.
    #[test]
    fn a_directory_that_is_just_being_made_is_safe() {
        let base = tempfile::tempdir().unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        sweep(base.path()).unwrap();
                    }
                });
            }
            let made = (0..500).filter_map(|_| PrivateDir::create_in(base.path()).ok());
            let made: Vec<_> = made.collect();
            let all = made.iter().all(|directory| directory.path().exists());
            let count = made.len();
            drop(made);
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(all && count == 500);
        });
        assert_eq!(base.path().read_dir().unwrap().count(), 0, "none is left");
    }
}
