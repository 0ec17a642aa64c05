//! What hosts and plugins need of the operating system: private directories, the files of sockets,
//! groups, the standard streams, core dumps, the age of processes, and a thread for work on files.

#[cfg(any(unix, feature = "host"))]
pub(crate) mod background;
#[cfg(feature = "host")]
pub(crate) mod core_dump;
#[cfg(unix)]
pub(crate) mod group;
#[cfg(unix)]
pub(crate) mod held_dir;
#[cfg(unix)]
pub(crate) mod private_dir;
#[cfg(feature = "host")]
pub(crate) mod process_start;
#[cfg(unix)]
pub(crate) mod socket_file;
#[cfg(any(unix, feature = "host"))]
pub(crate) mod socket_path;
#[cfg(feature = "plugin")]
pub(crate) mod standard_streams;
