//! The buffered byte stream under the `yamux` crate.
//!
//! The crate reads and writes each frame in two small pieces, header and body, and flushes after
//! every frame. [`Wire`] turns that into few system calls: reads are served from a buffer, writes
//! gather in another, and a flush asked for by the crate does nothing; the driver flushes with
//! [`Wire::flush`] when it has run out of frames, so that one write carries what many streams had
//! to say. As every frame passes through, this is also where the flags are seen that the crate does
//! not report ([`Ends`]), and where a frame can be sent that the crate has no call for
//! ([`Wire::reset`]).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ends::{End, Ends};

/// Bytes read from the socket at once when the crate asks for fewer.
const READ_BUFFER: usize = 32 * 1024;

/// Bytes that gather before the crate is made to wait for the socket.
const WRITE_BUFFER: usize = 128 * 1024;

const HEADER: usize = 12;
const TYPE_DATA: u8 = 0;
const TYPE_WINDOW_UPDATE: u8 = 1;
const FLAG_SYN: u16 = 1;
const FLAG_FIN: u16 = 4;
const FLAG_RST: u16 = 8;

/// A handle to the byte stream; the crate owns one and the driver another.
pub(super) struct Wire<T>(Arc<Mutex<Inner<T>>>);

impl<T> Clone for Wire<T> {
    fn clone(&self) -> Self {
        Wire(self.0.clone())
    }
}

