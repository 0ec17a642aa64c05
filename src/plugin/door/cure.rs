//! Which failures of `accept` pass, and by what.

use std::io;

/// What lets a listener accept again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// Trying again: only the connection to be accepted is lost, or a signal interrupted the call.
    Another,
    /// Descriptors or memory that the process or the system gets back.
    Resources,
    /// Time: the network, for example, has to come back.
    Time,
    /// Nothing: the descriptor is not a listener any more.
    None,
}

/// Classifies a failure of `accept`. An unknown failure passes: a plugin that stops serving because
/// of an unexpected error is worse than one that tries again once a second.
pub(super) fn cure(error: &io::Error) -> Cure {
    match error.raw_os_error() {
        Some(_) => system::cure(error),
        None => match error.kind() {
            // Not from the system: the runtime that watches the listener is gone, or lacks I/O.
            io::ErrorKind::Other | io::ErrorKind::InvalidInput => Cure::None,
            io::ErrorKind::ConnectionAborted => Cure::Another,
            _ => Cure::Time,
        },
    }
}

#[cfg(unix)]
mod system {
    use std::io;

    use rustix::io::Errno;

    use super::Cure;

    /// See accept(2). On Linux it also reports errors of the new connection, such as `EHOSTDOWN`;
    /// those, and all others that are not named here, take time.
    pub(super) fn cure(error: &io::Error) -> Cure {
        let Some(errno) = Errno::from_io_error(error) else {
            return Cure::Time;
        };
        match errno {
            Errno::CONNABORTED | Errno::CONNRESET | Errno::INTR | Errno::AGAIN => Cure::Another,
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Cure::Resources,
            // On Apple systems: the options of a connection that was reset cannot be set.
            Errno::INVAL if cfg!(target_vendor = "apple") => Cure::Time,
            Errno::BADF | Errno::FAULT | Errno::INVAL | Errno::NOTSOCK => Cure::None,
            _ => Cure::Time,
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use super::Cure;

    /// Winsock's numbers; see the documentation of `WSAAccept`.
    pub(super) fn cure(error: &io::Error) -> Cure {
        const WSAEINTR: i32 = 10004;
        const WSAEBADF: i32 = 10009;
        const WSAEFAULT: i32 = 10014;
        const WSAEINVAL: i32 = 10022;
        const WSAEMFILE: i32 = 10024;
        const WSAEWOULDBLOCK: i32 = 10035;
        const WSAENOTSOCK: i32 = 10038;
        const WSAECONNABORTED: i32 = 10053;
        const WSAECONNRESET: i32 = 10054;
        const WSAENOBUFS: i32 = 10055;
        const WSANOTINITIALISED: i32 = 10093;
        match error.raw_os_error().unwrap_or_default() {
            WSAECONNABORTED | WSAECONNRESET | WSAEINTR | WSAEWOULDBLOCK => Cure::Another,
            WSAEMFILE | WSAENOBUFS => Cure::Resources,
            WSAEBADF | WSAEFAULT | WSAEINVAL | WSAENOTSOCK | WSANOTINITIALISED => Cure::None,
            _ => Cure::Time,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn only_what_cannot_pass_ends_serving() {
        let table = [
            (Errno::CONNABORTED, Cure::Another),
            (Errno::CONNRESET, Cure::Another),
            (Errno::INTR, Cure::Another),
            (Errno::AGAIN, Cure::Another),
            (Errno::MFILE, Cure::Resources),
            (Errno::NFILE, Cure::Resources),
            (Errno::NOBUFS, Cure::Resources),
            (Errno::NOMEM, Cure::Resources),
            (Errno::PROTO, Cure::Time),
            (Errno::PERM, Cure::Time),
            (Errno::ACCESS, Cure::Time),
            (Errno::NETDOWN, Cure::Time),
            (Errno::NETUNREACH, Cure::Time),
            (Errno::HOSTDOWN, Cure::Time),
            (Errno::HOSTUNREACH, Cure::Time),
            (Errno::NOPROTOOPT, Cure::Time),
            (Errno::OPNOTSUPP, Cure::Time),
            (Errno::PROTONOSUPPORT, Cure::Time),
            (Errno::TIMEDOUT, Cure::Time),
            (Errno::IO, Cure::Time),
            #[cfg(target_os = "linux")]
            (Errno::NONET, Cure::Time),
            #[cfg(target_os = "linux")]
            (Errno::NOSR, Cure::Time),
            (Errno::BADF, Cure::None),
            (Errno::FAULT, Cure::None),
            #[cfg(not(target_vendor = "apple"))]
            (Errno::INVAL, Cure::None),
            (Errno::NOTSOCK, Cure::None),
        ];
        for (errno, expected) in table {
            assert_eq!(cure(&errno.into()), expected, "{errno:?}");
        }
        // A number that no error has.
        assert_eq!(cure(&io::Error::from_raw_os_error(9999)), Cure::Time);
    }

    #[test]
    fn an_error_without_a_number_is_the_runtimes() {
        assert_eq!(cure(&io::Error::other("shutting down")), Cure::None);
        assert_eq!(cure(&io::ErrorKind::InvalidInput.into()), Cure::None);
        assert_eq!(cure(&io::ErrorKind::TimedOut.into()), Cure::Time);
        let aborted = io::ErrorKind::ConnectionAborted.into();
        assert_eq!(cure(&aborted), Cure::Another);
    }

    #[test]
    fn a_descriptor_that_does_not_listen_is_no_listener() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let error = rustix::net::accept(&one).unwrap_err();
        assert_eq!(cure(&error.into()), Cure::None);
    }
}
