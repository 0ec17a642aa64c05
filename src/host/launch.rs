//! From a command to a plugin that answers.

use std::io;
use std::path::Path;

use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::config::ClientConfig;
use super::dial::{DialError, Dialed, Listener, Silence, answers, dial};
use super::error::{LaunchError, ProcessReport};
use super::lines::Lines;
use super::log::LogSink;
use super::obituary::Obituary;
use super::options::Options;
use super::output::until_drained;
use super::output::{self, Tail};
use super::process::{Exit, Process};
use super::runner::{self, Runner, Started};
use super::secure::SecureError;
use super::socket_dir::SocketDir;
use super::tls::TlsSetup;
use crate::InvalidOption;
use crate::connection::RpcClient;
use crate::handshake::{self, Address, HandshakeError, HandshakeLine};
use crate::rpc::CallError;
use crate::tuning::host as tuning;
use plugwire_base::instant;

/// What usually is the matter with a plugin that does not shake hands.
const USUAL_REASONS: &str = "This usually means that the plugin was built for another architecture, \
that a shared library it needs is missing,\nthat this user may not execute it, or that it does not \
speak go-plugin's handshake.\n";

/// What a plugin prints, in every language, that does not find its magic cookie in the environment.
const NOT_LAUNCHED: &str = "This binary is a plugin. These are not meant to be executed directly";

/// What is the matter with a plugin that says that no host has started it.
fn wrong_cookie(config: &ClientConfig) -> String {
    format!(
        "The plugin does not accept the magic cookie of this host, which sets {:?}: the cookie's key or \
         value differs from the plugin's.\nBoth sides need the same HandshakeConfig; or this is another \
         host's plugin.\n",
        config.handshake.magic_cookie_key,
    )
}

/// A plugin that has been started and has answered.
pub(super) struct Launched {
    pub(super) process: Process,
    pub(super) line: HandshakeLine,
    /// Where the host connects to, which the runner may have translated.
    pub(super) address: Address,
    pub(super) rpc: RpcClient,
    pub(super) pipes: JoinSet<()>,
    pub(super) obituary: Obituary,
}

/// Why a started process is not going to be a plugin.
enum Failure {
    Timeout,
    Exited,
    Handshake(HandshakeError),
    Dial(Address, DialError),
    Ping(Address, CallError),
}

/// A process that was started and has yet to become a plugin. Dropping it ends everything.
struct Candidate {
    process: Process,
    name: String,
    tail: Tail,
    pipes: JoinSet<()>,
    obituary: Obituary,
}

/// Starts the plugin, shakes hands and connects.
pub(super) async fn launch(config: &mut ClientConfig) -> Result<Launched, LaunchError> {
    config.check()?;
    let deadline = instant::after(config.options.start_timeout);
    let tls = TlsSetup::prepare(config.tls.take(), config.launch.detached).await?;
    let sockets = SocketDir::make(config)
        .map_err(|(place, source)| LaunchError::SocketDir { place, source })?;
    let environment = config.environment(tls.client_cert(), &sockets);
    let full_name = config.launch.runner.name();
    let started = timeout_at(deadline, config.launch.runner.start(environment)).await;
    let Started {
        stdout,
        stderr,
        plugin,
    } = match started {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return Err(not_started(&*config.launch.runner, error).await),
        Err(_) => {
            return Err(LaunchError::Timeout {
                after: config.options.start_timeout,
                report: Box::default(),
            });
        }
    };
    let process = Process::own(plugin, sockets.into_leftovers());
    tracing::debug!(program = full_name, id = process.id(), "plugin started");

    let program = Path::new(&full_name);
    let name = program.file_name().unwrap_or(program.as_os_str());
    let name = name.to_string_lossy().into_owned();
    let tail = Tail::default();
    let mut pipes = JoinSet::new();
    if let Some(stderr) = stderr {
        let lines = Lines::new(stderr, config.log_buffer);
        let log = LogSink::new(name.clone(), config.on_log.take());
        let log = output::log_stderr(lines, config.stderr.take(), tail.clone(), log);
        pipes.spawn(until_drained(process.exit().clone(), log));
    } else {
        tail.end();
    }
    let (obituary, told) = Obituary::new();
    let (exit, pid) = (process.exit().clone(), process.pid());
    pipes.spawn(
        obituary
            .clone()
            .write(name.clone(), pid, exit, tail.clone()),
    );
    let mut candidate = Candidate {
        process,
        name,
        tail,
        pipes,
        obituary,
    };

    let connected = candidate.connect(stdout, tls, config, told);
    let failure = match timeout_at(deadline, connected).await {
        Ok(Ok((line, address, rpc))) => {
            if config.launch.detached {
                candidate.process.keep().await;
            }
            return Ok(Launched {
                process: candidate.process,
                line,
                address,
                rpc,
                pipes: candidate.pipes,
                obituary: candidate.obituary,
            });
        }
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Timeout,
    };
    Err(candidate.fail(failure, config).await)
}

