//! One process of a supervised plugin: how it comes into service, and whether it is still in use.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, sleep, timeout};

use super::config::Health;
use super::error::{Cause, HealthError, StartError};
use super::numbers::Numbers;
use super::watching::look;
use crate::connection::DispenseError;
use crate::host::resume::resume;
use crate::host::survivor::{FileVersion, Hex, Survivor};
use crate::host::{Client, ClientConfig};
use crate::interface::supervised::{Connection, Route, Usage};
use crate::tuning::rpc::SESSION_LOST;
use crate::tuning::supervisor as tuning;

/// The streams that a connection begins with: control, stdout and stderr.
const FIRST_STREAMS: usize = 3;

/// One process of the plugin.
pub(super) struct Generation {
    pub(super) client: Arc<Client>,
    /// Distinguishes the processes of a supervisor.
    number: u64,
    numbers: Arc<Numbers>,
    usage: Arc<Usage>,
    /// The file that was there when it was started, where that is of interest.
    executable: Option<FileVersion>,
    checksum: Option<Hex>,
    /// What it serves, and for which routes. Held to look and to add only.
    connections: Mutex<Vec<(Weak<Route>, Arc<Connection>)>>,
}

impl Generation {
    /// Starts a process, which is in no service yet: it has been dispensed what the routes need,
    /// and has passed a check.
    pub(super) async fn start(
        config: ClientConfig,
        routes: Vec<Arc<Route>>,
        health: Option<&Health>,
        number: u64,
        numbers: Arc<Numbers>,
    ) -> Result<Arc<Self>, StartError> {
        let checksum = config.checksum();
        // Before it is started, so that no change of the file is missed.
        let executable = match (&config.survival, config.launch.program()) {
            (Some(_), Some(program)) => look(program).await,
            _ => None,
        };
        let launched = AssertUnwindSafe(Client::launch(config))
            .catch_unwind()
            .await;
        let client = Arc::new(launched.map_err(|_| StartError::Panicked)??);
        numbers.add(number, &client);
        let generation = Self {
            client,
            number,
            numbers,
            usage: Arc::default(),
            executable,
            checksum,
            connections: Mutex::default(),
        };
        match generation.prepare(routes, health).await {
            Ok(()) => Ok(Arc::new(generation)),
            Err(error) => {
                generation.client.kill().await;
                Err(error)
            }
        }
    }

    /// Takes over a process that an earlier host has left, as fit for service as one that was
    /// started. On every error it still runs, if it did.
    pub(super) async fn resume(
        mut config: ClientConfig,
        routes: Vec<Arc<Route>>,
        health: Option<&Health>,
        number: u64,
        numbers: Arc<Numbers>,
        survivor: Survivor,
    ) -> Result<Arc<Self>, StartError> {
        let checksum = config.checksum();
        if checksum.is_some() && checksum != survivor.checksum {
            return Err(StartError::OtherExecutable);
        }
        let client = Arc::new(resume(&mut config, &survivor).await?);
        numbers.add(number, &client);
        let generation = Self {
            client,
            number,
            numbers,
            usage: Arc::default(),
            executable: survivor.executable,
            checksum: survivor.checksum,
            connections: Mutex::default(),
        };
        generation.prepare(routes, health).await?;
        Ok(Arc::new(generation))
    }

    /// From now on it outlives this host, if it is to.
    pub(super) fn survive(&self) {
        self.client.running().survive();
    }

    /// What the next host has to know of it, if it outlives this one.
    pub(super) fn survivor(&self) -> Option<Survivor> {
        let mut survivor = self.client.running().survivor()?;
        survivor.checksum.clone_from(&self.checksum);
        survivor.executable = self.executable;
        Some(survivor)
    }

    /// Leaves it to the next host.
    pub(super) async fn hand_over(&self) -> Option<Survivor> {
        let unread = self.client.running().hand_over().await;
        let mut survivor = self.survivor()?;
        survivor.unread = Hex(unread);
        Some(survivor)
    }

