//! From a configuration to a plugin that answers, step by step:
//!
//! 1. check the options (`host/check.rs`);
//! 2. make what must exist before the plugin does: a certificate (`security.rs`) and a directory
//!    for its socket (`socket_dir.rs`), and for its output if it outlives its host (`outlet.rs`);
//! 3. write the environment (`environment.rs`);
//! 4. start the process (`host/runner.rs`) and follow its output (`host/output/`);
//! 5. read the handshake line (`first_line.rs`, `crate::handshake`);
//! 6. connect, and wait for the first answer (`host/dial/`).
//!
//! A step that fails ends in `failure.rs`, which ends the process and reports what is known of it.

mod environment;
mod failure;
mod first_line;
mod security;
mod socket_dir;

use std::io;
use std::path::{Path, PathBuf};

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, field};

use self::failure::{Failure, not_started};
use self::first_line::first_line;
use self::security::Security;
use self::socket_dir::SocketDir;
use super::config::ClientConfig;
use super::crash_reporter::{CrashReporter, Watched};
use super::dial::{DialError, Dialed, Listening, PingError, Way, first_ping};
use super::error::LaunchError;
use super::launchable::Starter;
use super::log::LogSink;
use super::outlet::Outlet;
use super::output::{self, Lines, LogTap, Tail, until_drained};
use super::process::Process;
use super::runner::{Output, Runner, Started};
use super::running::Survival;
use crate::connection::RpcClient;
use crate::event::{self, LaunchFailed, Launched as LaunchedEvent};
use crate::handshake::{Address, HandshakeLine, MAX_LINE};
use crate::rpc::Obituary;
use crate::sys::process_start::ProcessStart;
use plugwire_base::chain::logged;
use plugwire_base::instant;

/// A plugin that has been started and has answered.
pub(super) struct Launched {
    pub(super) process: Process,
    pub(super) line: HandshakeLine,
    /// Where the host connects to, which the runner may have translated.
    pub(super) address: Address,
    pub(super) rpc: RpcClient,
    pub(super) pipes: JoinSet<()>,
    pub(super) crash_reporter: CrashReporter,
    pub(super) survival: Option<Survival>,
}

/// Starts the plugin, reads its handshake line and connects to it, as one span.
pub(super) async fn launch(config: &mut ClientConfig) -> Result<Launched, LaunchError> {
    config.check()?;
    let begin = Instant::now();
    let own_name = config.options.own_name();
    let (outlet, ends) = match &config.survival {
        None => (None, None),
        Some(place) => {
            let made = Outlet::make(place).map_err(|source| LaunchError::Outlet {
                place: place.clone(),
                source,
            })?;
            (Some(made.0), Some(made.1))
        }
    };
    let starter = config.launch.starter(ends)?;
    let program = starter.runner.name();
    let events = config.options.observed(&file_name(&program));
    let name = events.name();
    let span = tracing::info_span!(
        target: "plugwire::launch",
        "launch",
        plugin = &*name,
        program,
        pid = field::Empty,
        app_version = field::Empty,
        error = field::Empty,
    );
    let launched = start(config, starter, outlet, own_name)
        .instrument(span.clone())
        .await;
    let duration = begin.elapsed();
    let _entered = span.enter();
    match &launched {
        Ok(launched) => {
            let (pid, app_version) = (launched.process.pid(), launched.line.app_version);
            span.record("pid", pid);
            span.record("app_version", app_version);
            events.emit(&LaunchedEvent {
                pid,
                app_version,
                duration,
            });
        }
        Err(error) => {
            let error = logged(error).to_string();
            span.record("error", &*error);
            let error = &*error;
            events.emit(&LaunchFailed { error, duration });
        }
    }
    launched
}

async fn start(
    config: &mut ClientConfig,
    mut starter: Starter,
    outlet: Option<Outlet>,
    own_name: Option<String>,
) -> Result<Launched, LaunchError> {
    let deadline = instant::after(config.options.start_timeout);
    let survives = outlet.is_some();
    let security = Security::prepare(config, &starter).await?;
    let sockets = SocketDir::make(config, &starter)
        .map_err(|(place, source)| LaunchError::SocketDir { place, source })?;
    let environment = environment::of(config, &security, &sockets, starter.detached);

    let started = timeout_at(deadline, starter.runner.start(environment)).await;
    let started = match started {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return Err(not_started(&*starter.runner, error).await),
        Err(_) => {
            return Err(LaunchError::Timeout {
                after: config.options.start_timeout,
                report: Box::default(),
            });
        }
    };
    let (mut candidate, stdout, obituary) =
        Candidate::follow(started, sockets, outlet, config, starter.runner);
    candidate.own_name = own_name;

    let connected = candidate.connect(stdout, security, config, obituary);
    let failure = match timeout_at(deadline, connected).await {
        Ok(Ok((line, address, rpc))) => {
            // One that survives its host does so once it is in service.
            if starter.detached && !survives {
                candidate.process.keep().await;
            }
            let survival = survives.then(|| Survival {
                start: candidate.process.pid().and_then(ProcessStart::of),
                output: candidate.output,
                tap: Some(candidate.tap),
            });
            return Ok(Launched {
                survival,
                process: candidate.process,
                line,
                address,
                rpc,
                pipes: candidate.pipes,
                crash_reporter: candidate.crash_reporter,
            });
        }
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Timeout,
    };
    Err(candidate.fail(failure, config).await)
}

