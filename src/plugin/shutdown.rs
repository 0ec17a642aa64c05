//! What a plugin does before it ends.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::timeout;

/// Why a plugin ends: what the hook of
/// [`ServeConfig::on_shutdown`](super::ServeConfig::on_shutdown) gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// A host asked it to quit. That host is still connected, and waits for the hook.
    Quit,
    /// The host that started it is gone, and no other is connected.
    HostGone,
    /// The process got SIGTERM, or SIGINT where it is [standalone].
    ///
    /// [standalone]: super::ServeConfig::standalone
    Signal,
    /// Serving has failed.
    Failed,
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shutdown::Quit => "a host asked the plugin to quit",
            Shutdown::HostGone => "the host is gone",
            Shutdown::Signal => "the process was asked to end",
            Shutdown::Failed => "serving has failed",
        })
    }
}

/// What is to be done. A configuration can be cloned, and its hook is called once in all.
#[derive(Clone)]
pub(super) struct Hook(Arc<Mutex<Option<HookFn>>>);

type HookFn = Box<dyn FnOnce(Shutdown) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl Hook {
    pub(super) fn new<F, D>(hook: F) -> Self
    where
        F: FnOnce(Shutdown) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        let hook: HookFn = Box::new(move |why| Box::pin(hook(why)));
        Hook(Arc::new(Mutex::new(Some(hook))))
    }

    fn take(&self) -> Option<HookFn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// The end of one serving: its hook runs once, whatever asks for the end first.
#[derive(Clone)]
pub(super) struct ShuttingDown(Arc<Inner>);

struct Inner {
    hook: Option<Hook>,
    grace: Duration,
    run: OnceLock<Shared<BoxFuture<'static, ()>>>,
}

impl ShuttingDown {
    pub(super) fn new(hook: Option<Hook>, grace: Duration) -> Self {
        ShuttingDown(Arc::new(Inner {
            hook,
            grace,
            run: OnceLock::new(),
        }))
    }

    /// Whether there is anything to be done.
    pub(super) fn has_hook(&self) -> bool {
        self.0.hook.is_some()
    }

    /// Has the hook run, and waits until it has, for its grace at most. The hook goes on where the
    /// future is dropped; the next caller waits for the rest of it.
    pub(super) async fn run(&self, why: Shutdown) {
        let run = self.0.run.get_or_init(|| self.start(why).boxed().shared());
        run.clone().await;
    }

    fn start(&self, why: Shutdown) -> impl Future<Output = ()> + Send + 'static {
        let (hook, grace) = (self.0.hook.as_ref().and_then(Hook::take), self.0.grace);
        let task = hook.map(|hook| tokio::spawn(timeout(grace, async move { hook(why).await })));
        async move {
            let Some(task) = task else { return };
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => tracing::warn!(?grace, "the shutdown hook takes too long"),
                Err(error) => tracing::error!(%error, "the shutdown hook failed"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::Instant;

    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_hook_runs_once_and_to_its_end() {
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = ran.clone();
        let hook = Hook::new(async move |why| {
            assert_eq!(why, Shutdown::Quit);
            tokio::time::sleep(GRACE / 2).await;
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let ending = ShuttingDown::new(Some(hook.clone()), GRACE);
        assert!(ending.run(Shutdown::Quit).now_or_never().is_none());
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        ending.run(Shutdown::Signal).await;
        ending.run(Shutdown::HostGone).await;
        // That of a clone of the configuration.
        ShuttingDown::new(Some(hook), GRACE)
            .run(Shutdown::Quit)
            .await;
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_has_its_grace_and_no_more() {
        let start = Instant::now();
        let hook = Hook::new(|_| std::future::pending());
        ShuttingDown::new(Some(hook), GRACE)
            .run(Shutdown::Quit)
            .await;
        assert_eq!(start.elapsed(), GRACE);
        ShuttingDown::new(None, GRACE).run(Shutdown::Quit).await;
        assert_eq!(start.elapsed(), GRACE);
    }

    #[tokio::test]
    async fn a_hook_that_panics_ends() {
        let hook = Hook::new(async |_| panic!("not a failure of the test"));
        ShuttingDown::new(Some(hook), GRACE)
            .run(Shutdown::Quit)
            .await;
    }
}
