//! The settings of a supervisor.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::policy::RestartPolicy;
use super::saved::SupervisorState;
use crate::InvalidOption;
use crate::host::{Client, ClientConfig};
use crate::interface::supervised::Patience;
use crate::tuning::supervisor as tuning;

/// What a call does while its plugin is down after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenDown {
    /// It waits for the plugin, until its deadline.
    #[default]
    Wait,
    /// It fails at once, with the failure as the cause.
    Fail,
}

/// How to keep a plugin running.
///
/// ```
/// use std::process::Command;
/// use std::time::Duration;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::{ClientConfig, Health, SupervisorConfig};
///
/// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// let client = ClientConfig::new(handshake, Command::new("./greeter"));
/// let config = SupervisorConfig::new(client)
///     .health(Health::every(Duration::from_secs(10)))
///     .idle_timeout(Duration::from_secs(300));
/// ```
#[derive(Clone, Debug)]
pub struct SupervisorConfig {
    pub(super) client: ClientConfig,
    pub(super) policy: RestartPolicy,
    when_down: WhenDown,
    pub(super) wait_timeout: Duration,
    repeats: u32,
    pub(super) health: Option<Health>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) drain_timeout: Duration,
    pub(super) instances: usize,
    reload_on_change: Option<Duration>,
    pub(super) resume: Option<SupervisorState>,
}

impl SupervisorConfig {
    /// Keeps one process of the plugin running.
    #[must_use]
    pub fn new(client: ClientConfig) -> Self {
        Self {
            client,
            policy: RestartPolicy::default(),
            when_down: WhenDown::default(),
            wait_timeout: tuning::WAIT_TIMEOUT,
            repeats: tuning::REPEATS,
            health: None,
            idle_timeout: None,
            drain_timeout: tuning::DRAIN_TIMEOUT,
            instances: 1,
            reload_on_change: None,
            resume: None,
        }
    }

    /// When the plugin is started again. Default: always, with the delays and the limit of
    /// [`RestartPolicy`].
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// What calls do while the plugin is down after a failure. Default: they wait. While it is
    /// started for the first time, or after it was idle, they wait in either case.
    #[must_use]
    pub fn when_down(mut self, when_down: WhenDown) -> Self {
        self.when_down = when_down;
        self
    }

