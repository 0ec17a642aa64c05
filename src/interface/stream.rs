//! Readers and writers that cross the wire.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::sync::oneshot;

use super::brokered::{Brokered, Offer};
use crate::broker::{DialError, MuxBroker};
use crate::mux::Stream;
use plugwire_base::abandoned::abandon;

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
/// # Its end
///
/// The other side reads an end of file only at the end of the original. When the original fails, the
/// stream is reset: the other side reads an error
/// ([`ConnectionReset`](io::ErrorKind::ConnectionReset); in Go "connection reset") after a part of the
/// data, and so knows that it is a part. The same happens when the call that lent the reader is
/// [abandoned](super::Remote#cancellation), and when reading the original panics. What went wrong does
/// not cross the wire. A caller whose reader fails gets it as
/// [`Error::Stream`](super::Error::Stream).
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
///
/// # Its end
///
/// The original is shut down only when the other side has written all that it wanted to: when it shut
/// its writer down, or dropped it. An original that is dropped without a shutdown holds a part of the
/// data at best. So it is when the other side
///
/// - [gave up](Self::abort) its writer,
/// - dropped it while its thread panicked,
/// - dropped it with a method that was cancelled, as all are when their connection ends,
/// - or is gone,
///
/// and when the call that lent the writer is [abandoned](super::Remote#cancellation). A writer among the
/// locals of any other future that is dropped counts as dropped in good order: call
/// [`abort`](Self::abort) where that may happen to a part of the data.
pub struct Writer(Inner);

enum Inner {
    /// Something of the other side's.
    Stream(Stream),
    Own(Pin<Box<dyn AsyncWrite + Send>>),
}

impl Writer {
    /// Makes a writer of anything that can be written to.
    pub fn new(writer: impl AsyncWrite + Send + 'static) -> Writer {
        Writer(Inner::Own(Box::pin(writer)))
    }

    /// Drops the writer as one that did not get all of the data. The original, if it is the other
    /// side's, is dropped there without having been shut down; a Go program that reads the other end
    /// gets "connection reset".
    pub fn abort(self) {
        match self.0 {
            Inner::Stream(mut stream) => stream.reset(),
            // An aborted writer of this process's own may stand for one of another's.
            Inner::Own(writer) => abandon(writer),
        }
    }

    fn inner(&mut self) -> Pin<&mut (dyn AsyncWrite + Send)> {
        match &mut self.0 {
            Inner::Stream(stream) => Pin::<&mut Stream>::new(stream),
            Inner::Own(writer) => writer.as_mut(),
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Brokered for Reader {
    const STREAM: bool = true;

    async fn serve(self, stream: Stream, _: MuxBroker, offer: &mut Offer) {
        let (peer, stream) = tokio::io::split(Lent::new(stream));
        let copied = read_out(self, stream);
        // Without this a source that has nothing to give just now would be held on to.
        let hung_up = hung_up(peer);
        tokio::pin!(copied, hung_up);
        loop {
            tokio::select! {
                biased;
                copied = &mut copied => {
                    if let Err(error) = copied {
                        // The peer learns of it when both halves of the stream are dropped.
                        offer.failed(error);
                    }
                    return;
                }
                () = &mut hung_up => return,
                // A reader has nothing on the way to this side.
                answer = offer.drain() => drop(answer),
            }
        }
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        Ok(Reader::new(broker.dial(id).await?))
    }
}

impl Brokered for Writer {
    const STREAM: bool = true;

    async fn serve(self, stream: Stream, _: MuxBroker, offer: &mut Offer) {
        let mut stream = Lent::new(stream);
        let mut sink = Sink(Some(self));
        match write_out(&mut stream, &mut sink, offer).await {
            Ok(Wrote::All) => {
                stream.is_whole = true;
                sink.0 = None;
            }
            Ok(Wrote::Part) => {}
            // The peer learns of it when the stream is dropped.
            Err(error) => offer.failed(error),
        }
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        Ok(Writer(Inner::Stream(broker.dial(id).await?)))
    }
}

/// The stream of something lent. Unless all was sent, or received, dropping it resets the stream, so
/// that neither a failure nor a cancellation looks like an end.
struct Lent {
    stream: Stream,
    is_whole: bool,
}

impl Lent {
    fn new(stream: Stream) -> Self {
        Lent {
            stream,
            is_whole: false,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_whole {
            self.stream.reset();
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_whole = true;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What is written to. It may be a writer of another peer's, for which a drop is an end.
struct Sink(Option<Writer>);

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            writer.abort();
        }
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
async fn hung_up(mut peer: ReadHalf<Lent>) {
    let mut buffer = [0; 64];
    while peer.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// How much of what there was to write was written.
enum Wrote {
    All,
    Part,
}

/// Copies from the stream to the sink until either ends. An error is the sink's.
async fn write_out(stream: &mut Lent, sink: &mut Sink, offer: &mut Offer) -> io::Result<Wrote> {
    let Some(sink) = &mut sink.0 else {
        return Ok(Wrote::All);
    };
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
            answer = offer.drain(), if draining.is_none() => {
                draining = Some(Draining { answer, left: WINDOW });
            }
            read = stream.read(&mut buffer) => match read {
                Ok(0) => {
                    sink.shutdown().await?;
                    return Ok(Wrote::All);
                }
                Ok(n) => {
                    sink.write_all(&buffer[..n]).await?;
                    unflushed = true;
                    if let Some(draining) = &mut draining {
                        draining.left = draining.left.saturating_sub(n);
                    }
                }
                // The peer or the session is gone, and what came is not all there was to come.
                Err(_) => {
                    sink.flush().await?;
                    return Ok(Wrote::Part);
                }
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
