//! Deadlines that share one timer.
//!
//! A timer that is due before all others makes tokio write to its event descriptor and wake up for
//! it: two system calls for every wait that has a deadline, though few waits reach it. Here the
//! owner's task keeps one timer, set for the earliest deadline at the time. A wait that ends before
//! the timer is due only adds and removes an entry of a map.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use plugwire_base::instant;

/// The deadlines of one owner, whose task [polls](Self::poll) them.
#[derive(Debug)]
pub(crate) struct Deadlines(Mutex<Waits>);

/// Under the lock no waker is used, and no timer: both may take a system call.
#[derive(Debug)]
struct Waits {
    /// What to wake when, in order. The number distinguishes waits with the same deadline.
    wakers: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    /// The instant that the timer is set for.
    set: Option<Instant>,
    /// The owner's task.
    owner: Waker,
    /// Whether that task has ended, so that each wait has a timer of its own.
    orphaned: bool,
}

/// The deadline passed first.
#[derive(Debug)]
pub(crate) struct Elapsed;

/// The timer of the owner's task.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether it was set and has not been due since.
    is_set: bool,
}

impl Default for Deadlines {
    fn default() -> Self {
        Deadlines(Mutex::new(Waits {
            wakers: BTreeMap::new(),
            next: 0,
            set: None,
            owner: Waker::noop().clone(),
            orphaned: false,
        }))
    }
}

impl Timer {
    /// Whether the instant that it is set for has passed. Otherwise the task is woken when it does.
    fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let due = match &mut self.sleep {
            Some(sleep) if self.is_set => sleep.as_mut().poll(cx).is_ready(),
            _ => false,
        };
        self.is_set &= !due;
        due
    }

    fn set(&mut self, deadline: Instant) {
        self.is_set = true;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
    }
}

impl Deadlines {
    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the waits whose deadline has passed, and the owner's task at the next one.
    pub(crate) fn poll(&self, timer: &mut Timer, cx: &mut Context<'_>) {
        let is_due = timer.is_due(cx);
        let mut due = Vec::new();
        let mut waits = self.lock();
        if !waits.owner.will_wake(cx.waker()) {
            waits.owner = cx.waker().clone();
        }
        if is_due {
            waits.set = None;
            let now = Instant::now();
            while let Some(wait) = waits.wakers.first_entry()
                && wait.key().0 <= now
            {
                due.push(wait.remove());
            }
        }
        let earliest = waits.wakers.keys().next().map(|&(earliest, _)| earliest);
        let earliest = earliest.filter(|&earliest| waits.set.is_none_or(|set| earliest < set));
        if earliest.is_some() {
            waits.set = earliest;
        }
        drop(waits);
        for waker in due {
            waker.wake();
        }
        if let Some(earliest) = earliest {
            timer.set(earliest);
            // A deadline that has passed meanwhile is for the next poll.
            if timer.is_due(cx) {
                timer.is_set = true;
                cx.waker().wake_by_ref();
            }
        }
    }

    /// For the owner's task to hold. Once it is dropped, each wait that goes on has its own timer.
    pub(crate) fn own(&self) -> Ownership<'_> {
        Ownership(self)
    }

    /// [Polls](Self::poll) for ever.
    pub(crate) async fn run(&self, timer: &mut Timer) -> Infallible {
        poll_fn(|cx| {
            self.poll(timer, cx);
            Poll::Pending
        })
        .await
    }

    /// Waits for `future`, and no longer than `after`.
    pub(crate) async fn timeout<F: Future>(
        &self,
        after: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        self.until(Due::After(after), future).await
    }

    /// Waits for `future`, and no longer than until `deadline`.
    pub(crate) async fn timeout_at<F: Future>(
        &self,
        deadline: Instant,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        self.until(Due::At(deadline), future).await
    }

    async fn until<F: Future>(&self, due: Due, future: F) -> Result<F::Output, Elapsed> {
        let mut wait = Wait {
            deadlines: self,
            due,
            key: None,
            alone: None,
        };
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => wait.poll(cx).map(Err),
        })
        .await
    }
}

/// Marks the deadlines as orphaned when it is dropped.
#[derive(Debug)]
pub(crate) struct Ownership<'a>(&'a Deadlines);

