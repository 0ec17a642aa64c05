//! Serving the host that started the process: from its environment to the end.

use std::convert::Infallible;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::pin::pin;
use std::process;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::accept::{End, accept};
use super::config::ServeConfig;
use super::connection::Handler;
use super::door::Door;
use super::ending::{Ending, Presence, end_process_after};
use super::error::ServeError;
use super::host_watch::HostWatch;
use super::interrupt::{self, Ends};
use super::listener::Listener;
use super::panic;
use super::shutdown::{Shutdown, ShuttingDown};
use super::stdio::{Stdio, Tee};
use crate::handshake::{Environment, HandshakeConfig, HandshakeLine};
use crate::tuning::plugin as tuning;
use plugwire_base::chain::Chain;

/// Serves the host that started this process, until it asks the plugin to quit. (`plugin.Serve`)
///
/// A host may disconnect and another one [reattach](crate::host::Client::reattach). If the host
/// that started the plugin dies without asking it to quit, serving ends with the last connection,
/// unless the plugin is meant to [outlive](ServeConfig::outlive_host) its host. If the process
/// still exists 5 s later, perhaps because a method blocks a thread, it **exits with status 1**.
///
/// A plugin's `main` calls this, and should return when this does. While a method blocks its
/// thread, or runs on the blocking pool, the runtime does not let `main` end; if methods block all
/// threads, this does not even return. If a method still blocks 1 s after the host's request to
/// quit was answered, the process **exits with status 0**: a process in Go would have ended by
/// then, and a host kills it after 2 s.
///
/// If serving is not possible, above all because the process was not started by a host, the reason
/// is written to standard error and the process **exits with status 1**. [`try_serve`] returns the
/// error instead.
///
/// # Panics
///
/// Outside a tokio runtime with I/O and time enabled.
pub async fn serve(config: ServeConfig) {
    end_with(serve_host(config, Process::Ended, at_once()).await);
}

fn end_with(served: Result<End, ServeError>) {
    match served {
        Ok(End::Quit | End::Signal) => {}
        Ok(End::HostGone) => end_process_after(tuning::UNATTENDED),
        Err(error) => {
            // In one piece. Unlike `eprintln!`, this does not panic where standard error is closed.
            let _ = io::stderr().write_all(format!("{}\n", Chain(&error)).as_bytes());
            process::exit(1);
        }
    }
}

/// [Serves](serve) once the plugin is ready: the host that starts it waits for that, within its
/// start timeout.
///
/// The future is polled with standard output captured, so what it prints does not disturb the
/// handshake. If it fails, its reason is written to standard error, where the host reads it, and
/// the process **exits with status 1**.
///
/// ```no_run
/// # use plugwire::connection::PluginSet;
/// # use plugwire::handshake::HandshakeConfig;
/// use plugwire::plugin::{ServeConfig, serve_when};
///
/// # async fn connect_to_the_database() -> Result<(), std::io::Error> { Ok(()) }
/// # async fn example(plugins: PluginSet) {
/// let handshake = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// serve_when(connect_to_the_database(), ServeConfig::new(handshake, plugins)).await;
/// # }
/// ```
///
/// # Panics
///
/// As [`serve`].
pub async fn serve_when<E>(ready: impl Future<Output = Result<(), E>>, config: ServeConfig)
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    end_with(serve_host(config, Process::Ended, ready).await);
}

/// Serves the host that started this process, until it asks the plugin to quit.
///
/// The process's standard output, standard error and SIGINT are taken over; see the
/// [module](super). A process can serve once at a time. Dropping the future stops serving.
///
/// # Errors
///
/// See [`ServeError`]. After an error, standard output and standard error are what they were
/// before, and the socket is removed.
///
/// # Panics
///
/// Outside a tokio runtime with I/O and time enabled.
pub async fn try_serve(config: ServeConfig) -> Result<(), ServeError> {
    let served = serve_host(config, Process::LeftAlone, at_once()).await;
    served.map(|_| ())
}

/// Whether a process that goes on after serving is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    Ended,
    LeftAlone,
}

fn at_once() -> impl Future<Output = Result<(), Infallible>> {
    std::future::ready(Ok(()))
}

