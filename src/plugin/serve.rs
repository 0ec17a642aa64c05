//! From the environment to the end of serving.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::config::ServeConfig;
use super::door::{Door, Place};
use super::ending::{Ending, Presence, Quit, UNATTENDED, end_process_after};
use super::hooks::Hooks;
use super::host_watch::HostWatch;
use super::interrupt;
use super::listener::{Accepted, Listener};
use super::panic;
use super::stdio::{Stdio, Tee};
use crate::InvalidOption;
use crate::connection::{ConnectionConfig, ConnectionError, PluginSet, RpcServer};
use crate::handshake::{Environment, HandshakeConfig, HandshakeError, HandshakeLine};
use crate::mux::SessionError;
use crate::tls::Acceptor;
use plugwire_base::chain::{Chain, logged};
use plugwire_base::rescue::{self, Watch};
use plugwire_base::seldom::Seldom;
use plugwire_yamux::transport::{self, Plain, Transport};

/// How long the connection of the host that asked the plugin to quit may go on. The host closes it as
/// soon as it has the answer.
const FINISH: Duration = Duration::from_secs(1);

/// Serves the host that started this process, until it asks the plugin to quit. (`plugin.Serve`)
///
/// A host may disconnect and another one [reattach](crate::host::Client::reattach). When the host
/// that started the plugin dies without asking anything, serving ends with the last connection,
/// unless the plugin is to [outlive](ServeConfig::outlive_host) it; and if the process is still there
/// 5 s after that, perhaps since a method blocks a thread, it **exits with status 1**.
///
/// This is what a plugin's `main` calls. When it returns, `main` should too. While a method blocks its
/// thread, or runs on the blocking pool, the runtime does not let `main` end, and where methods block
/// all threads, this does not even return. A process in which a method still does so 1 s after the host's request to quit was answered
/// **exits with status 0**: in Go it would be gone by then, and a host kills it after 2 s.
///
/// Where serving is not possible, and first of all when the process was not started by a host, the
/// reason is written to standard error and the process **exits with status 1**. Use [`try_serve`]
/// to decide otherwise.
///
/// # Panics
///
/// Outside a tokio runtime with I/O and time enabled.
pub async fn serve(config: ServeConfig) {
    match serve_host(config, Process::Ended).await {
        Ok(End::Quit) => {}
        Ok(End::HostGone) => end_process_after(UNATTENDED),
        Err(error) => {
            // Unlike `eprintln!`, this does not panic where standard error is closed.
            let _ = writeln!(io::stderr(), "{}", Chain(&error));
            process::exit(1);
        }
    }
}

/// Serves the host that started this process, until it asks the plugin to quit.
///
/// The process's standard output, standard error and SIGINT are taken over; see the
/// [module](super). A process can serve once at a time. Dropping the future stops serving.
///
/// # Errors
///
/// See [`ServeError`]. On every error, standard output and standard error are what they were, and
/// the socket is removed.
///
/// # Panics
///
/// Outside a tokio runtime with I/O and time enabled.
pub async fn try_serve(config: ServeConfig) -> Result<(), ServeError> {
    serve_host(config, Process::LeftAlone).await.map(|_| ())
}

/// Why serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A host asked for it.
    Quit,
    /// The host that started the plugin is gone, and so are all others.
    HostGone,
}

/// What becomes of a process that goes on after serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    Ended,
    LeftAlone,
}

async fn serve_host(config: ServeConfig, process: Process) -> Result<End, ServeError> {
    check_cookie(&config.handshake, |name| std::env::var_os(name))?;
    config.check()?;

    let environment = Environment::from_variables(&config.handshake, |name| std::env::var_os(name));
    let (version, plugins) = config.negotiate(&environment.versions);
    let security = config.tls.for_host(environment.client_cert.as_deref())?;

    let mut background = JoinSet::new();
    let listener = Listener::bind(&environment, config.network, &security).await?;
    let host = HostWatch::start(config.outlive_host || environment.detached);
    interrupt::ignore(&mut background).map_err(ServeError::Signal)?;
    panic::log_panics();
    let stdio = Arc::new(Stdio::capture(Tee::No).map_err(ServeError::Stdio)?);

    let mut line = HandshakeLine::new(version, listener.address().clone());
    line.server_cert = security.server_cert;
    let line = line.encode()?;
    stdio.announce(&line).await.map_err(ServeError::Announce)?;
    tracing::debug!(address = %listener.address(), version, "serving");

    let (quit, quit_asked) = watch::channel(false);
    let presence = Presence::default();
    let ending = (process == Process::Ended).then(|| Ending::watch(host.clone(), presence.clone()));
    let server = Server {
        plugins,
        connection: config.connection,
        stdio: Some(Arc::clone(&stdio)),
        quit,
        ending: ending.as_ref().map(Ending::quit),
        acceptor: security.acceptor,
        _presence: presence,
    };
    let door = Door::new(listener, config.max_pending);
    let served = accept(door, server, quit_asked, host.gone()).await;
    stdio.restore().await;
    served
}

