//! All tasks that wait for a session: the readers and writers of its streams, those that open and
//! accept streams, and the driver.
//!
//! This is the only place that keeps wakers. A task is woken after the session's lock is released,
//! since a waker may run any code: [`Wakers::take_due`] gives what is to be woken then.

mod line;

use std::collections::BTreeSet;
use std::task::{Context, Waker};

pub(crate) use self::line::{Line, Ticket};
use crate::observer::{Observation, Observer};
use crate::proto::{StreamKey, Warning};
use crate::tuning::WRITERS_WOKEN;

/// The tasks of a session that wait, and those that are to be woken.
pub(crate) struct Wakers {
    /// By [`StreamKey::slot`].
    streams: Vec<StreamWakers>,
    /// The streams whose writers wait for the connection, by the turn in which they last sent a
    /// frame: the one that waits longest goes first.
    writers: BTreeSet<(u64, StreamKey)>,
    pub(crate) openers: Line,
    pub(crate) accepters: Line,
    driver: Waker,
    due: Due,
    /// Whether the driver is to be woken.
    driver_due: bool,
}

/// The tasks that use one stream. They are cleared when its handle is dropped.
#[derive(Default)]
struct StreamWakers {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The driver's turn in which the stream last sent a frame.
    last_sent: u64,
}

/// What is to be done as soon as the session is unlocked.
#[derive(Default)]
pub(crate) struct Due {
    /// Often there is only one, which needs no allocation.
    first: Option<Waker>,
    more: Vec<Waker>,
    notices: Vec<Notice>,
}

/// What is said of the session once it is unlocked. It needs no drop: each lock has a list of them,
/// which is empty.
#[derive(Clone, Copy)]
enum Notice {
    Warning(Warning),
    Observed(Observation),
}

impl Due {
    fn wake(&mut self, waker: Option<Waker>) {
        match self.first {
            None => self.first = waker,
            Some(_) => self.more.extend(waker),
        }
    }

    /// Wakes the tasks, logs the warnings and calls the observer. The caller holds no lock.
    pub(crate) fn run(self, observer: Option<&dyn Observer>) {
        self.first
            .into_iter()
            .chain(self.more)
            .for_each(Waker::wake);
        if !self.notices.is_empty() {
            say(&self.notices, observer);
        }
    }
}

/// Rare, and out of the way of what each call runs.
#[cold]
fn say(notices: &[Notice], observer: Option<&dyn Observer>) {
    for &notice in notices {
        match (notice, observer) {
            (Notice::Warning(warning), _) => log(warning),
            (Notice::Observed(observation), Some(observer)) => observer.observed(observation),
            (Notice::Observed(_), None) => {}
        }
    }
}

fn log(warning: Warning) {
    match warning {
        Warning::Refused { stream, why, more } => {
            tracing::warn!(stream, more_refused = more, "{why}, resetting a new stream");
        }
        Warning::Unread {
            stream,
            held,
            limit,
            more,
        } => {
            tracing::warn!(
                stream,
                holds = held,
                limit,
                more_resets = more,
                "what has arrived and is not read exceeds the limit, \
                 resetting the stream that holds most"
            );
        }
    }
}

impl Default for Wakers {
    fn default() -> Self {
        Wakers {
            streams: Vec::new(),
            writers: BTreeSet::new(),
            openers: Line::default(),
            accepters: Line::default(),
            driver: Waker::noop().clone(),
            due: Due::default(),
            driver_due: false,
        }
    }
}

impl Wakers {
    /// Whether the driver is another task than before.
    pub(crate) fn set_driver(&mut self, waker: &Waker) -> bool {
        let is_new = !self.driver.will_wake(waker);
        if is_new {
            self.driver.clone_from(waker);
        }
        is_new
    }

    pub(crate) fn wake_driver(&mut self) {
        self.driver_due = true;
    }

    /// What is to be done once the session is unlocked.
    pub(crate) fn take_due(&mut self) -> Due {
        if std::mem::take(&mut self.driver_due) {
            self.due.wake(Some(self.driver.clone()));
        }
        std::mem::take(&mut self.due)
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.due.notices.push(Notice::Warning(warning));
    }

