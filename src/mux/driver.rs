//! The task behind a session: it owns the connection and does all its reading and writing.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Sleep;

use super::ends::Ends;
use super::linger::{Linger, Lingered};
use super::session::{OpenError, SessionError};
use super::stream::Dropped;
use super::wire::Wire;
use super::{Config, Stream};
use crate::instant;

/// What a session's handles ask of its driver.
pub(super) enum Request {
    Open(oneshot::Sender<Result<Stream, OpenError>>),
    Flush(oneshot::Sender<()>),
    Close,
}

/// Runs a session until it ends, and leaves the reason in `end`.
pub(super) async fn run<T>(
    io: T,
    config: Config,
    mode: yamux::Mode,
    requests: mpsc::UnboundedReceiver<Request>,
    accept: mpsc::Sender<Stream>,
    end: watch::Sender<Option<SessionError>>,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let ends = Arc::new(Ends::default());
    let wire = Wire::new(io, ends.clone());
    let mut connection = yamux::Connection::new(wire.clone(), config.yamux(), mode);
    let (dropped_sender, dropped) = mpsc::unbounded_channel();
    let close_timeout = config.close_timeout;
    let mut driver = Driver {
        wire,
        ends,
        requests,
        accept,
        opening: VecDeque::new(),
        flushing: Vec::new(),
        dropped_sender,
        dropped,
        lingering: FuturesUnordered::new(),
        pulse: Pulse::new(&config),
        fresh: false,
        turns: 0,
        config,
    };
    let reason = poll_fn(|cx| driver.poll(&mut connection, cx)).await;
    if let SessionError::Closed = reason {
        // What was written before the close is still to arrive; a peer that does not read must
        // not hold it up. The crate's own way to close would forget the streams without waking
        // their readers, where dropping the connection wakes them.
        let written = poll_fn(|cx| match driver.work(&mut connection, cx) {
            Ok(Written::Partly) => Poll::Pending,
            Ok(Written::Whole) | Err(_) => Poll::Ready(()),
        });
        let _ = tokio::time::timeout(close_timeout, written).await;
    }
    drop(driver);
    drop(connection);
    end.send_replace(Some(reason));
}

/// How much of what the streams wrote is with the operating system.
enum Written {
    Whole,
    Partly,
}

struct Driver<T> {
    wire: Wire<T>,
    ends: Arc<Ends>,
    config: Config,
    requests: mpsc::UnboundedReceiver<Request>,
    accept: mpsc::Sender<Stream>,
    /// Streams asked for and not yet opened, since too many wait for the peer's ACK.
    opening: VecDeque<oneshot::Sender<Result<Stream, OpenError>>>,
    flushing: Vec<oneshot::Sender<()>>,
    dropped_sender: mpsc::UnboundedSender<Dropped>,
    dropped: mpsc::UnboundedReceiver<Dropped>,
    lingering: FuturesUnordered<Linger>,
    pulse: Pulse,
    /// Whether streams came to be that nothing was flushed of since.
    fresh: bool,
    /// How many turns were left to other tasks before a flush.
    turns: u8,
}

