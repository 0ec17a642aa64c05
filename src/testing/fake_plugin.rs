//! A plugin for the tests of a host's author.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::fake_host::Hooks;
use super::wire::{End, Faults, wire};
use crate::connection::{ConnectionConfig, PluginSet, RpcServer};
use crate::handshake::{Address, Environment, Extensions, HandshakeConfig, HandshakeLine};
use crate::host::{AttachedRunner, BoxFuture, Launch, LaunchEnvironment, Runner, Started};
use crate::mux::transport::{Plain, Transport};
use crate::rpc::Fate;

/// How much of its log waits to be read, in bytes: what a pipe holds.
const PIPE: usize = 64 * 1024;

/// Where it says that it listens. No host dials it.
const NOWHERE: &str = "127.0.0.1:1";

/// A plugin in the test of a host: [`Client::launch`](crate::host::Client::launch) starts it like
/// a process, with the environment, the handshake line and the log of one, and connects to it in
/// memory.
///
/// ```
/// use std::sync::Arc;
/// use plugwire::connection::PluginSet;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::host::{Client, ClientConfig};
/// use plugwire::testing::{FakePlugin, Fault};
///
/// #[plugwire::interface]
/// trait Greeter {
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
/// const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plugins = PluginSet::new().register::<dyn Greeter>("greeter", || Ok(Arc::new(English)));
/// let plugin = FakePlugin::new(HANDSHAKE, plugins);
///
/// let client = Client::launch(ClientConfig::new(HANDSHAKE, &plugin)).await?;
/// let greeter = client.dispense::<dyn Greeter>("greeter").await?;
/// assert_eq!(greeter.greet().await?, "Hello!");
///
/// plugin.faults().befall(Fault::Crash);
/// assert!(greeter.greet().await.unwrap_err().is_crashed());
/// # Ok(())
/// # }
/// ```
///
/// A fault that befalls it before it is launched befalls the launch: after a
/// [crash](super::Fault::Crash) it exits without a handshake line, in
/// [silence](super::Fault::Silence) it prints none, [garbage](super::Fault::Garbage) is its first
/// line, and after a [cut](super::Fault::Cut) it has a line and no connection.
///
/// Cheap to clone: all clones are one plugin, which is launched once.
#[derive(Clone)]
pub struct FakePlugin {
    plugin: Arc<Plugin>,
}

struct Plugin {
    handshake: HandshakeConfig,
    plugins: PluginSet,
    connection: Mutex<ConnectionConfig>,
    extensions: Mutex<Extensions>,
    faults: Faults,
    fate: watch::Receiver<Fate>,
    /// Until it is launched.
    ends: Mutex<Option<(End, End)>>,
    log: tokio::sync::Mutex<Option<DuplexStream>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakePlugin {
    /// A plugin of these interfaces, for hosts of this handshake.
    #[must_use]
    pub fn new(handshake: HandshakeConfig, plugins: PluginSet) -> Self {
        let (sender, fate) = watch::channel(Fate::default());
        let (host, plugin, faults) = wire("a fake plugin", sender);
        let plugin = Plugin {
            handshake,
            plugins,
            connection: Mutex::default(),
            extensions: Mutex::new(Extensions::supported()),
            faults,
            fate,
            ends: Mutex::new(Some((host, plugin))),
            log: tokio::sync::Mutex::default(),
        };
        FakePlugin {
            plugin: Arc::new(plugin),
        }
    }

    /// The plugin's own settings of the connection.
    #[must_use]
    pub fn connection(self, connection: ConnectionConfig) -> Self {
        *lock(&self.plugin.connection) = connection;
        self
    }

    /// What the plugin knows beyond go-plugin's protocol. Default: all that this version knows.
    /// With [`Extensions::NONE`] it is like a plugin in Go.
    #[must_use]
    pub fn extensions(self, extensions: Extensions) -> Self {
        *lock(&self.plugin.extensions) = extensions;
        self
    }

    /// What can go wrong with it.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.plugin.faults
    }

    /// What was said so far, as text: see [`testing`](super#recordings).
    #[must_use]
    pub fn conversation(&self) -> String {
        self.plugin.faults.conversation()
    }

    /// Writes a line to the plugin's log, as on its standard error. Waits while the host reads
    /// slowly. Without effect before the plugin is launched, and after its end.
    pub async fn log(&self, line: &str) {
        if let Some(log) = &mut *self.plugin.log.lock().await {
            // An error is the host's end.
            let _ = log.write_all(format!("{line}\n").as_bytes()).await;
        }
    }
}

impl fmt::Debug for FakePlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePlugin")
            .field("handshake", &self.plugin.handshake)
            .field("plugins", &self.plugin.plugins)
            .finish_non_exhaustive()
    }
}

