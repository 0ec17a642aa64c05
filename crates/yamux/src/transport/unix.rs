//! A unix socket without needless wake-ups.
//!
//! Tokio watches a socket for reading and writing at once. On a unix socket the system reports "can
//! be written" each time the peer has read something, so a peer that reads a request wakes the
//! caller once a call, without need. Here the socket is watched for reading, and for writing only
//! while a write waits.
//!
//! A connected socket needs no further descriptor: a full table must not end a healthy connection.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem;
use std::os::unix::net::UnixStream as Socket;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::runtime::Handle;

use plugwire_base::readiness::register;
use plugwire_base::rescue;

use super::Transport;

/// After this many writes in a row without a wait, the socket is no longer watched for writing.
/// Bulk transfers wait again sooner than that.
const FREE_WRITES: u32 = 32;

/// How many bytes the system holds for the peer. Its own choice, 208 KiB, holds three blocks of 64
/// KiB, so two sides on one core take turns after every three: 1 GiB took 204 ms, and 156 ms with
/// this.
const SEND_BUFFER: usize = 512 * 1024;

/// How a write that waits learns that the socket has room.
#[derive(Debug)]
enum Writable {
    /// Not at all yet. This is a second descriptor of the same socket, since one can be watched
    /// only once. It is opened with the connection, because later the process may have none left.
    Unwatched(Socket),
    Watched(AsyncFd<Socket>),
    /// With the descriptor that is read, which is watched for both: the process had no second one.
    WithRead,
}

/// A connected unix socket, for sessions.
///
/// In three things it is better than tokio's for that:
///
/// - A caller is not woken each time its peer has read something. A caller that waits for one reply
///   after the other makes 2 calls of `epoll_wait` each, where tokio's type makes 4.
/// - It reads [vectored](Transport::poll_read_vectored): the end of a large frame and the header of
///   the next in one call, which is a third fewer reads in a bulk transfer.
/// - It is read and written also while methods block all threads of the runtime.
///
/// It holds two descriptors, and gives the socket a send buffer of 512 KiB where the system allows
/// it. See [`Session::client_over`](crate::Session::client_over).
#[derive(Debug)]
pub struct UnixStream {
    read: AsyncFd<Socket>,
    write: Writable,
    free_writes: u32,
    /// A write may come from outside of the runtime, where no descriptor can be registered.
    runtime: Handle,
}