async fn not_started(runner: &dyn Runner, error: io::Error) -> LaunchError {
    let error = match error.downcast::<InvalidOption>() {
        Ok(error) => return error.into(),
        Err(error) => error,
    };
    match error.downcast::<SecureError>() {
        Ok(error) => error.into(),
        Err(source) => LaunchError::Start {
            notes: diagnose(runner).await,
            program: runner.name().into(),
            source,
        },
    }
}

/// What the runner can tell, if it does not take long.
async fn diagnose(runner: &dyn Runner) -> String {
    let notes = timeout(tuning::DIAGNOSE, runner.diagnose()).await;
    notes.unwrap_or_default()
}

impl Candidate {
    async fn connect(
        &mut self,
        stdout: runner::Output,
        tls: TlsSetup,
        // Not shared: the writers in it are not `Sync`, and this future is to be `Send`.
        config: &mut ClientConfig,
        told: crate::rpc::Obituary,
    ) -> Result<(HandshakeLine, Address, RpcClient), Failure> {
        let mut lines = Lines::new(stdout, handshake::MAX_LINE);
        let exit = self.process.exit().clone();
        let line = first_line(&mut lines, &exit).await?;
        let drain = output::drain_stdout(lines, self.name.clone());
        self.pipes.spawn(until_drained(exit, drain));

        // The socket is noted even where the line is refused, since the plugin will be killed then
        // and cannot remove it. Whether it is the plugin's is looked into before it is removed.
        let to_host = |address| config.launch.runner.plugin_to_host(address);
        if let Ok(HandshakeLine { address, .. }) = HandshakeLine::parse(&line)
            && let Ok(address) = to_host(address)
        {
            self.process.listens_at(&address);
        }
        let line = HandshakeLine::negotiate(&line, &config.versions).map_err(Failure::Handshake)?;
        let tls = tls.for_plugin(&line).map_err(Failure::Handshake)?;
        let address = match to_host(line.address.clone()) {
            Ok(address) => address,
            Err(error) => return Err(Failure::Dial(line.address, DialError::Connect(error))),
        };
        tracing::debug!(%address, version = line.app_version, "using plugin");

        let Options {
            connection,
            dial_timeout,
            ..
        } = &config.options;
        let mut rpc = match dial(&address, *dial_timeout, connection, tls.as_ref(), told).await {
            Ok(Dialed { rpc, listener }) => {
                if listener == Listener::Process(self.process.pid()) {
                    self.process.owns_socket();
                }
                rpc
            }
            Err(error) => return Err(Failure::Dial(address, error)),
        };
        match answers(&rpc, tls.as_ref()).await {
            Ok(()) => {}
            Err(Silence::Refused(error)) => {
                return Err(Failure::Dial(address, DialError::Tls(error)));
            }
            Err(Silence::Ping(error)) => return Err(Failure::Ping(address, error)),
        }
        rpc.set_plugin(&self.name);
        Ok((line, address, rpc))
    }

