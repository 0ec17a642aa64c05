//! The task that owns one process of a supervised plugin, from start to start.

mod serving;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use self::serving::End;
use super::error::{Cause, ReloadError, StartError};
use super::event::{EventKind, State};
use super::generation::Generation;
use super::shared::{Shared, Stop};
use super::state::{At, Happened, Machine, Next};
use crate::connection::DispenseError;
use crate::host::ClientConfig;
use crate::host::resume::retire;
use crate::host::survivor::Survivor;
use crate::interface::supervised::Route;
use crate::rpc::CallError;
use crate::tuning::supervisor as tuning;
use plugwire_base::chain::logged;
use plugwire_base::instant;

/// A request to put another process in the place of the one in service.
pub(super) struct Reload {
    /// `None` for the configuration as it is.
    pub(super) config: Option<ClientConfig>,
    pub(super) done: oneshot::Sender<Result<(), ReloadError>>,
}

/// A request to serve a route.
pub(super) struct Dispense {
    pub(super) route: Arc<Route>,
    pub(super) done: oneshot::Sender<Result<(), DispenseError>>,
}

/// The ends by which a supervisor speaks with the task.
pub(super) struct Orders {
    pub(super) reloads: mpsc::Sender<Reload>,
    pub(super) dispenses: mpsc::Sender<Dispense>,
}

/// The owner of one process at a time, and of those that it has replaced.
pub(super) struct Instance {
    index: usize,
    /// What the plugin is called in the log.
    name: String,
    shared: Arc<Shared>,
    /// Of the next start.
    config: ClientConfig,
    machine: Machine,
    begin: Instant,
    /// Why the plugin is down.
    cause: Cause,
    reloads: mpsc::Receiver<Reload>,
    dispenses: mpsc::Receiver<Dispense>,
    /// Requests that an idle plugin got, for the next process.
    asked: Vec<Dispense>,
    /// A process that an earlier host has left, until it is taken over.
    survivor: Option<Survivor>,
    stop: watch::Receiver<Stop>,
    wake: watch::Receiver<u64>,
    /// The ends of processes that are not in service any more.
    ending: JoinSet<()>,
}

/// What comes next for the task.
enum Turn {
    Do(Next),
    Serve(Arc<Generation>),
    /// The supervisor ends.
    End,
}

impl Instance {
    pub(super) fn new(
        index: usize,
        shared: &Arc<Shared>,
        survivor: Option<Survivor>,
    ) -> (Self, Orders) {
        let (reloads, reload_requests) = mpsc::channel(tuning::ORDERS);
        let (dispenses, dispense_requests) = mpsc::channel(tuning::ORDERS);
        let instance = Self {
            index,
            name: shared.name().to_owned(),
            config: shared.config.client.clone(),
            machine: Machine::new(shared.config.policy.clone()),
            begin: Instant::now(),
            cause: Cause::Shutdown,
            reloads: reload_requests,
            dispenses: dispense_requests,
            asked: Vec::new(),
            survivor,
            stop: shared.stop.subscribe(),
            wake: shared.wake.subscribe(),
            ending: JoinSet::new(),
            shared: Arc::clone(shared),
        };
        (instance, Orders { reloads, dispenses })
    }

    /// Runs until the supervisor ends, and leaves no process but one that is left to the next host.
    pub(super) async fn run(mut self) {
        let mut turn = match self.survivor.clone() {
            Some(survivor) => self.resume(survivor).await,
            None => Turn::Do(self.machine.begin()),
        };
        loop {
            turn = match turn {
                Turn::End => break,
                Turn::Do(next) => self.act(next).await,
                Turn::Serve(generation) => self.serve(generation).await,
            };
        }
        let detaches = *self.stop.borrow() == Stop::Detach;
        let cause = match detaches {
            true => Cause::Detached,
            false => Cause::Shutdown,
        };
        self.down(cause.clone());
        self.set_state(State::Stopped { cause });
        self.tell(EventKind::Stopped);
        match self.survivor.take() {
            Some(survivor) if detaches => self.shared.set_survivor(self.index, survivor),
            // It was not taken over yet.
            Some(survivor) => retire(&self.config, &survivor).await,
            None => {}
        }
        // Each is bounded: the processes that drain know of the end, too.
        while self.ending.join_next().await.is_some() {}
    }

    /// Takes over the process that an earlier host has left, or starts another one.
    async fn resume(&mut self, survivor: Survivor) -> Turn {
        let pid = survivor.reattach.pid;
        let resuming = resuming(&self.shared, self.config.clone(), survivor.clone());
        let resumed = tokio::select! {
            biased;
            // It is looked after at the end.
            () = ended(&mut self.stop) => return Turn::End,
            resumed = resuming => resumed,
        };
        match resumed {
            Ok(generation) => {
                self.survivor = None;
                self.happened(Happened::Started);
                self.enter(&generation, None, EventKind::Resumed { pid });
                Turn::Serve(generation)
            }
            Err(error) => {
                tracing::warn!(
                    plugin = self.name, pid, error = %logged(&error),
                    "a plugin that an earlier host has left is not taken over"
                );
                tokio::select! {
                    biased;
                    () = ended(&mut self.stop) => return Turn::End,
                    () = retire(&self.config, &survivor) => {}
                }
                self.survivor = None;
                self.tell(EventKind::NotResumed(Arc::new(error)));
                Turn::Do(self.machine.begin())
            }
        }
    }

