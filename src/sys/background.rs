//! Work on files, away from the threads of a runtime.

use tokio::sync::oneshot;

/// Does blocking work on a thread of its own, which needs no runtime. The channel is sent to, or
/// closed, when the work has ended or could not begin.
pub(crate) fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("plugwire-files".to_owned());
    let spawned = thread.spawn(move || {
        let _ = done.send(work());
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread for work on files");
    }
    ended
}
