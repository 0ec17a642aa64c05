//! Requests to a task that only have to be done, not answered.

use tokio::sync::{mpsc, oneshot};

/// Sends a task a request, and waits until the task has done it or has ended.
///
/// `request` makes the message. The task sends on the channel in it, or drops it, when it is done.
///
/// The task's end has to be waited for too: a message that is sent while its receiver is being
/// dropped can stay in the channel, with its reply channel, as long as senders exist
/// (tokio-rs/tokio#7714).
pub async fn notify_and_wait<Q>(
    task: &mpsc::UnboundedSender<Q>,
    request: impl FnOnce(oneshot::Sender<()>) -> Q,
) {
    let (done, waiting) = oneshot::channel();
    if task.send(request(done)).is_ok() {
        tokio::select! {
            biased;
            _ = waiting => {}
            () = task.closed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_ready(future: Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        future.poll(&mut cx).is_ready()
    }

    #[tokio::test]
    async fn it_waits_until_the_task_is_done() {
        let (task, mut requests) = mpsc::unbounded_channel();
        let mut waiting = Box::pin(notify_and_wait(&task, |done| done));
        assert!(!is_ready(waiting.as_mut()));
        let done: oneshot::Sender<()> = requests.recv().await.unwrap();
        assert!(!is_ready(waiting.as_mut()));
        done.send(()).unwrap();
        waiting.await;
    }

    #[tokio::test]
    async fn a_task_that_has_ended_is_not_waited_for() {
        let (task, requests) = mpsc::unbounded_channel();
        drop(requests);
        notify_and_wait(&task, |done| done).await;
    }

    /// The state that the race leaves: no task, and the request in the channel.
    #[tokio::test]
    async fn a_request_that_stays_behind_is_not_waited_for() {
        let (task, mut requests) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        let mut waiting = Box::pin(notify_and_wait(&task, |done| done));
        assert!(!is_ready(waiting.as_mut()));
        requests.close();
        assert!(is_ready(waiting.as_mut()));
    }
}