/// A process that was started and has not answered yet. Dropping it ends everything.
struct Candidate {
    runner: Box<dyn Runner>,
    process: Process,
    /// The instance name.
    name: String,
    /// The same, if it was set.
    own_name: Option<String>,
    tail: Tail,
    pipes: JoinSet<()>,
    crash_reporter: CrashReporter,
    /// The directory with the pipes that it prints to.
    output: Option<PathBuf>,
    tap: LogTap,
}

impl Candidate {
    /// Takes the process over and follows its stderr, from before its first line.
    fn follow(
        started: Started,
        sockets: SocketDir,
        outlet: Option<Outlet>,
        config: &mut ClientConfig,
        runner: Box<dyn Runner>,
    ) -> (Self, Output, Obituary) {
        let Started {
            stdout,
            stderr,
            plugin,
        } = started;
        let output = outlet.as_ref().map(|outlet| outlet.path().to_owned());
        let mut leftovers = sockets.into_leftovers();
        if let Some(outlet) = outlet {
            leftovers.prints_to(outlet);
        }
        let process = Process::own(plugin, leftovers);
        let program = runner.name();
        let name = config
            .options
            .observed(&file_name(&program))
            .name()
            .to_string();
        tracing::debug!(plugin = name, program, id = process.id(), "plugin started");
        let tail = Tail::default();
        let mut pipes = JoinSet::new();
        let (tap, stopped) = LogTap::new();
        if let Some(stderr) = stderr {
            let lines = Lines::new(stderr, config.log_buffer);
            let log = LogSink::new(name.clone(), config.on_log.take());
            let copy = config.stderr.take();
            let log = output::log_stderr(lines, copy, tail.clone(), log, stopped);
            pipes.spawn(until_drained(process.exit().clone(), log));
        } else {
            tail.end();
        }
        let (crash_reporter, obituary) = CrashReporter::new();
        let report = crash_reporter.clone();
        pipes.spawn(report.watch(Watched {
            plugin: name.clone(),
            program: file_name(&program),
            pid: process.pid(),
            started: Some(Instant::now()),
            exit: process.exit().clone(),
            tail: tail.clone(),
        }));
        let candidate = Self {
            runner,
            process,
            name,
            own_name: None,
            tail,
            pipes,
            crash_reporter,
            output,
            tap,
        };
        (candidate, stdout, obituary)
    }

    /// From the handshake line to the first answer.
    async fn connect(
        &mut self,
        stdout: Output,
        security: Security,
        config: &ClientConfig,
        obituary: Obituary,
    ) -> Result<(HandshakeLine, Address, RpcClient), Failure> {
        let mut lines = Lines::new(stdout, MAX_LINE);
        let exit = self.process.exit().clone();
        let line = first_line(&mut lines, &exit).await?;
        let drain = output::drain_stdout(lines, self.name.clone());
        self.pipes.spawn(until_drained(exit, drain));

        // The socket is noted even if the line is refused: the plugin is killed then and cannot
        // remove it. Whether the socket is the plugin's is checked before it is removed.
        let to_host = |address| self.runner.plugin_to_host(address);
        if let Ok(HandshakeLine { address, .. }) = HandshakeLine::parse(&line)
            && let Ok(address) = to_host(address)
        {
            self.process.listens_at(&address);
        }
        let line = HandshakeLine::negotiate(&line, &config.versions).map_err(Failure::Handshake)?;
        let codec = config.options.check_codec(line.extensions);
        codec.map_err(Failure::Handshake)?;
        let tls = security.with_plugin(&line).map_err(Failure::Handshake)?;
        let address = match to_host(line.address.clone()) {
            Ok(address) => address,
            Err(error) => return Err(Failure::Dial(line.address, DialError::Connect(error))),
        };
        tracing::debug!(plugin = self.name, %address, version = line.app_version, "using plugin");

        let (timeout, tls) = (config.options.dial_timeout, tls.as_ref());
        let connection = config.options.connection();
        let way = Way {
            timeout,
            config: &connection,
            tls,
            extensions: line.extensions,
            obituary,
        };
        let dialed = match tokio::time::timeout(timeout, self.runner.connect()).await {
            Ok(Ok(Some(stream))) => way.start(stream).await,
            Ok(Ok(None)) => way.dial(&address).await,
            Ok(Err(error)) => Err(DialError::Connect(error)),
            Err(_) => Err(DialError::Connect(io::ErrorKind::TimedOut.into())),
        };
        let Dialed { mut rpc, listening } = match dialed {
            Ok(dialed) => dialed,
            Err(error) => return Err(Failure::Dial(address, error)),
        };
        if let Listening::Process(pid) = listening
            && Some(pid) == self.process.pid()
        {
            self.process.owns_socket();
        }
        match first_ping(&rpc, tls).await {
            Ok(()) => {}
            Err(PingError::Refused(error)) => {
                return Err(Failure::Dial(address, DialError::Tls(error)));
            }
            Err(PingError::Call(error)) => return Err(Failure::Ping(address, error)),
        }
        rpc.set_plugin(&self.name);
        Ok((line, address, rpc))
    }
}

impl ClientConfig {
    /// How the plugin is observed, which need not have been started.
    pub(super) fn observed(&self) -> event::Options {
        let mut options = self.options.clone();
        options.observed(&file_name(&self.launch.name()))
    }
}

/// What the plugin is called in logs and errors.
pub(super) fn file_name(program: &str) -> String {
    let program = Path::new(program);
    let name = program.file_name().unwrap_or(program.as_os_str());
    name.to_string_lossy().into_owned()
}
