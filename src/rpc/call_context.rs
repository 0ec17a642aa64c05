//! What a method knows of the call that it serves.

use std::cell::RefCell;
use std::fmt;
use std::future::pending;
use std::mem::swap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::untaken::Lent;
use crate::InvalidOption;
use crate::tuning::rpc::LONGEST_TRACE;

/// What a method knows of the call that it serves: how long the caller waits, whether it has given
/// up, and which trace the call is part of. [`call`] gives it.
///
/// Between peers of this crate it travels with each call. The calls that a method makes in turn
/// inherit the deadline and the trace: a call ends at the earlier of its own deadline and the
/// inherited one. From a peer that knows nothing of it come calls without deadline and trace, which
/// are cancelled only when the connection ends.
///
/// A call whose future is dropped, or whose deadline passes, is cancelled. The method's future is
/// then dropped at its next await, and what the call lent is taken back. A plain `fn`, which cannot
/// be dropped, goes on. So does a task that the method has spawned. Both can look here:
///
/// ```
/// use plugwire::Result;
///
/// #[plugwire::interface]
/// pub trait Search {
///     async fn search(&self, haystack: Vec<String>, needle: String) -> Result<i64>;
/// }
///
/// struct Slow;
///
/// #[plugwire::interface]
/// impl Search for Slow {
///     fn search(&self, haystack: Vec<String>, needle: String) -> Result<i64> {
///         let call = plugwire::call();
///         for (at, straw) in haystack.iter().enumerate() {
///             if call.is_cancelled() {
///                 return Err("the caller has gone".into());
///             }
///             if straw.contains(&needle) {
///                 return Ok(at as i64);
///             }
///         }
///         Ok(-1)
///     }
/// }
/// ```
///
/// # Other tasks
///
/// The context belongs to the method's own future. [`scope`](Self::scope) takes it to a task:
/// `tokio::spawn(plugwire::call().scope(task))`. The same gives a context to calls that are made
/// outside of any:
///
/// ```
/// # use std::time::Duration;
/// # use plugwire::CallContext;
/// # use tokio::time::Instant;
/// # async fn example(work: impl Future<Output = ()>) -> Result<(), plugwire::InvalidOption> {
/// let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let context = CallContext::default()
///     .with_deadline(Instant::now() + Duration::from_secs(2))
///     .with_traceparent(trace)?;
/// context.scope(work).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct CallContext {
    deadline: Option<Instant>,
    trace: Option<Arc<str>>,
    /// `None` where no caller can cancel, or where the method has not asked yet.
    cancellation: Option<Arc<Cancellation>>,
}

/// The context of the call that the current task serves. Outside of one it is empty: it has no
/// deadline and no trace, and is never cancelled.
#[must_use]
pub fn call() -> CallContext {
    let context = CURRENT.try_with(|current| {
        let mut current = current.borrow_mut();
        if current.is_served {
            let details = current.details.get_or_insert_default();
            details.context.cancellation.get_or_insert_default();
        }
        Some(current.details.as_ref()?.context.clone())
    });
    context.ok().flatten().unwrap_or_default()
}

impl CallContext {
    fn new(deadline: Option<Instant>, trace: &str) -> Self {
        CallContext {
            deadline,
            trace: is_trace(trace).then(|| trace.into()),
            cancellation: None,
        }
    }

    /// When the caller gives up. `None` where it has not said.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the caller has given up, or is gone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let cancellation = self.cancellation.as_ref();
        cancellation.is_some_and(|cancellation| cancellation.is_cancelled())
    }

    /// Waits until the caller has given up, or is gone: for ever, if it gets its reply.
    ///
    /// A method's own future does not need it: it is dropped then. Dropping this future has no
    /// effect.
    pub async fn cancelled(&self) {
        match &self.cancellation {
            Some(cancellation) => cancellation.cancelled().await,
            None => pending().await,
        }
    }

    /// The trace that the call is part of, in the form of W3C's header `traceparent`. The text is
    /// the caller's: up to 256 visible ASCII characters.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    /// The same, with this deadline if it is the earlier.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        let earlier = self.deadline.map_or(deadline, |own| own.min(deadline));
        self.deadline = Some(earlier);
        self
    }

    /// The same, as part of this trace, in the form of W3C's header `traceparent`.
    ///
    /// # Errors
    ///
    /// When the text is empty, has more than 256 characters, or others than visible ASCII.
    pub fn with_traceparent(mut self, trace: &str) -> Result<Self, InvalidOption> {
        if !is_trace(trace) {
            let expected = "1 to 256 visible ASCII characters, as in W3C's traceparent";
            return Err(InvalidOption::new("traceparent", trace, expected));
        }
        self.trace = Some(trace.into());
        Ok(self)
    }

    /// Runs a future in this context: [`call`] gives it there, and the calls that the future makes
    /// inherit from it. A future that is cancelled goes on; it can wait for
    /// [`cancelled`](Self::cancelled).
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<F> {
        Scoped {
            current: Current::of(self),
            future: Box::pin(future),
        }
    }

    /// Runs a function in this context.
    pub(crate) fn run<R>(self, function: impl FnOnce() -> R) -> R {
        let mut current = Current::of(self);
        let _entered = current.enter();
        function()
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("deadline", &self.deadline)
            .field("traceparent", &self.trace)
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}

/// What calls inherit that are made now: the deadline.
pub(crate) fn deadline() -> Option<Instant> {
    let deadline = CURRENT.try_with(|current| {
        let current = current.borrow();
        current.details.as_ref()?.context.deadline
    });
    deadline.ok().flatten()
}

/// What calls inherit that are made now: the trace.
pub(super) fn trace() -> Option<Arc<str>> {
    let trace = CURRENT.try_with(|current| {
        let current = current.borrow();
        current.details.as_ref()?.context.trace.clone()
    });
    trace.ok().flatten()
}

