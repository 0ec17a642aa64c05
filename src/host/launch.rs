//! From a command to a plugin that answers.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use tokio::process::ChildStdout;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::ClientConfig;
use super::dial::{DialError, dial};
use super::error::{LaunchError, ProcessReport};
use super::lines::Lines;
use super::log::LogSink;
use super::output::{self, DRAIN, Tail};
use super::process::{Exit, Process};
use super::socket::SocketFile;
use super::{diagnose, output::until_drained};
use crate::connection::RpcClient;
use crate::handshake::{self, HandshakeError, HandshakeLine};
use crate::rpc::CallError;

/// How long a plugin that failed may take to exit of itself before it is killed. One that is
/// crashing loses its connection first and its process a moment later, and its own exit status and
/// last words are what the error should tell.
const EXIT_GRACE: Duration = Duration::from_millis(500);

/// How long to wait for a killed process to be gone. Only a process stuck in the kernel needs it;
/// its owner goes on waiting then.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(5);

/// What usually is the matter with a plugin that does not shake hands.
const USUAL_REASONS: &str = "This usually means that the plugin was built for another architecture, \
that a shared library it needs is missing,\nthat this user may not execute it, or that it does not \
speak go-plugin's handshake.\n";

/// A plugin that has been started and has answered.
pub(super) struct Launched {
    pub(super) process: Process,
    pub(super) line: HandshakeLine,
    pub(super) rpc: RpcClient,
    pub(super) pipes: JoinSet<()>,
}

/// Why a started process is not going to be a plugin.
enum Failure {
    Timeout,
    Exited,
    Handshake(HandshakeError),
    Dial(HandshakeLine, DialError),
    Ping(HandshakeLine, CallError),
}

/// A process that was started and has yet to become a plugin. Dropping it ends everything.
struct Candidate {
    process: Process,
    program: OsString,
    name: String,
    tail: Tail,
    pipes: JoinSet<()>,
}

/// Starts the plugin, shakes hands and connects.
pub(super) async fn launch(config: &mut ClientConfig) -> Result<Launched, LaunchError> {
    if !config.handshake.has_cookie() {
        return Err(LaunchError::NoCookie);
    }
    let command = config.take_command();
    let program = command.get_program().to_owned();
    tracing::debug!(?program, args = ?command.get_args(), "starting plugin");
    let (process, stdout, stderr) =
        Process::spawn(command).map_err(|source| LaunchError::Start {
            notes: diagnose::notes(&program),
            program: program.clone().into(),
            source,
        })?;
    tracing::debug!(?program, pid = process.pid(), "plugin started");

    let name = Path::new(&program).file_name().unwrap_or(&program);
    let name = name.to_string_lossy().into_owned();
    let tail = Tail::default();
    let lines = Lines::new(stderr, config.log_buffer);
    let log = LogSink::new(name.clone(), config.on_log.take());
    let log = output::log_stderr(lines, config.stderr.take(), tail.clone(), log);
    let mut pipes = JoinSet::new();
    pipes.spawn(until_drained(process.exit().clone(), log));
    let mut candidate = Candidate {
        process,
        program,
        name,
        tail,
        pipes,
    };

    match timeout(config.start_timeout, candidate.connect(stdout, config)).await {
        Ok(Ok((line, rpc))) => Ok(Launched {
            process: candidate.process,
            line,
            rpc,
            pipes: candidate.pipes,
        }),
        Ok(Err(failure)) => Err(candidate.fail(failure, config.start_timeout).await),
        Err(_) => Err(candidate.fail(Failure::Timeout, config.start_timeout).await),
    }
}

