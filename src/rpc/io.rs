//! The byte stream under a connection, in two halves.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::mux::Stream;

/// What replies or requests are read from: clients and servers do not carry its type around.
pub(super) type BoxRead = Box<dyn AsyncRead + Send + Unpin>;

/// What they are written to.
pub(super) type BoxWrite = Box<dyn AsyncWrite + Send + Unpin>;

/// The halves of a byte stream.
pub(crate) struct Halves {
    pub(super) read: BoxRead,
    pub(super) write: BoxWrite,
}

impl Halves {
    /// The halves of any stream, with a lock between them.
    pub(super) fn of<T>(io: T) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (read, write) = tokio::io::split(io);
        Halves::new(read, write)
    }

    pub(crate) fn new<R, W>(read: R, write: W) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        Halves {
            read: Box::new(read),
            write: Box::new(write),
        }
    }
}

/// The halves of a session's stream, which need no lock between them.
impl From<Stream> for Halves {
    fn from(stream: Stream) -> Self {
        let (read, write) = stream.into_split();
        Halves::new(read, write)
    }
}
