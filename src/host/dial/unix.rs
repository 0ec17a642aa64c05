//! Connecting to a unix socket.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tokio::net::UnixStream;

/// Connects, and waits while the listener's queue is full: a plugin that is busy, or flooded, still
/// exists. Go's dialer fails then.
pub(super) async fn connect(path: &Path, is_abstract: bool) -> io::Result<UnixStream> {
    let name = name(path, is_abstract);
    loop {
        match UnixStream::connect(&name).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            connected => return connected,
        }
        if let Some(stream) = queue::connect(&name).await? {
            return Ok(stream);
        }
    }
}

/// The system writes an abstract name with a zero byte where Go has `@`.
fn name(path: &Path, is_abstract: bool) -> OsString {
    let mut name = path.as_os_str().as_bytes().to_vec();
    if is_abstract {
        name[0] = 0;
    }
    OsStr::from_bytes(&name).to_owned()
}

/// Only these systems distinguish a full queue from a missing listener.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod queue {

    use crate::tuning::host as tuning;
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

    use super::*;

    /// Waits in the system's queue of connecting sockets, up to [`tuning::QUEUE_TURN`]; `None`
    /// then. A socket that does not block is never in the queue: however often it tried, it would
    /// lose every free place to the sockets that wait.
    pub(super) async fn connect(name: &OsStr) -> io::Result<Option<UnixStream>> {
        let name = name.to_owned();
        let connecting = tokio::task::spawn_blocking(move || blocking(&name));
        let Ok(connected) = connecting.await else {
            return Err(io::Error::other("the runtime is shutting down"));
        };
        match connected {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                UnixStream::from_std(stream).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn blocking(name: &OsStr) -> io::Result<std::os::unix::net::UnixStream> {
        let address = match name.as_bytes() {
            [0, name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
            _ => SocketAddrUnix::new(name)?,
        };
        let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
        let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Send, Some(tuning::QUEUE_TURN))?;
        net::connect(&socket, &address)?;
        set_socket_timeout(&socket, Timeout::Send, None)?;
        Ok(socket.into())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod queue {
    use super::*;

    pub(super) async fn connect(_: &OsStr) -> io::Result<Option<UnixStream>> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream as StdStream};
    use std::time::Duration;

    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    use tokio::time::timeout;

    use super::*;

    /// A listener with room for one connection, and what fills it.
    fn full(address: &SocketAddrUnix) -> (UnixListener, Vec<StdStream>) {
        let socket = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
        };
        let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&listener, address).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = socket();
            match rustix::net::connect(&socket, address) {
                Ok(()) => waiting.push(socket.into()),
                Err(error) => {
                    assert_eq!(error, rustix::io::Errno::AGAIN);
                    return (listener.into(), waiting);
                }
            }
        }
    }

    async fn waits_its_turn(address: &SocketAddrUnix, path: &Path, is_abstract: bool) {
        let (listener, waiting) = full(address);
        let path = path.to_owned();
        let mut connecting = tokio::spawn(async move { connect(&path, is_abstract).await });
        // More than one turn.
        let early = timeout(Duration::from_millis(1500), &mut connecting).await;
        assert!(early.is_err(), "{early:?}");
        let accept = move || {
            for _ in waiting {
                listener.accept().unwrap();
            }
            listener.accept()
        };
        let accepted = tokio::task::spawn_blocking(accept);
        let connected = timeout(Duration::from_secs(60), connecting).await.unwrap();
        let connected = connected.unwrap().unwrap();
        let (accepted, _) = accepted.await.unwrap().unwrap();
        drop(accepted);
        // It does not block, and it is connected to the one that was accepted.
        connected.readable().await.unwrap();
        assert_eq!(connected.try_read(&mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn a_full_queue_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        waits_its_turn(&SocketAddrUnix::new(&path).unwrap(), &path, false).await;
    }

    #[tokio::test]
    async fn a_full_queue_in_the_abstract_namespace_is_waited_for() {
        let name = format!("plugwire-unix-dial-{}", std::process::id());
        let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
        let path = format!("@{name}");
        waits_its_turn(&address, Path::new(&path), true).await;
        // The name is in the abstract namespace.
        let standard = SocketAddr::from_abstract_name(&name).unwrap();
        assert!(UnixListener::bind_addr(&standard).is_ok());
    }

    #[tokio::test]
    async fn without_a_listener_it_fails_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let error = connect(&path, false).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        drop(UnixListener::bind(&path).unwrap());
        let error = connect(&path, false).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
