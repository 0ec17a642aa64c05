//! The calls of a connection that run as tasks, by their numbers.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::responder::Answers;

/// The number that the caller gave to a call.
pub(super) type Seq = u64;

/// The calls of a connection that run as tasks, and the one that runs aside. Those of a peer that
/// can cancel are known by their numbers.
pub(super) struct RunningCalls {
    tasks: JoinSet<Seq>,
    /// A peer that gives two calls one number can cancel the later one.
    by_number: HashMap<Seq, AbortHandle>,
    /// Those that were cancelled and have not ended: they may have replied meanwhile.
    cancelled: HashMap<Id, Seq>,
    aside: Option<Aside>,
    answers: Arc<Answers>,
}

struct Aside {
    seq: Seq,
    cancelled: bool,
}

impl RunningCalls {
    /// Of the connection with these answers.
    pub(super) fn new(answers: Arc<Answers>) -> Self {
        RunningCalls {
            tasks: JoinSet::new(),
            by_number: HashMap::new(),
            cancelled: HashMap::new(),
            aside: None,
            answers,
        }
    }

    /// Starts a call as a task.
    pub(super) fn spawn<C>(&mut self, seq: Seq, call: C, can_be_cancelled: bool)
    where
        C: Future<Output = Seq> + Send + 'static,
    {
        let task = self.tasks.spawn(call);
        if can_be_cancelled {
            self.by_number.insert(seq, task);
        }
    }

    /// A call runs aside.
    pub(super) fn put_aside(&mut self, seq: Seq) {
        let before = self.aside.replace(Aside {
            seq,
            cancelled: false,
        });
        if let Some(before) = before.filter(|before| before.cancelled) {
            self.answers.untaken.take_back(before.seq);
        }
    }

    /// The call that ran aside did not end there. Returns whether it was cancelled meanwhile.
    pub(super) fn take_back(&mut self, seq: Seq) -> bool {
        let aside = self.aside.take_if(|aside| aside.seq == seq);
        aside.is_some_and(|aside| aside.cancelled)
    }

    /// Ends a call, or takes back what its reply has lent. One that has ended for good, or never
    /// was, is none of the connection's.
    pub(super) fn cancel(&mut self, seq: Seq) {
        if let Some(task) = self.by_number.remove(&seq) {
            // The call is dropped by a thread of the runtime, not here.
            task.abort();
            self.cancelled.insert(task.id(), seq);
            return;
        }
        if let Some(aside) = &mut self.aside
            && aside.seq == seq
        {
            aside.cancelled = true;
        }
        self.answers.untaken.take_back(seq);
    }

    /// Ends all calls.
    pub(super) fn cancel_all(&mut self) {
        self.by_number.clear();
        self.tasks.abort_all();
        if let Some(aside) = &mut self.aside {
            aside.cancelled = true;
        }
    }

    /// Forgets a call that has ended. Ready with `None` if no call is left.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.tasks.poll_join_next_with_id(cx).map(|ended| {
            self.forget(ended?);
            Some(())
        })
    }

    fn forget(&mut self, ended: Result<(Id, Seq), JoinError>) {
        if !self.cancelled.is_empty() {
            let id = ended.as_ref().map_or_else(JoinError::id, |&(id, _)| id);
            if let Some(seq) = self.cancelled.remove(&id) {
                self.answers.untaken.take_back(seq);
                return;
            }
        }
        match ended {
            Ok((_, seq)) => {
                if !self.by_number.is_empty() {
                    self.by_number.remove(&seq);
                }
            }
            // It was cancelled, and is forgotten, or it panicked, which is rare.
            Err(error) if error.is_panic() => {
                self.by_number.retain(|_, task| !task.is_finished());
            }
            Err(_) => {}
        }
    }

    /// How many have not ended.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};

    use super::*;
    use crate::codec::CallConfig;
    use crate::event::{Direction, Observer};
    use crate::rpc::outbox::Outbox;

    fn calls() -> RunningCalls {
        let outbox = Outbox::new(
            Box::new(tokio::io::sink()),
            CallConfig::default(),
            Observer::default().tally(Direction::Served).shared(),
        );
        RunningCalls::new(Arc::new(Answers::new(outbox)))
    }

    async fn ended(calls: &mut RunningCalls) {
        poll_fn(|cx| calls.poll_ended(cx)).await.unwrap();
    }

    #[tokio::test]
    async fn a_call_that_has_ended_is_forgotten() {
        let mut calls = self::calls();
        calls.spawn(1, async { 1 }, true);
        calls.spawn(2, pending(), true);
        calls.spawn(3, async { panic!("not a failure of the test") }, true);
        ended(&mut calls).await;
        ended(&mut calls).await;
        assert_eq!((calls.len(), calls.by_number.len()), (1, 1));
        // Of these none is known.
        calls.cancel(1);
        calls.cancel(3);
        calls.cancel(u64::MAX);
        assert_eq!(calls.len(), 1);
        calls.cancel(2);
        ended(&mut calls).await;
        assert_eq!((calls.len(), calls.by_number.len()), (0, 0));
        assert!(poll_fn(|cx| calls.poll_ended(cx)).await.is_none());
    }

    #[tokio::test]
    async fn a_number_that_comes_twice_is_the_later_calls() {
        let mut calls = self::calls();
        calls.spawn(1, pending(), true);
        calls.spawn(1, pending(), true);
        calls.cancel(1);
        ended(&mut calls).await;
        calls.cancel(1);
        assert_eq!((calls.len(), calls.by_number.len()), (1, 0));
    }

    #[test]
    fn the_call_that_runs_aside_is_cancelled_when_it_comes_back() {
        let mut calls = self::calls();
        calls.put_aside(7);
        calls.cancel(6);
        assert!(!calls.take_back(7));
        calls.put_aside(8);
        calls.cancel(8);
        assert!(calls.take_back(8));
        assert!(!calls.take_back(8));
    }
}
