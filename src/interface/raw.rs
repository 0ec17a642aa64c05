//! Byte streams in both directions that cross the wire.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, copy_bidirectional};

use super::awaited::{Awaited, Filler, awaited};
use super::brokered::{Brokered, sealed};
use super::leaf::{self, Leaf, LendError};
use super::lease::Offer;
use super::scope::Connect;
use super::shelf::{Shelf, Shelved};
use crate::broker::{DialError, MuxBroker};
use crate::mux::Stream;
use crate::tuning::interface::CHUNK;

/// A stream of bytes in both directions, as a parameter, a result or a part of one: Go's `net.Conn`
/// under an id of the broker.
///
/// Go accepts or dials the id and has the connection in its hands: to speak a protocol of its own,
/// to serve `net/http`, to copy. What crosses is neither framed nor interpreted.
///
/// ```
/// use plugwire::{BrokeredStream, Result};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// #[plugwire::interface]
/// pub trait Shell {
///     async fn attach(&self, terminal: BrokeredStream) -> Result<()>;
/// }
///
/// async fn attach(shell: &dyn Shell) -> Result<()> {
///     let (mut here, there) = BrokeredStream::pair();
///     shell.attach(there).await?;
///     here.write_all(b"ls\n").await?;
///     let mut first = [0; 80];
///     let n = here.read(&mut first).await?;
///     println!("{}", String::from_utf8_lossy(&first[..n]));
///     Ok(())
/// }
/// ```
///
/// # Its end
///
/// As that of a [stream of the session](crate::mux::Stream): a shutdown is an end of file for the
/// other side, and so is a drop. What fails, and what is dropped with a method that was cancelled,
/// is reset, and the other side reads an error. The end of the connection between the two processes
/// ends it as well.
pub struct BrokeredStream(Shelf<BrokeredStream>);

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(super) enum Raw {
    /// The other side's, or what a pair was connected to.
    Peer(Awaited<End>),
    /// One end of a pair, and where the other one waits.
    Paired(Filler<End>),
    Own(Box<dyn Io>),
}

/// What connects a pair.
pub(super) enum End {
    /// The two are in different processes.
    Stream(Stream),
    /// They are in one.
    Pipe(DuplexStream),
}

impl BrokeredStream {
    /// Lends anything that can be read and written. Its bytes are copied to and from the other
    /// side's stream for as long as either lasts.
    pub fn new(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> BrokeredStream {
        BrokeredStream::of(Raw::Own(Box::new(io)))
    }

    /// Two ends: one to keep and one to send. The one that is kept has the other side's bytes
    /// without a copy in between. Until the other side has connected, reading and writing wait; if
    /// it does not, they fail with [`NotConnected`](io::ErrorKind::NotConnected). Between two
    /// objects of one process, the ends are a pipe.
    #[must_use]
    pub fn pair() -> (BrokeredStream, BrokeredStream) {
        let (filler, end) = awaited();
        let kept = BrokeredStream::of(Raw::Peer(end));
        (kept, BrokeredStream::of(Raw::Paired(filler)))
    }

    fn io(&mut self) -> io::Result<Pin<&mut dyn Io>> {
        let raw = self.0.get()?;
        if let Raw::Paired(_) = raw {
            // It was not sent to another process: the pair is used in this one.
            let (here, there) = tokio::io::duplex(CHUNK);
            if let Raw::Paired(filler) = std::mem::replace(raw, Raw::Own(Box::new(here))) {
                // If the other end is gone, this one reads the end of the pipe.
                let _ = filler.send(End::Pipe(there));
            }
        }
        match raw {
            Raw::Peer(stream) => Ok(Pin::new(stream)),
            Raw::Own(io) => Ok(Pin::new(&mut **io)),
            Raw::Paired(_) => unreachable!("it was connected above"),
        }
    }
}

impl Shelved for BrokeredStream {
    type Inner = Raw;

    fn of(inner: Raw) -> BrokeredStream {
        BrokeredStream(Shelf::new(inner))
    }

    fn into_inner(self) -> Option<Raw> {
        self.0.into_inner()
    }
}

impl sealed::Sealed for BrokeredStream {}

impl Brokered for BrokeredStream {
    const STREAM: bool = true;

    async fn serve(self, stream: Stream, _: MuxBroker, offer: &mut Offer) {
        match self.into_inner() {
            Some(Raw::Paired(filler)) => {
                if let Err(End::Stream(mut stream)) = filler.send(End::Stream(stream)) {
                    // The end that was kept is gone.
                    stream.reset();
                }
            }
            Some(Raw::Own(io)) => copy(io, stream, offer).await,
            Some(Raw::Peer(peer)) => copy(peer, stream, offer).await,
            None => {}
        }
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        let stream = End::Stream(broker.dial(id).await?);
        Ok(BrokeredStream::of(Raw::Peer(Awaited::Here(stream))))
    }
}

/// Copies in both directions until both have ended, or one has failed.
async fn copy(mut io: impl Io, stream: Stream, offer: &mut Offer) {
    // A stream that is cut off is no stream that has ended.
    let mut stream = ResetOnDrop(stream, true);
    let copied = {
        let copying = copy_bidirectional(&mut io, &mut stream.0);
        tokio::pin!(copying);
        loop {
            tokio::select! {
                biased;
                copied = &mut copying => break copied,
                // What has arrived is with the copying already.
                answer = offer.drain() => drop(answer),
            }
        }
    };
    match copied {
        Ok(_) => stream.1 = false,
        Err(error) => tracing::debug!(id = offer.id(), %error, "a stream that was lent failed"),
    }
}

/// A stream that is reset when it is dropped, as long as that is set.
struct ResetOnDrop(Stream, bool);

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        if self.1 {
            self.0.reset();
        }
    }
}

leaf::nested!(BrokeredStream);

impl Leaf for BrokeredStream {
    const WRITES: bool = true;

    fn lend_nested(&self) -> Result<u32, LendError> {
        Ok(self.0.lend()?)
    }

    fn receive(broker: &MuxBroker, id: u32) -> (Self, Connect) {
        let (filler, end) = awaited();
        let stream = BrokeredStream::of(Raw::Peer(end));
        let broker = broker.clone();
        let connect = async move {
            let dialed = End::Stream(broker.dial(id).await?);
            if let Err(End::Stream(mut stream)) = filler.send(dialed) {
                // What it was for is gone.
                stream.reset();
            }
            Ok(())
        };
        (stream, Box::pin(connect))
    }

    fn stand_in() -> Self {
        BrokeredStream(Shelf::empty())
    }
}

macro_rules! either {
    ($self:ident, |$stream:ident| $polled:expr) => {
        match &mut *$self {
            End::Stream(stream) => {
                let $stream = Pin::new(stream);
                $polled
            }
            End::Pipe(stream) => {
                let $stream = Pin::new(stream);
                $polled
            }
        }
    };
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, |stream| stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, |stream| stream.poll_write(cx, data))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, |stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, |stream| stream.poll_shutdown(cx))
    }
}

impl AsyncRead for BrokeredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for BrokeredStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io()?.poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_shutdown(cx)
    }
}

impl fmt::Debug for BrokeredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokeredStream").finish_non_exhaustive()
    }
}
