//! An implementation, and a remote of it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::fake_host::FakeHost;
use super::wire::Faults;
use crate::connection::{ConnectionConfig, PluginSet};
use crate::interface::{Interface, Remote};

/// The name of the interface among the plugin's.
const NAME: &str = "pair";

/// An implementation at one end of a connection in memory, and the [`Remote`] of it at the other.
/// It is the remote, by [`Deref`].
///
/// Dropping it ends the connection.
pub struct Pair<I: ?Sized> {
    remote: Remote<I>,
    host: FakeHost,
}

/// Connects to an implementation over a real session in memory: what a call carries is encoded,
/// framed and decoded as between processes.
///
/// ```
/// use std::sync::Arc;
/// use plugwire::testing::pair;
///
/// #[plugwire::interface]
/// trait Kv {
///     async fn get(&self, key: String) -> plugwire::Result<i64>;
/// }
///
/// struct Lengths;
///
/// #[plugwire::interface]
/// impl Kv for Lengths {
///     async fn get(&self, key: String) -> plugwire::Result<i64> {
///         Ok(key.len() as i64)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> plugwire::Result<()> {
/// let kv = pair::<dyn Kv>(Arc::new(Lengths)).await;
/// assert_eq!(kv.get("visits".into()).await?, 6);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Outside a tokio runtime with time enabled, and if the connection cannot be set up.
pub async fn pair<I>(implementation: Arc<I>) -> Pair<I>
where
    I: Interface + ?Sized,
{
    pair_with(implementation, ConnectionConfig::default()).await
}

/// The same with settings, which both sides have: the codec among them.
///
/// ```
/// # use std::sync::Arc;
/// use plugwire::broker::BrokerConfig;
/// use plugwire::codec::Codec;
/// use plugwire::connection::ConnectionConfig;
/// use plugwire::testing::{Pair, pair_with};
///
/// # #[plugwire::interface]
/// # trait Kv {
/// #     async fn get(&self, key: String) -> plugwire::Result<i64>;
/// # }
/// async fn rich(kv: Arc<dyn Kv>) -> Pair<dyn Kv> {
///     let broker = BrokerConfig::default().codec(Codec::Rich);
///     pair_with(kv, ConnectionConfig::default().broker(broker)).await
/// }
/// ```
///
/// # Panics
///
/// As [`pair`], and if an option is invalid.
pub async fn pair_with<I>(implementation: Arc<I>, config: ConnectionConfig) -> Pair<I>
where
    I: Interface + ?Sized,
{
    let make = move || Ok(Arc::clone(&implementation));
    let plugins = PluginSet::new().register::<I>(NAME, make);
    let host = match FakeHost::connect_with(plugins, config).await {
        Ok(host) => host,
        Err(error) => panic!("no connection in memory: {error}"),
    };
    let remote = match host.dispense(NAME).await {
        Ok(remote) => remote,
        Err(error) => panic!("no interface in memory: {error}"),
    };
    Pair { remote, host }
}

impl<I: ?Sized> Pair<I> {
    /// The host's end of the connection.
    #[must_use]
    pub fn host(&self) -> &FakeHost {
        &self.host
    }

    /// What can go wrong with the connection.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.host.faults()
    }

    /// What was said so far, as text: see [`testing`](super#recordings).
    #[must_use]
    pub fn conversation(&self) -> String {
        self.host.conversation()
    }
}

impl<I: ?Sized> Deref for Pair<I> {
    type Target = Remote<I>;

    fn deref(&self) -> &Remote<I> {
        &self.remote
    }
}

impl<I: ?Sized> fmt::Debug for Pair<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