    /// Ends the process and says what is known of it.
    async fn fail(mut self, failure: Failure, config: &mut ClientConfig) -> LaunchError {
        let exit = self.process.exit().clone();
        if failure.may_be_a_crash() {
            let _ = timeout(tuning::EXIT_GRACE, exit.reaped()).await;
        }
        let exited = exit.has_exited();
        let status = exit.status();
        self.obituary.dismiss();
        self.process.kill();
        if timeout(tuning::KILL_WAIT, exit.reaped()).await.is_err() {
            tracing::error!(pid = self.process.pid(), "the killed plugin is still there");
        }
        let _ = timeout(tuning::KILL_WAIT, exit.wait()).await;
        // The last words are in the pipe by now. The pumps end of themselves; the margin is for a
        // writer of the host's that is slow to take them.
        let ended = async { while self.pipes.join_next().await.is_some() {} };
        let _ = timeout(2 * tuning::DRAIN, ended).await;

        let notes = match &failure {
            Failure::Exited => diagnose(&*config.launch.runner).await,
            Failure::Handshake(error) if error.is_no_handshake() => {
                let usual = match error {
                    HandshakeError::NoLine if exited => "",
                    _ => USUAL_REASONS,
                };
                format!("{usual}{}", diagnose(&*config.launch.runner).await)
            }
            _ => String::new(),
        };
        let stderr = self.tail.text();
        let notes = match failure.is_silence() && stderr.contains(NOT_LAUNCHED) {
            true => format!("{}{notes}", wrong_cookie(config)),
            false => notes,
        };
        let report = Box::new(ProcessReport {
            pid: self.process.pid(),
            status,
            stderr,
        });
        match failure {
            Failure::Timeout => LaunchError::Timeout {
                after: config.options.start_timeout,
                report,
            },
            Failure::Exited => LaunchError::Exited { report, notes },
            Failure::Handshake(HandshakeError::NoLine) if exited => {
                LaunchError::Exited { report, notes }
            }
            Failure::Handshake(error) => LaunchError::Handshake {
                error,
                report,
                notes,
            },
            Failure::Dial(address, DialError::Connect(source)) => LaunchError::Connect {
                address,
                source,
                report,
            },
            Failure::Dial(address, DialError::Tls(source)) => LaunchError::Tls {
                address,
                source,
                report,
            },
            Failure::Dial(address, DialError::Session(source)) => LaunchError::Session {
                address,
                source,
                report,
            },
            Failure::Ping(address, source) => LaunchError::Ping {
                address,
                source,
                report,
            },
        }
    }
}

impl Failure {
    /// Whether the plugin has said nothing that it would say to a host.
    fn is_silence(&self) -> bool {
        match self {
            Failure::Exited => true,
            Failure::Handshake(error) => error.is_no_handshake(),
            Failure::Timeout | Failure::Dial(..) | Failure::Ping(..) => false,
        }
    }

    /// Whether a process that is just dying, or just done, would look like this.
    fn may_be_a_crash(&self) -> bool {
        match self {
            Failure::Handshake(error) => matches!(
                error,
                HandshakeError::NoLine | HandshakeError::Unrecognized { .. }
            ),
            Failure::Dial(..) | Failure::Ping(..) => true,
            Failure::Timeout | Failure::Exited => false,
        }
    }
}

/// Waits for the line that the plugin must print first. The end of stdout without a line is
/// [`HandshakeError::NoLine`]; a line that came before it counts, even from a process gone since.
async fn first_line(lines: &mut Lines<runner::Output>, exit: &Exit) -> Result<Vec<u8>, Failure> {
    let next = async {
        let error = match lines.next().await {
            Ok(Some(piece)) if piece.goes_on => HandshakeError::line_too_long(piece.raw),
            Ok(Some(piece)) => return Ok(piece.line().to_vec()),
            Ok(None) => HandshakeError::NoLine,
            Err(error) => {
                tracing::error!(%error, "error reading plugin's stdout");
                HandshakeError::NoLine
            }
        };
        Err(Failure::Handshake(error))
    };
    // A process started by the plugin may hold stdout open when the plugin itself is gone.
    let gone = async {
        exit.reaped().await;
        tokio::time::sleep(tuning::DRAIN).await;
    };
    tokio::select! {
        biased;
        line = next => line,
        () = gone => Err(Failure::Exited),
    }
}
