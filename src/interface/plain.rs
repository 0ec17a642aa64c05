//! Methods that are plain `fn`s and may block: they run on the runtime's blocking pool.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::BoxFuture;
use crate::rpc::call_context::call;
use plugwire_base::abandoned::abandon;
use plugwire_base::rescue::Inside;

/// Runs `work` on the blocking pool. A panic of the work is passed on. When this is dropped, work
/// that has not begun is dropped, and work that has begun goes on to its end.
pub(super) async fn run<R, W>(work: W) -> R
where
    W: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let work = Work(Arc::new(Mutex::new(Some(work))));
    let taken = work.0.clone();
    let context = call();
    let result = spawn_blocking(move || {
        // The end of the runtime waits for it.
        let _inside = Inside::enter_pooled();
        take(&taken).map(|work| context.run(work))
    })
    .await;
    match result {
        Ok(Some(result)) => result,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime shuts down, and this task with it.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Work until it begins. The pool keeps a closure that waits for a thread, cancelled or not. So
/// this holds the work itself, and drops it.
struct Work<W>(Arc<Mutex<Option<W>>>);

impl<W> Drop for Work<W> {
    fn drop(&mut self) {
        if let Some(work) = take(&self.0) {
            abandon(work);
        }
    }
}

fn take<W>(work: &Mutex<Option<W>>) -> Option<W> {
    work.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The result of a plain method, whose future is ready at its first poll. It is polled without the
/// runtime's `block_on`, since the method may use that itself.
pub(super) fn finish<R>(mut method: BoxFuture<'_, R>) -> R {
    match method
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result,
        // An implementation by hand that calls an async method plain.
        Poll::Pending => Handle::current().block_on(method),
    }
}
