//! The thread that polls work whose task gets no thread of the runtime.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::threads::{Found, Looks};

/// How often the thread looks. A connection that is stuck is taken over within three looks.
const TICK: Duration = Duration::from_millis(10);

/// After this many looks without any method, the thread sleeps until there is one.
const IDLE: u32 = 3;

/// How often the thread looks while methods run on the blocking pool alone.
const POOLED_TICK: Duration = Duration::from_millis(250);

/// How often in a row guarded work is polled that wakes other guarded work.
const PASSES: usize = 32;

/// Something that can be stuck.
pub(super) trait Stuck: Send + Sync {
    /// Looks whether a task polls it when it should be polled, and polls it if not.
    fn look(self: Arc<Self>);

    /// Polls it if it was woken and only this thread does. Returns whether it did.
    fn go_on(self: Arc<Self>) -> bool;
}

/// All that is guarded in this process.
#[derive(Default)]
struct Guards {
    all: HashMap<u64, Weak<dyn Stuck>>,
    next: u64,
}

static GUARDS: Mutex<Option<Guards>> = Mutex::new(None);

fn guards() -> MutexGuard<'static, Option<Guards>> {
    GUARDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds work that the thread looks at, until [`forget`].
pub(super) fn register(guarded: Weak<dyn Stuck>) -> u64 {
    let mut guards = guards();
    let guards = guards.get_or_insert_default();
    guards.next += 1;
    guards.all.insert(guards.next, guarded);
    guards.next
}

/// Removes work.
pub(super) fn forget(number: u64) {
    if let Some(guards) = &mut *guards() {
        guards.all.remove(&number);
    }
}

thread_local! {
    static RESCUING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is the rescuing thread: sockets are tried without asking the runtime whether they
/// are ready, which it may not know, and no code of a plugin's author may run.
pub fn is_rescuing() -> bool {
    RESCUING.with(Cell::get)
}

/// Whether a method was entered since the thread last looked.
static METHODS_RUN: AtomicBool = AtomicBool::new(false);

/// Whether the thread sleeps until a method is entered.
static ASLEEP: AtomicBool = AtomicBool::new(false);

/// The thread. `None` where it could not be started.
static THREAD: OnceLock<Option<Thread>> = OnceLock::new();

/// A method is entered: the thread looks at the process for a while.
#[inline]
pub(super) fn methods_run() {
    if !METHODS_RUN.load(Ordering::Relaxed) {
        wake();
    }
}

#[cold]
fn wake() {
    METHODS_RUN.store(true, Ordering::SeqCst);
    let thread = THREAD.get_or_init(|| {
        let started = thread::Builder::new()
            .name("plugwire-rescue".to_owned())
            .spawn(run);
        match started {
            Ok(started) => Some(started.thread().clone()),
            Err(error) => {
                tracing::warn!(%error, "no thread takes over when methods block all others");
                None
            }
        }
    });
    if let Some(thread) = thread
        && ASLEEP.load(Ordering::SeqCst)
    {
        thread.unpark();
    }
}

/// What else to do while a method holds a thread, given how long it has held it.
type Hook = Box<dyn Fn(Duration) + Send>;

static BLOCKED: Mutex<Option<Hook>> = Mutex::new(None);

fn blocked_hook() -> MutexGuard<'static, Option<Hook>> {
    BLOCKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets what is called at each look while a method blocks a thread of a runtime, or runs on the
/// blocking pool.
pub fn while_blocked(hook: Option<Hook>) {
    *blocked_hook() = hook;
}

fn run() {
    RESCUING.with(|rescuing| rescuing.set(true));
    let mut looks = Looks::default();
    let mut idle = 0;
    loop {
        thread::sleep(TICK);
        let run = METHODS_RUN.swap(false, Ordering::SeqCst);
        let found = look(&mut looks);
        idle = match run || found.inside {
            true => 0,
            false => idle + 1,
        };
        if idle >= IDLE {
            sleep_until_methods_run(&mut looks);
            idle = 0;
        }
    }
}

/// Looks at the threads. Where one is blocked, polls the guarded work and calls the hook.
fn look(looks: &mut Looks) -> Found {
    let found = looks.look(Instant::now());
    if found.blocked {
        rescue();
    }
    if (found.blocked || found.pooled)
        && let Some(look) = &*blocked_hook()
    {
        look(found.longest);
    }
    found
}

/// Sleeps for as long as no thread of a runtime enters a method.
fn sleep_until_methods_run(looks: &mut Looks) {
    ASLEEP.store(true, Ordering::SeqCst);
    // A thread that entered a method before it could know of this sleep is seen by its mark.
    let mut found = look(looks);
    while !found.inside && !METHODS_RUN.load(Ordering::SeqCst) {
        match found.pooled {
            true => {
                thread::park_timeout(POOLED_TICK);
                found = look(looks);
            }
            false => thread::park(),
        }
    }
    ASLEEP.store(false, Ordering::SeqCst);
}

/// Looks at all guarded work, and polls what is stuck as long as that makes progress.
fn rescue() {
    let all: Vec<_> = match &*guards() {
        Some(guards) => guards.all.values().filter_map(Weak::upgrade).collect(),
        None => return,
    };
    for guarded in &all {
        Arc::clone(guarded).look();
    }
    for _ in 0..PASSES {
        // Not `any`, which would stop at the first.
        let polled = all
            .iter()
            .filter(|guarded| Arc::clone(guarded).go_on())
            .count();
        if polled == 0 {
            break;
        }
    }
}