    async fn serve(&mut self, generation: Arc<Generation>) -> Turn {
        match self.serve_until_end(generation).await {
            End::Shutdown => Turn::End,
            End::Idle => Turn::Do(self.happened(Happened::Idled)),
            End::Next(generation) => Turn::Serve(generation),
            End::Lost(Cause::Ended) => {
                self.down(Cause::Ended);
                Turn::Do(Next::Stop)
            }
            End::Lost(cause) => {
                let failure = cause.is_failure();
                self.down(cause);
                Turn::Do(self.happened(Happened::Ended { failure }))
            }
        }
    }

    async fn act(&mut self, next: Next) -> Turn {
        match next {
            Next::Start { attempt } => self.start(attempt).await,
            // Only a process that runs is served.
            Next::Serve => Turn::Do(self.machine.begin()),
            Next::WaitUntil { until, failures } => self.back_off(until, failures).await,
            Next::Idle => {
                self.wake.mark_unchanged();
                self.set_state(State::Idle);
                self.tell(EventKind::Idle);
                self.rest(None, true).await
            }
            Next::Stop => {
                let cause = self.cause.clone();
                self.set_state(State::Stopped { cause });
                self.tell(EventKind::Stopped);
                self.rest(None, false).await
            }
            Next::GiveUp(limit) => {
                let cause = Cause::GivenUp {
                    restarts: limit.restarts,
                    window: limit.window,
                    source: Box::new(self.cause.clone()),
                };
                tracing::error!(
                    plugin = self.name, cause = %logged(&cause), "the plugin stays down"
                );
                self.set_state(State::Failed {
                    cause: cause.clone(),
                });
                self.tell(EventKind::Failed(cause));
                self.rest(None, false).await
            }
        }
    }

    async fn start(&mut self, attempt: u32) -> Turn {
        self.set_state(State::Starting { attempt });
        self.tell(EventKind::Starting { attempt });
        match self.start_unless_ended(self.config.clone()).await {
            None => Turn::End,
            Some(Ok(generation)) => {
                self.happened(Happened::Started);
                self.ready(&generation, None);
                Turn::Serve(generation)
            }
            Some(Err(error)) => {
                let cause = Cause::NotStarted(Arc::new(error));
                tracing::error!(plugin = self.name, cause = %logged(&cause), "no plugin");
                self.tell(EventKind::Down {
                    pid: None,
                    cause: cause.clone(),
                });
                self.down(cause);
                Turn::Do(self.happened(Happened::NotStarted))
            }
        }
    }

    async fn back_off(&mut self, until: At, failures: u32) -> Turn {
        let now = self.now();
        let delay = until.saturating_sub(now);
        let until = instant::after(delay);
        let cause = self.cause.clone();
        tracing::warn!(
            plugin = self.name,
            ?delay,
            failures,
            "the plugin is started again later"
        );
        self.set_state(State::BackingOff {
            until,
            failures,
            cause,
        });
        self.tell(EventKind::BackingOff { delay, failures });
        self.rest(Some(until), false).await
    }

