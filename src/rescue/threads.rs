//! Which threads are inside a method.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::thread;

/// What a thread says of itself: odd while it is inside a method, and another number each time.
///
/// Only its own thread writes it, so that a call costs two plain stores to a place that no other
/// thread writes to.
#[derive(Debug, Default)]
struct Mark(AtomicU64);

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
        self.0.0.load(Ordering::Relaxed)
    }

    fn set(&self, mark: u64) {
        self.0.0.store(mark, Ordering::Release);
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
pub(crate) struct Inside(());

impl Inside {
    /// Enters a method. `None` where the thread is inside one already.
    pub(crate) fn enter() -> Option<Inside> {
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
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = OWN.try_with(|own| own.set(own.now() + 1));
    }
}

/// How the threads were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// None is inside a method.
    Outside,
    /// Some are, though not in the same call as before.
    Inside,
    /// One is in the same call as at so many looks before.
    Blocked(u32),
}

/// A thread as it was at the last look.
struct Seen {
    mark: Arc<Mark>,
    last: u64,
    /// How many looks in a row found it in the same call, after the first.
    looks: u32,
}

/// All threads as they were at the last look.
#[derive(Default)]
pub(super) struct Looks(Vec<Seen>);

impl Looks {
    /// Looks at all threads.
    pub(super) fn look(&mut self) -> Found {
        self.meet();
        let mut found = Found::Outside;
        for seen in &mut self.0 {
            let now = seen.mark.0.load(Ordering::Acquire);
            if now.is_multiple_of(2) || now != seen.last {
                seen.looks = 0;
            } else {
                seen.looks = seen.looks.saturating_add(1);
            }
            seen.last = now;
            found = found.max(match seen.looks {
                _ if now.is_multiple_of(2) => Found::Outside,
                0 => Found::Inside,
                looks => Found::Blocked(looks),
            });
        }
        found
    }

    /// Takes in the threads that are new, and drops those that have ended.
    fn meet(&mut self) {
        let ended = |mark: &Mark| mark.0.load(Ordering::Relaxed) == ENDED;
        self.0.retain(|seen| !ended(&seen.mark));
        let mut marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|mark| !ended(mark));
        // They are in the same order, and new ones come last.
        let new = marks.get(self.0.len()..).unwrap_or_default();
        self.0.extend(new.iter().map(|mark| Seen {
            mark: Arc::clone(mark),
            last: 0,
            looks: 0,
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

    #[test]
    fn a_thread_that_stays_inside_is_blocked_and_one_that_ended_is_forgotten() {
        let (leave, left) = mpsc::channel::<()>();
        let (entered, inside) = mpsc::channel::<Arc<Mark>>();
        let thread = std::thread::spawn(move || {
            let _inside = Inside::enter();
            entered.send(OWN.with(|own| own.0.clone())).unwrap();
            let _ = left.recv();
        });
        let mark = inside.recv().unwrap();
        let mut looks = Looks::default();
        // Other tests of the process have methods too.
        let looked = |looks: &mut Looks| {
            looks.look();
            let seen = looks.0.iter().find(|seen| Arc::ptr_eq(&seen.mark, &mark));
            seen.map(|seen| seen.looks)
        };
        assert_eq!(looked(&mut looks), Some(0));
        assert_eq!(looked(&mut looks), Some(1));
        assert_eq!(looked(&mut looks), Some(2));
        assert!(looks.look() >= Found::Blocked(3));
        drop(leave);
        thread.join().unwrap();
        assert_eq!(looked(&mut looks), None);
    }
}
