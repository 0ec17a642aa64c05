//! Services that are added to running servers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::service::Service;

/// Services by name that running servers can be given: Go's `rpc.Server`, to which `RegisterName`
/// adds while it serves.
///
/// Cheap to clone: all clones are one registry, and so are all servers that it was
/// [given to](super::Server::registry), with their connections.
///
/// ```
/// use plugwire::rpc::{Client, Codec, Registry, Server, Service};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), plugwire::rpc::CallError> {
/// let registry = Registry::new();
/// let server = Server::new().registry(&registry);
/// let (here, there) = tokio::io::duplex(4096);
/// tokio::spawn(async move { server.serve(there, Codec::Gob).await });
///
/// let client = Client::new(here, Codec::Gob);
/// let missing = client.call::<_, i64>("Math.Double", &21).await.unwrap_err();
/// assert!(missing.is_service_not_found());
///
/// let double = |n: i64| async move { Ok::<_, String>(n * 2) };
/// registry.insert("Math", Service::new().method("Double", double));
/// assert_eq!(client.call::<_, i64>("Math.Double", &21).await?, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    /// No code of a user runs under it. Nor does it fail: a poisoned map is whole.
    services: Arc<RwLock<HashMap<String, Service>>>,
}

impl Registry {
    /// A registry without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a service under a name, from the next call on. Returns the one that had the name:
    /// its running calls go on.
    pub fn insert(&self, name: impl Into<String>, service: Service) -> Option<Service> {
        let mut services = self
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        services.insert(name.into(), service)
    }

    /// No longer offers the service of a name, and returns it. Its running calls go on.
    pub fn remove(&self, name: &str) -> Option<Service> {
        let mut services = self
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        services.remove(name)
    }

    /// The service of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Service> {
        let services = self.services.read().unwrap_or_else(PoisonError::into_inner);
        services.get(name).cloned()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.services.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(services.keys()).finish()
    }
}
