//! Readers and writers that cross the wire.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::sync::oneshot;

use super::brokered::{Brokered, Drains};
use crate::broker::{DialError, MuxBroker};
use crate::mux::Stream;

/// How much is copied at a time.
const CHUNK: usize = 64 * 1024;

/// No stream holds more than this that has arrived and is not yet read: see [`crate::mux`].
const WINDOW: usize = 1024 * 1024;

/// Something to read from, as a parameter or a result of an interface's method: Go's `io.Reader`.
///
/// Whoever hands one over wraps any `AsyncRead`; the bytes are read from it as the other side asks
/// for them, on a stream of their own. The other side drops its reader when it has read enough (in Go:
/// closes the connection), and then the original is dropped too.
///
/// The end of the original is the end of the other's. So is its failure, since the wire has no
/// word for it: a caller whose reader fails gets [`Error::Stream`](super::Error::Stream), while the
/// plugin sees an early end.
pub struct Reader(Pin<Box<dyn AsyncRead + Send>>);

impl Reader {
    /// Makes a reader of anything that can be read.
    pub fn new(reader: impl AsyncRead + Send + 'static) -> Reader {
        Reader(Box::pin(reader))
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buffer)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Something to write to, as a parameter or a result of an interface's method: Go's `io.Writer`.
///
/// Whoever hands one over wraps any `AsyncWrite`; it is written to as the bytes arrive, flushed
/// whenever no more are there, and shut down and dropped when the other side has dropped its writer
/// or shut it down. When writing to the original fails, so does writing to the other's.
///
/// When a call returns, all that the method wrote to a writer among its arguments has been written to
/// the original, as if the method had run in this process. So nobody may be waiting for the call to
/// return before they take what the original is to hold.
pub struct Writer(Pin<Box<dyn AsyncWrite + Send>>);

impl Writer {
    /// Makes a writer of anything that can be written to.
    pub fn new(writer: impl AsyncWrite + Send + 'static) -> Writer {
        Writer(Box::pin(writer))
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Brokered for Reader {
    const STREAM: bool = true;

    async fn serve(self, stream: Stream, _: MuxBroker, drains: &mut Drains) -> io::Result<()> {
        let (peer, stream) = tokio::io::split(stream);
        let copied = read_out(self, stream);
        // Without this a source that has nothing to give just now would be held on to.
        let hung_up = hung_up(peer);
        tokio::pin!(copied, hung_up);
        loop {
            tokio::select! {
                biased;
                copied = &mut copied => return copied,
                () = &mut hung_up => return Ok(()),
                // A reader has nothing on the way to this side.
                answer = drains.next() => drop(answer),
            }
        }
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        Ok(Reader::new(broker.dial(id).await?))
    }
}

impl Brokered for Writer {
    const STREAM: bool = true;

    async fn serve(self, stream: Stream, _: MuxBroker, drains: &mut Drains) -> io::Result<()> {
        write_out(stream, self, drains).await
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        Ok(Writer::new(broker.dial(id).await?))
    }
}

/// Copies from the source to the stream until either ends. An error is the source's.
async fn read_out(mut source: Reader, mut stream: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = source.read(&mut buffer).await?;
        if n == 0 {
            let _ = stream.shutdown().await;
            return Ok(());
        }
        if stream.write_all(&buffer[..n]).await.is_err() {
            // Nobody reads any more.
            return Ok(());
        }
    }
}

/// Waits until the peer, which only reads, has closed its side of the stream.
async fn hung_up(mut peer: ReadHalf<Stream>) {
    let mut buffer = [0; 64];
    while peer.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// Copies from the stream to the sink until either ends. An error is the sink's.
async fn write_out(mut stream: Stream, mut sink: Writer, drains: &mut Drains) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut unflushed = false;
    let mut draining: Option<Draining> = None;
    loop {
        if let Some(done) = draining.take_if(|draining| draining.left == 0) {
            sink.flush().await?;
            unflushed = false;
            done.tell();
        }
        // In this order: what has arrived is written before it is flushed, and then somebody told.
        tokio::select! {
            biased;
            answer = drains.next(), if draining.is_none() => {
                draining = Some(Draining { answer, left: WINDOW });
            }
            read = stream.read(&mut buffer) => match read {
                Ok(0) => return sink.shutdown().await,
                Ok(n) => {
                    sink.write_all(&buffer[..n]).await?;
                    unflushed = true;
                    if let Some(draining) = &mut draining {
                        draining.left = draining.left.saturating_sub(n);
                    }
                }
                // The peer or the session is gone, and what came is not all there was to come.
                Err(_) => return sink.flush().await,
            },
            flushed = sink.flush(), if unflushed => {
                flushed?;
                unflushed = false;
            }
            // Nothing more is there.
            () = std::future::ready(()), if draining.is_some() => {
                draining.take().into_iter().for_each(Draining::tell);
            }
        }
    }
}

/// Somebody waits until what has arrived is written.
struct Draining {
    answer: oneshot::Sender<()>,
    /// No more than this can have arrived before they asked, whatever has come since.
    left: usize,
}

impl Draining {
    fn tell(self) {
        let _ = self.answer.send(());
    }
}