    /// How long a call without a deadline, and [`dispense`](super::Supervisor::dispense), wait for
    /// the plugin. Default 1 minute; not zero.
    #[must_use]
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.wait_timeout = timeout;
        self
    }

    /// How often one call may be made anew, on another process, after the one that it was made on
    /// has ended. That is done for calls of methods with `#[plugwire(idempotent)]`, and for those
    /// that were certainly not sent. Default 3; with 0 it is never done.
    #[must_use]
    pub fn repeats(mut self, repeats: u32) -> Self {
        self.repeats = repeats;
        self
    }

    /// Checks the plugin from time to time, and replaces one that is not healthy. Default: none. A
    /// plugin that ends, or loses its connection, is noticed without.
    #[must_use]
    pub fn health(mut self, health: Health) -> Self {
        self.health = Some(health);
        self
    }

    /// Stops the plugin after this time without calls, streams or lent interfaces; the next call
    /// starts it again. It is measured to a quarter. Default: none, the plugin stays. Not zero.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// How long a process that was replaced may go on with the calls and streams that it has.
    /// Default 30 s. Zero ends it at once.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// How many processes of the plugin there are. Each call goes to the one with the fewest calls
    /// under way. Default 1; from 1 to 1,024.
    ///
    /// Each process has an implementation of its own, so this suits those without a state.
    #[must_use]
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances;
        self
    }

    /// Looks at the executable so often, and [reloads](super::Supervisor::reload) the plugin when
    /// the file is another one, and has not changed from one look to the next: it is not being
    /// written. Default: never. Not zero. It has to be launched by a command.
    ///
    /// Put the new file into the place of the old one by renaming it, which is one step. The
    /// system does not let a program be written to that runs.
    #[must_use]
    pub fn reload_on_change(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.reload_on_change = every.into();
        self
    }

    /// Starts plugins that survive this host: its end, or its crash, and an upgrade of it. Default:
    /// they end with it. [`Supervisor::detach`](super::Supervisor::detach) hands them over to the
    /// next host, which takes them over by [`resume`](Self::resume).
    ///
    /// The plugin's stdout and stderr, where it logs, are named pipes in a directory of its own in
    /// this one, which is made, for this user alone, if it is not there. A pipe to this host would
    /// break with it, and a plugin in Go would die of the next line that it logs. While there is no
    /// host, a pipe keeps 256 KiB; then the plugin waits when it logs, until the next host reads.
    ///
    /// The plugin ends when a host asks it to: by
    /// [`shutdown`](super::Supervisor::shutdown), by dropping the supervisor, by a restart, a
    /// reload or an idle stop. Of a host that is killed it stays, and
    /// [`Supervisor::saved_state`](super::Supervisor::saved_state) is what finds it again. It has a
    /// process group of its own, which is not ended with it by any later host than its first.
    ///
    /// It has to be launched by a command, and cannot have AutoMTLS, whose key would end with this
    /// host. On Linux only.
    #[must_use]
    pub fn survives_host(mut self, directory: impl Into<PathBuf>) -> Self {
        self.client.survival = Some(directory.into());
        self
    }

    /// Takes over what an earlier supervisor has left, in place of starting it. Default: nothing.
    ///
    /// A process is taken over if it is certainly the one that was left, serves an app version that
    /// this configuration can use, has the checksum that this one demands, answers, and passes the
    /// check of [`health`](Self::health). It then goes on as if it had been started here, with its
    /// log read on where the last host stopped. A process that is not taken over is ended, and
    /// another one is started; so is each that has ended meanwhile. Where the executable is
    /// [watched](Self::reload_on_change) and has changed meanwhile, the plugin is reloaded.
    ///
    /// The system gives the exit status of a process to its first host only. So
    /// [`Restart::OnFailure`](super::Restart::OnFailure) takes each end of one that was taken over
    /// for a failure.
    ///
    /// ```no_run
    /// use std::process::Command;
    /// use plugwire::handshake::HandshakeConfig;
    /// use plugwire::host::{ClientConfig, Supervisor, SupervisorConfig, SupervisorState};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// let client = ClientConfig::new(handshake, Command::new("./counter"));
    /// let mut config = SupervisorConfig::new(client).survives_host("/run/my-host/plugins");
    /// match SupervisorState::load("/run/my-host/state.json") {
    ///     Ok(state) => config = config.resume(state),
    ///     Err(error) if error.is_not_found() => {}
    ///     Err(error) => eprintln!("the plugins are started anew: {error}"),
    /// }
    /// let supervisor = Supervisor::start(config)?;
    /// // ... until this host is to be replaced:
    /// supervisor.detach().await?.save("/run/my-host/state.json")?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn resume(mut self, state: SupervisorState) -> Self {
        self.resume = Some(state);
        self
    }

    /// The executable to watch, if it is to be.
    pub(super) fn watched(&self) -> Result<Option<(OsString, Duration)>, InvalidOption> {
        let Some(every) = self.reload_on_change else {
            return Ok(None);
        };
        InvalidOption::check_duration("reload_on_change", every)?;
        match self.client.launch.program() {
            Some(program) => Ok(Some((program.to_owned(), every))),
            None => {
                let expected = "a plugin that is launched by a command";
                let given = self.client.launch.name();
                Err(InvalidOption::new("reload_on_change", given, expected))
            }
        }
    }

    pub(super) fn patience(&self) -> Patience {
        Patience {
            wait: self.wait_timeout,
            fails_at_once: self.when_down == WhenDown::Fail,
            repeats: self.repeats,
        }
    }

    /// Finds the first option that is invalid.
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        self.client.check_again()?;
        self.policy.check()?;
        InvalidOption::check_duration("wait_timeout", self.wait_timeout)?;
        if let Some(timeout) = self.idle_timeout {
            InvalidOption::check_duration("idle_timeout", timeout)?;
        }
        if let Some(health) = &self.health {
            InvalidOption::check_duration("Health::every", health.every)?;
            InvalidOption::check_duration("Health::deadline", health.deadline)?;
        }
        if !(1..=tuning::MAX_INSTANCES).contains(&self.instances) {
            let expected = "from 1 to 1024 processes";
            return Err(InvalidOption::new("instances", self.instances, expected));
        }
        Ok(())
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

type Check = dyn Fn(Arc<Client>) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// How a running plugin is checked: by a ping, and by a check of your own.
#[derive(Clone)]
pub struct Health {
    pub(super) every: Duration,
    pub(super) deadline: Duration,
    pub(super) check: Option<Arc<Check>>,
}

impl Health {
    /// A ping, so long after the check before has ended. Not zero.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self {
            every: interval,
            deadline: tuning::HEALTH_DEADLINE,
            check: None,
        }
    }

    /// How long the ping and the check may take together. Default 10 s; not zero.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// A check of your own after the ping. The plugin is healthy if it returns `Ok` in time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use plugwire::host::Health;
    ///
    /// let health = Health::every(Duration::from_secs(10)).check(|client| async move {
    ///     let greeter = client.dispense_client("greeter").await?;
    ///     let greeting: String = greeter.call("Plugin.Greet", &()).await?;
    ///     match greeting.is_empty() {
    ///         true => Err("the greeter is speechless".into()),
    ///         false => Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn check<F, E>(mut self, check: impl Fn(Arc<Client>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.check = Some(Arc::new(move |client| {
            let checked = check(client);
            Box::pin(async move { checked.await.map_err(Into::into) })
        }));
        self
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("every", &self.every)
            .field("deadline", &self.deadline)
            .field("check", &self.check.is_some())
            .finish()
    }
}
