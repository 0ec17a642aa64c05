//! The news of the end of a plugin's process, for the connections to it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::crash::Crash;
use super::lost_calls::LostCalls;

/// The state of a plugin's process, for the connections to it.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fate {
    /// It runs.
    #[default]
    Running,
    /// It ended of itself.
    Crashed(Arc<Crash>),
    /// Its host ends it.
    Dismissed,
}

/// Where the connections to a plugin learn how its process ended. With the default they never do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Obituary(Option<News>);

#[derive(Clone, Debug)]
struct News {
    fate: watch::Receiver<Fate>,
    lost: LostCalls,
}

impl Obituary {
    /// The end that tells, and the end that learns.
    pub(crate) fn channel() -> (watch::Sender<Fate>, Obituary) {
        let (sender, fate) = watch::channel(Fate::Running);
        let lost = LostCalls::default();
        (sender, Obituary(Some(News { fate, lost })))
    }

    /// The calls that were lost to the end of the process.
    #[cfg(any(feature = "host", test))]
    pub(crate) fn lost(&self) -> LostCalls {
        let lost = self.0.as_ref().map(|news| news.lost.clone());
        lost.unwrap_or_default()
    }

    /// How the process ended, if it ends before the deadline and its host has not asked it to.
    pub(super) async fn crash(&self, deadline: Instant) -> Option<Arc<Crash>> {
        let mut fate = self.0.as_ref()?.fate.clone();
        let decided = fate.wait_for(|fate| !matches!(fate, Fate::Running));
        let decided = timeout_at(deadline, decided).await;
        match &*decided.ok()?.ok()? {
            Fate::Crashed(crash) => Some(Arc::clone(crash)),
            Fate::Running | Fate::Dismissed => None,
        }
    }

    /// The same for a call that was in flight, which is then one of those that the crash has lost.
    pub(super) async fn crash_of(&self, method: &str, deadline: Instant) -> Option<Arc<Crash>> {
        let lost = &self.0.as_ref()?.lost;
        // Before the wait, so that the crash knows of all when it is reported.
        lost.add(method);
        let not_lost = OnDrop(Some((lost, method)));
        let crash = self.crash(deadline).await;
        if crash.is_some() {
            not_lost.forget();
        }
        crash
    }
}

/// Takes a call out again, where it ended otherwise or was dropped meanwhile.
struct OnDrop<'a>(Option<(&'a LostCalls, &'a str)>);

impl OnDrop<'_> {
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        if let Some((lost, method)) = self.0 {
            lost.subtract(method);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::rpc::{LOST_METHODS, SESSION_LOST};

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_a_process_that_lives_has_an_end() {
        let (sender, obituary) = Obituary::channel();
        let start = Instant::now();
        assert!(obituary.crash(start + SESSION_LOST).await.is_none());
        assert_eq!(start.elapsed(), SESSION_LOST);
        sender.send_replace(Fate::Dismissed);
        assert!(
            obituary
                .crash(Instant::now() + SESSION_LOST)
                .await
                .is_none()
        );
        assert_eq!(start.elapsed(), SESSION_LOST);
        assert!(
            Obituary::default()
                .crash(Instant::now() + SESSION_LOST)
                .await
                .is_none()
        );
        assert_eq!(start.elapsed(), SESSION_LOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_known_crash_needs_no_wait() {
        let (sender, obituary) = Obituary::channel();
        sender.send_replace(Fate::Crashed(Arc::default()));
        drop(sender);
        assert!(obituary.crash(Instant::now()).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_calls_that_a_crash_has_lost_are_counted() {
        let (sender, obituary) = Obituary::channel();
        // One that is lost otherwise is none of them.
        let soon = Instant::now() + SESSION_LOST;
        assert!(obituary.crash_of("Plugin.Get", soon).await.is_none());
        assert_eq!(obituary.lost().by_method(), (vec![], 0));
        sender.send_replace(Fate::Crashed(Arc::default()));
        for method in ["Plugin.Get", "Plugin.Put", "Plugin.Get"] {
            assert!(obituary.crash_of(method, soon).await.is_some());
        }
        let expected = vec![("Plugin.Get".into(), 2), ("Plugin.Put".into(), 1)];
        assert_eq!(obituary.lost().by_method(), (expected, 0));
        for n in 0..LOST_METHODS {
            let _ = obituary.crash_of(&format!("Plugin.{n}"), soon).await;
        }
        let (methods, others) = obituary.lost().by_method();
        assert_eq!((methods.len(), others), (LOST_METHODS, 2));
    }
}