    pub(crate) fn observed(&mut self, observation: Observation) {
        self.due.notices.push(Notice::Observed(observation));
    }

    // Streams.

    fn stream(&mut self, key: StreamKey) -> &mut StreamWakers {
        let slot = key.slot();
        if self.streams.len() <= slot {
            self.streams.resize_with(slot + 1, StreamWakers::default);
        }
        &mut self.streams[slot]
    }

    pub(crate) fn set_reader(&mut self, key: StreamKey, cx: &mut Context<'_>) {
        set_waker(&mut self.stream(key).reader, cx);
    }

    pub(crate) fn wake_reader(&mut self, key: StreamKey) {
        let waker = self.stream(key).reader.take();
        self.due.wake(waker);
    }

    /// The writer waits for the peer's window.
    pub(crate) fn set_writer(&mut self, key: StreamKey, cx: &mut Context<'_>) {
        set_waker(&mut self.stream(key).writer, cx);
    }

    pub(crate) fn wake_writer(&mut self, key: StreamKey) {
        let waker = self.stream(key).writer.take();
        self.due.wake(waker);
    }

    /// The stream's handle is gone. Its slot may be another one's next.
    pub(crate) fn forget(&mut self, key: StreamKey) {
        self.leave_writers(key);
        if let Some(stream) = self.streams.get_mut(key.slot()) {
            *stream = StreamWakers::default();
        }
    }

    // Writers that wait for the connection.

    /// The driver's turn in which the stream last sent a frame.
    pub(crate) fn last_sent(&self, key: StreamKey) -> u64 {
        let stream = self.streams.get(key.slot());
        stream.map_or(0, |stream| stream.last_sent)
    }

    /// The writer waits for the connection, in line with others.
    pub(crate) fn join_writers(&mut self, key: StreamKey, cx: &mut Context<'_>) {
        self.set_writer(key, cx);
        self.writers.insert((self.last_sent(key), key));
    }

    /// The writer does not wait for the connection any more.
    pub(crate) fn leave_writers(&mut self, key: StreamKey) {
        if !self.writers.is_empty() {
            self.writers.remove(&(self.last_sent(key), key));
        }
    }

    /// The stream sent a frame in a turn of the driver.
    pub(crate) fn sent(&mut self, key: StreamKey, turn: u64) {
        self.leave_writers(key);
        self.stream(key).last_sent = turn;
    }

    /// How many writers wait for the connection.
    pub(crate) fn writers(&self) -> usize {
        self.writers.len()
    }

    /// Wakes the writers that have waited longest for the connection, [`WRITERS_WOKEN`] of them.
    pub(crate) fn wake_writers(&mut self) {
        for _ in 0..WRITERS_WOKEN {
            let Some((_, key)) = self.writers.pop_first() else {
                return;
            };
            self.wake_writer(key);
        }
    }

    // Those that open and accept streams.

    /// Wakes the task whose turn it is to open a stream.
    pub(crate) fn wake_opener(&mut self) {
        let waker = self.openers.first();
        self.due.wake(waker);
    }

    /// Wakes the task whose turn it is to accept a stream.
    pub(crate) fn wake_accepter(&mut self) {
        let waker = self.accepters.first();
        self.due.wake(waker);
    }

    /// A task opens or got a stream, or gave up waiting for one: the next one has its turn.
    pub(crate) fn leave_openers(&mut self, ticket: &mut Ticket) {
        let next = self.openers.leave(ticket);
        self.due.wake(next);
    }

    /// As [`leave_openers`](Self::leave_openers), for those that accept.
    pub(crate) fn leave_accepters(&mut self, ticket: &mut Ticket) {
        let next = self.accepters.leave(ticket);
        self.due.wake(next);
    }

    /// The session is over: no task waits for a turn.
    pub(crate) fn end_lines(&mut self) {
        self.writers.clear();
        for waker in self.openers.all().chain(self.accepters.all()) {
            self.due.wake(Some(waker));
        }
    }
}

fn set_waker(place: &mut Option<Waker>, cx: &mut Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
}
