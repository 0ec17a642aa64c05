//! A method, and whether its calls may run on their connection's task.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;

use super::responder::Responder;
use super::running::Running;
use crate::codec::Undecoded;
pub(super) use crate::tuning::rpc::QUICK;
use crate::tuning::rpc::TRIAL;

/// Decodes the argument, runs the method, sends the reply.
pub(super) type Run = dyn Fn(Undecoded, Responder) -> BoxFuture<'static, ()> + Send + Sync;

/// One method, and how quick its calls are.
pub(super) struct Method {
    run: Box<Run>,
    /// How many calls in a row were quick, up to [`TRIAL`].
    quick: AtomicU32,
    /// Whether it is the library's own, which never blocks its thread.
    own: bool,
}

impl Method {
    pub(super) fn new(run: Box<Run>, own: bool) -> Self {
        Method {
            run,
            quick: AtomicU32::new(0),
            own,
        }
    }

    pub(super) fn run(&self, argument: Undecoded, responder: Responder) -> Running {
        Running::new((self.run)(argument, responder))
    }

    /// Whether a call may run on the connection's own task: it is expected to end at its first
    /// poll, and soon.
    pub(super) fn is_quick(&self) -> bool {
        self.quick.load(Ordering::Relaxed) >= TRIAL
    }

    /// Whether calls are polled with the connection, even while all threads of the runtime are
    /// blocked.
    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    /// Notes how a call's first poll went.
    pub(super) fn note(&self, ended: bool, took: Duration) {
        if !ended || took > QUICK {
            self.quick.store(0, Ordering::Relaxed);
        } else if !self.is_quick() {
            self.quick.fetch_add(1, Ordering::Relaxed);
        }
    }
}
