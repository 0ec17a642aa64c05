//! Work that is polled by its task, by the rescuing thread, or by a deputy: another task.
//!
//! One of them has the *turn*. A turn ends when the work is taken over: by the rescuing thread when
//! it finds the work stuck, by its deputy, and by the owner's task when that runs again.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::thread::{self, Stuck};

/// Work that can be guarded.
pub trait Work: Send + 'static {
    /// The result.
    type Output: Send + 'static;

    /// Something that runs beside the work, on the same task.
    type Aside: Send;

    /// Makes progress, as `Future::poll` does.
    fn poll(&mut self, cx: &mut Context<'_>) -> Step<Self::Output, Self::Aside>;

    /// Runs something that may block, while the rescuing thread or a deputy can poll the work.
    /// Returns it where it did not end.
    fn run_aside(aside: Self::Aside, cx: &mut Context<'_>) -> Option<Self::Aside>;

    /// Gets back what was run aside and did not end.
    fn take_back(&mut self, aside: Self::Aside);

    /// What runs aside blocks its thread. Another task polls the work from now on.
    fn abandon_aside(&mut self) {}
}

/// How far the work got.
pub enum Step<T, A> {
    /// It waits.
    Pending,
    /// It ended.
    Ready(T),
    /// Run this aside, and then poll the work again.
    Aside(A),
}

/// A future as work.
pub struct Plain<F>(Pin<Box<F>>);

impl<F> Work for Plain<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;
    type Aside = Infallible;

    fn poll(&mut self, cx: &mut Context<'_>) -> Step<F::Output, Infallible> {
        match self.0.as_mut().poll(cx) {
            Poll::Ready(output) => Step::Ready(output),
            Poll::Pending => Step::Pending,
        }
    }

    fn run_aside(aside: Infallible, _: &mut Context<'_>) -> Option<Infallible> {
        match aside {}
    }

    fn take_back(&mut self, aside: Infallible) {
        match aside {}
    }
}

/// When guarded work is polled that its task does not poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// When it was woken.
    Woken,
    /// At each look: it waits for sockets or for the time, which no thread of a blocked runtime
    /// reports.
    Always,
}

/// Guards a future. It must not run code that may block.
pub fn guard<F>(future: F, watch: Watch) -> Guarded<Plain<F>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    guard_work(Plain(Box::pin(future)), watch)
}

/// Guards work. It must not run code that may block, other than aside.
pub fn guard_work<W: Work>(work: W, watch: Watch) -> Guarded<W> {
    let runner = Runner::new(Waker::noop());
    Guarded {
        place: Arc::new(Place {
            state: Mutex::new(State {
                work: Some(work),
                output: None,
                turn: 0,
                polls: 0,
                aside: false,
                alarm: Arc::clone(&runner.alarm),
                deputy: None,
                owner: Waker::noop().clone(),
                looked: Looked::default(),
                runtime: None,
            }),
            watch,
        }),
        runner,
        number: None,
    }
}

/// The future of guarded work. Dropping it drops the work.
pub struct Guarded<W: Work> {
    place: Arc<Place<W>>,
    runner: Runner,
    /// The rescuing thread's number for it.
    number: Option<u64>,
}

struct Place<W: Work> {
    state: Mutex<State<W>>,
    watch: Watch,
}

struct State<W: Work> {
    /// `None` once it has ended.
    work: Option<W>,
    /// The result, until the owner's task takes it.
    output: Option<std::thread::Result<W::Output>>,
    /// Whose turn it is: a number that changes when the work is taken over.
    turn: u64,
    /// How often the work was polled.
    polls: u64,
    /// Whether something runs aside, for whose turn it is.
    aside: bool,
    /// Of the task whose turn it is.
    alarm: Arc<Alarm>,
    /// The task that took over.
    deputy: Option<Deputy>,
    /// The task of the [`Guarded`], woken at the end while a deputy has the turn.
    owner: Waker,
    looked: Looked,
    runtime: Option<Handle>,
}

struct Deputy {
    task: AbortHandle,
    /// Whether it ever ran. Until then it waits for a thread, as all other tasks do, and another
    /// deputy would wait as long.
    ran: bool,
}

