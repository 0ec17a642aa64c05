//! What a session runs over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(all(unix, feature = "net"))]
mod tcp;
#[cfg(all(unix, feature = "net"))]
mod unix;

#[cfg(all(unix, feature = "net"))]
pub use self::tcp::TriedTcpStream;
#[cfg(all(unix, feature = "net"))]
pub use self::unix::QuietUnixStream;

/// A connection of any type. That of most plugins is known, since it can do what tokio has no trait
/// for: read into two buffers at once.
pub(crate) enum Io {
    #[cfg(all(unix, feature = "net"))]
    Unix(QuietUnixStream),
    Other(Box<dyn Stream>),
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Io {
    pub(crate) fn new<T>(io: T) -> Io
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        #[cfg(all(unix, feature = "net"))]
        let io = match castaway::cast!(io, QuietUnixStream) {
            Ok(unix) => return Io::Unix(unix),
            Err(other) => other,
        };
        Io::Other(Box::new(io))
    }

    fn inner(&mut self) -> Pin<&mut dyn Stream> {
        match self {
            #[cfg(all(unix, feature = "net"))]
            Io::Unix(unix) => Pin::new(unix),
            Io::Other(other) => Pin::new(&mut **other),
        }
    }

    /// Reads into a buffer; `Ready(0)` is the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(self.inner().poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Reads into `first` and, where that can be done at once, what comes behind it into `second`.
    pub(crate) fn poll_read_both(
        &mut self,
        cx: &mut Context<'_>,
        first: &mut [u8],
        second: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            #[cfg(all(unix, feature = "net"))]
            Io::Unix(unix) => unix.poll_read_both(cx, first, second),
            Io::Other(_) => {
                let _ = second;
                self.poll_read(cx, first)
            }
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        none_written(self.inner().poll_write(cx, data))
    }

    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        none_written(self.inner().poll_write_vectored(cx, slices))
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    pub(crate) fn is_write_vectored(&self) -> bool {
        match self {
            #[cfg(all(unix, feature = "net"))]
            Io::Unix(unix) => unix.is_write_vectored(),
            Io::Other(other) => other.is_write_vectored(),
        }
    }
}

/// A connection that takes nothing of something would be asked for ever.
fn none_written(written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    match written {
        Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => written,
    }
}

#[cfg(all(test, unix, feature = "net"))]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;
    use crate::{Config, Session, Stream};

    const DEADLINE: Duration = Duration::from_secs(60);
    const BYTES: usize = 3 << 20;

    fn sessions() -> (Session, Session) {
        let (here, there) = tokio::net::UnixStream::pair().unwrap();
        let quiet = |stream| QuietUnixStream::new(stream).unwrap();
        (
            Session::client(quiet(here), Config::default()),
            Session::server(quiet(there), Config::default()),
        )
    }

    /// Numbers that look random and are always the same.
    struct Numbers(u64);

    impl Numbers {
        /// Spread evenly over the orders of magnitude from 1 to 2^18.
        fn size(&mut self) -> usize {
            for shift in [13, 7, 17] {
                self.0 ^= if shift == 7 {
                    self.0 >> shift
                } else {
                    self.0 << shift
                };
            }
            let most = 1 << (self.0 % 19);
            1 + (self.0 >> 8) as usize % most
        }
    }

    fn byte(seed: u64, at: usize) -> u8 {
        (at.wrapping_mul(31).wrapping_add(at >> 12) as u64 ^ seed) as u8
    }

    async fn send(stream: &mut (impl AsyncWrite + Unpin), seed: u64) {
        let mut sizes = Numbers(seed);
        let mut sent = 0;
        while sent < BYTES {
            let end = BYTES.min(sent + sizes.size());
            let block: Vec<u8> = (sent..end).map(|at| byte(seed, at)).collect();
            stream.write_all(&block).await.unwrap();
            sent = end;
        }
        stream.shutdown().await.unwrap();
    }

    async fn receive(stream: &mut (impl AsyncRead + Unpin), seed: u64) {
        let mut sizes = Numbers(!seed);
        let mut received = 0;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let size = sizes.size();
            let n = stream.read(&mut buffer[..size]).await.unwrap();
            if n == 0 {
                break;
            }
            for (at, got) in buffer[..n].iter().enumerate() {
                assert_eq!(
                    *got,
                    byte(seed, received + at),
                    "byte {} of {seed}",
                    received + at
                );
            }
            received += n;
        }
        assert_eq!(received, BYTES);
    }

    async fn talk(stream: Stream, here: u64, there: u64) {
        let (mut read, mut write) = tokio::io::split(stream);
        tokio::join!(send(&mut write, here), receive(&mut read, there));
    }

    #[tokio::test]
    async fn the_socket_of_plugins_is_known() {
        let (here, _there) = tokio::net::UnixStream::pair().unwrap();
        assert!(matches!(
            Io::new(QuietUnixStream::new(here).unwrap()),
            Io::Unix(_)
        ));
        let (here, _there) = tokio::net::UnixStream::pair().unwrap();
        assert!(matches!(Io::new(here), Io::Other(_)));
    }

    /// Frames of all sizes, read with buffers of all sizes, on several streams and both ways at
    /// once.
    async fn all_arrives() {
        let (client, server) = sessions();
        let mut talks = tokio::task::JoinSet::new();
        for number in 1..=4 {
            let (opened, accepted) = tokio::join!(client.open(), server.accept());
            talks.spawn(talk(opened.unwrap(), number, number << 32));
            talks.spawn(talk(accepted.unwrap(), number << 32, number));
        }
        timeout(DEADLINE, talks.join_all()).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_sent_arrives_on_one_thread() {
        all_arrives().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn what_is_sent_arrives_on_several_threads() {
        all_arrives().await;
    }

    /// The driver takes over from a reader who was told of a large frame and does not come.
    #[tokio::test]
    async fn a_reader_who_went_away_holds_nobody_up() {
        let (client, server) = sessions();
        let (opened, accepted) = tokio::join!(client.open(), server.accept());
        let (mut bulk, mut reader) = (opened.unwrap(), accepted.unwrap());
        let (opened, accepted) = tokio::join!(client.open(), server.accept());
        let (mut call, mut callee) = (opened.unwrap(), accepted.unwrap());
        let mut buffer = vec![0; 64 * 1024];
        // Leaves its waker with the stream, and is no more.
        let waiting = timeout(Duration::ZERO, reader.read(&mut buffer)).await;
        assert!(waiting.is_err());
        bulk.write_all(&vec![7; 200 * 1024]).await.unwrap();
        call.write_all(b"hello").await.unwrap();
        let mut text = [0; 5];
        timeout(DEADLINE, callee.read_exact(&mut text))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&text, b"hello");
        let mut received = vec![0; 200 * 1024];
        reader.read_exact(&mut received).await.unwrap();
        assert!(received.iter().all(|byte| *byte == 7));
    }
}