struct Inner<T> {
    io: T,
    read: Box<[u8]>,
    /// The part of `read` that holds bytes not yet asked for.
    unread: std::ops::Range<usize>,
    write: Vec<u8>,
    /// How much of `write` the socket has taken.
    written: usize,
    /// Whether the crate was made to wait since the driver last asked.
    full: bool,
    /// Frames to be sent as soon as the crate is between two of its own.
    resets: Vec<[u8; HEADER]>,
    outgoing: FrameTracker,
    incoming: FrameTracker,
    ends: Arc<Ends>,
    received: u64,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(super) fn new(io: T, ends: Arc<Ends>) -> Self {
        Wire(Arc::new(Mutex::new(Inner {
            io,
            read: vec![0; READ_BUFFER].into_boxed_slice(),
            unread: 0..0,
            write: Vec::new(),
            written: 0,
            full: false,
            resets: Vec::new(),
            outgoing: FrameTracker::default(),
            incoming: FrameTracker::default(),
            ends,
            received: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes the peer has sent so far: its sign of life.
    pub(super) fn received(&self) -> u64 {
        self.lock().received
    }

    /// Writes what has gathered to the socket.
    pub(super) fn flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        ready!(inner.drain(cx))?;
        Pin::new(&mut inner.io).poll_flush(cx)
    }

    /// Whether the crate met a full buffer since this was last asked, and so has frames left.
    pub(super) fn take_full(&self) -> bool {
        std::mem::take(&mut self.lock().full)
    }

    /// Tells the peer that a stream is given up, whatever the crate thinks of it.
    pub(super) fn reset(&self, stream: u32) {
        let mut frame = [0; HEADER];
        frame[1] = TYPE_WINDOW_UPDATE;
        frame[2..4].copy_from_slice(&FLAG_RST.to_be_bytes());
        frame[4..8].copy_from_slice(&stream.to_be_bytes());
        let mut inner = self.lock();
        inner.resets.push(frame);
        inner.send_resets();
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Inner<T> {
    /// Moves the waiting resets into the buffer if the crate is between two frames.
    fn send_resets(&mut self) {
        if self.outgoing.between_frames() {
            for frame in self.resets.drain(..) {
                self.write.extend_from_slice(&frame);
            }
        }
    }

    /// Empties the write buffer into the socket.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.write.len() {
            let n = ready!(Pin::new(&mut self.io).poll_write(cx, &self.write[self.written..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += n;
        }
        self.write.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn read_socket(io: &mut T, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> futures::io::AsyncRead for Wire<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let n = if inner.unread.is_empty() && buffer.len() >= inner.read.len() {
            // A large body goes straight to where the crate wants it.
            let n = ready!(Inner::read_socket(&mut inner.io, cx, buffer))?;
            inner.received += n as u64;
            n
        } else {
            if inner.unread.is_empty() {
                let n = ready!(Inner::read_socket(&mut inner.io, cx, &mut inner.read))?;
                inner.received += n as u64;
                inner.unread = 0..n;
            }
            let n = buffer.len().min(inner.unread.len());
            buffer[..n].copy_from_slice(&inner.read[inner.unread.start..][..n]);
            inner.unread.start += n;
            n
        };
        let ends = &inner.ends;
        inner.incoming.pass(&buffer[..n], |frame| {
            if frame.flags & FLAG_SYN != 0 {
                ends.opened(frame.stream);
            }
            if frame.flags & FLAG_FIN != 0 {
                ends.ended(frame.stream, End::Finished);
            }
            if frame.flags & FLAG_RST != 0 {
                ends.ended(frame.stream, End::Reset);
            }
        });
        Poll::Ready(Ok(n))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> futures::io::AsyncWrite for Wire<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.lock();
        if inner.write.len() >= WRITE_BUFFER
            && let Poll::Pending = inner.drain(cx)?
        {
            inner.full = true;
            return Poll::Pending;
        }
        inner.send_resets();
        inner.write.extend_from_slice(data);
        inner.outgoing.pass(data, |_| {});
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The driver does it once the crate has nothing more to write.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        ready!(inner.drain(cx))?;
        Pin::new(&mut inner.io).poll_shutdown(cx)
    }
}

/// What a frame's header says of its stream.
struct FrameFlags {
    stream: u32,
    flags: u16,
}

/// Follows the frames in a sequence of bytes, however it is cut.
#[derive(Default)]
struct FrameTracker {
    header: [u8; HEADER],
    have: usize,
    body_left: usize,
}

impl FrameTracker {
    fn between_frames(&self) -> bool {
        self.have == 0 && self.body_left == 0
    }

    /// Takes the next bytes and reports each frame of a stream when it is complete.
    fn pass(&mut self, mut bytes: &[u8], mut complete: impl FnMut(FrameFlags)) {
        while !bytes.is_empty() {
            if self.have < HEADER {
                let n = bytes.len().min(HEADER - self.have);
                self.header[self.have..self.have + n].copy_from_slice(&bytes[..n]);
                self.have += n;
                bytes = &bytes[n..];
                if self.have == HEADER && self.header[1] == TYPE_DATA {
                    self.body_left = self.number(8) as usize;
                }
            } else {
                let n = bytes.len().min(self.body_left);
                self.body_left -= n;
                bytes = &bytes[n..];
            }
            if self.have == HEADER && self.body_left == 0 {
                self.have = 0;
                if self.header[1] <= TYPE_WINDOW_UPDATE {
                    let flags = u16::from_be_bytes([self.header[2], self.header[3]]);
                    complete(FrameFlags {
                        stream: self.number(4),
                        flags,
                    });
                }
            }
        }
    }

    fn number(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.header[at..at + 4]);
        u32::from_be_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u16, stream: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, kind];
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn frames_are_followed_however_they_are_cut() {
        let mut bytes = frame(TYPE_DATA, FLAG_SYN, 1, b"hello");
        bytes.extend(frame(TYPE_WINDOW_UPDATE, FLAG_FIN, 1, b""));
        bytes.extend(frame(2, FLAG_SYN, 0, b""));
        bytes.extend(frame(TYPE_DATA, FLAG_RST, 3, b""));
        for cut in 0..=bytes.len() {
            let mut tracker = FrameTracker::default();
            let mut seen = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                tracker.pass(part, |frame| seen.push((frame.stream, frame.flags)));
            }
            assert_eq!(seen, [(1, FLAG_SYN), (1, FLAG_FIN), (3, FLAG_RST)]);
            assert!(tracker.between_frames());
        }
    }

    #[test]
    fn a_reset_never_lands_inside_a_frame() {
        let (io, _peer) = tokio::io::duplex(1 << 16);
        let mut wire = Wire::new(io, Arc::default());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let whole = frame(TYPE_DATA, 0, 1, b"hello");
        let write = |wire: &mut Wire<_>, cx: &mut Context<'_>, data: &[u8]| {
            let n = futures::io::AsyncWrite::poll_write(Pin::new(wire), cx, data);
            assert!(matches!(n, Poll::Ready(Ok(n)) if n == data.len()));
        };
        write(&mut wire, &mut cx, &whole[..HEADER]);
        wire.reset(7);
        write(&mut wire, &mut cx, &whole[HEADER..]);
        write(&mut wire, &mut cx, &whole);
        let mut expected = whole.clone();
        expected.extend(frame(TYPE_WINDOW_UPDATE, FLAG_RST, 7, b""));
        expected.extend(&whole);
        assert_eq!(wire.lock().write, expected);
    }
}
