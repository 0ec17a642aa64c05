//! Questions to a task.

use tokio::sync::{mpsc, oneshot};

/// Sends a task a question, and waits for its answer or its end.
///
/// Its end is waited for as well: a message that is sent while its receiver is being dropped can stay behind in the channel,
/// and the means to answer with it, for as long as there are senders (tokio-rs/tokio#7714).
pub(crate) async fn ask<Q>(
    task: &mpsc::UnboundedSender<Q>,
    question: impl FnOnce(oneshot::Sender<()>) -> Q,
) {
    let (answer, answered) = oneshot::channel();
    if task.send(question(answer)).is_ok() {
        tokio::select! {
            biased;
            _ = answered => {}
            () = task.closed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_waited_for() {
        let (task, mut asked) = mpsc::unbounded_channel();
        let mut asking = Box::pin(ask(&task, |answer| answer));
        assert!(asking.as_mut().now_or_never().is_none());
        let answer: oneshot::Sender<()> = asked.recv().await.unwrap();
        assert!(asking.as_mut().now_or_never().is_none());
        answer.send(()).unwrap();
        asking.await;
    }

    #[tokio::test]
    async fn a_task_that_is_over_is_not_waited_for() {
        let (task, asked) = mpsc::unbounded_channel();
        drop(asked);
        ask(&task, |answer| answer).await;
    }

    /// The state that the race leaves: no task, and the question in the channel.
    #[tokio::test]
    async fn a_question_that_stays_behind_is_not_waited_for() {
        let (task, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        let mut asking = Box::pin(ask(&task, |answer| answer));
        assert!(asking.as_mut().now_or_never().is_none());
        asked.close();
        assert!(asking.as_mut().now_or_never().is_some());
    }
}
