//! Readers and writers that cross the wire.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

use super::awaited::{Awaited, awaited};
use super::brokered::{Brokered, sealed};
use super::leaf::{self, Leaf, LendError};
use super::lease::Offer;
use super::scope::Connect;
use super::shelf::{Shelf, Shelved};
use crate::broker::{DialError, MuxBroker};
use crate::mux::{MAX_WINDOW, ReadHalf, Stream, WriteHalf};
use crate::tuning::interface::CHUNK;
use plugwire_base::abandoned::abandon;

/// Something to read from, as a parameter or a result of an interface's method: Go's `io.Reader`.
///
/// The side that has it wraps any `AsyncRead`. The bytes are read from it as the other side asks
/// for them, and cross on a stream of their own. The other side drops its reader when it has read
/// enough (in Go: closes the connection), and then the original is dropped too.
///
/// # Its end
///
/// The other side reads an end of file only at the end of the original. When the original fails,
/// the stream is reset: the other side reads an error
/// ([`ConnectionReset`](io::ErrorKind::ConnectionReset); in Go "connection reset") after a part of
/// the data, and so knows that it is a part. The same happens when the call that lent the reader is
/// [abandoned](super::Remote#cancellation), and when reading the original panics. The reason does
/// not cross the wire. A caller whose reader fails gets it as
/// [`Error::Stream`](super::Error::Stream).
pub struct Reader(Shelf<Reader>);

impl Reader {
    /// Makes a reader of anything that can be read.
    pub fn new(reader: impl AsyncRead + Send + 'static) -> Reader {
        Reader::of(Box::pin(reader))
    }
}

impl Shelved for Reader {
    type Inner = Pin<Box<dyn AsyncRead + Send>>;

    fn of(inner: Self::Inner) -> Reader {
        Reader(Shelf::new(inner))
    }

    fn into_inner(self) -> Option<Self::Inner> {
        self.0.into_inner()
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.get()?.as_mut().poll_read(cx, buffer)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Something to write to, as a parameter or a result of an interface's method: Go's `io.Writer`.
///
/// The side that has it wraps any `AsyncWrite`. Bytes are written to it as they arrive. It is
/// flushed when no more have arrived, and shut down and dropped when the other side has dropped its
/// writer or shut it down. When writing to the original fails, so does writing to the other side's.
///
/// When a call returns, all that the method wrote to a writer among its arguments has been written
/// to the original, as if the method had run in this process. So a reader of the original must not
/// wait for the call to return: the call waits for it.
///
/// # Its end
///
/// The original is shut down only when the other side has written everything: when it shut its
/// writer down, or dropped it. An original that is dropped without a shutdown holds a part of the
/// data at best. That happens when the other side
///
/// - [aborted](Self::abort) its writer,
/// - dropped it while its thread panicked,
/// - dropped it with a method that was cancelled, as all are when their connection ends,
/// - or is gone,
///
/// and when the call that lent the writer is [abandoned](super::Remote#cancellation). A writer
/// among the locals of any other future that is dropped counts as complete: call
/// [`abort`](Self::abort) where the future may be dropped before all is written.
pub struct Writer(Shelf<Writer>);

pub(super) enum Inner {
    /// To the other side's writer.
    Stream(Awaited<Stream>),
    Own(Pin<Box<dyn AsyncWrite + Send>>),
}

impl Shelved for Writer {
    type Inner = Inner;

    fn of(inner: Inner) -> Writer {
        Writer(Shelf::new(inner))
    }

    fn into_inner(self) -> Option<Inner> {
        self.0.into_inner()
    }
}

impl Writer {
    /// Makes a writer of anything that can be written to.
    pub fn new(writer: impl AsyncWrite + Send + 'static) -> Writer {
        Writer::of(Inner::Own(Box::pin(writer)))
    }

    /// Drops the writer as one that did not get all of the data. If the original is the other
    /// side's, it is dropped there without a shutdown. A Go program that reads the other end gets
    /// "connection reset".
    pub fn abort(mut self) {
        if let Ok(Inner::Stream(stream)) = self.0.get()
            && let Some(stream) = stream.get()
        {
            stream.reset();
        }
        // One that forwards to another process's ends there as one that was reset.
        abandon(self);
    }

    fn inner(&mut self) -> io::Result<Pin<&mut (dyn AsyncWrite + Send)>> {
        Ok(match self.0.get()? {
            Inner::Stream(stream) => Pin::<&mut Awaited<Stream>>::new(stream),
            Inner::Own(writer) => writer.as_mut(),
        })
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_shutdown(cx)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl sealed::Sealed for Reader {}

impl Brokered for Reader {
    const STREAM: bool = true;

    async fn serve(self, stream: Stream, _: MuxBroker, offer: &mut Offer) {
        let Some(source) = self.into_inner() else {
            return;
        };
        let (peer, stream) = stream.into_split();
        let copied = read_out(source, LentStream::new(stream));
        // Without this a source that is pending would be kept after the peer has gone.
        let hung_up = hung_up(peer);
        tokio::pin!(copied, hung_up);
        loop {
            tokio::select! {
                biased;
                copied = &mut copied => {
                    if let Err(error) = copied {
                        // The peer learns of it when `copied` is dropped.
                        offer.failed(error);
                    }
                    return;
                }
                () = &mut hung_up => return,
                // A reader has no bytes in transit to this side.
                answer = offer.drain() => drop(answer),
            }
        }
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        Ok(Reader::new(broker.dial(id).await?))
    }
}

impl sealed::Sealed for Writer {}

impl Brokered for Writer {
    const STREAM: bool = true;

    async fn serve(self, stream: Stream, _: MuxBroker, offer: &mut Offer) {
        let mut stream = LentStream::new(stream);
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
        Ok(Writer::of(Inner::Stream(Awaited::Here(
            broker.dial(id).await?,
        ))))
    }
}

leaf::nested!(Reader, Writer);

impl Leaf for Reader {
    fn lend_nested(&self) -> Result<u32, LendError> {
        Ok(self.0.lend()?)
    }

    fn receive(broker: &MuxBroker, id: u32) -> (Self, Connect) {
        let (filler, stream) = awaited();
        (Reader::new(stream), leaf::connect_to(broker, id, filler))
    }

    fn stand_in() -> Self {
        Reader(Shelf::empty())
    }
}

impl Leaf for Writer {
    const WRITES: bool = true;

    fn lend_nested(&self) -> Result<u32, LendError> {
        Ok(self.0.lend()?)
    }

    fn receive(broker: &MuxBroker, id: u32) -> (Self, Connect) {
        let (filler, stream) = awaited();
        let connect = leaf::connect_to(broker, id, filler);
        (Writer::of(Inner::Stream(stream)), connect)
    }

    fn stand_in() -> Self {
        Writer(Shelf::empty())
    }
}

/// The stream of something lent. Unless all was sent or received, dropping it resets the stream, so
/// that neither a failure nor a cancellation looks like an end.
pub(super) struct LentStream<S: Reset> {
    pub(super) stream: S,
    pub(super) is_whole: bool,
}

/// What can be reset: a stream, or its writing half.
pub(super) trait Reset {
    fn reset(&mut self);
}

impl Reset for Stream {
    fn reset(&mut self) {
        Stream::reset(self);
    }
}

impl Reset for WriteHalf {
    fn reset(&mut self) {
        WriteHalf::reset(self);
    }
}

impl<S: Reset> LentStream<S> {
    pub(super) fn new(stream: S) -> Self {
        LentStream {
            stream,
            is_whole: false,
        }
    }
}

impl<S: Reset> Drop for LentStream<S> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.stream.reset();
        }
    }
}

/// A destination that is aborted when it is dropped. It may be another peer's writer, for which a
/// drop is an end.
struct Sink(Option<Writer>);

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            writer.abort();
        }
    }
}

