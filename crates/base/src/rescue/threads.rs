//! Which threads are inside a method.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::thread;

/// A thread's own record.
///
/// Only its own thread writes it, so that a call costs two plain stores to a place that no other
/// thread writes to.
#[derive(Debug, Default)]
struct Mark {
    /// Odd while the thread is inside a method, and another number each time.
    turn: AtomicU64,
    /// Whether the thread is one of the blocking pool, for which no other work waits.
    pooled: AtomicBool,
}

static MARKS: Mutex<Vec<Arc<Mark>>> = Mutex::new(Vec::new());

/// The mark of a thread that has ended.
const ENDED: u64 = u64::MAX - 1;

/// A thread's own mark.
struct Own(Arc<Mark>);

impl Own {
    fn new() -> Self {
        let mark = Arc::new(Mark::default());
        let mut marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
        marks.push(Arc::clone(&mark));
        Own(mark)
    }

    fn now(&self) -> u64 {
        self.0.turn.load(Ordering::Relaxed)
    }

    fn set(&self, turn: u64) {
        self.0.turn.store(turn, Ordering::Release);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.set(ENDED);
    }
}

thread_local! {
    static OWN: Own = Own::new();
}

/// This thread is inside a method for as long as this lives.
pub struct Inside(());

impl Inside {
    /// Enters a method. `None` where the thread is inside one already.
    #[must_use]
    pub fn enter() -> Option<Inside> {
        let entered = OWN.try_with(|own| {
            let now = own.now();
            let outside = now.is_multiple_of(2);
            if outside {
                own.set(now + 1);
            }
            outside
        });
        thread::methods_run();
        // While a thread ends it has no mark any more.
        entered.unwrap_or(false).then(|| Inside(()))
    }

    /// Enters a method on a thread of the blocking pool: only the end of the process waits for it.
    #[must_use]
    pub fn enter_pooled() -> Option<Inside> {
        let _ = OWN.try_with(|own| own.0.pooled.store(true, Ordering::Relaxed));
        Self::enter()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = OWN.try_with(|own| own.set(own.now() + 1));
    }
}

/// How the threads were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Whether threads of a runtime are inside a method.
    pub(super) inside: bool,
    /// Whether one of them is in the same call as at the look before.
    pub(super) blocked: bool,
    /// Whether threads of the blocking pool are inside a method.
    pub(super) pooled: bool,
    /// How long a thread of any kind has been in the same call, to the knowledge of the looks.
    pub(super) longest: Duration,
}

/// A thread as it was at the last look.
struct Seen {
    mark: Arc<Mark>,
    turn: u64,
    /// Since when it has been in this turn.
    since: Instant,
}

/// All threads as they were at the last look.
#[derive(Default)]
pub(super) struct Looks(Vec<Seen>);

impl Looks {
    /// Looks at all threads.
    pub(super) fn look(&mut self, now: Instant) -> Found {
        self.meet(now);
        let mut found = Found::default();
        for seen in &mut self.0 {
            let turn = seen.mark.turn.load(Ordering::Acquire);
            let same = turn == seen.turn;
            if !same {
                seen.turn = turn;
                seen.since = now;
            }
            if turn.is_multiple_of(2) {
                continue;
            }
            match seen.mark.pooled.load(Ordering::Relaxed) {
                true => found.pooled = true,
                false => {
                    found.inside = true;
                    found.blocked |= same;
                }
            }
            found.longest = found.longest.max(now.saturating_duration_since(seen.since));
        }
        found
    }

    /// Takes in the threads that are new, and drops those that have ended.
    fn meet(&mut self, now: Instant) {
        let ended = |mark: &Mark| mark.turn.load(Ordering::Relaxed) == ENDED;
        self.0.retain(|seen| !ended(&seen.mark));
        let mut marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|mark| !ended(mark));
        // They are in the same order, and new ones come last.
        let new = marks.get(self.0.len()..).unwrap_or_default();
        self.0.extend(new.iter().map(|mark| Seen {
            mark: Arc::clone(mark),
            turn: 0,
            since: now,
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn mark() -> u64 {
        OWN.with(Own::now)
    }

    #[test]
    fn a_thread_is_inside_until_the_outermost_method_ends() {
        assert!(mark().is_multiple_of(2));
        let outer = Inside::enter();
        assert!(outer.is_some());
        let inside = mark();
        assert!(!inside.is_multiple_of(2));
        let inner = Inside::enter();
        assert!(inner.is_none());
        drop(inner);
        assert_eq!(mark(), inside);
        drop(outer);
        assert!(mark().is_multiple_of(2));
        let again = Inside::enter();
        assert_ne!(mark(), inside);
        drop(again);
    }

    /// A thread that stays inside until the sender is dropped or used, and its mark.
    fn inside(pooled: bool) -> (impl FnOnce(), Arc<Mark>) {
        let (leave, left) = mpsc::channel::<()>();
        let (entered, inside) = mpsc::channel::<Arc<Mark>>();
        let thread = std::thread::spawn(move || {
            let _inside = match pooled {
                true => Inside::enter_pooled(),
                false => Inside::enter(),
            };
            entered.send(OWN.with(|own| own.0.clone())).unwrap();
            let _ = left.recv();
        });
        let end = move || {
            drop(leave);
            thread.join().unwrap();
        };
        (end, inside.recv().unwrap())
    }

    #[test]
    fn a_thread_that_stays_inside_is_blocked_and_one_that_ended_is_forgotten() {
        for pooled in [false, true] {
            let (end, mark) = inside(pooled);
            let mut looks = Looks::default();
            let start = Instant::now();
            let after = |secs| start + Duration::from_secs(secs);
            let since = |looks: &Looks| {
                let seen = looks.0.iter().find(|seen| Arc::ptr_eq(&seen.mark, &mark));
                seen.map(|seen| seen.since)
            };
            // Other tests of the process have methods too.
            looks.look(start);
            assert_eq!(since(&looks), Some(start));
            let found = looks.look(after(1));
            assert!(found.blocked || pooled, "{found:?}");
            assert!(found.pooled || !pooled, "{found:?}");
            assert!(looks.look(after(5)).longest >= Duration::from_secs(5));
            assert_eq!(since(&looks), Some(start));
            end();
            looks.look(after(6));
            assert_eq!(since(&looks), None);
        }
    }
}