/// What the rescuing thread saw at its last look.
#[derive(Default)]
struct Looked {
    polls: u64,
    /// Whether the work should have been polled soon.
    due: bool,
    /// Whether no task has polled it since the rescuing thread did.
    stuck: bool,
}

/// Wakes a task, and notes that it did.
struct Alarm {
    woken: AtomicBool,
    task: Waker,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// A task that polls the work.
struct Runner {
    alarm: Arc<Alarm>,
    /// The alarm, as the waker that the work leaves with what it waits for.
    waker: Waker,
}

impl Runner {
    fn new(task: &Waker) -> Self {
        let alarm = Arc::new(Alarm {
            woken: AtomicBool::new(false),
            task: task.clone(),
        });
        Runner {
            waker: Arc::clone(&alarm).into(),
            alarm,
        }
    }
}

/// The result of a runner's poll.
enum Ran<T> {
    Pending,
    Ready(T),
    /// Another runner took over meanwhile.
    Replaced,
}

impl<W: Work> Future for Guarded<W> {
    type Output = W::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W::Output> {
        let this = self.get_mut();
        let known = this.number.is_some();
        let same = this.runner.alarm.task.will_wake(cx.waker());
        if !same {
            this.runner = Runner::new(cx.waker());
        }
        let mut state = this.place.lock();
        if !known {
            this.number = Some(thread::register(this.place.stuck()));
            state.runtime = Handle::try_current().ok();
        }
        if let Some(output) = state.output.take() {
            drop(state);
            return Poll::Ready(output.unwrap_or_else(|panic| resume_unwind(panic)));
        }
        if let Some(deputy) = state.deputy.take() {
            deputy.task.abort();
            state.new_turn();
        }
        if !same || !Arc::ptr_eq(&state.alarm, &this.runner.alarm) {
            state.alarm = Arc::clone(&this.runner.alarm);
        }
        match this.place.run(state, &this.runner) {
            Ran::Pending | Ran::Replaced => Poll::Pending,
            Ran::Ready(output) => Poll::Ready(output),
        }
    }
}

impl<W: Work> Unpin for Guarded<W> {}

impl<W: Work> Drop for Guarded<W> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            thread::forget(number);
        }
        let mut state = self.place.lock();
        let work = state.work.take();
        state.new_turn();
        if let Some(deputy) = state.deputy.take() {
            deputy.task.abort();
        }
        drop(state);
        drop(work);
    }
}

impl<W: Work> State<W> {
    /// Takes the turn from the task that has it.
    fn new_turn(&mut self) {
        self.turn += 1;
        if std::mem::take(&mut self.aside)
            && let Some(work) = &mut self.work
        {
            work.abandon_aside();
        }
    }

    fn is_due(&self) -> bool {
        self.aside || self.alarm.woken.load(Ordering::Acquire)
    }
}