    /// Waits for a reason to start the plugin: that it is time, or wanted, or that a new one is to
    /// be tried.
    async fn rest(&mut self, until: Option<Instant>, when_wanted: bool) -> Turn {
        let is_down = until.is_none() && !when_wanted;
        if is_down {
            for dispense in std::mem::take(&mut self.asked) {
                self.refuse(dispense);
            }
        }
        loop {
            let time = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = ended(&mut self.stop) => return Turn::End,
                () = time => return Turn::Do(self.happened(Happened::Waited)),
                _ = self.wake.changed(), if when_wanted => {
                    return Turn::Do(self.happened(Happened::Wanted));
                }
                Some(reload) = self.reloads.recv() => match self.try_anew(reload).await {
                    None => return Turn::End,
                    Some(None) => {}
                    Some(Some(generation)) => return Turn::Serve(generation),
                },
                // One that is to be started again has them later.
                Some(dispense) = self.dispenses.recv(), if until.is_none() => {
                    if when_wanted {
                        self.asked.push(dispense);
                        return Turn::Do(self.happened(Happened::Wanted));
                    }
                    self.refuse(dispense);
                }
                Some(_) = self.ending.join_next() => {}
            }
        }
    }

    /// Answers that the plugin stays down.
    fn refuse(&self, dispense: Dispense) {
        let error = CallError::Down {
            method: "Dispenser.Dispense".to_owned(),
            waited: None,
            source: Some(Arc::new(self.cause.clone())),
        };
        let _ = dispense.done.send(Err(error.into()));
    }

    /// Starts a process while none is in service, since that was asked for. `None` when the
    /// supervisor ends meanwhile.
    async fn try_anew(&mut self, reload: Reload) -> Option<Option<Arc<Generation>>> {
        let config = reload.config.unwrap_or_else(|| self.config.clone());
        Some(match self.start_unless_ended(config.clone()).await? {
            Ok(generation) => {
                self.config = config;
                self.happened(Happened::Reloaded);
                self.ready(&generation, None);
                let _ = reload.done.send(Ok(()));
                Some(generation)
            }
            Err(error) => {
                self.not_reloaded(reload.done, error);
                None
            }
        })
    }

    /// A process that is fit for service. `None` when the supervisor ends meanwhile: the process
    /// is gone then.
    async fn start_unless_ended(
        &mut self,
        config: ClientConfig,
    ) -> Option<Result<Arc<Generation>, StartError>> {
        // So that processes which take long to end do not pile up.
        while self.ending.len() >= tuning::MAX_ENDING {
            self.ending.join_next().await;
        }
        let starting = starting(&self.shared, config);
        tokio::select! {
            biased;
            () = ended(&mut self.stop) => None,
            started = starting => Some(started),
        }
    }

    /// Puts a process into service that was started for it.
    fn ready(&self, generation: &Generation, replaced: Option<&Generation>) {
        let pid = generation.pid();
        let kind = match replaced {
            None => EventKind::Ready { pid },
            Some(_) => EventKind::Reloaded { pid },
        };
        self.enter(generation, replaced, kind);
    }

    /// Puts a process into service.
    fn enter(&self, generation: &Generation, replaced: Option<&Generation>, kind: EventKind) {
        generation.survive();
        generation.enter(replaced);
        let pid = generation.pid();
        // First, so that a snapshot of a plugin that is ready has it.
        if let Some(survivor) = generation.survivor() {
            self.shared.set_survivor(self.index, survivor);
        }
        self.set_state(State::Ready { pid });
        self.tell(kind);
        tracing::info!(plugin = self.name, pid, "the plugin is in service");
    }

    /// Notes why the plugin is down.
    fn down(&mut self, cause: Cause) {
        self.cause = cause;
    }

    fn happened(&mut self, happened: Happened) -> Next {
        let now = self.now();
        self.machine.on(happened, now)
    }

    fn now(&self) -> At {
        self.begin.elapsed()
    }

    fn set_state(&self, state: State) {
        self.shared.set_state(self.index, state);
    }

    fn tell(&self, kind: EventKind) {
        self.shared.tell(self.index, kind);
    }
}

/// Starts a process, whatever panics on the way.
fn starting(
    shared: &Arc<Shared>,
    config: ClientConfig,
) -> futures::future::BoxFuture<'static, Result<Arc<Generation>, StartError>> {
    let shared = Arc::clone(shared);
    Box::pin(async move {
        let numbers = Arc::clone(&shared.numbers);
        let (routes, number) = (shared.routes(), shared.next_process());
        let health = shared.config.health.as_ref();
        let started = Generation::start(config, routes, health, number, numbers);
        let started = AssertUnwindSafe(started).catch_unwind().await;
        started.unwrap_or(Err(StartError::Panicked))
    })
}

/// Takes a process over, whatever panics on the way.
fn resuming(
    shared: &Arc<Shared>,
    config: ClientConfig,
    survivor: Survivor,
) -> futures::future::BoxFuture<'static, Result<Arc<Generation>, StartError>> {
    let shared = Arc::clone(shared);
    Box::pin(async move {
        let numbers = Arc::clone(&shared.numbers);
        let (routes, number) = (shared.routes(), shared.next_process());
        let health = shared.config.health.as_ref();
        let resumed = Generation::resume(config, routes, health, number, numbers, survivor);
        let resumed = AssertUnwindSafe(resumed).catch_unwind().await;
        resumed.unwrap_or(Err(StartError::Panicked))
    })
}

/// Waits for the supervisor to end, in either way.
pub(super) async fn ended(stop: &mut watch::Receiver<Stop>) {
    // Its handle sets it before it is gone.
    let _ = stop.wait_for(|&stop| stop != Stop::No).await;
}

/// Waits for the supervisor to end its processes.
pub(super) async fn shut_down(stop: &mut watch::Receiver<Stop>) {
    let _ = stop.wait_for(|&stop| stop == Stop::Shutdown).await;
}

/// Ends a process once it has nothing to do, or has had its time.
async fn drain(
    generation: Arc<Generation>,
    limit: Duration,
    mut stop: watch::Receiver<Stop>,
    tell: impl FnOnce(EventKind),
) {
    let finished = tokio::select! {
        biased;
        () = shut_down(&mut stop) => false,
        finished = generation.quiet(limit) => finished,
    };
    let pid = generation.pid();
    generation.client.kill().await;
    tell(EventKind::Drained { pid, finished });
}