/// Lends something in the reply of the call that the current task serves. Outside of one it is
/// left offered.
pub(crate) fn lend(lent: Box<dyn Lent>) {
    let mut lent = Some(lent);
    let _ = CURRENT.try_with(|current| {
        let mut current = current.borrow_mut();
        if current.is_served {
            let details = current.details.get_or_insert_default();
            details.lent.extend(lent.take());
        }
    });
    lent.into_iter().for_each(Lent::keep);
}

/// What the current call lends in its reply.
pub(super) fn take_lent() -> Vec<Box<dyn Lent>> {
    let lent = CURRENT.try_with(|current| {
        let mut current = current.borrow_mut();
        Some(std::mem::take(&mut current.details.as_mut()?.lent))
    });
    lent.ok().flatten().unwrap_or_default()
}

/// Whether a text can be a `traceparent`. Its own form has 55 characters, and later versions of it
/// may have more.
pub(super) fn is_trace(text: &str) -> bool {
    (1..=LONGEST_TRACE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The news that a call was cancelled.
#[derive(Debug, Default)]
struct Cancellation {
    cancelled: AtomicBool,
    notify: Notify,
}

impl Cancellation {
    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    async fn cancelled(&self) {
        let notified = self.notify.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        // A cancel that came before `enable` is not notified of.
        if !self.is_cancelled() {
            notified.await;
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current::NONE) };
}

/// The context of what the thread runs now, or of a call that is not polled now.
pub(super) struct Current {
    /// Whether it is that of a call which this process serves, and which can be cancelled.
    is_served: bool,
    /// `None` while there is nothing to say, as with most calls: it changes places with the
    /// thread's at each poll.
    details: Option<Box<Details>>,
}

#[derive(Default)]
struct Details {
    context: CallContext,
    /// What the call lends in its reply.
    lent: Vec<Box<dyn Lent>>,
}

impl Current {
    const NONE: Current = Current {
        is_served: false,
        details: None,
    };

    fn of(context: CallContext) -> Self {
        let details = Details {
            context,
            lent: Vec::new(),
        };
        Current {
            is_served: false,
            details: Some(Box::new(details)),
        }
    }

    /// That of a call which is served, with what its caller says.
    pub(super) fn served(deadline: Option<Instant>, trace: &str) -> Self {
        let mut current = Current {
            is_served: true,
            details: None,
        };
        if deadline.is_some() || !trace.is_empty() {
            let details = current.details.get_or_insert_default();
            details.context = CallContext::new(deadline, trace);
        }
        current
    }

    /// Makes it the thread's, until the returned value is dropped.
    pub(super) fn enter(&mut self) -> Entered<'_> {
        self.exchange();
        Entered(self)
    }

    /// The call was cancelled: for those that have asked.
    pub(super) fn cancel(&self) {
        if let Some(details) = &self.details
            && let Some(cancellation) = &details.context.cancellation
        {
            cancellation.cancel();
        }
    }

    fn exchange(&mut self) {
        // At the end of a thread there is none.
        let _ = CURRENT.try_with(|current| swap(&mut *current.borrow_mut(), self));
    }
}

/// A context while it is the thread's.
pub(super) struct Entered<'a>(&'a mut Current);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.exchange();
    }
}

/// A future in a context.
struct Scoped<F> {
    current: Current,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Scoped { current, future } = &mut *self;
        let _entered = current.enter();
        future.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn outside_of_a_call_the_context_is_empty() {
        let context = call();
        assert!(context.deadline().is_none() && context.traceparent().is_none());
        assert!(!context.is_cancelled() && context.cancellation.is_none());
        assert!(deadline().is_none() && trace().is_none());
    }

    #[test]
    fn a_served_call_sees_its_context_and_its_end() {
        let now = Instant::now();
        let mut served = Current::served(Some(now), "00-a-b-01");
        let seen = {
            let _entered = served.enter();
            assert_eq!(deadline(), Some(now));
            let inner = CallContext::default().run(call);
            assert!(inner.deadline().is_none());
            call()
        };
        assert!(deadline().is_none());
        assert_eq!(seen.traceparent(), Some("00-a-b-01"));
        assert!(!seen.is_cancelled());
        served.cancel();
        assert!(seen.is_cancelled());
        assert!(seen.clone().run(call).is_cancelled());
    }

    #[tokio::test]
    async fn a_wait_for_the_cancel_ends_with_it_and_after_it() {
        let mut served = Current::served(None, "");
        let seen = {
            let _entered = served.enter();
            call()
        };
        let waiting = seen.cancelled();
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        served.cancel();
        waiting.await;
        seen.cancelled().await;
    }

    #[tokio::test]
    async fn a_scope_is_that_of_its_future_alone() {
        let soon = Instant::now() + Duration::from_secs(1);
        let context = CallContext::default().with_deadline(soon);
        let late = context.clone().with_deadline(soon + Duration::from_secs(1));
        assert_eq!(late.deadline(), Some(soon));
        let inner = context.scope(async {
            tokio::task::yield_now().await;
            call()
        });
        let (inner, outer) = tokio::join!(inner, async { call() });
        assert_eq!(inner.deadline(), Some(soon));
        assert_eq!(outer.deadline(), None);
    }

    #[test]
    fn a_trace_is_a_short_line() {
        let traced = |text: &str| CallContext::default().with_traceparent(text);
        assert!(traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").is_ok());
        let long = "0".repeat(LONGEST_TRACE + 1);
        for text in ["", "a b", "a\n", "\u{e9}", &long] {
            assert!(traced(text).is_err(), "{text}");
            assert!(CallContext::new(None, text).traceparent().is_none());
        }
    }
}
