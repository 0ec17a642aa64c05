//! A connection in memory. What goes over it is recorded, and faults befall it on demand.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Sleep, sleep_until};

use super::fault::Fault;
use super::recorder::Recorder;
use crate::rpc::{Crash, Fate};
use plugwire_base::instant;

/// How much waits in one direction before its writer does, in bytes: a socket's buffer.
const CAPACITY: usize = 256 * 1024;

/// What no peer sends: a frame of a version that there is not.
const GARBAGE: &[u8] = &[0xde; 64];

/// The ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Host,
    Plugin,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Side::Host => Side::Plugin,
            Side::Plugin => Side::Host,
        }
    }
}

/// The faults of a connection, and what went over it. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Faults {
    wire: Arc<Wire>,
}

struct Wire {
    /// Of each change of the state that is no transfer of bytes.
    changed: Notify,
    /// No waker is woken and no code of a user runs under it.
    state: Mutex<State>,
}

struct State {
    to_host: Direction,
    to_plugin: Direction,
    delay: Duration,
    silent: bool,
    garbage: bool,
    /// Neither side can send or receive any more.
    cut: bool,
    recorder: Recorder,
    /// Faults that wait for a call of a method.
    armed: Vec<(String, Fault)>,
    /// Where the calls learn of a crash.
    fate: watch::Sender<Fate>,
    plugin: String,
}

/// One direction: bytes, each piece with the time from which it can be read.
#[derive(Default)]
struct Direction {
    pieces: VecDeque<(Instant, Bytes)>,
    waiting: usize,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    fn push(&mut self, at: Instant, bytes: Bytes) {
        self.waiting += bytes.len();
        self.pieces.push_back((at, bytes));
    }

    /// Loses what is on its way.
    fn lose(&mut self) {
        self.pieces.clear();
        self.waiting = 0;
    }
}

impl State {
    fn toward(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Host => &mut self.to_host,
            Side::Plugin => &mut self.to_plugin,
        }
    }

    /// Every task that waits, to be woken once the lock is free.
    fn wakers(&mut self) -> Vec<Waker> {
        let directions = [&mut self.to_host, &mut self.to_plugin];
        let wakers = directions.into_iter().flat_map(|direction| {
            let reader = direction.reader.take();
            reader.into_iter().chain(direction.writer.take())
        });
        wakers.collect()
    }

    fn befall(&mut self, fault: Fault) {
        match fault {
            Fault::Delay(delay) => self.delay = delay,
            Fault::Silence => self.silent = true,
            Fault::Cut => {
                self.cut = true;
                self.to_host.lose();
                self.to_plugin.lose();
            }
            Fault::Garbage => {
                self.garbage = true;
                let at = Instant::now();
                self.to_host.push(at, Bytes::from_static(GARBAGE));
            }
            Fault::Crash => {
                self.fate.send_if_modified(|fate| {
                    let runs = matches!(fate, Fate::Running);
                    if runs {
                        *fate = Fate::Crashed(Arc::new(Crash {
                            plugin: self.plugin.clone(),
                            stderr: "a crash on demand\n".to_owned(),
                            ..Crash::default()
                        }));
                    }
                    runs
                });
                self.to_plugin.lose();
                self.to_host.ended = true;
                self.to_plugin.ended = true;
            }
        }
    }
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes all that may care.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.changed.notify_waiters();
    }
}

impl Faults {
    /// Has something go wrong, now.
    pub fn befall(&self, fault: Fault) {
        self.wire.change(|state| state.befall(fault));
    }

    /// Has something go wrong when either side next calls the method of this name, such as
    /// `Plugin.Put`. The call itself is the first to meet the fault. Several faults of one method
    /// befall one call after the other.
    pub fn befall_at(&self, method: impl Into<String>, fault: Fault) {
        self.wire.lock().armed.push((method.into(), fault));
    }

    /// Ends a [silence](Fault::Silence) and a [delay](Fault::Delay). What else broke stays broken.
    pub fn heal(&self) {
        self.wire.change(|state| {
            state.silent = false;
            state.delay = Duration::ZERO;
            let now = Instant::now();
            for direction in [&mut state.to_host, &mut state.to_plugin] {
                for (at, _) in &mut direction.pieces {
                    *at = now;
                }
            }
        });
    }