impl<W: Work> Place<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stuck(self: &Arc<Self>) -> Weak<dyn Stuck> {
        let weak: Weak<Self> = Arc::downgrade(self);
        weak
    }

    /// Polls the work for a task whose turn it is.
    fn run<'a>(&'a self, mut state: MutexGuard<'a, State<W>>, runner: &Runner) -> Ran<W::Output> {
        let turn = state.turn;
        let mut cx = Context::from_waker(&runner.waker);
        loop {
            runner.alarm.woken.store(false, Ordering::Relaxed);
            state.polls = state.polls.wrapping_add(1);
            let Some(work) = &mut state.work else {
                return Ran::Pending;
            };
            let mut aside = match work.poll(&mut cx) {
                Step::Pending => return Ran::Pending,
                Step::Ready(output) => {
                    let work = state.work.take();
                    drop(state);
                    drop(work);
                    return Ran::Ready(output);
                }
                Step::Aside(aside) => Some(aside),
            };
            state.aside = true;
            drop(state);
            aside = aside.and_then(|aside| W::run_aside(aside, &mut cx));
            state = self.lock();
            if let Some(aside) = aside
                && let Some(work) = &mut state.work
            {
                work.take_back(aside);
            }
            if state.turn != turn {
                return Ran::Replaced;
            }
            state.aside = false;
        }
    }

    /// Polls the work on the rescuing thread, for the task whose turn it is.
    fn rescue(self: &Arc<Self>, mut state: MutexGuard<'_, State<W>>) {
        let Some(runtime) = state.runtime.clone() else {
            return;
        };
        let _in_runtime = runtime.enter();
        if state.aside {
            state.new_turn();
        }
        let alarm = Arc::clone(&state.alarm);
        alarm.woken.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&alarm));
        let mut cx = Context::from_waker(&waker);
        let Some(work) = &mut state.work else {
            return;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| work.poll(&mut cx)));
        state.looked.stuck = true;
        let output = match polled {
            Ok(Step::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
            Ok(Step::Aside(aside)) => {
                // The rescuing thread must not block. A task runs it.
                if let Some(work) = &mut state.work {
                    work.take_back(aside);
                }
                alarm.woken.store(true, Ordering::Relaxed);
                return;
            }
            Ok(Step::Pending) => return self.appoint_deputy(state, &runtime),
        };
        let work = state.work.take();
        state.output = Some(output);
        let owner = match state.deputy.take() {
            Some(deputy) => {
                deputy.task.abort();
                state.owner.clone()
            }
            None => state.alarm.task.clone(),
        };
        drop(state);
        drop(work);
        owner.wake();
    }

    /// Has a new task take over, which any thread can run, unless one waits for a thread already.
    fn appoint_deputy(self: &Arc<Self>, mut state: MutexGuard<'_, State<W>>, runtime: &Handle) {
        match state.deputy.take() {
            Some(waiting) if !waiting.ran => {
                state.deputy = Some(waiting);
                return;
            }
            Some(stuck) => stuck.task.abort(),
            None => state.owner = state.alarm.task.clone(),
        }
        state.new_turn();
        let task = runtime.spawn(Arc::clone(self).deputize(state.turn));
        state.deputy = Some(Deputy {
            task: task.abort_handle(),
            ran: false,
        });
    }

    /// Polls the work for as long as it is this task's turn.
    async fn deputize(self: Arc<Self>, turn: u64) {
        let mut runner = None;
        std::future::poll_fn(|cx| {
            let runner = runner.get_or_insert_with(|| Runner::new(cx.waker()));
            let mut state = self.lock();
            if state.turn != turn {
                return Poll::Ready(());
            }
            if let Some(deputy) = &mut state.deputy
                && !std::mem::replace(&mut deputy.ran, true)
            {
                state.alarm = Arc::clone(&runner.alarm);
            }
            let ran = catch_unwind(AssertUnwindSafe(|| self.run(state, runner)));
            let output = match ran {
                Ok(Ran::Pending) => return Poll::Pending,
                Ok(Ran::Replaced) => return Poll::Ready(()),
                Ok(Ran::Ready(output)) => Ok(output),
                Err(panic) => Err(panic),
            };
            let mut state = self.lock();
            if state.turn != turn {
                return Poll::Ready(());
            }
            state.output = Some(output);
            state.deputy = None;
            let owner = state.owner.clone();
            drop(state);
            owner.wake();
            Poll::Ready(())
        })
        .await;
    }

    /// The state, unless a runner polls the work right now.
    fn at_rest(&self) -> Option<MutexGuard<'_, State<W>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<W: Work> Stuck for Place<W> {
    fn look(self: Arc<Self>) {
        let Some(mut state) = self.at_rest() else {
            return;
        };
        if state.work.is_none() {
            return;
        }
        let unpolled = state.looked.polls == state.polls;
        if !unpolled {
            state.looked.stuck = false;
        }
        let stuck = unpolled && (state.looked.stuck || state.looked.due);
        let due = state.is_due();
        state.looked.polls = state.polls;
        state.looked.due = due;
        let asks = self.watch == Watch::Always;
        if stuck && (due || asks) {
            return self.rescue(state);
        }
        if asks && unpolled && !due {
            // If the task is polled for this by the next look, it does not need this thread.
            state.looked.due = true;
            let alarm = Arc::clone(&state.alarm);
            drop(state);
            alarm.wake();
        }
    }

    fn go_on(self: Arc<Self>) -> bool {
        let Some(state) = self.at_rest() else {
            return false;
        };
        let stuck = state.looked.stuck && state.looked.polls == state.polls;
        if state.work.is_none() || !stuck || !state.is_due() {
            return false;
        }
        self.rescue(state);
        true
    }
}

#[cfg(test)]
mod tests;