impl From<&FakePlugin> for Launch {
    fn from(plugin: &FakePlugin) -> Self {
        Launch::runner(Starting {
            plugin: Arc::clone(&plugin.plugin),
            host: None,
        })
    }
}

/// What launches a [`FakePlugin`].
struct Starting {
    plugin: Arc<Plugin>,
    /// The host's end, once the plugin has started.
    host: Option<End>,
}

impl Runner for Starting {
    fn name(&self) -> String {
        "a fake plugin".to_owned()
    }

    fn start(&mut self, environment: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
        Box::pin(async move {
            let plugin = &self.plugin;
            let Some((host, end)) = lock(&plugin.ends).take() else {
                return Err(io::Error::other("a fake plugin is launched once"));
            };
            self.host = Some(host);
            let (stdout, output) = tokio::io::duplex(PIPE);
            let (stderr, log) = tokio::io::duplex(PIPE);
            *plugin.log.lock().await = Some(log);
            let mut tasks = JoinSet::new();
            tasks.spawn(run(Arc::clone(plugin), environment, end, output));
            let running = RunningPlugin {
                plugin: Arc::clone(plugin),
                fate: plugin.fate.clone(),
                tasks,
            };
            Ok(Started::new(stdout, running).stderr(stderr))
        })
    }

    fn connect(&mut self) -> BoxFuture<'_, io::Result<Option<Box<dyn Transport>>>> {
        let end = self.host.take();
        Box::pin(async move {
            match end {
                Some(end) => Ok(Some(Box::new(Plain(end)) as Box<dyn Transport>)),
                None => Err(io::Error::other("a fake plugin has one connection")),
            }
        })
    }
}

/// The plugin's `main`: its handshake, its host, and its end.
async fn run(
    plugin: Arc<Plugin>,
    environment: LaunchEnvironment,
    end: End,
    mut output: DuplexStream,
) {
    let variable = |name: &str| environment.variables.get(OsStr::new(name)).cloned();
    let faults = &plugin.faults;
    // Errors of the output are the host's end, which ends this task.
    faults.until_heard().await;
    if matches!(*plugin.fate.borrow(), Fate::Crashed(_)) {
        return;
    }
    if faults.has_garbage() {
        let _ = output.write_all(b"this is no handshake\n").await;
    } else if Environment::has_cookie(&plugin.handshake, variable) {
        let address = Address::Tcp(NOWHERE.to_owned());
        let mut line = HandshakeLine::new(plugin.handshake.protocol_version, address);
        let environment = Environment::from_variables(&plugin.handshake, variable);
        let known = *lock(&plugin.extensions);
        line.extensions = environment.extensions.and(known);
        if let Ok(line) = line.encode() {
            let _ = output.write_all(&line).await;
        }
        let (hooks, mut quit) = Hooks::new();
        let connection = lock(&plugin.connection).clone();
        let server = RpcServer::new(plugin.plugins.clone(), connection, Arc::new(hooks));
        // How it ends, the host's end shows.
        let _ = server.serve_conn(end).await;
        if *quit.borrow_and_update() {
            return;
        }
    } else {
        let text = "this is a fake plugin of another handshake: its cookie is not set\n";
        if let Some(log) = &mut *plugin.log.lock().await {
            let _ = log.write_all(text.as_bytes()).await;
        }
        return;
    }
    // A plugin goes on without a host.
    std::future::pending::<()>().await;
}

/// A [`FakePlugin`] that was launched.
struct RunningPlugin {
    plugin: Arc<Plugin>,
    fate: watch::Receiver<Fate>,
    tasks: JoinSet<()>,
}

impl AttachedRunner for RunningPlugin {
    fn id(&self) -> String {
        "a fake plugin".to_owned()
    }

    fn wait(&mut self) -> BoxFuture<'_, io::Result<Option<ExitStatus>>> {
        Box::pin(async move {
            let crashed = self.fate.wait_for(|fate| matches!(fate, Fate::Crashed(_)));
            let code = tokio::select! {
                Ok(_) = crashed => 1,
                _ = self.tasks.join_next() => 0,
            };
            self.tasks.shutdown().await;
            if code != 0
                && let Some(log) = &mut *self.plugin.log.lock().await
            {
                let _ = log.write_all(b"a crash on demand\n").await;
            }
            *self.plugin.log.lock().await = None;
            Ok(Some(status(code)))
        })
    }

    fn kill(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.tasks.shutdown().await;
            Ok(())
        })
    }
}

#[cfg(unix)]
fn status(code: u8) -> ExitStatus {
    use std::os::unix::process::ExitStatusExt;
    ExitStatus::from_raw(i32::from(code) << 8)
}

#[cfg(windows)]
fn status(code: u8) -> ExitStatus {
    use std::os::windows::process::ExitStatusExt;
    ExitStatus::from_raw(code.into())
}