/// Serves connections until one of them asks to quit, or until `host_gone` is ready and there are
/// none. A connection that ends is not the end: a host that takes over is yet to come. Removes the
/// listener then.
pub(super) async fn accept(
    mut door: Door<Listener>,
    server: Server,
    mut quit: watch::Receiver<bool>,
    host_gone: impl Future<Output = ()>,
) -> Result<End, ServeError> {
    let mut connections = JoinSet::new();
    let mut host_gone = pin!(host_gone);
    let mut abandoned = false;
    let mut asker_ended = false;
    let mut failures = Seldom::default();
    let end = loop {
        if abandoned && connections.is_empty() {
            tracing::info!("the host is gone, so the plugin stops");
            break End::HostGone;
        }
        tokio::select! {
            accepted = door.accept() => {
                let accepted = accepted.map_err(ServeError::Accept)?;
                let server = server.clone();
                door.admit(&mut connections, |place| {
                    rescue::guard(server.serve_conn(accepted, place), Watch::Woken)
                });
            }
            Some(ended) = connections.join_next() => if log_end(ended, &mut failures) {
                asker_ended = true;
                break End::Quit;
            },
            // The sender lives as long as the server, so an error cannot be.
            () = async { drop(quit.wait_for(|&quit| quit).await) } => break End::Quit,
            () = &mut host_gone, if !abandoned => abandoned = true,
        }
    };
    drop(door);
    let finish = async {
        while !asker_ended && let Some(ended) = connections.join_next().await {
            asker_ended = log_end(ended, &mut failures);
        }
    };
    if timeout(FINISH, finish).await.is_err() {
        tracing::debug!("the host that asked to quit does not hang up");
    }
    // Those of other hosts end with the plugin, as in Go.
    connections.shutdown().await;
    Ok(end)
}

/// Serves connections, by TLS if there is any.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) plugins: PluginSet,
    pub(super) connection: ConnectionConfig,
    /// See [`Hooks`].
    pub(super) stdio: Option<Arc<Stdio>>,
    pub(super) quit: watch::Sender<bool>,
    pub(super) ending: Option<Quit>,
    pub(super) acceptor: Option<Acceptor>,
    pub(super) _presence: Presence,
}

/// How a connection ended, and whether it asked the plugin to quit.
struct Ended {
    result: Result<(), Failed>,
    asked: bool,
}

