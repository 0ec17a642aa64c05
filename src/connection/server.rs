//! The plugin's end of a connection.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{BoxError, ConnectionConfig, ConnectionError, DispenseContext, Peer};
use crate::broker::MuxBroker;
use crate::event::{Observer, Side};
use crate::handshake::Extensions;
use crate::interface::{BoxFuture, CheckError, Interface, check};
use crate::mux::transport::{Plain, Transport};
use crate::mux::{Session, SessionError, Stream};
use crate::rpc::{self, Empty, Negotiated, Role, Server, Service};
use crate::tuning::connection::QUIT_FLUSH;
use plugwire_base::chain::logged;
use plugwire_base::rescue::timeout;

type Factory = dyn Fn(&DispenseContext) -> Result<Server, BoxError> + Send + Sync;

/// One interface of a set.
#[derive(Clone)]
struct Offer {
    make: Arc<Factory>,
    /// Whether gob can say its types. One that is written by hand is not checked.
    check: fn() -> Result<(), CheckError>,
}

/// The interfaces a plugin offers, by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct PluginSet {
    offers: Arc<HashMap<String, Offer>>,
}

impl PluginSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers an interface under a name, or replaces it.
    ///
    /// `make` is called for each dispense and returns the implementation for it. For one that all
    /// share, clone an `Arc` of it. The host gets its error.
    ///
    /// A host whose connection is in gob gets the [`CheckError`] of an interface with types that
    /// gob cannot say, instead of an instance. [`check`](Self::check) gives it at once.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use plugwire::connection::PluginSet;
    ///
    /// #[plugwire::interface]
    /// pub trait Greeter {
    ///     async fn greet(&self) -> plugwire::Result<String>;
    /// }
    ///
    /// struct English;
    ///
    /// #[plugwire::interface]
    /// impl Greeter for English {
    ///     async fn greet(&self) -> plugwire::Result<String> {
    ///         Ok("Hello!".into())
    ///     }
    /// }
    ///
    /// let plugins = PluginSet::new().register::<dyn Greeter>("greeter", || Ok(Arc::new(English)));
    /// ```
    #[must_use]
    pub fn register<I>(
        self,
        name: impl Into<String>,
        make: impl Fn() -> Result<Arc<I>, BoxError> + Send + Sync + 'static,
    ) -> Self
    where
        I: Interface + ?Sized,
    {
        self.register_with(name, move |_| make())
    }

    /// The same with what is known when the interface is dispensed: the connection's broker, the
    /// app version that was negotiated, the host.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use plugwire::connection::PluginSet;
    /// # #[plugwire::interface]
    /// # pub trait Greeter {
    /// #     async fn greet(&self) -> plugwire::Result<String>;
    /// # }
    ///
    /// struct Versioned(u32);
    ///
    /// #[plugwire::interface]
    /// impl Greeter for Versioned {
    ///     async fn greet(&self) -> plugwire::Result<String> {
    ///         Ok(format!("Hello, version {}!", self.0))
    ///     }
    /// }
    ///
    /// let plugins = PluginSet::new().register_with::<dyn Greeter>("greeter", |context| {
    ///     let version = context.app_version().ok_or("a host without a version")?;
    ///     Ok(Arc::new(Versioned(version)))
    /// });
    /// ```
    #[must_use]
    pub fn register_with<I>(
        self,
        name: impl Into<String>,
        make: impl Fn(&DispenseContext) -> Result<Arc<I>, BoxError> + Send + Sync + 'static,
    ) -> Self
    where
        I: Interface + ?Sized,
    {
        self.insert(name.into(), check::<I>, move |context| {
            let service = make(context)?.service(context.broker.clone());
            Ok(Server::new().register(I::SERVICE, service))
        })
    }

    /// Offers an interface that is written by hand, or replaces it.
    ///
    /// The factory is called for each dispense and returns the service that is served on a stream
    /// of its own, under the name `Plugin`. The broker is that of the connection, for arguments and
    /// replies that are interfaces, readers or writers. The host gets a factory's error.
    #[must_use]
    pub fn register_service<F>(self, name: impl Into<String>, factory: F) -> Self
    where
        F: Fn(MuxBroker) -> Result<Service, BoxError> + Send + Sync + 'static,
    {
        self.insert(name.into(), unchecked, move |context| {
            Ok(factory(context.broker.clone())?.into())
        })
    }

    /// Offers services under names of their own, or replaces them: those of one dispensed name, as
    /// a [`Server`]. A server with a [registry](Server::registry) can be given more while it
    /// serves. The host gets a factory's error.
    #[must_use]
    pub fn register_server<F>(self, name: impl Into<String>, factory: F) -> Self
    where
        F: Fn(&DispenseContext) -> Result<Server, BoxError> + Send + Sync + 'static,
    {
        self.insert(name.into(), unchecked, factory)
    }

    /// Checks that gob, the codec of Go hosts, can say the types of all interfaces: for a unit
    /// test, or at the start of a plugin. Interfaces written by hand are not checked.
    ///
    /// # Errors
    ///
    /// That of the first interface, by name, with types that gob cannot say.
    pub fn check(&self) -> Result<(), CheckError> {
        let mut offers: Vec<_> = self.offers.iter().collect();
        offers.sort_unstable_by_key(|(name, _)| *name);
        offers.iter().try_for_each(|(_, offer)| (offer.check)())
    }

    fn insert<F>(mut self, name: String, check: fn() -> Result<(), CheckError>, make: F) -> Self
    where
        F: Fn(&DispenseContext) -> Result<Server, BoxError> + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        Arc::make_mut(&mut self.offers).insert(name, Offer { make, check });
        self
    }
}

