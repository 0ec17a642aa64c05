//! The answering side.

use tokio::io::{AsyncRead, AsyncWrite};

use super::io::Halves;
use super::negotiated::Negotiated;
use super::registry::Registry;
use super::request_error::RequestError;
use super::service::{Service, Services};
use super::serving::{Role, Serving};
use crate::codec::CallConfig;
use plugwire_base::rescue::{self, Watch};

/// Serves [services](Service) by name to any number of connections.
///
/// Cheap to clone. A service that is added to one clone is not added to the others.
#[derive(Clone, Debug, Default)]
pub struct Server {
    services: Services,
}

impl Server {
    /// A server without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a service under a name. go-plugin's peers call one, `Plugin`.
    #[must_use]
    pub fn register(mut self, name: impl Into<String>, service: Service) -> Self {
        self.services.insert(name.into(), service);
        self
    }

    /// Offers the services of a registry beside its own: those that are there when a call comes. A
    /// service of the server's own comes before one of the same name.
    #[must_use]
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.services.set_registry(registry.clone());
        self
    }

    /// Serves one connection until the peer finishes or sends an invalid request, and waits for the
    /// calls that then still run.
    ///
    /// When the connection breaks, or this future is dropped, running calls are ended at their next
    /// await. A request that does not decode, or a reply that does not encode, is answered with an
    /// error, and the connection goes on.
    ///
    /// The work and the replies that are held for a peer are bounded: no request is read while
    /// [`CallConfig::max_calls`] calls run, and none while 256 KiB of replies wait for the peer to
    /// read them. So a peer that writes many requests before it reads any reply has to stop once
    /// these, and the buffers of the byte stream (a window of 256 KiB each way in a
    /// [session](crate::mux)), are full. Clients that read while they write, as those of this crate
    /// and of Go do, do not notice.
    ///
    /// # Errors
    ///
    /// When the peer's bytes are no requests, or the stream fails.
    pub async fn serve<T>(&self, io: T, config: impl Into<CallConfig>) -> Result<(), RequestError>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let role = Role::brokered(Negotiated::none());
        self.serve_halves(Halves::of(io), config.into(), role).await
    }

    /// The same over the halves of a stream of a session.
    pub(crate) async fn serve_halves(
        &self,
        io: impl Into<Halves>,
        config: CallConfig,
        role: Role,
    ) -> Result<(), RequestError> {
        let serving = Serving::new(self.services.clone(), io.into(), config, role);
        // The library's own methods have deadlines.
        let watch = match self.services.has_own() {
            true => Watch::Always,
            false => Watch::Woken,
        };
        rescue::guard_work(serving, watch).await
    }
}

/// The service alone, under go-plugin's name for it: `Plugin`.
impl From<Service> for Server {
    fn from(service: Service) -> Server {
        Server::new().register("Plugin", service)
    }
}
