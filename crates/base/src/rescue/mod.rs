//! Serving goes on while methods block threads of the runtime.
//!
//! It is here since three crates' worth of code meets in it: plugins' methods mark their threads,
//! and the sessions of `plugwire-yamux` and the broker and servers of `plugwire` are what is kept
//! running.
//!
//! A method should not block its thread, but many do. Two things then stop in tokio, which go on in
//! Go. A task that the blocking one woke right before is stuck: it waits in a slot of the
//! blocked thread from which no other thread takes tasks (tokio issue 4941). And when all threads
//! are blocked, none asks the system which sockets are ready.
//!
//! So the work for a connection (the session's driver, the reading of calls, the broker) is
//! *guarded*. Usually a task polls it. If that task gets no thread, the *rescuing thread* polls the
//! work, and has another task take over. This thread looks every 10 ms, and only while methods run
//! or did a moment ago: a process whose methods are idle is not woken. It never runs code of a
//! plugin's author.
//!
//! `threads` knows which threads are inside a method, [`guard`] holds the work, and `thread` is
//! the rescuing thread.

mod guard;
mod thread;
mod threads;

pub use self::guard::{Step, Watch, Work, guard, guard_work};
pub use self::thread::is_rescuing;
pub use self::thread::while_blocked;
pub use self::threads::Inside;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::instant;

/// The time was over first.
#[derive(Debug)]
pub struct Elapsed;

/// Waits for a future for a limited time. Within work that is guarded with [`Watch::Always`], the
/// time passes also while all threads of the runtime are blocked.
///
/// # Errors
///
/// If the time is over first.
pub async fn timeout<F: Future>(after: Duration, future: F) -> Result<F::Output, Elapsed> {
    let deadline = instant::after(after);
    let mut future = std::pin::pin!(future);
    let mut timer = std::pin::pin!(sleep_until(deadline));
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(cx) {
            return std::task::Poll::Ready(Ok(output));
        }
        let due = timer.as_mut().poll(cx).is_ready() || is_due(deadline);
        match due {
            true => std::task::Poll::Ready(Err(Elapsed)),
            false => std::task::Poll::Pending,
        }
    })
    .await
}

/// Whether a deadline has passed without the runtime's notice, as all its threads are blocked.
#[must_use]
pub fn is_due(deadline: Instant) -> bool {
    is_rescuing() && deadline <= Instant::now()
}