impl fmt::Debug for PluginSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.offers.keys()).finish()
    }
}

/// For interfaces that are written by hand: what their types are is not known.
fn unchecked() -> Result<(), CheckError> {
    Ok(())
}

/// What the process around a connection does for it.
pub trait ServeHooks: Send + Sync + 'static {
    /// Takes the two streams of a new connection that carry the process's stdout and stderr to the
    /// host.
    fn stdio(&self, stdout: Stream, stderr: Stream);

    /// The host asks the plugin to quit. The answer is sent when this future is ready, and the host
    /// closes the connection once it has the answer. So all that is to reach the host must be
    /// written by then.
    fn quit(&self) -> BoxFuture<'static, ()>;
}

/// The plugin's end of connections. (`RPCServer`)
#[derive(Clone)]
pub struct RpcServer {
    plugins: PluginSet,
    config: ConnectionConfig,
    hooks: Arc<dyn ServeHooks>,
    app_version: Option<u32>,
}

impl RpcServer {
    /// A server of `plugins`.
    #[must_use]
    pub fn new(plugins: PluginSet, config: ConnectionConfig, hooks: Arc<dyn ServeHooks>) -> Self {
        RpcServer {
            plugins,
            config,
            hooks,
            app_version: None,
        }
    }

    /// Sets the app version that was negotiated, for
    /// [those](PluginSet::register_with) that make instances by it.
    #[must_use]
    pub fn app_version(mut self, version: u32) -> Self {
        self.app_version = Some(version);
        self
    }