    async fn prepare(
        &self,
        routes: Vec<Arc<Route>>,
        health: Option<&Health>,
    ) -> Result<(), StartError> {
        for route in routes {
            let dispensed = self.dispense(&route).await;
            dispensed.map_err(|source| StartError::Dispense {
                name: route.name.clone(),
                source,
            })?;
        }
        if let Some(health) = health {
            self.check(health).await?;
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.client.pid()
    }

    /// Has the process serve a route, which does not lead to it yet.
    pub(super) async fn dispense(&self, route: &Arc<Route>) -> Result<(), DispenseError> {
        let rpc = self.client.dispense_client(&route.name).await?;
        let connection = Arc::new(Connection {
            rpc,
            broker: self.client.broker().clone(),
            usage: Arc::clone(&self.usage),
            process: self.number,
        });
        self.connections().push((Arc::downgrade(route), connection));
        Ok(())
    }

    fn connections(&self) -> MutexGuard<'_, Vec<(Weak<Route>, Arc<Connection>)>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was dispensed for a route.
    pub(super) fn serves(&self, route: &Arc<Route>) -> bool {
        let connections = self.connections();
        connections
            .iter()
            .any(|(served, _)| std::ptr::eq(served.as_ptr(), Arc::as_ptr(route)))
    }

    /// What it serves. That of routes without remotes is let go.
    fn served(&self) -> Vec<(Arc<Route>, Arc<Connection>)> {
        let mut served = Vec::new();
        self.connections().retain(|(route, connection)| {
            let route = route.upgrade();
            served.extend(route.clone().map(|route| (route, Arc::clone(connection))));
            route.is_some()
        });
        served
    }

    /// Puts it into service, in place of another.
    pub(super) fn enter(&self, replaced: Option<&Generation>) {
        let replaced = replaced.map(|replaced| replaced.number);
        for (route, connection) in self.served() {
            route.change(|service| {
                service
                    .up
                    .retain(|up| Some(up.process) != replaced && up.process != connection.process);
                service.up.push(connection);
            });
        }
    }

    /// Takes it out of service. Calls that begin from now on go elsewhere.
    pub(super) fn leave(&self) {
        for (route, _) in self.served() {
            route.change(|service| service.up.retain(|up| up.process != self.number));
        }
    }

    /// How many calls it has had. It wraps.
    pub(super) fn calls_begun(&self) -> u32 {
        self.usage.begun()
    }

    /// Whether it has no calls, streams or lent interfaces.
    pub(super) fn is_quiet(&self) -> bool {
        let served = self.served();
        let own: usize = served.iter().map(|(_, up)| up.rpc.streams()).sum();
        let broker = self.client.broker();
        self.usage.calls() == 0
            && !broker.is_awaiting()
            && broker.session().streams() <= FIRST_STREAMS.saturating_add(own)
    }

    /// Waits until it has nothing left to do: `true`; or until a time is over, or it has ended.
    pub(super) async fn quiet(&self, limit: Duration) -> bool {
        let quiet = async {
            let mut pause = tuning::FIRST_LOOK;
            while !self.is_quiet() {
                sleep(pause).await;
                pause = pause.saturating_mul(2).min(tuning::LAST_LOOK);
            }
        };
        tokio::select! {
            biased;
            waited = timeout(limit, quiet) => waited.is_ok(),
            _ = self.client.closed() => false,
        }
    }

    /// Waits for it to end without having been asked to, and says why.
    pub(super) async fn lost(&self) -> Cause {
        let reason = tokio::select! {
            biased;
            _ = self.client.wait() => None,
            reason = self.client.closed() => Some(reason),
        };
        if let Some(reason) = reason {
            // A process that dies loses its connection first. Its calls wait as long to learn how
            // it ended, and learn nothing once it is killed.
            let exit = timeout(SESSION_LOST, self.client.wait());
            if exit.await.is_err() {
                return match self.client.is_ending() {
                    true => Cause::Ended,
                    false => Cause::Disconnected(reason),
                };
            }
        }
        match self.client.crash().await {
            Some(crash) => Cause::Crashed(crash),
            None => Cause::Ended,
        }
    }

    /// Whether it is healthy.
    pub(super) async fn check(&self, health: &Health) -> Result<(), HealthError> {
        let checks = async {
            self.client.ping().await.map_err(HealthError::Ping)?;
            let Some(check) = &health.check else {
                return Ok(());
            };
            let client = Arc::clone(&self.client);
            let checked = AssertUnwindSafe(async { check(client).await });
            match checked.catch_unwind().await {
                Ok(checked) => checked.map_err(HealthError::Check),
                Err(_) => Err(HealthError::Panicked),
            }
        };
        let deadline = health.deadline;
        let checked = timeout(deadline, checks).await;
        checked.unwrap_or(Err(HealthError::Timeout { deadline }))
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.numbers.remove(self.number, &self.client);
    }
}

/// Finds out whether a process has had nothing to do for a time.
pub(super) struct IdleWatch {
    limit: Option<Duration>,
    since: Instant,
    begun: u32,
}

impl IdleWatch {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            since: Instant::now(),
            begun: 0,
        }
    }

    /// Waits for a process to be idle. May be dropped and called again.
    pub(super) async fn idle(&mut self, generation: &Generation) {
        let Some(limit) = self.limit else {
            return std::future::pending().await;
        };
        let pause = limit
            .checked_div(tuning::IDLE_LOOKS)
            .unwrap_or(limit)
            .max(tuning::FIRST_LOOK);
        loop {
            let begun = generation.calls_begun();
            if begun != self.begun || !generation.is_quiet() {
                self.begun = begun;
                self.since = Instant::now();
            } else if self.since.elapsed() >= limit {
                return;
            }
            sleep(pause).await;
        }
    }
}