    /// What has gone over the connection so far, as text: see [`testing`](super#recordings).
    #[must_use]
    pub fn conversation(&self) -> String {
        self.wire.lock().recorder.to_string()
    }
}

/// For a plugin that is being launched.
#[cfg(feature = "host")]
impl Faults {
    /// Waits until what the plugin prints would arrive.
    pub(super) async fn until_heard(&self) {
        loop {
            let changed = self.wire.changed.notified();
            let (silent, delay) = {
                let state = self.wire.lock();
                (state.silent, state.delay)
            };
            if !silent {
                return tokio::time::sleep(delay).await;
            }
            changed.await;
        }
    }

    /// Whether there was garbage.
    pub(super) fn has_garbage(&self) -> bool {
        self.wire.lock().garbage
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.wire.lock();
        f.debug_struct("Faults")
            .field("delay", &state.delay)
            .field("silent", &state.silent)
            .field("cut", &state.cut)
            .finish_non_exhaustive()
    }
}

/// One end of the connection. Dropping it ends both directions.
pub(super) struct End {
    wire: Arc<Wire>,
    side: Side,
    /// Until the next piece can be read.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// A connection, and its faults: the host's end, then the plugin's. `plugin` is the plugin's name.
pub(super) fn wire(plugin: &str, fate: watch::Sender<Fate>) -> (End, End, Faults) {
    let state = State {
        to_host: Direction::default(),
        to_plugin: Direction::default(),
        delay: Duration::ZERO,
        silent: false,
        garbage: false,
        cut: false,
        recorder: Recorder::default(),
        armed: Vec::new(),
        fate,
        plugin: plugin.to_owned(),
    };
    let wire = Arc::new(Wire {
        changed: Notify::new(),
        state: Mutex::new(state),
    });
    let end = |side| End {
        wire: Arc::clone(&wire),
        side,
        sleep: None,
    };
    let ends = (end(Side::Host), end(Side::Plugin));
    (ends.0, ends.1, Faults { wire })
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let End { wire, side, sleep } = self.get_mut();
        loop {
            let mut state = wire.lock();
            if state.cut {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let silent = state.silent;
            let direction = state.toward(*side);
            direction.reader = Some(cx.waker().clone());
            if silent {
                return Poll::Pending;
            }
            let Some((at, piece)) = direction.pieces.front_mut() else {
                return match direction.ended {
                    true => Poll::Ready(Ok(())),
                    false => Poll::Pending,
                };
            };
            let at = *at;
            if at > Instant::now() {
                drop(state);
                ready!(sleep.insert(Box::pin(sleep_until(at))).as_mut().poll(cx));
                continue;
            }
            let len = piece.len().min(buf.remaining());
            buf.put_slice(&piece[..len]);
            piece.advance(len);
            if piece.is_empty() {
                direction.pieces.pop_front();
            }
            direction.waiting -= len;
            let writer = direction.writer.take();
            drop(state);
            *sleep = None;
            if let Some(writer) = writer {
                writer.wake();
            }
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let side = self.side;
        let mut state = self.wire.lock();
        let direction = state.toward(side.other());
        if direction.waiting >= CAPACITY && !direction.ended {
            direction.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut wakers = Vec::new();
        if !state.cut && !state.toward(side.other()).ended {
            let State {
                recorder, armed, ..
            } = &mut *state;
            let mut due = Vec::new();
            for method in recorder.note(side, bytes) {
                if let Some(at) = armed.iter().position(|(armed, _)| *armed == method) {
                    due.push(armed.remove(at).1);
                }
            }
            for fault in due {
                state.befall(fault);
                wakers = state.wakers();
            }
        }
        let delay = state.delay;
        let cut = state.cut;
        let direction = state.toward(side.other());
        let written = if cut || direction.ended {
            Err(io::ErrorKind::BrokenPipe.into())
        } else {
            let at = instant::after(delay);
            direction.push(at, Bytes::copy_from_slice(bytes));
            wakers.extend(direction.reader.take());
            Ok(bytes.len())
        };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.side;
        self.wire
            .change(|state| state.toward(side.other()).ended = true);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.wire.change(|state| {
            state.to_host.ended = true;
            state.to_plugin.ended = true;
        });
    }
}
