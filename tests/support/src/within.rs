//! Deadlines for what is awaited. They are long, since only what hangs reaches them: the machine
//! may have other work.

use std::time::{Duration, Instant};

/// The longest that a test waits for one thing.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Awaits `future`, and fails after [`DEADLINE`].
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("within the deadline")
}

/// Waits until a condition holds outside of this process, where no event can be awaited.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// [`until`] for a thread without a runtime. Returns how long it took.
pub fn block_until(what: &str, condition: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}
