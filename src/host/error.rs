//! Why a plugin did not start.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::secure::SecureError;
use crate::InvalidOption;
use crate::connection::ConnectionError;
use crate::handshake::{Address, HandshakeError};
use crate::rpc::CallError;
use plugwire_base::escape::Escaped;

/// Why [`Client::launch`](super::Client::launch) failed.
///
/// After any of these errors, the plugin's process is gone, and so is its socket.
///
/// The text is go-plugin's where it has one, followed by what is known of the process: how it
/// exited, if it exited by itself, and the last lines that it wrote to its stderr.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// An option has a value that it cannot have. Nothing was started.
    #[error(transparent)]
    Option(#[from] InvalidOption),

    /// The executable could not be started.
    #[error("cannot start plugin {}{}", program.display(), on_a_new_line(notes))]
    Start {
        /// What was to be started.
        program: PathBuf,
        /// The system's reason. [`NotFound`](io::ErrorKind::NotFound) can also mean that the
        /// interpreter of a script or the loader of a binary is missing.
        source: io::Error,
        /// Facts about the file: mode, owner, architecture.
        notes: String,
    },

    /// The executable is not the one that was expected, or cannot be checked.
    #[error(transparent)]
    Secure(#[from] SecureError),

    /// There is no directory for the plugin's unix socket, or its runner cannot reach it.
    #[error("cannot make a directory for the plugin's socket in {}", place.display())]
    SocketDir {
        /// Where the directory was to be made.
        place: PathBuf,
        /// The reason.
        source: io::Error,
    },

    /// There are no pipes for the output of a plugin that is to survive its host.
    #[error("cannot make the pipes for the plugin's output in {}", place.display())]
    Outlet {
        /// Where they were to be made.
        place: PathBuf,
        /// The reason.
        source: io::Error,
    },

    /// A detached plugin was to have AutoMTLS: its key would end with this host, and no other host
    /// could reattach to the plugin or end it.
    #[error(
        "a detached plugin cannot have AutoMTLS, with which no other host could reattach to it; \
         configure TLS instead"
    )]
    DetachedAutoMtls,

    /// The host's one-time certificate could not be made.
    #[error("failed to generate client certificate")]
    ClientCert(#[source] io::Error),

    /// The start timeout ran out before the plugin had answered over its connection.
    #[error("timeout while waiting for plugin to start{}", report.suffix())]
    Timeout {
        /// The timeout.
        after: Duration,
        /// What is known of the process.
        report: Box<ProcessReport>,
    },

    /// The plugin exited without printing a line.
    #[error("plugin exited before we could connect{}{}", report.suffix(), on_a_new_line(notes))]
    Exited {
        /// How it exited, and its last lines.
        report: Box<ProcessReport>,
        /// Facts about the executable.
        notes: String,
    },

    /// The plugin's first line was not a handshake, or one that this host cannot accept.
    #[error("{error}{}{}", report.suffix(), on_a_new_line(notes))]
    Handshake {
        /// What was wrong with the line. This error's text includes it, so it is not a source.
        error: HandshakeError,
        /// What is known of the process.
        report: Box<ProcessReport>,
        /// Facts about the executable, if the line was not a handshake at all.
        notes: String,
    },

    /// The address that the plugin announced could not be connected to.
    #[error("cannot connect to plugin at {address}{}", report.suffix())]
    Connect {
        /// The address.
        address: Address,
        /// The reason.
        source: io::Error,
        /// What is known of the process.
        report: Box<ProcessReport>,
    },

    /// A process listens at the address, and does not speak TLS with this host: one of the two does
    /// not accept the other's certificate, or the other end has no TLS.
    #[error("no TLS with plugin at {address}{}", report.suffix())]
    Tls {
        /// The address.
        address: Address,
        /// The reason.
        source: io::Error,
        /// What is known of the process.
        report: Box<ProcessReport>,
    },

    /// The connection was made, but no session on it. A host without TLS gets this error, or the
    /// next, from a plugin that has TLS configured.
    #[error("no session with plugin at {address}{}", report.suffix())]
    Session {
        /// The address.
        address: Address,
        /// The reason.
        source: ConnectionError,
        /// What is known of the process.
        report: Box<ProcessReport>,
    },

    /// The plugin did not answer the first ping.
    #[error("plugin at {address} does not answer{}", report.suffix())]
    Ping {
        /// The address.
        address: Address,
        /// The reason.
        source: CallError,
        /// What is known of the process.
        report: Box<ProcessReport>,
    },
}

impl LaunchError {
    /// What is known of the process, unless it was never started.
    #[must_use]
    pub fn report(&self) -> Option<&ProcessReport> {
        match self {
            LaunchError::Option(_)
            | LaunchError::Start { .. }
            | LaunchError::Secure(_)
            | LaunchError::SocketDir { .. }
            | LaunchError::Outlet { .. }
            | LaunchError::DetachedAutoMtls
            | LaunchError::ClientCert(_) => None,
            LaunchError::Timeout { report, .. }
            | LaunchError::Exited { report, .. }
            | LaunchError::Handshake { report, .. }
            | LaunchError::Connect { report, .. }
            | LaunchError::Tls { report, .. }
            | LaunchError::Session { report, .. }
            | LaunchError::Ping { report, .. } => Some(report),
        }
    }
}

/// What is known of a process that did not become a plugin.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProcessReport {
    /// The instance name, if [one was set](super::ClientConfig::name). An error's text has it.
    pub name: Option<String>,
    /// Its process id. The process is gone, so another may have the id by now. `None` where its
    /// runner gave none.
    pub pid: Option<u32>,
    /// How it exited, if it exited by itself. `None` if it had to be killed.
    pub status: Option<ExitStatus>,
    /// The last lines that it wrote to its stderr, with U+FFFD in place of bytes that are not
    /// UTF-8. An error's text has their control characters escaped.
    pub stderr: String,
}

impl ProcessReport {
    /// What follows the reason in an error's text.
    fn suffix(&self) -> Suffix<'_> {
        Suffix(self)
    }
}

struct Suffix<'a>(&'a ProcessReport);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        if let Some(name) = &report.name {
            write!(f, "\nThe plugin is {}", Escaped(name))?;
        }
        if let Some(status) = report.status {
            write!(f, "\nThe plugin exited with {status}")?;
        }
        if !report.stderr.is_empty() {
            write!(f, "\nThe plugin's last lines on stderr:")?;
            for line in report.stderr.lines() {
                write!(f, "\n  {}", Escaped(line))?;
            }
        }
        Ok(())
    }
}

fn on_a_new_line(notes: &str) -> String {
    match notes.trim_end() {
        "" => String::new(),
        notes => format!("\n{notes}"),
    }
}
