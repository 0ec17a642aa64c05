//! A process in service: watched, checked, replaced, until it is not in service any more.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, OptionFuture};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::{Dispense, Instance, drain, ended, shut_down, starting};
use crate::connection::DispenseError;
use crate::host::ClientConfig;
use crate::host::supervisor::error::{Cause, HealthError, ReloadError, StartError};
use crate::host::supervisor::event::{EventKind, State};
use crate::host::supervisor::generation::{Generation, IdleWatch};
use crate::host::supervisor::shared::Stop;
use crate::host::supervisor::state::Happened;
use plugwire_base::chain::logged;

/// What comes after a process.
pub(super) enum End {
    Shutdown,
    Idle,
    Lost(Cause),
    /// Another one, which is in service.
    Next(Arc<Generation>),
}

/// The process in service, and what is under way around it.
struct Serving {
    generation: Arc<Generation>,
    lost: BoxFuture<'static, Cause>,
    /// The next check, and its outcome.
    check: OptionFuture<BoxFuture<'static, Result<(), HealthError>>>,
    idle: IdleWatch,
    dispensing: FuturesUnordered<BoxFuture<'static, (Dispense, Result<(), DispenseError>)>>,
    /// The process that is to take the place.
    replacement: Option<Replacement>,
}

struct Replacement {
    config: ClientConfig,
    done: oneshot::Sender<Result<(), ReloadError>>,
    starting: BoxFuture<'static, Result<Arc<Generation>, StartError>>,
}

impl Instance {
    pub(super) async fn serve_until_end(&mut self, generation: Arc<Generation>) -> End {
        let mut serving = self.serving(generation);
        loop {
            if let Some(end) = self.next(&mut serving).await {
                return end;
            }
        }
    }

    fn serving(&mut self, generation: Arc<Generation>) -> Serving {
        let watched = Arc::clone(&generation);
        let dispensing = FuturesUnordered::new();
        // Those that became known while it started.
        for route in self.shared.routes() {
            if !generation.serves(&route) {
                let (done, _) = oneshot::channel();
                dispensing.push(dispense(&generation, Dispense { route, done }));
            }
        }
        for asked in self.asked.drain(..).filter(|asked| !asked.done.is_closed()) {
            dispensing.push(dispense(&generation, asked));
        }
        Serving {
            lost: async move { watched.lost().await }.boxed(),
            check: self.next_check(&generation),
            idle: IdleWatch::new(self.shared.config.idle_timeout),
            dispensing,
            replacement: None,
            generation,
        }
    }