impl UnixStream {
    /// Takes over a connected socket.
    ///
    /// # Errors
    ///
    /// If the runtime cannot register it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(stream: tokio::net::UnixStream) -> io::Result<Self> {
        // Where the system allows less, it gives what it allows.
        let _ = set_socket_send_buffer_size(&stream, SEND_BUFFER);
        let stream = stream.into_std()?;
        let (write, interest) = match stream.try_clone() {
            Ok(second) => (Writable::Unwatched(second), Interest::READABLE),
            Err(_) => (
                Writable::WithRead,
                Interest::READABLE.add(Interest::WRITABLE),
            ),
        };
        Ok(UnixStream {
            read: register(stream, interest)?,
            write,
            free_writes: 0,
            runtime: Handle::current(),
        })
    }

    /// Has the socket watched for writing. Room that it has already is reported, too.
    fn watch(&mut self) -> io::Result<()> {
        self.write = match mem::replace(&mut self.write, Writable::WithRead) {
            Writable::Unwatched(second) => {
                let _in_runtime = self.runtime.enter();
                Writable::Watched(register(second, Interest::WRITABLE)?)
            }
            watched => watched,
        };
        Ok(())
    }

    /// Has the socket no longer watched for writing.
    fn unwatch(&mut self) {
        self.write = match mem::replace(&mut self.write, Writable::WithRead) {
            Writable::Watched(watched) => Writable::Unwatched(watched.into_inner()),
            unwatched => unwatched,
        };
    }

    fn poll_read_with(
        &self,
        cx: &mut Context<'_>,
        room: usize,
        mut read: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let ready = ready!(known(self.read.poll_read_ready(cx)))?;
            match read(self.read.get_ref()) {
                Ok(n) => {
                    // A read that does not fill the buffers has emptied the socket. What comes
                    // next is reported anew.
                    if n > 0
                        && n < room
                        && let Some(mut ready) = ready
                    {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match ready {
                    Some(mut ready) => ready.clear_ready(),
                    None => return Poll::Pending,
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            // While the socket is watched, its readiness is asked for before the try: only what
            // was reported before a failed try may be cleared after it.
            let ready = match &self.write {
                Writable::Unwatched(_) => None,
                Writable::Watched(watched) => ready!(known(watched.poll_write_ready(cx)))?,
                Writable::WithRead => ready!(known(self.read.poll_write_ready(cx)))?,
            };
            match write(self.read.get_ref()) {
                Ok(n) => {
                    self.free_writes = self.free_writes.saturating_add(1);
                    if self.free_writes == FREE_WRITES {
                        self.unwatch();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.free_writes = 0;
                    match ready {
                        Some(mut ready) => ready.clear_ready(),
                        None if matches!(self.write, Writable::Unwatched(_)) => self.watch()?,
                        None => return Poll::Pending,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// What the runtime knows of the socket. `None` while all threads of the runtime are blocked: none
/// of them asks the system then, so the socket has to be tried.
fn known<T>(asked: Poll<io::Result<T>>) -> Poll<io::Result<Option<T>>> {
    match asked {
        Poll::Ready(ready) => Poll::Ready(ready.map(Some)),
        Poll::Pending if rescue::is_rescuing() => Poll::Ready(Ok(None)),
        Poll::Pending => Poll::Pending,
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let space = buffer.initialize_unfilled();
        let room = space.len();
        let n = ready!(self.poll_read_with(cx, room, |mut socket| socket.read(space)))?;
        buffer.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl Transport for UnixStream {
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let room = buffers.iter().map(|buffer| buffer.len()).sum();
        self.poll_read_with(cx, room, |mut socket| socket.read_vectored(buffers))
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .poll_write_with(cx, |mut socket| socket.write(data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .poll_write_with(cx, |mut socket| socket.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.read.get_ref().shutdown(std::net::Shutdown::Write) {
            // The peer hung up first.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn pair() -> (UnixStream, UnixStream) {
        let (here, there) = tokio::net::UnixStream::pair().unwrap();
        let take = |stream| UnixStream::new(stream).unwrap();
        (take(here), take(there))
    }

    #[tokio::test]
    async fn more_than_the_socket_holds_gets_through_both_ways_at_once() {
        let (here, there) = pair();
        let data: Vec<u8> = (0..8 << 20).map(|n: u32| (n % 251) as u8).collect();
        let talk = async |stream: UnixStream| {
            let (mut read, mut write) = tokio::io::split(stream);
            let mut received = Vec::new();
            let send = async {
                write.write_all(&data).await?;
                write.shutdown().await
            };
            tokio::try_join!(send, read.read_to_end(&mut received)).unwrap();
            received
        };
        let (one, two) = tokio::join!(talk(here), talk(there));
        assert!(one == data && two == data);
    }

    #[tokio::test]
    async fn many_small_writes_and_reads_alternate() {
        let (mut here, mut there) = pair();
        for n in 0..10 * FREE_WRITES {
            here.write_u32(n).await.unwrap();
            assert_eq!(there.read_u32().await.unwrap(), n);
        }
        assert!(matches!(here.write, Writable::Unwatched(_)));
    }

    #[tokio::test]
    async fn a_full_socket_is_watched_and_later_left_alone_again() {
        let (mut here, mut there) = pair();
        let chunk = [7; 64 * 1024];
        let mut sent = 0;
        // Until it would block.
        loop {
            let write = futures::FutureExt::now_or_never(here.write(&chunk));
            match write {
                Some(n) => sent += n.unwrap(),
                None => break,
            }
        }
        assert!(matches!(here.write, Writable::Watched(_)));
        let mut received = vec![0; sent];
        there.read_exact(&mut received).await.unwrap();
        for _ in 0..2 * FREE_WRITES {
            here.write_all(b"x").await.unwrap();
        }
        assert!(matches!(here.write, Writable::Unwatched(_)));
    }

    #[tokio::test]
    async fn the_end_is_read() {
        let (here, mut there) = pair();
        drop(here);
        assert_eq!(there.read(&mut [0]).await.unwrap(), 0);
    }

    /// Names the test that runs in a process of its own, with its own table of descriptors.
    const CHILD: &str = "PLUGWIRE_TEST_FULL_TABLE";

    /// Runs this test in a child, where it returns true.
    fn in_child(test: &str) -> bool {
        if std::env::var(CHILD).is_ok_and(|named| named == test) {
            return true;
        }
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(CHILD, test)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        assert!(text.contains("1 passed"), "{text}{errors}");
        false
    }

    /// Opens descriptors until the process can open no more.
    fn fill_the_table() -> Vec<Socket> {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = Some(256);
        setrlimit(Resource::Nofile, limit).unwrap();
        let (one, other) = Socket::pair().unwrap();
        let mut held: Vec<_> = std::iter::from_fn(|| one.try_clone().ok()).collect();
        held.extend([one, other]);
        held
    }

    async fn whole(here: UnixStream, there: UnixStream) {
        let sent: Vec<u8> = (0..4 << 20).map(|n: u32| (n % 251) as u8).collect();
        let (mut here, mut there) = (here, there);
        let mut received = Vec::new();
        // Written to until it is full before anything is read.
        tokio::try_join!(
            async {
                here.write_all(&sent).await?;
                here.shutdown().await
            },
            there.read_to_end(&mut received)
        )
        .unwrap();
        assert!(received == sent);
    }

    #[tokio::test]
    async fn a_full_table_of_descriptors_does_not_stop_a_write_that_waits() {
        if in_child(
            "transport::unix::tests::a_full_table_of_descriptors_does_not_stop_a_write_that_waits",
        ) {
            let (here, there) = pair();
            let _held = fill_the_table();
            whole(here, there).await;
        }
    }

    #[tokio::test]
    async fn a_connection_that_gets_the_last_descriptor_works() {
        if in_child("transport::unix::tests::a_connection_that_gets_the_last_descriptor_works") {
            let (here, there) = tokio::net::UnixStream::pair().unwrap();
            let _held = fill_the_table();
            let take = |stream| UnixStream::new(stream).unwrap();
            let (here, there) = (take(here), take(there));
            assert!(matches!(here.write, Writable::WithRead));
            whole(here, there).await;
        }
    }
}