async fn serve_host<E>(
    config: ServeConfig,
    process: Process,
    ready: impl Future<Output = Result<(), E>>,
) -> Result<End, ServeError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let variable = |name: &str| std::env::var_os(name);
    let started_by = check_cookie(&config.handshake, config.standalone, variable)?;
    config.check()?;
    let is_alone = started_by == StartedBy::Others;

    let mut environment = Environment::from_variables(&config.handshake, variable);
    if is_alone {
        environment.versions = config.versions.keys().copied().collect();
        environment.client_cert = None;
    }
    let (version, plugins) = config.negotiate(&environment.versions);
    let security = config.tls.for_host(environment.client_cert.as_deref())?;

    let beyond_loopback = config.allow_plaintext || security.acceptor.is_some();
    let listener = Listener::bind(&environment, config.address, beyond_loopback).await?;
    let mut background = JoinSet::new();
    let host = HostWatch::start(config.outlive_host || environment.detached || is_alone);
    let shutting_down = ShuttingDown::new(config.on_shutdown, config.shutdown_grace);
    let ends = Ends {
        terminate: is_alone || shutting_down.has_hook(),
        interrupt: is_alone,
    };
    let terminated = interrupt::ended(ends).map_err(ServeError::Signal)?;
    let mut terminated = pin!(terminated);
    if !is_alone {
        interrupt::ignore(&mut background).map_err(ServeError::Signal)?;
    }
    panic::log_panics();
    let tee = if is_alone { Tee::Yes } else { Tee::No };
    let stdio = Arc::new(Stdio::capture(tee).map_err(ServeError::Stdio)?);

    let early = tokio::select! {
        ready = ready => ready.err().map(|error| Err(ServeError::NotReady(error.into()))),
        () = host.gone() => {
            shutting_down.run(Shutdown::HostGone).await;
            Some(Ok(End::HostGone))
        }
        () = &mut terminated => {
            shutting_down.run(Shutdown::Signal).await;
            Some(Ok(End::Signal))
        }
    };
    if let Some(early) = early {
        // What it printed comes before the reason.
        stdio.restore().await;
        return early;
    }

    let mut line = HandshakeLine::new(version, listener.address().clone());
    line.server_cert = security.server_cert;
    let (connection, answer) = config.connection.for_any_host();
    line.extensions = environment.extensions.and(answer);
    let line = line.encode()?;
    stdio.announce(&line).await.map_err(ServeError::Announce)?;
    tracing::debug!(address = %listener.address(), version, "serving");

    let (quit, quit_asked) = watch::channel(false);
    let presence = Presence::default();
    let ending = (process == Process::Ended).then(|| Ending::watch(host.clone(), presence.clone()));
    let handler = Handler {
        plugins,
        version,
        connection,
        stdio: Some(Arc::clone(&stdio)),
        quit,
        ending: ending.as_ref().map(Ending::quit),
        shutting_down: shutting_down.clone(),
        acceptor: security.acceptor,
        _presence: presence,
    };
    let door = Door::new(listener, config.max_pending);
    let served = accept(door, handler, quit_asked, host.gone(), terminated).await;
    if served.is_err() {
        shutting_down.run(Shutdown::Failed).await;
    }
    stdio.restore().await;
    served
}

/// What has started the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StartedBy {
    Host,
    /// A person or a service manager.
    Others,
}

/// Whether the cookie in the environment is the one that hosts of this plugin set.
fn check_cookie(
    handshake: &HandshakeConfig,
    standalone: bool,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<StartedBy, ServeError> {
    handshake.check().map_err(ServeError::Misconfigured)?;
    if Environment::has_cookie(handshake, &variable) {
        return Ok(StartedBy::Host);
    }
    // Another cookie is that of a host which wants another plugin.
    match standalone && variable(&handshake.magic_cookie_key).is_none() {
        true => Ok(StartedBy::Others),
        false => Err(ServeError::NotLaunchedByHost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

    #[test]
    fn the_right_cookie_is_accepted() {
        let hello = |_: &str| Some("hello".into());
        for standalone in [false, true] {
            let started_by = check_cookie(&HANDSHAKE, standalone, hello).unwrap();
            assert_eq!(started_by, StartedBy::Host);
        }
    }

    #[test]
    fn a_plugin_that_may_stand_alone_needs_no_cookie_and_takes_no_other() {
        let started_by = check_cookie(&HANDSHAKE, true, |_| None).unwrap();
        assert_eq!(started_by, StartedBy::Others);
        for cookie in ["", "Hello"] {
            let error = check_cookie(&HANDSHAKE, true, |_| Some(cookie.into())).unwrap_err();
            assert!(matches!(error, ServeError::NotLaunchedByHost), "{error:?}");
        }
    }

    #[test]
    fn without_the_cookie_the_plugin_says_what_it_is() {
        for cookie in [None, Some(""), Some("Hello")] {
            let error = check_cookie(&HANDSHAKE, false, |_| cookie.map(OsString::from));
            let error = error.unwrap_err();
            assert!(matches!(error, ServeError::NotLaunchedByHost), "{error:?}");
            assert!(
                error
                    .to_string()
                    .starts_with("This binary is a plugin. These are not meant")
            );
        }
    }

    #[test]
    fn an_empty_cookie_is_a_mistake_of_the_author() {
        for (key, value) in [("", "hello"), ("BASIC_PLUGIN", "")] {
            let handshake = HandshakeConfig::new(1, key, value);
            let error = check_cookie(&handshake, false, |_| Some("".into())).unwrap_err();
            assert!(matches!(error, ServeError::Misconfigured(_)), "{error:?}");
            assert!(
                error
                    .to_string()
                    .starts_with("Misconfigured ServeConfig given")
            );
        }
    }

    #[tokio::test]
    async fn serving_fails_without_a_host() {
        let handshake = HandshakeConfig::new(1, "PLUGWIRE_TEST_COOKIE_NOBODY_SETS", "x");
        let config = ServeConfig::new(handshake, Default::default());
        let error = try_serve(config).await.unwrap_err();
        assert!(matches!(error, ServeError::NotLaunchedByHost), "{error:?}");
        let config = ServeConfig::new(HandshakeConfig::new(1, "", ""), Default::default());
        let error = try_serve(config).await.unwrap_err();
        assert!(matches!(error, ServeError::Misconfigured(_)), "{error:?}");
    }
}