    /// Serves one host over a connected byte stream until it hangs up. Dropping the future ends
    /// the connection.
    ///
    /// # Errors
    ///
    /// When an option is invalid, when the host does not open its three streams within the
    /// [control timeout](ConnectionConfig::control_timeout), or when the session fails.
    pub async fn serve_conn<T>(&self, io: T) -> Result<(), ConnectionError>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.serve_conn_when(Plain(io), Peer::default(), || {})
            .await
    }

    /// The same, and calls `connected` once the peer has opened its three streams, as only a host
    /// does.
    pub(crate) async fn serve_conn_when<T>(
        &self,
        io: T,
        peer: Peer,
        connected: impl FnOnce(),
    ) -> Result<(), ConnectionError>
    where
        T: Transport + 'static,
    {
        self.config.check()?;
        let mut events = self.config.events.clone();
        events.set_default_name(&own_name());
        let observer = Observer::new(&events, Side::Plugin);
        let session = Session::server_over(io, observer.of_session(&self.config.mux));
        let _close = CloseOnDrop(&session);
        let patience = self.config.control_timeout;
        let (control, stdout, stderr) = timeout(patience, accept_three(&session))
            .await
            .map_err(|_| ConnectionError::Incomplete(patience))??;
        connected();
        self.hooks.stdio(stdout, stderr);
        observer.connected();
        let negotiated = Negotiated::observed(Extensions::NONE, observer);
        let known = rpc::Peer {
            negotiated: Arc::clone(&negotiated),
            ..rpc::Peer::default()
        };
        let broker = MuxBroker::start(session.clone(), self.config.broker_config(), known);
        let context = DispenseContext {
            broker,
            app_version: self.app_version,
            peer,
        };
        let server = Server::new()
            .register("Control", self.control_service(&session))
            .register("Dispenser", dispenser_service(&self.plugins, context));
        let role = Role::Control(negotiated);
        let serving = server.serve_halves(control, self.config.control_codec(), role);
        let mut serving = pin!(serving);
        tokio::select! {
            served = &mut serving => {
                served?;
                // The host closes the control stream first and the session right after. Closing the
                // session here would cut off what is in transit on other streams.
                let _ = timeout(patience, session.closed()).await;
                Ok(())
            }
            reason = session.closed() => {
                // A host may hang up right behind its request to quit. In Go it is heard.
                let _ = timeout(patience, serving).await;
                match reason {
                    SessionError::Closed | SessionError::PeerClosed => Ok(()),
                    error => Err(error.into()),
                }
            }
        }
    }

    fn control_service(&self, session: &Session) -> Service {
        let hooks = self.hooks.clone();
        let session = session.clone();
        Service::new()
            .own_method("Ping", |_: bool| async { Ok::<_, BoxError>(Empty {}) })
            .own_method("Quit", move |_: bool| {
                let quit = hooks.quit();
                let session = session.clone();
                async move {
                    quit.await;
                    // The host hangs up at the answer, so all else has to be written before it.
                    let _ = timeout(QUIT_FLUSH, session.flush()).await;
                    Ok::<_, BoxError>(Empty {})
                }
            })
    }
}

impl fmt::Debug for RpcServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcServer")
            .field("plugins", &self.plugins)
            .finish_non_exhaustive()
    }
}

/// What this process's executable is called.
fn own_name() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

async fn accept_three(session: &Session) -> Result<(Stream, Stream, Stream), SessionError> {
    Ok((
        session.accept().await?,
        session.accept().await?,
        session.accept().await?,
    ))
}

fn dispenser_service(plugins: &PluginSet, context: DispenseContext) -> Service {
    let plugins = plugins.clone();
    Service::new().method("Dispense", move |name: String| {
        let dispensed = dispense(&plugins, &context, &name);
        async move { dispensed }
    })
}

/// Makes an instance and serves it under a new id, which the host then dials.
fn dispense(plugins: &PluginSet, context: &DispenseContext, name: &str) -> Result<u32, BoxError> {
    let Some(offer) = plugins.offers.get(name) else {
        return Err(format!("unknown plugin type: {name}").into());
    };
    if context.broker.is_gob()
        && let Err(error) = (offer.check)()
    {
        tracing::error!(plugin = name, %error, "the host got no instance");
        return Err(error.into());
    }
    let server = (offer.make)(context)?;
    let broker = context.broker.clone();
    let id = broker.next_id();
    let name = name.to_owned();
    // Ends with its stream, or with the session at the latest.
    tokio::spawn(async move {
        if let Err(error) = broker.accept_and_serve(id, server).await {
            tracing::warn!(plugin = name, error = %logged(&error), "plugin dispense error");
        }
    });
    Ok(id)
}

/// Ends the session when it is dropped: when serving is over, or given up.
struct CloseOnDrop<'a>(&'a Session);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.start_close();
    }
}