/// Whoever gets a fresh stream usually writes to it at once, be it after a few hops from task to
/// task: its number, its confirmation, a call, a reply. This many turns are left to them before the
/// frame that opens or accepts the stream goes out, which would else be a system call of its own and
/// wake the peer for nothing.
const TURNS: u8 = 3;

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Ready when the session is over.
    fn poll(
        &mut self,
        connection: &mut yamux::Connection<Wire<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<SessionError> {
        while let Poll::Ready(request) = self.requests.poll_recv(cx) {
            match request {
                Some(Request::Open(reply)) => self.opening.push_back(reply),
                Some(Request::Flush(reply)) => self.flushing.push(reply),
                // The last handle is gone.
                Some(Request::Close) | None => return Poll::Ready(SessionError::Closed),
            }
        }
        match self.work(connection, cx) {
            Ok(Written::Whole) => {
                for reply in self.flushing.drain(..) {
                    let _ = reply.send(());
                }
            }
            Ok(Written::Partly) => {}
            Err(reason) => return Poll::Ready(reason),
        }
        self.pulse.poll(&self.wire, cx)
    }

    /// Goes round until there is nothing left to do but wait.
    fn work(
        &mut self,
        connection: &mut yamux::Connection<Wire<T>>,
        cx: &mut Context<'_>,
    ) -> Result<Written, SessionError> {
        loop {
            self.open_streams(connection, cx)?;
            while let Poll::Ready(Some(dropped)) = self.dropped.poll_recv(cx) {
                self.lingering.push(Linger::new(
                    dropped.stream,
                    dropped.finished,
                    self.ends.clone(),
                    self.config.stream_close_timeout,
                ));
            }
            while let Poll::Ready(Some(lingered)) = self.lingering.poll_next_unpin(cx) {
                if let Lingered::Reset(id) = lingered {
                    self.wire.reset(id);
                }
            }
            match connection.poll_next_inbound(cx) {
                Poll::Ready(Some(Ok(stream))) => {
                    self.offer(stream);
                    self.fresh = true;
                    continue;
                }
                Poll::Ready(Some(Err(error))) => return Err(reason(error)),
                Poll::Ready(None) => return Err(SessionError::PeerClosed),
                Poll::Pending => {}
            }
            if std::mem::take(&mut self.fresh) || self.turns > 0 {
                self.turns += 1;
                if self.turns <= TURNS {
                    cx.waker().wake_by_ref();
                    return Ok(Written::Partly);
                }
                self.turns = 0;
            }
            return match self.wire.flush(cx) {
                // The crate has more to write and was not told of the room.
                Poll::Ready(Ok(())) if self.wire.take_full() => continue,
                Poll::Ready(Ok(())) => Ok(Written::Whole),
                Poll::Ready(Err(error)) => Err(io_reason(error)),
                Poll::Pending => Ok(Written::Partly),
            };
        }
    }

    /// Opens the streams asked for, as far as the crate lets it.
    fn open_streams(
        &mut self,
        connection: &mut yamux::Connection<Wire<T>>,
        cx: &mut Context<'_>,
    ) -> Result<(), SessionError> {
        while let Some(reply) = self.opening.front() {
            if reply.is_closed() {
                self.opening.pop_front();
                continue;
            }
            let open = self.ends.len();
            let opened = if open >= self.config.max_streams {
                Err(OpenError::TooManyStreams { open })
            } else {
                match connection.poll_new_outbound(cx) {
                    Poll::Ready(Ok(stream)) => {
                        self.ends.opened(stream.id().val());
                        self.fresh = true;
                        let mut stream = self.stream(stream);
                        // A fresh stream has room for it.
                        let _ = stream.poll_announce(cx);
                        Ok(stream)
                    }
                    Poll::Ready(Err(error)) => return Err(reason(error)),
                    Poll::Pending => break,
                }
            };
            if let Some(reply) = self.opening.pop_front() {
                let _ = reply.send(opened);
            }
        }
        Ok(())
    }

    /// Hands a stream of the peer to whoever accepts; refuses it when it is one too many.
    fn offer(&mut self, stream: yamux::Stream) {
        let id = stream.id().val();
        if self.ends.len() > self.config.max_streams {
            tracing::warn!(stream = id, "too many streams, resetting a new one");
            // Dropped open, the crate resets it.
            self.ends.forget(id);
            return;
        }
        match self.accept.try_reserve() {
            Ok(place) => place.send(self.stream(stream)),
            Err(_) => {
                tracing::warn!(stream = id, "backlog exceeded, resetting a new stream");
                self.ends.forget(id);
            }
        }
    }

    fn stream(&self, stream: yamux::Stream) -> Stream {
        Stream::new(stream, self.ends.clone(), self.dropped_sender.clone())
    }
}

fn reason(error: yamux::ConnectionError) -> SessionError {
    use yamux::ConnectionError;
    match error {
        ConnectionError::Closed => SessionError::PeerClosed,
        ConnectionError::Io(error)
        | ConnectionError::Decode(yamux::FrameDecodeError::Io(error)) => io_reason(error),
        other => SessionError::Protocol(other.to_string()),
    }
}

/// A peer whose process ends leaves a socket that fails in one of several ways.
fn io_reason(error: std::io::Error) -> SessionError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            SessionError::PeerClosed
        }
        _ => SessionError::Io(Arc::new(error)),
    }
}

/// Watches for the peer's sign of life.
///
/// The crate sends a ping whenever it is driven and the last answer is 10 s old, but it has no
/// clock, and it does not say when an answer came. So a peer that sent nothing for a whole interval
/// is asked by waking the driver, which makes the crate ping, and any byte that comes is its answer.
/// A peer that did send something in the interval is not asked: the crate might not ping it yet.
struct Pulse {
    interval: Duration,
    timeout: Duration,
    /// `None` when the peer's silence does not matter.
    timer: Option<Pin<Box<Sleep>>>,
    /// How much had been received at the last look.
    received: u64,
    asked: bool,
}

impl Pulse {
    fn new(config: &Config) -> Self {
        Pulse {
            interval: config.keep_alive.unwrap_or_default(),
            timeout: config.keep_alive_timeout,
            timer: config
                .keep_alive
                .map(|interval| Box::pin(tokio::time::sleep(interval))),
            received: 0,
            asked: false,
        }
    }

    fn poll<T>(&mut self, wire: &Wire<T>, cx: &mut Context<'_>) -> Poll<SessionError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        while timer.as_mut().poll(cx).is_ready() {
            let received = wire.received();
            let silent = received == self.received;
            if silent && self.asked {
                return Poll::Ready(SessionError::KeepAliveTimeout);
            }
            self.received = received;
            self.asked = silent;
            let wait = if silent {
                // The crate has to be driven once more for its ping to go out.
                cx.waker().wake_by_ref();
                self.timeout
            } else {
                self.interval
            };
            timer.as_mut().reset(instant::after(wait));
        }
        Poll::Pending
    }
}
