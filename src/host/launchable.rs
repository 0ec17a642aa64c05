//! What starts a plugin, once or again and again.

use std::ffi::OsStr;
use std::fmt;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use super::command::PluginCommand;
use super::outlet::{Ends, Outlet};
use super::runner::Runner;
use crate::InvalidOption;

/// What starts a plugin.
///
/// Cheap to clone. A [`Command`] starts any number of plugins: the clones share it, with all that
/// was set on it, such as a user or a working directory. They have to agree on
/// [`skip_host_env`](super::ClientConfig::skip_host_env) and
/// [`process_group`](PluginCommand::process_group).
#[derive(Clone)]
pub struct Launch(Source);

#[derive(Clone)]
enum Source {
    Command(Box<PluginCommand>),
    /// Taken when it is started.
    Once(Arc<Mutex<Option<Box<dyn Runner>>>>),
    EachTime(Arc<dyn Fn() -> Launch + Send + Sync>),
}

/// What starts one plugin.
pub(super) struct Starter {
    pub(super) runner: Box<dyn Runner>,
    /// Whether the plugin outlives its client.
    pub(super) detached: bool,
}

impl Launch {
    /// Started by your own [`Runner`], which starts one plugin. For one that is to be started
    /// again, [`each_time`](Self::each_time) makes a new runner.
    #[must_use]
    pub fn runner(runner: impl Runner) -> Self {
        Self(Source::Once(Arc::new(Mutex::new(Some(Box::new(runner))))))
    }

    /// Started by what `make` returns, which is called for each launch: a [`Runner`] of your own,
    /// or a command that differs from time to time. It should not block.
    ///
    /// ```
    /// use std::process::Command;
    /// use plugwire::handshake::HandshakeConfig;
    /// use plugwire::host::{ClientConfig, Launch};
    ///
    /// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
    /// let newest = || Command::new("./greeters/newest");
    /// let config = ClientConfig::new(handshake, Launch::each_time(newest));
    /// ```
    #[must_use]
    pub fn each_time<L: Into<Launch>>(make: impl Fn() -> L + Send + Sync + 'static) -> Self {
        Self(Source::EachTime(Arc::new(move || make().into())))
    }

    /// The program that is started, where it is a command's.
    pub(super) fn program(&self) -> Option<&OsStr> {
        match &self.0 {
            Source::Command(command) => Some(command.program()),
            Source::Once(_) | Source::EachTime(_) => None,
        }
    }

    /// The checksum that the program must have, where it must have one.
    pub(super) fn checksum(&self) -> Option<&[u8]> {
        match &self.0 {
            Source::Command(command) => command.checksum(),
            Source::Once(_) | Source::EachTime(_) => None,
        }
    }

    /// Whether its plugins can outlive their host, with their logs.
    pub(super) fn check_survival(&self) -> Result<(), InvalidOption> {
        let refused = |given, expected| Err(InvalidOption::new("survives_host", given, expected));
        match &self.0 {
            _ if !Outlet::SUPPORTED => refused(self.name(), "a system with such pipes: Linux"),
            Source::Command(command) if command.has_own_log() => {
                refused(self.name(), "a command that is not detached by itself")
            }
            Source::Command(_) | Source::EachTime(_) => Ok(()),
            Source::Once(_) => refused(self.name(), "a plugin that is launched by a command"),
        }
    }

    /// What starts the next plugin, which prints to pipes of its own where there are any.
    pub(super) fn starter(&self, outlet: Option<Ends>) -> Result<Starter, InvalidOption> {
        match (&self.0, outlet) {
            (Source::Command(command), Some(ends)) if !command.has_own_log() => Ok(Starter {
                detached: true,
                runner: Box::new(command.with_outlet(ends)),
            }),
            (Source::Command(_) | Source::Once(_), Some(_)) => {
                self.check_survival()?;
                self.starter(None)
            }
            (Source::EachTime(make), outlet) => make().starter(outlet),
            (Source::Command(command), None) => Ok(Starter {
                detached: command.is_detached(),
                runner: command.clone(),
            }),
            (Source::Once(runner), None) => {
                let runner = runner.lock().unwrap_or_else(PoisonError::into_inner).take();
                let runner = runner.ok_or_else(|| used_up("one that was started before"))?;
                Ok(Starter {
                    runner,
                    detached: false,
                })
            }
        }
    }

    /// Whether it starts any number of plugins.
    pub(super) fn check_again(&self) -> Result<(), InvalidOption> {
        match &self.0 {
            Source::Command(command) => command.check_again(),
            Source::EachTime(_) => Ok(()),
            Source::Once(runner) => {
                let runner = runner.lock().unwrap_or_else(PoisonError::into_inner);
                let name = runner.as_ref().map(|runner| runner.name());
                Err(used_up(name.as_deref().unwrap_or("one that was started")))
            }
        }
    }
}

/// A runner starts one plugin.
fn used_up(given: &str) -> InvalidOption {
    let expected = "a runner for each plugin, by Launch::each_time";
    InvalidOption::new("Launch::runner", given, expected)
}

impl From<Command> for Launch {
    fn from(command: Command) -> Self {
        PluginCommand::new(command).into()
    }
}

impl From<PluginCommand> for Launch {
    fn from(command: PluginCommand) -> Self {
        Self(Source::Command(Box::new(command)))
    }
}

impl Launch {
    /// What it is called in the log.
    pub(super) fn name(&self) -> String {
        match &self.0 {
            Source::Command(command) => command.name(),
            Source::Once(runner) => {
                let runner = runner.lock().unwrap_or_else(PoisonError::into_inner);
                let name = runner.as_ref().map(|runner| runner.name());
                name.unwrap_or_else(|| "a runner that was started".to_owned())
            }
            Source::EachTime(_) => "a runner for each plugin".to_owned(),
        }
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Launch").field(&self.name()).finish()
    }
}