impl Drop for Ownership<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.lock();
        waits.orphaned = true;
        let wakers = std::mem::take(&mut waits.wakers);
        drop(waits);
        for waker in wakers.into_values() {
            waker.wake();
        }
    }
}

/// When a wait ends. The clock is not read for a future that is ready at once.
#[derive(Clone, Copy)]
enum Due {
    After(Duration),
    At(Instant),
}

/// One wait's deadline, forgotten when this is dropped.
struct Wait<'a> {
    deadlines: &'a Deadlines,
    due: Due,
    key: Option<(Instant, u64)>,
    /// Its own timer, if there is no owner.
    alone: Option<Pin<Box<Sleep>>>,
}

impl Wait<'_> {
    fn deadline(&mut self) -> Instant {
        let deadline = match self.due {
            Due::After(after) => instant::after(after),
            Due::At(deadline) => deadline,
        };
        self.due = Due::At(deadline);
        deadline
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Elapsed> {
        let mut waits = self.deadlines.lock();
        if waits.orphaned {
            drop(waits);
            self.key = None;
            let deadline = self.deadline();
            let alone = self
                .alone
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            return alone.as_mut().poll(cx).map(|()| Elapsed);
        }
        if let Some(key) = self.key {
            match waits.wakers.get_mut(&key) {
                Some(waker) => waker.clone_from(cx.waker()),
                // Taken out when it was due.
                None => return Poll::Ready(Elapsed),
            }
            return Poll::Pending;
        }
        let deadline = self.deadline();
        let key = (deadline, waits.next);
        waits.next += 1;
        self.key = Some(key);
        waits.wakers.insert(key, cx.waker().clone());
        let is_first = waits.set.is_none_or(|set| deadline < set);
        let owner = is_first.then(|| waits.owner.clone());
        drop(waits);
        if let Some(owner) = owner {
            owner.wake();
        }
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = self.deadlines.lock().wakers.remove(&key);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use super::*;

    fn owned() -> Arc<Deadlines> {
        let deadlines = Arc::new(Deadlines::default());
        let owned = deadlines.clone();
        tokio::spawn(async move { owned.run(&mut Timer::default()).await });
        deadlines
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_deadline() {
        let deadlines = owned();
        let start = Instant::now();
        let wait = async |millis| {
            let after = Duration::from_millis(millis);
            assert!(deadlines.timeout(after, pending::<()>()).await.is_err());
            let late = start.elapsed() - after;
            assert!(late <= Duration::from_millis(2), "{millis} ms and {late:?}");
        };
        tokio::join!(wait(500), wait(20), wait(1000), wait(20), wait(0));
        // The timer starts again after it has run out of deadlines.
        let start = Instant::now();
        let after = Duration::from_secs(3);
        assert!(deadlines.timeout(after, pending::<()>()).await.is_err());
        assert!(start.elapsed() >= after);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_outlives_the_owner() {
        let deadlines = Arc::new(Deadlines::default());
        let owned = deadlines.clone();
        let owner = tokio::spawn(async move {
            let _owned = owned.own();
            owned.run(&mut Timer::default()).await
        });
        let after = Duration::from_secs(5);
        let (start, begun) = (Instant::now(), deadlines.clone());
        let before = tokio::spawn(async move { begun.timeout(after, pending::<()>()).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        owner.abort();
        assert!(before.await.unwrap().is_err());
        assert!(start.elapsed() < after + Duration::from_millis(10));
        let start = Instant::now();
        assert!(deadlines.timeout(after, pending::<()>()).await.is_err());
        assert!(start.elapsed() < after + Duration::from_millis(10));
        let ready = deadlines.timeout(Duration::MAX, tokio::time::sleep(after));
        assert!(ready.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_ends_in_time_leaves_no_entry() {
        let deadlines = owned();
        for _ in 0..100 {
            let after = Duration::from_secs(5);
            let slept = deadlines.timeout(after, tokio::time::sleep(Duration::from_secs(1)));
            assert!(slept.await.is_ok());
        }
        assert!(deadlines.lock().wakers.is_empty());
        let long = deadlines.timeout(Duration::MAX, tokio::time::sleep(Duration::from_secs(60)));
        assert!(long.await.is_ok());
    }
}