/// Copies from the source to the stream until either ends. An error is the source's.
async fn read_out(
    mut source: Pin<Box<dyn AsyncRead + Send>>,
    mut lent: LentStream<WriteHalf>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = source.read(&mut buffer).await?;
        if n == 0 {
            lent.is_whole = true;
            let _ = lent.stream.shutdown().await;
            return Ok(());
        }
        if lent.stream.write_all(&buffer[..n]).await.is_err() {
            // The peer has gone.
            return Ok(());
        }
    }
}

/// Waits until the peer, which only reads, has closed its side of the stream.
pub(super) async fn hung_up(mut peer: ReadHalf) {
    let mut buffer = [0; 64];
    while peer.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// How much was written.
enum Wrote {
    All,
    Part,
}

/// Copies from the stream to the sink until either ends. An error is the sink's.
async fn write_out(
    lent: &mut LentStream<Stream>,
    sink: &mut Sink,
    offer: &mut Offer,
) -> io::Result<Wrote> {
    let Some(sink) = &mut sink.0 else {
        return Ok(Wrote::All);
    };
    let mut buffer = vec![0; CHUNK];
    let mut unflushed = false;
    let mut draining: Option<Draining> = None;
    loop {
        if let Some(drained) = draining.take_if(|draining| draining.left == 0) {
            sink.flush().await?;
            unflushed = false;
            drained.answer();
        }
        // In this order: what has arrived is written, then flushed, and then the request is
        // answered.
        tokio::select! {
            biased;
            done = offer.drain(), if draining.is_none() => {
                draining = Some(Draining { done, left: MAX_WINDOW });
            }
            read = lent.stream.read(&mut buffer) => match read {
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
                // The peer or the session is gone, and more was to come.
                Err(_) => {
                    sink.flush().await?;
                    return Ok(Wrote::Part);
                }
            },
            flushed = sink.flush(), if unflushed => {
                flushed?;
                unflushed = false;
            }
            // No more has arrived.
            () = std::future::ready(()), if draining.is_some() => {
                draining.take().into_iter().for_each(Draining::answer);
            }
        }
    }
}

/// A caller waits until what has arrived is written.
struct Draining {
    done: oneshot::Sender<()>,
    /// No more than this can have arrived before the request, whatever has come since.
    left: usize,
}

impl Draining {
    fn answer(self) {
        let _ = self.done.send(());
    }
}
