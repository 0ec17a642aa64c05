//! The longest path of a unix socket, and the directory for sockets if the usual one is too deep.

#[cfg(unix)]
use std::path::{Path, PathBuf};

#[cfg(unix)]
use super::private_dir::name;

/// The longest path of a socket, in bytes, without the zero that ends it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const LONGEST: usize = 107;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) const LONGEST: usize = 103;

#[cfg(unix)]
/// Whether the path of a plugin's socket in this directory is short enough. Plugins in Go and in
/// Rust give their sockets names of at most this length.
pub(crate) fn fits(directory: &Path) -> bool {
    directory.as_os_str().len() + "/plugin1234567890".len() <= LONGEST
}

#[cfg(unix)]
/// The directory in which private directories for sockets are made: the temporary directory, or a
/// shallow one if the path of a socket would be too long there. Absolute, because the other process
/// may have another working directory.
pub(crate) fn temporary() -> PathBuf {
    shallow(std::env::temp_dir(), &["/tmp", "/var/tmp"])
}

#[cfg(unix)]
fn shallow(usual: PathBuf, others: &[&str]) -> PathBuf {
    let usual = std::path::absolute(&usual).unwrap_or(usual);
    if fits_within(&usual) {
        return usual;
    }
    let other = others.iter().map(Path::new).find(|other| other.is_dir());
    match other {
        Some(other) => {
            tracing::debug!(
                usual = %usual.display(),
                other = %other.display(),
                "the temporary directory is too deep for sockets"
            );
            other.to_owned()
        }
        None => usual,
    }
}

#[cfg(unix)]
/// Whether a private directory in this one is shallow enough for sockets.
pub(crate) fn fits_within(base: &Path) -> bool {
    fits(&base.join(name::longest()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_too_deep_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let shallow_one = place.path().to_str().unwrap();
        let deep = place.path().join("x".repeat(LONGEST));
        assert_eq!(
            shallow(deep.clone(), &["/no/such/place", shallow_one]),
            place.path()
        );
        assert_eq!(shallow(deep.clone(), &["/no/such/place"]), deep);
        let usual = place.path().to_owned();
        assert_eq!(shallow(usual.clone(), &["/"]), usual);
    }

    #[test]
    fn the_longest_name_just_fits() {
        let room = LONGEST - "/plugin-dir-4294967295/plugin1234567890".len();
        let base = |length| PathBuf::from(format!("/{}", "x".repeat(length - 1)));
        assert!(fits_within(&base(room)));
        assert!(!fits_within(&base(room + 1)));
    }
}
