//! From a failed step to the error of a launch: the process is ended, and the error says what is
//! known of it.

use std::io;

use tokio::time::timeout;

use super::Candidate;
use crate::InvalidOption;
use crate::handshake::{Address, HandshakeError};
use crate::host::config::ClientConfig;
use crate::host::dial::DialError;
use crate::host::error::{LaunchError, ProcessReport};
use crate::host::runner::Runner;
use crate::host::secure::SecureError;
use crate::rpc::CallError;
use crate::tuning::host as tuning;

/// What is usually wrong with a plugin that prints no handshake line.
const USUAL_REASONS: &str = "This usually means that the plugin was built for another \
architecture, that a shared library it needs is missing,\nthat this user may not execute it, or \
that it does not speak go-plugin's handshake.\n";

/// What a plugin of any language prints that does not find its magic cookie in the environment.
const NOT_LAUNCHED: &str = "This binary is a plugin. These are not meant to be executed directly";

/// Why a started process does not become a plugin.
pub(super) enum Failure {
    Timeout,
    Exited,
    Handshake(HandshakeError),
    Dial(Address, DialError),
    Ping(Address, CallError),
}

impl Failure {
    /// Whether the plugin has printed nothing that is meant for a host.
    fn is_silence(&self) -> bool {
        match self {
            Failure::Exited => true,
            Failure::Handshake(error) => error.is_no_handshake(),
            Failure::Timeout | Failure::Dial(..) | Failure::Ping(..) => false,
        }
    }

    /// Whether a process that is about to exit would look like this.
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

    fn into_error(
        self,
        config: &ClientConfig,
        report: Box<ProcessReport>,
        notes: String,
        exited: bool,
    ) -> LaunchError {
        match self {
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

impl Candidate {
    /// Ends the process, and says what is known of it.
    pub(super) async fn fail(mut self, failure: Failure, config: &ClientConfig) -> LaunchError {
        let exit = self.process.exit().clone();
        if failure.may_be_a_crash() {
            let _ = timeout(tuning::EXIT_GRACE, exit.reaped()).await;
        }
        let exited = exit.has_exited();
        let status = exit.status();
        self.crash_reporter.dismiss();
        self.process.kill();
        if timeout(tuning::KILL_WAIT, exit.reaped()).await.is_err() {
            let plugin = &*self.name;
            tracing::error!(
                plugin,
                id = self.process.id(),
                "the killed plugin has not exited"
            );
        }
        let _ = timeout(tuning::KILL_WAIT, exit.wait()).await;
        // The last lines are in the pipe by now, and its readers end by themselves. The margin is
        // for a writer of the host's that takes them slowly.
        let ended = async { while self.pipes.join_next().await.is_some() {} };
        let _ = timeout(2 * tuning::DRAIN, ended).await;

        let stderr = self.tail.text();
        let notes = notes(&failure, exited, &stderr, config, &*self.runner).await;
        let report = Box::new(ProcessReport {
            name: self.own_name,
            pid: self.process.pid(),
            status,
            stderr,
        });
        failure.into_error(config, report, notes, exited)
    }
}

/// What may help a person to understand why the plugin does not start.
async fn notes(
    failure: &Failure,
    exited: bool,
    stderr: &str,
    config: &ClientConfig,
    runner: &dyn Runner,
) -> String {
    let mut notes = String::new();
    if failure.is_silence() && stderr.contains(NOT_LAUNCHED) {
        notes = wrong_cookie(config);
    }
    match failure {
        Failure::Exited => {}
        Failure::Handshake(HandshakeError::NoLine) if exited => {}
        Failure::Handshake(error) if error.is_no_handshake() => notes += USUAL_REASONS,
        _ => return notes,
    }
    notes + &diagnose(runner).await
}

/// Why a plugin says that no host has started it.
fn wrong_cookie(config: &ClientConfig) -> String {
    format!(
        "The plugin does not accept the magic cookie of this host, which sets {:?}: the cookie's \
         key or value differs from the plugin's.\nBoth sides need the same HandshakeConfig; or \
         this is another host's plugin.\n",
        config.handshake.magic_cookie_key,
    )
}

/// Why a runner could not start its plugin.
pub(super) async fn not_started(runner: &dyn Runner, error: io::Error) -> LaunchError {
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

/// What the runner knows, unless it takes too long.
async fn diagnose(runner: &dyn Runner) -> String {
    let notes = timeout(tuning::DIAGNOSE, runner.diagnose()).await;
    notes.unwrap_or_default()
}
