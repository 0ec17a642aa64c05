//! The other end of a session, for frames of the test's own.

use std::io::{self, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use plugwire_yamux::transport::{Plain, Transport};
use plugwire_yamux::{Config, Session};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use support::within;
use support::yamux::{DATA, Frame, header};

/// What connects a session with its peer.
pub trait Kind {
    /// The peer's end.
    type Peer: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// The session's end.
    type Own: Transport + 'static;

    /// Two ends. Each way holds about `room` bytes.
    fn connect(room: usize) -> (Self::Peer, Self::Own);
}

/// A connection in memory, which holds exactly what it is given room for.
pub struct Duplex;

impl Kind for Duplex {
    type Peer = DuplexStream;
    type Own = Plain<DuplexStream>;

    fn connect(room: usize) -> (DuplexStream, Self::Own) {
        let (peer, own) = tokio::io::duplex(room);
        (peer, Plain(own))
    }
}

/// The same, read into two buffers at once.
pub struct Vectored;

impl Kind for Vectored {
    type Peer = DuplexStream;
    type Own = ReadVectored;

    fn connect(room: usize) -> (DuplexStream, Self::Own) {
        let (peer, own) = tokio::io::duplex(room);
        (peer, ReadVectored(own))
    }
}

/// The transport of most plugins.
#[cfg(unix)]
pub struct Unix;

#[cfg(unix)]
impl Kind for Unix {
    type Peer = tokio::net::UnixStream;
    type Own = plugwire_yamux::transport::UnixStream;

    fn connect(room: usize) -> (tokio::net::UnixStream, Self::Own) {
        use rustix::net::sockopt::set_socket_send_buffer_size;
        let (peer, own) = std::os::unix::net::UnixStream::pair().unwrap();
        let same = own.try_clone().unwrap();
        let [peer, own] = [peer, own].map(|socket| {
            socket.set_nonblocking(true).unwrap();
            tokio::net::UnixStream::from_std(socket).unwrap()
        });
        let own = plugwire_yamux::transport::UnixStream::new(own).unwrap();
        // The system has an upper limit, which is no error, and doubles what it is given.
        let _ = set_socket_send_buffer_size(&peer, room / 2);
        let _ = set_socket_send_buffer_size(&same, room / 2);
        (peer, own)
    }
}

/// The peer of a session.
pub struct Raw<K: Kind>(pub K::Peer);

impl<K: Kind> Raw<K> {
    /// A client, and the session that is its server.
    pub fn client(config: Config, room: usize) -> (Self, Session) {
        let (peer, own) = K::connect(room);
        (Raw(peer), Session::server_over(own, config))
    }

    /// A server, and the session that is its client.
    pub fn server(config: Config, room: usize) -> (Self, Session) {
        let (peer, own) = K::connect(room);
        (Raw(peer), Session::client_over(own, config))
    }

    pub async fn send(&mut self, kind: u8, flags: u16, stream: u32, length: u32) {
        within(self.0.write_all(&header(kind, flags, stream, length)))
            .await
            .unwrap();
    }

    pub async fn data(&mut self, flags: u16, stream: u32, body: &[u8]) {
        self.send(DATA, flags, stream, body.len() as u32).await;
        within(self.0.write_all(body)).await.unwrap();
    }

    pub async fn receive(&mut self) -> Frame {
        within(Frame::receive_from(&mut self.0)).await.unwrap()
    }
}

/// A connection in memory that is read into two buffers at once.
pub struct ReadVectored(pub DuplexStream);

impl Transport for ReadVectored {
    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut read = 0;
        for buffer in buffers {
            let mut filled = ReadBuf::new(buffer);
            match Pin::new(&mut self.0).poll_read(cx, &mut filled) {
                // What was read counts. The waker that was left is of no harm.
                Poll::Pending if read > 0 => break,
                done => ready!(done)?,
            }
            read += filled.filled().len();
            if filled.remaining() > 0 {
                break;
            }
        }
        Poll::Ready(Ok(read))
    }
}

impl AsyncRead for ReadVectored {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ReadVectored {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