impl Candidate {
    async fn connect(
        &mut self,
        stdout: ChildStdout,
        // Not shared: the writers in it are not `Sync`, and this future is to be `Send`.
        config: &mut ClientConfig,
    ) -> Result<(HandshakeLine, RpcClient), Failure> {
        let mut lines = Lines::new(stdout, handshake::MAX_LINE);
        let exit = self.process.exit().clone();
        let line = first_line(&mut lines, &exit).await?;
        let drain = output::drain_stdout(lines, self.name.clone());
        self.pipes.spawn(until_drained(exit, drain));

        // The socket is noted even where the line is refused, since the plugin will be killed then
        // and cannot remove it. Whether it is the plugin's is looked into before it is removed.
        if let Ok(HandshakeLine { address, .. }) = HandshakeLine::parse(&line) {
            self.owns_socket(SocketFile::announced(&address));
        }
        let line = HandshakeLine::negotiate(&line, &config.versions).map_err(Failure::Handshake)?;
        tracing::debug!(address = %line.address, version = line.app_version, "using plugin");

        let rpc = match dial(&line.address, config.dial_timeout, &config.connection).await {
            Ok(rpc) => rpc,
            Err(error) => return Err(Failure::Dial(line, error)),
        };
        // Opening streams takes no answer, so only a call shows that a plugin is at the other end.
        match rpc.ping().await {
            Ok(()) => {}
            // A server that names the missing method is alive, just older than the method.
            Err(error) if error.is_method_not_found() => {}
            Err(error) => return Err(Failure::Ping(line, error)),
        }
        self.owns_socket(SocketFile::announced(&line.address).map(SocketFile::confirmed));
        Ok((line, rpc))
    }

    fn owns_socket(&self, socket: Option<SocketFile>) {
        if let Some(socket) = socket {
            self.process.owns_socket(socket);
        }
    }

    /// Ends the process and says what is known of it.
    async fn fail(mut self, failure: Failure, start_timeout: Duration) -> LaunchError {
        let exit = self.process.exit().clone();
        if failure.may_be_a_crash() {
            let _ = timeout(EXIT_GRACE, exit.wait()).await;
        }
        let exited = exit.has_exited();
        let status = exit.status();
        self.process.kill();
        if timeout(KILL_WAIT, exit.wait()).await.is_err() {
            tracing::error!(pid = self.process.pid(), "the killed plugin is still there");
        }
        // The last words are in the pipe by now. The pumps end of themselves; the margin is for a
        // writer of the host's that is slow to take them.
        let ended = async { while self.pipes.join_next().await.is_some() {} };
        let _ = timeout(2 * DRAIN, ended).await;

        let notes = |usual: &str| format!("{usual}{}", diagnose::notes(&self.program));
        let report = Box::new(ProcessReport {
            pid: self.process.pid(),
            status,
            stderr: self.tail.text(),
        });
        match failure {
            Failure::Timeout => LaunchError::Timeout {
                after: start_timeout,
                report,
            },
            Failure::Exited => LaunchError::Exited {
                report,
                notes: notes(""),
            },
            Failure::Handshake(HandshakeError::NoLine) if exited => LaunchError::Exited {
                report,
                notes: notes(""),
            },
            Failure::Handshake(source) => LaunchError::Handshake {
                notes: if source.is_no_handshake() {
                    notes(USUAL_REASONS)
                } else {
                    String::new()
                },
                source,
                report,
            },
            Failure::Dial(line, DialError::Connect(source)) => LaunchError::Connect {
                address: line.address,
                source,
                report,
            },
            Failure::Dial(line, DialError::Session(source)) => LaunchError::Session {
                address: line.address,
                source,
                report,
            },
            Failure::Ping(line, source) => LaunchError::Ping {
                address: line.address,
                source,
                report,
            },
        }
    }
}

impl Failure {
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
async fn first_line(lines: &mut Lines<ChildStdout>, exit: &Exit) -> Result<Vec<u8>, Failure> {
    let next = async {
        let error = match lines.next().await {
            Ok(Some(piece)) if piece.goes_on => HandshakeError::LineTooLong {
                start: handshake::start_of(piece.raw),
            },
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
        exit.wait().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        biased;
        line = next => line,
        () = gone => Err(Failure::Exited),
    }
}
