//! Frames come in, by the driver or by the reader of a stream.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::write::FRAME;
use super::{LARGE, Link};
use crate::error::SessionError;
use crate::state::{CutOff, Next};
use plugwire_base::instant;

/// Bytes read at once where frames are small.
const INPUT: usize = 32 * 1024;

/// Bytes read at once where a large frame's header is expected: little of its body comes along, to
/// be copied.
const HEADER_INPUT: usize = 512;

/// The reader of a stream of large frames reads from the connection himself, until nothing more has
/// arrived or something else comes.
pub(super) struct Lease {
    pub(super) stream: u32,
    /// A reader who has not read anything by then is not there any more, or busy.
    until: Instant,
    /// How much had been received when that was last looked at.
    received: u64,
}

/// How long a reader with a lease may keep others waiting.
const LEASE: Duration = Duration::from_millis(2);

/// After so many reads in a row others get their turn.
const READS: usize = 128;

/// How far the driver came with what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing more has arrived.
    Empty,
    /// There may be more.
    Left,
}

pub(super) fn buffer() -> Box<[u8]> {
    vec![0; INPUT].into_boxed_slice()
}

impl Link {
    /// Reads and acts on what the peer sent, until nothing more has arrived or a large frame comes
    /// that may be left to its reader.
    pub(super) fn take_input(&mut self) -> Result<Input, SessionError> {
        if self.lease.is_some() {
            return Ok(Input::Left);
        }
        for _ in 0..READS {
            // Answers that the peer does not read must not pile up.
            if self.state.out.is_full_of_answers() {
                if !self.blocked {
                    self.flush();
                }
                if self.state.out.is_full_of_answers() {
                    return Ok(Input::Left);
                }
            }
            let next = self.state.next();
            let bulk = match next {
                Next::Body { stream, left, .. } if left as usize >= LARGE => Some(stream),
                Next::Header => self.bulk,
                _ => None,
            };
            if let Some(stream) = bulk
                && self.closing.is_none()
                && self.state.call_reader(stream)
            {
                self.bulk = bulk;
                self.lease = Some(Lease {
                    stream,
                    until: instant::after(LEASE),
                    received: self.received,
                });
                return Ok(Input::Left);
            }
            let read = match next {
                Next::Body { left, .. } if bulk.is_some() => self.read_body(left),
                _ => self.read_frames(),
            };
            match read {
                Poll::Ready(read) => read?,
                Poll::Pending => return Ok(Input::Empty),
            }
        }
        self.wake_driver();
        Ok(Input::Left)
    }

    /// Moves what arrived on a stream into `buffer`, and reads from the connection straight into it
    /// what else of a large frame is there.
    pub(crate) fn poll_read(
        &mut self,
        id: u32,
        buffer: &mut ReadBuf<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), CutOff>> {
        let before = buffer.filled().len();
        let straight = buffer.remaining() >= LARGE;
        let mut read = self.state.poll_read(id, buffer, straight, cx);
        if self.lease.as_ref().is_some_and(|lease| lease.stream == id) {
            match self.read_straight(id, buffer) {
                // The driver will hear of what comes next.
                Poll::Pending => self.end_lease(self.broken.is_some()),
                Poll::Ready(Ok(())) if self.bulk == Some(id) && buffer.filled().len() > before => {}
                Poll::Ready(Ok(())) => self.end_lease(true),
                Poll::Ready(Err(reason)) => self.end(reason),
            }
            read = match buffer.filled().len() > before {
                true => Poll::Ready(Ok(())),
                false => self.state.poll_read(id, buffer, straight, cx),
            };
        }
        if self.state.owes_windows() && !self.blocked {
            // The peer may be waiting for this window.
            self.flush();
        }
        read
    }

    pub(super) fn end_lease(&mut self, drive: bool) {
        self.lease = None;
        if drive {
            self.wake_driver();
        }
    }

    /// When [`check_lease`](Self::check_lease) has something to do.
    pub(crate) fn lease_end(&self) -> Option<Instant> {
        self.lease.as_ref().map(|lease| lease.until)
    }

    /// Ends the lease of a reader who does not read.
    pub(crate) fn check_lease(&mut self, now: Instant) {
        match &mut self.lease {
            Some(lease) if lease.until > now => {}
            Some(lease) if lease.received < self.received => {
                lease.received = self.received;
                lease.until = instant::later(now, LEASE);
            }
            Some(lease) => {
                self.state.reader_missing(lease.stream);
                self.end_lease(true);
            }
            None => {}
        }
    }

    /// Reads the stream's large frames into `buffer`, as far as there is room and they are what
    /// comes. Pending when nothing more has arrived.
    fn read_straight(
        &mut self,
        id: u32,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), SessionError>> {
        while !self.state.out.is_full_of_answers() && self.bulk == Some(id) {
            match self.state.next() {
                Next::Body { stream, left, .. } if stream == id => {
                    let n = buffer.remaining().min(left as usize);
                    if n < LARGE.min(left as usize) {
                        return Poll::Ready(Ok(()));
                    }
                    let Some(io) = &mut self.io else {
                        break;
                    };
                    // With the end of a body comes the next header.
                    let behind = if n == left as usize { HEADER_INPUT } else { 0 };
                    let mut cx = Context::from_waker(&self.io_waker);
                    let body = buffer.initialize_unfilled_to(n);
                    let got = ready!(io.poll_read_both(&mut cx, body, &mut self.input[..behind]))
                        .map_err(SessionError::from_io)?;
                    buffer.advance(got.min(n));
                    self.state.body_read(got.min(n));
                    self.take_frames(got, got.saturating_sub(n))?;
                    // What came along with a header goes before what is read behind it.
                    self.state.read(id, buffer);
                }
                Next::Header if buffer.remaining() >= LARGE => {
                    ready!(self.read_frames())?;
                    self.state.read(id, buffer);
                }
                Next::Header => return Poll::Ready(Ok(())),
                _ => break,
            }
        }
        self.bulk = None;
        Poll::Ready(Ok(()))
    }

    /// Reads a piece with as many frames as there are.
    fn read_frames(&mut self) -> Poll<Result<(), SessionError>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let size = match (self.bulk, self.state.next()) {
            (Some(_), Next::Header) => HEADER_INPUT,
            _ => INPUT,
        };
        let mut cx = Context::from_waker(&self.io_waker);
        let n = ready!(io.poll_read(&mut cx, &mut self.input[..size]))
            .map_err(SessionError::from_io)?;
        Poll::Ready(self.take_frames(n, n))
    }

    /// Of `got` bytes that were read, the last `n` are frames in `input`.
    fn take_frames(&mut self, got: usize, n: usize) -> Result<(), SessionError> {
        if got == 0 {
            return Err(SessionError::PeerClosed);
        }
        self.received += got as u64;
        if n > 0 {
            let received = self.state.receive(&self.input[..n]);
            self.bulk = match self.state.next() {
                Next::Body { stream, left, .. } if left as usize >= LARGE => Some(stream),
                _ => None,
            };
            received?;
        }
        Ok(())
    }

    /// Reads the rest of a large frame into the stream's own buffer.
    fn read_body(&mut self, left: u32) -> Poll<Result<(), SessionError>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let Some(room) = self.state.body_room((left as usize).min(FRAME)) else {
            return Poll::Ready(Ok(()));
        };
        let mut cx = Context::from_waker(&self.io_waker);
        let n = ready!(io.poll_read(&mut cx, room)).map_err(SessionError::from_io)?;
        self.take_frames(n, 0)?;
        self.state.body_filled(n);
        Poll::Ready(Ok(()))
    }
}
