//! A connection in memory of which everything can be decided: how its bytes are cut, when it takes
//! more, when it fails.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No bound.
pub const UNBOUNDED: usize = usize::MAX;

/// The peer's hold on the connection.
pub struct Wire(Arc<Mutex<State>>);

/// The session's end of it.
pub struct End(Arc<Mutex<State>>);

struct State {
    to_session: VecDeque<u8>,
    from_session: Vec<u8>,
    /// The session reads no more at once.
    cut: usize,
    /// So much more is taken from the session.
    room: usize,
    vectored: bool,
    holds_flush: bool,
    hung_up: bool,
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

pub fn wire(vectored: bool) -> (Wire, End) {
    let state = Arc::new(Mutex::new(State {
        to_session: VecDeque::new(),
        from_session: Vec::new(),
        cut: UNBOUNDED,
        room: UNBOUNDED,
        vectored,
        holds_flush: false,
        hung_up: false,
        broken: false,
        reader: None,
        writer: None,
    }));
    (Wire(state.clone()), End(state))
}

impl Wire {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().expect("no panic");
        change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    pub fn feed(&self, bytes: &[u8]) {
        self.change(|state| state.to_session.extend(bytes));
    }

    pub fn heard(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().expect("no panic").from_session)
    }

    pub fn cut(&self, cut: usize) {
        self.change(|state| state.cut = cut.max(1));
    }

    pub fn room(&self, room: usize) {
        self.change(|state| state.room = room);
    }

    /// Whether the session has read everything.
    pub fn all_read(&self) -> bool {
        self.0.lock().expect("no panic").to_session.is_empty()
    }

    /// Whether nothing that the session says has to wait.
    pub fn takes_all(&self) -> bool {
        let state = self.0.lock().expect("no panic");
        state.room == UNBOUNDED && !state.holds_flush
    }

    pub fn hold_flush(&self, hold: bool) {
        self.change(|state| state.holds_flush = hold);
    }

    /// The peer sends nothing more.
    pub fn hang_up(&self) {
        self.change(|state| state.hung_up = true);
    }

    /// The peer takes nothing more.
    pub fn break_off(&self) {
        self.change(|state| state.broken = true);
    }
}

impl End {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.to_session.is_empty() && !state.hung_up {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = buffer.remaining().min(state.cut);
        let n = state.to_session.read(buffer.initialize_unfilled_to(n))?;
        buffer.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(data)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut written = 0;
        for slice in slices {
            let n = slice.len().min(state.room);
            state.from_session.extend_from_slice(&slice[..n]);
            if state.room != UNBOUNDED {
                state.room -= n;
            }
            written += n;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.state().vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.holds_flush {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