/// Why a connection was not served to its end.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[cfg(unix)]
    #[error("its socket cannot be used")]
    Socket(#[source] io::Error),
    #[error("no TLS with it")]
    Tls(#[source] io::Error),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl Server {
    async fn serve_conn(self, accepted: Accepted, place: Place) -> Ended {
        let asked = Arc::new(AtomicBool::new(false));
        let hooks = Hooks {
            stdio: self.stdio,
            quit: self.quit,
            asked: Arc::clone(&asked),
            ending: self.ending,
        };
        let connection = Connection {
            rpc: RpcServer::new(self.plugins, self.connection, Arc::new(hooks)),
            acceptor: self.acceptor,
        };
        let result = match accepted {
            #[cfg(unix)]
            Accepted::Unix(stream) => match transport::UnixStream::new(stream) {
                Ok(stream) => connection.serve(stream, place).await,
                Err(error) => Err(Failed::Socket(error)),
            },
            Accepted::Tcp(stream) => {
                // Where it fails, the connection has ended, which the session notices.
                let _ = stream.set_nodelay(true);
                connection
                    .serve(transport::TcpStream::new(stream), place)
                    .await
            }
        };
        let asked = asked.load(Ordering::Relaxed);
        Ended { result, asked }
    }
}

/// One of them.
struct Connection {
    rpc: RpcServer,
    acceptor: Option<Acceptor>,
}

impl Connection {
    /// It is in the making until it has its streams, TLS included.
    async fn serve<T>(&self, stream: T, place: Place) -> Result<(), Failed>
    where
        T: Transport + 'static,
    {
        let Some(acceptor) = &self.acceptor else {
            let served = self.rpc.serve_conn_when(stream, || place.give_up());
            return Ok(served.await?);
        };
        let stream = acceptor.accept(stream).await.map_err(Failed::Tls)?;
        let served = self.rpc.serve_conn_when(Plain(stream), || place.give_up());
        Ok(served.await?)
    }
}

/// Whether the connection that ended had asked the plugin to quit. Failures that come in numbers are
/// warned of now and then.
fn log_end(ended: Result<Ended, tokio::task::JoinError>, failures: &mut Seldom) -> bool {
    let asked = ended.as_ref().is_ok_and(|ended| ended.asked);
    match ended.map(|ended| ended.result) {
        Ok(Ok(())) => tracing::debug!("connection ended"),
        // So does a Go host that only looks whether anybody listens, before it reattaches.
        Ok(Err(Failed::Connection(ConnectionError::Session(SessionError::PeerClosed)))) => {
            tracing::debug!("connection ended before it was set up");
        }
        Ok(Err(Failed::Tls(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {
            tracing::debug!("connection ended before its TLS handshake");
        }
        Ok(Err(error)) => match failures.say() {
            Some(times) => tracing::warn!(error = %logged(&error), times, "connection failed"),
            None => tracing::debug!(error = %logged(&error), "connection failed"),
        },
        // There can be many of these, and the door has said so.
        Err(error) if error.is_cancelled() => tracing::debug!("connection dropped for a newer one"),
        Err(error) => tracing::error!(%error, "connection failed"),
    }
    asked
}

/// Whether the cookie in the environment is the one that hosts of this plugin set.
fn check_cookie(
    handshake: &HandshakeConfig,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<(), ServeError> {
    handshake.check().map_err(ServeError::Misconfigured)?;
    if !Environment::has_cookie(handshake, variable) {
        return Err(ServeError::NotLaunchedByHost);
    }
    Ok(())
}

/// Why a plugin could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The magic cookie's key or value is empty, or no environment can hold it.
    #[error(
        "Misconfigured ServeConfig given to serve this plugin: no magic cookie\n\
         key or value was set. Please notify the plugin author and report\n\
         this as a bug.\n\
         {0}"
    )]
    Misconfigured(InvalidOption),

    /// An option has a value that it cannot have.
    #[error("plugin init error: serving is misconfigured")]
    Option(#[from] InvalidOption),

    /// The magic cookie is not in the environment: a person started the plugin, or another host.
    #[error(
        "This binary is a plugin. These are not meant to be executed directly.\n\
         Please execute the program that consumes these plugins, which will\n\
         load any plugins automatically"
    )]
    NotLaunchedByHost,

    /// There is no socket to listen on.
    #[error("plugin init error: cannot listen in {place}")]
    Listen {
        /// The directory or the range of ports.
        place: String,
        /// The system's reason.
        source: io::Error,
    },

    /// The address is one that others can connect to, and there is no TLS.
    #[error(
        "plugin init error: refusing to listen on {address} without TLS, where anybody in the \
         network could call the plugin; configure tls, or permit it by allow_plaintext"
    )]
    Plaintext {
        /// The address.
        address: SocketAddr,
    },

    /// The host asks for AutoMTLS, and the plugin was built without the crate's feature `tls`.
    #[error(
        "plugin tls init: the host asks for AutoMTLS (PLUGIN_CLIENT_CERT is set), and this plugin was \
         built without plugwire's feature `tls`. Turn one of the two on or off"
    )]
    NoTls,

    /// The host asks for AutoMTLS, and what it gave is no certificate.
    #[error(
        "plugin tls init: client cert provided but failed to parse: {reason}, in PLUGIN_CLIENT_CERT, \
         {given}. A host puts its certificate there, as PEM"
    )]
    ClientCert {
        /// What is wrong with it.
        reason: String,
        /// How it begins, and how long it is.
        given: String,
    },

    /// The plugin's one-time certificate could not be made.
    #[error("plugin tls init: failed to generate server certificate")]
    ServerCert(#[source] io::Error),

    /// The TCP ports that the host allows are no range of ports.
    #[error("plugin init error: {0}")]
    Ports(String),

    /// Standard output and standard error could not be taken over.
    #[error("Error preparing plugin: cannot take over standard output and standard error")]
    Stdio(#[source] io::Error),

    /// SIGINT could not be taken over.
    #[error("Error preparing plugin: cannot handle interrupts")]
    Signal(#[source] io::Error),

    /// The address cannot be written into a handshake line.
    #[error("plugin init error: cannot make the handshake line")]
    Handshake(#[from] HandshakeError),

    /// The handshake line could not be written to standard output.
    #[error("plugin init error: cannot write the handshake")]
    Announce(#[source] io::Error),

    /// The listener broke for good. Failures that can pass do not end serving: where descriptors or
    /// memory run out, or the network is down, accepting is tried again after a pause, 5 ms at first
    /// and 1 s at most.
    #[error("plugin server: cannot accept connections")]
    Accept(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

    #[test]
    fn the_right_cookie_is_accepted() {
        check_cookie(&HANDSHAKE, |_| Some("hello".into())).unwrap();
    }

    #[test]
    fn without_the_cookie_the_plugin_says_what_it_is() {
        for cookie in [None, Some(""), Some("Hello")] {
            let error = check_cookie(&HANDSHAKE, |_| cookie.map(OsString::from)).unwrap_err();
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
            let error = check_cookie(&handshake, |_| Some("".into())).unwrap_err();
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