    fn next_check(
        &self,
        generation: &Arc<Generation>,
    ) -> OptionFuture<BoxFuture<'static, Result<(), HealthError>>> {
        let health = self.shared.config.health.clone();
        let check = health.map(|health| {
            let generation = Arc::clone(generation);
            async move {
                sleep(health.every).await;
                generation.check(&health).await
            }
            .boxed()
        });
        check.into()
    }

    /// The next thing that happens.
    async fn next(&mut self, serving: &mut Serving) -> Option<End> {
        let generation = Arc::clone(&serving.generation);
        tokio::select! {
            biased;
            () = ended(&mut self.stop) => {
                generation.leave();
                self.finish(&generation).await;
                Some(End::Shutdown)
            }
            cause = &mut serving.lost => Some(self.lost(serving, cause).await),
            started = async {
                match &mut serving.replacement {
                    Some(replacement) => (&mut replacement.starting).await,
                    None => std::future::pending().await,
                }
            } => {
                self.replace(serving, started);
                None
            }
            Some((dispense, dispensed)) = serving.dispensing.next() => {
                self.dispensed(&generation, dispense, dispensed);
                None
            }
            Some(checked) = &mut serving.check => match checked {
                Ok(()) => {
                    serving.check = self.next_check(&generation);
                    None
                }
                // It has ended, or is about to, and how it does is the cause.
                Err(HealthError::Ping(error)) if error.is_disconnected() => {
                    serving.check = None.into();
                    None
                }
                Err(error) => {
                    let error = Arc::new(error);
                    self.tell(EventKind::HealthFailed(Arc::clone(&error)));
                    Some(self.lost(serving, Cause::Unhealthy(error)).await)
                }
            },
            Some(reload) = self.reloads.recv(), if serving.replacement.is_none() => {
                let config = reload.config.unwrap_or_else(|| self.config.clone());
                serving.replacement = Some(Replacement {
                    done: reload.done,
                    starting: starting(&self.shared, config.clone()),
                    config,
                });
                None
            }
            Some(asked) = self.dispenses.recv() => {
                // Its caller may have given up meanwhile.
                if !asked.done.is_closed() {
                    serving.dispensing.push(dispense(&generation, asked));
                }
                None
            }
            () = serving.idle.idle(&generation), if serving.replacement.is_none() => {
                self.stop_idle(&generation)
            }
            Some(_) = self.ending.join_next() => None,
        }
    }

    /// The supervisor ends: the process does, or is left to the next host once it has finished what
    /// it has, or has had its time.
    async fn finish(&mut self, generation: &Arc<Generation>) {
        if *self.stop.borrow() != Stop::Detach {
            return generation.client.kill().await;
        }
        // Calls that wait for it fail.
        self.set_state(State::Stopped {
            cause: Cause::Detached,
        });
        let limit = self.shared.config.drain_timeout;
        let finished = tokio::select! {
            biased;
            () = shut_down(&mut self.stop) => return generation.client.kill().await,
            finished = generation.quiet(limit) => finished,
        };
        self.survivor = generation.hand_over().await;
        let pid = generation.pid();
        self.tell(EventKind::Detached { pid, finished });
        tracing::info!(
            plugin = self.name,
            pid,
            "the plugin is left to the next host"
        );
    }

    /// The process has ended, or has to be ended. One that was to replace it still may.
    async fn lost(&mut self, serving: &mut Serving, cause: Cause) -> End {
        let generation = &serving.generation;
        generation.leave();
        tracing::error!(
            plugin = self.name, pid = generation.pid(), cause = %logged(&cause),
            "the plugin is out of service"
        );
        self.tell(EventKind::Down {
            pid: generation.pid(),
            cause: cause.clone(),
        });
        let lost = Arc::clone(generation);
        self.ending.spawn(async move { lost.client.kill().await });
        let Some(replacement) = serving.replacement.take() else {
            return End::Lost(cause);
        };
        self.set_state(State::Starting { attempt: 1 });
        let started = tokio::select! {
            biased;
            () = ended(&mut self.stop) => return End::Shutdown,
            started = replacement.starting => started,
        };
        match started {
            Ok(generation) => {
                self.config = replacement.config;
                self.happened(Happened::Reloaded);
                self.ready(&generation, Some(&serving.generation));
                let _ = replacement.done.send(Ok(()));
                End::Next(generation)
            }
            Err(error) => {
                self.not_reloaded(replacement.done, error);
                End::Lost(cause)
            }
        }
    }

    /// Puts the process that was started into the place of the one in service.
    fn replace(&mut self, serving: &mut Serving, started: Result<Arc<Generation>, StartError>) {
        let Some(Replacement { config, done, .. }) = serving.replacement.take() else {
            return;
        };
        let generation = match started {
            Ok(generation) => generation,
            Err(error) => return self.not_reloaded(done, error),
        };
        self.config = config;
        self.happened(Happened::Reloaded);
        self.ready(&generation, Some(&serving.generation));
        let new = self.serving(generation);
        // What was being dispensed by the old one is asked for again.
        let old = std::mem::replace(serving, new).generation;
        let (limit, stop) = (self.shared.config.drain_timeout, self.stop.clone());
        let (shared, index) = (Arc::clone(&self.shared), self.index);
        let tell = move |kind| shared.tell(index, kind);
        self.ending.spawn(drain(old, limit, stop, tell));
        let _ = done.send(Ok(()));
    }

    pub(super) fn not_reloaded(
        &self,
        done: oneshot::Sender<Result<(), ReloadError>>,
        error: StartError,
    ) {
        let error = Arc::new(error);
        tracing::warn!(plugin = self.name, error = %logged(&error), "the plugin is not reloaded");
        self.tell(EventKind::NotReloaded(Arc::clone(&error)));
        let _ = done.send(Err(ReloadError::Start(error)));
    }

    fn dispensed(
        &self,
        generation: &Generation,
        dispense: Dispense,
        dispensed: Result<(), DispenseError>,
    ) {
        let Dispense { route, done } = dispense;
        match dispensed {
            Ok(()) => {
                self.shared.keep_route(&route);
                generation.enter(None);
                let _ = done.send(Ok(()));
            }
            // The process is about to be lost. Dropping the answer has the caller ask again.
            Err(DispenseError::Call(error)) if error.is_disconnected() => {}
            Err(error) => {
                let _ = done.send(Err(error));
            }
        }
    }

    /// Stops a process that has nothing to do, unless it has just got something.
    fn stop_idle(&mut self, generation: &Arc<Generation>) -> Option<End> {
        generation.leave();
        // No call can begin any more.
        if !generation.is_quiet() {
            generation.enter(None);
            return None;
        }
        let idle = Arc::clone(generation);
        self.ending.spawn(async move { idle.client.kill().await });
        Some(End::Idle)
    }
}

fn dispense(
    generation: &Arc<Generation>,
    dispense: Dispense,
) -> BoxFuture<'static, (Dispense, Result<(), DispenseError>)> {
    let generation = Arc::clone(generation);
    async move {
        let dispensed = generation.dispense(&dispense.route).await;
        (dispense, dispensed)
    }
    .boxed()
}
