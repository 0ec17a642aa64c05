use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::*;

/// More than the slowest machine needs.
const DEADLINE: Duration = Duration::from_secs(60);

/// A runtime of one thread, which is blocked until this is dropped or unblocked.
struct Blocked {
    runtime: Option<Runtime>,
    leave: Option<mpsc::Sender<()>>,
}

impl Blocked {
    fn new() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (leave, left) = mpsc::channel::<()>();
        let (entered, inside) = mpsc::channel();
        runtime.spawn(async move {
            entered.send(()).unwrap();
            let _ = left.recv();
        });
        inside.recv().unwrap();
        Blocked {
            runtime: Some(runtime),
            leave: Some(leave),
        }
    }

    fn unblock(&mut self) {
        self.leave = None;
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.unblock();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Owner(std::sync::atomic::AtomicUsize);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Owner {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls as the task of `owner` would, within the runtime.
fn poll<W: Work>(
    blocked: &Blocked,
    guarded: &mut Guarded<W>,
    owner: &Arc<Owner>,
) -> Poll<W::Output> {
    let runtime = blocked.runtime.as_ref().unwrap();
    let _in_runtime = runtime.enter();
    // Not known to the thread that looks, which other tests may have started.
    guarded.number = Some(0);
    guarded.place.lock().runtime = Some(runtime.handle().clone());
    let waker = Waker::from(Arc::clone(owner));
    Pin::new(guarded).poll(&mut Context::from_waker(&waker))
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "in time");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn work_that_no_task_comes_to_poll_is_polled_for_it() {
    let blocked = Blocked::new();
    let owner = Arc::new(Owner::default());
    let (send, received) = oneshot::channel();
    let mut guarded = guard(received, Watch::Woken);
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    for _ in 0..5 {
        // It was not woken, so no runner has to poll it.
        Arc::clone(&guarded.place).look();
    }
    assert!(guarded.place.lock().work.is_some());
    assert_eq!(owner.times(), 0);
    send.send(7).unwrap();
    assert_eq!(owner.times(), 1);
    for _ in 0..2 {
        Arc::clone(&guarded.place).look();
    }
    assert!(guarded.place.lock().work.is_none());
    assert_eq!(owner.times(), 2);
    assert_eq!(poll(&blocked, &mut guarded, &owner), Poll::Ready(Ok(7)));
}

#[test]
fn a_free_thread_takes_over_and_gives_back() {
    let mut blocked = Blocked::new();
    let owner = Arc::new(Owner::default());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let (results, got) = mpsc::channel();
    let mut guarded = guard(
        async move {
            while let Some(number) = receiver.recv().await {
                results.send((number, std::thread::current().id())).unwrap();
            }
        },
        Watch::Woken,
    );
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    sender.send(1).unwrap();
    for _ in 0..2 {
        Arc::clone(&guarded.place).look();
    }
    let here = std::thread::current().id();
    assert_eq!(got.recv().unwrap(), (1, here));
    // From here on this thread does it at once, as long as no other does.
    sender.send(2).unwrap();
    assert!(Arc::clone(&guarded.place).go_on());
    assert_eq!(got.recv().unwrap(), (2, here));
    assert!(!Arc::clone(&guarded.place).go_on());
    blocked.unblock();
    let ran = |guarded: &Guarded<_>| {
        let state = guarded.place.lock();
        state.deputy.as_ref().is_some_and(|deputy| deputy.ran)
    };
    wait_until(|| ran(&guarded));
    sender.send(3).unwrap();
    let (three, there) = got.recv_timeout(DEADLINE).unwrap();
    assert!(three == 3 && there != here);
    // The owner's task runs again.
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    assert!(guarded.place.lock().deputy.is_none());
    let woken = owner.times();
    sender.send(4).unwrap();
    assert_eq!(owner.times(), woken + 1);
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    assert_eq!(got.recv().unwrap(), (4, here));
    drop(sender);
    assert!(poll(&blocked, &mut guarded, &owner).is_ready());
}

#[test]
fn the_end_that_a_deputy_meets_reaches_the_owner() {
    let mut blocked = Blocked::new();
    let owner = Arc::new(Owner::default());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let work = async move { while let Some(()) = receiver.recv().await {} };
    let mut guarded = guard(work, Watch::Woken);
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    sender.send(()).unwrap();
    for _ in 0..2 {
        Arc::clone(&guarded.place).look();
    }
    let woken = owner.times();
    blocked.unblock();
    drop(sender);
    wait_until(|| owner.times() > woken);
    assert!(poll(&blocked, &mut guarded, &owner).is_ready());
}

#[test]
fn what_waits_for_the_time_is_nudged_and_polled_at_each_look_when_that_does_not_help() {
    let blocked = Blocked::new();
    let owner = Arc::new(Owner::default());
    let mut polls = 0;
    let (tell, told) = mpsc::channel();
    let work = std::future::poll_fn(move |_| {
        polls += 1;
        tell.send(polls).unwrap();
        Poll::<()>::Pending
    });
    let mut guarded = guard(work, Watch::Always);
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    Arc::clone(&guarded.place).look();
    Arc::clone(&guarded.place).look();
    assert!(owner.times() > 0);
    assert_eq!(told.try_iter().last(), Some(1));
    for polls in 2..5 {
        Arc::clone(&guarded.place).look();
        assert_eq!(told.try_iter().last(), Some(polls));
    }
}

#[test]
fn a_panic_reaches_the_owner() {
    let blocked = Blocked::new();
    let owner = Arc::new(Owner::default());
    let (send, received) = oneshot::channel::<()>();
    let work = async move {
        let _ = received.await;
        panic!("as it should");
    };
    let mut guarded: Guarded<Plain<_>> = guard(work, Watch::Woken);
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    drop(send);
    for _ in 0..2 {
        Arc::clone(&guarded.place).look();
    }
    let panic = catch_unwind(AssertUnwindSafe(|| poll(&blocked, &mut guarded, &owner)));
    assert_eq!(
        panic.unwrap_err().downcast_ref::<&str>(),
        Some(&"as it should")
    );
}

/// Runs one thing aside, and then ends on request.
struct Asides {
    aside: Option<mpsc::Receiver<bool>>,
    returned: Arc<AtomicBool>,
    abandoned: Arc<AtomicBool>,
    end: oneshot::Receiver<()>,
}

impl Work for Asides {
    type Output = ();
    type Aside = mpsc::Receiver<bool>;

    fn poll(&mut self, cx: &mut Context<'_>) -> Step<(), mpsc::Receiver<bool>> {
        if let Some(aside) = self.aside.take() {
            return Step::Aside(aside);
        }
        match Pin::new(&mut self.end).poll(cx) {
            Poll::Ready(_) => Step::Ready(()),
            Poll::Pending => Step::Pending,
        }
    }

    fn run_aside(aside: mpsc::Receiver<bool>, _: &mut Context<'_>) -> Option<mpsc::Receiver<bool>> {
        (!aside.recv().unwrap()).then_some(aside)
    }

    fn take_back(&mut self, _: mpsc::Receiver<bool>) {
        self.returned.store(true, Ordering::SeqCst);
    }

    fn abandon_aside(&mut self) {
        self.abandoned.store(true, Ordering::SeqCst);
    }
}

#[test]
fn what_blocks_aside_is_left_behind_and_taken_back() {
    for ends in [true, false] {
        let blocked = Blocked::new();
        let owner = Arc::new(Owner::default());
        let (leave, aside) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let (returned, abandoned) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let work = Asides {
            aside: Some(aside),
            returned: Arc::clone(&returned),
            abandoned: Arc::clone(&abandoned),
            end: ended,
        };
        let mut guarded = guard_work(work, Watch::Woken);
        let place = Arc::clone(&guarded.place);
        std::thread::scope(|scope| {
            let blocked = &blocked;
            let polling = owner.clone();
            let stuck = scope.spawn(move || {
                assert!(poll(blocked, &mut guarded, &polling).is_pending());
                guarded
            });
            wait_until(|| place.lock().aside);
            for _ in 0..3 {
                Arc::clone(&place).look();
            }
            assert!(abandoned.load(Ordering::SeqCst));
            assert!(place.lock().work.is_some());
            // The work goes on, and ends, while that still blocks; unless it is to be taken back.
            if ends {
                end.send(()).unwrap();
                assert!(Arc::clone(&place).go_on());
                assert!(place.lock().work.is_none());
                leave.send(false).unwrap();
                let mut guarded = stuck.join().unwrap();
                assert!(!returned.load(Ordering::SeqCst));
                assert!(owner.times() > 0);
                assert!(poll(blocked, &mut guarded, &owner).is_ready());
            } else {
                leave.send(false).unwrap();
                let _guarded = stuck.join().unwrap();
                assert!(returned.load(Ordering::SeqCst));
            }
        });
    }
}

#[test]
fn dropping_it_drops_the_work_of_a_deputy() {
    let blocked = Blocked::new();
    let owner = Arc::new(Owner::default());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let work = async move { while let Some(()) = receiver.recv().await {} };
    let mut guarded = guard(work, Watch::Woken);
    assert!(poll(&blocked, &mut guarded, &owner).is_pending());
    sender.send(()).unwrap();
    for _ in 0..2 {
        Arc::clone(&guarded.place).look();
    }
    assert!(guarded.place.lock().deputy.is_some());
    drop(guarded);
    assert!(sender.is_closed());
}
