//! Services under ids that the peer may dial as often as it likes.

use tokio::task::JoinSet;

use super::{AcceptError, MuxBroker};
use crate::rpc::Server;
use plugwire_base::chain::logged;

impl MuxBroker {
    /// Serves an interface under a new id, for the peer to dial, and returns the id. A
    /// [`Service`](crate::rpc::Service) goes by the name `Plugin`.
    ///
    /// The peer may dial the id any number of times, at once or one after the other: each stream is
    /// a connection of its own to the same services. They are served for as long as the peer holds
    /// a connection, and offered until it has held none for the
    /// [accept timeout](super::BrokerConfig::accept_timeout), 5 s by default. The first dial has
    /// the same time. Then the services are dropped, and the peer can no longer dial the id. The
    /// end of the session ends them too.
    ///
    /// ```
    /// # use plugwire::{broker::MuxBroker, rpc::{CallError, Client, Service}};
    /// async fn log_to_here(broker: &MuxBroker, worker: &Client) -> Result<(), CallError> {
    ///     let logger = Service::new().method("Log", |line: String| async move {
    ///         println!("{line}");
    ///         Ok::<(), String>(())
    ///     });
    ///     worker.call("Plugin.LogTo", &broker.share(logger)).await
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: serving runs as a task of its own.
    #[must_use]
    pub fn share(&self, server: impl Into<Server>) -> u32 {
        let (id, broker, server) = (self.next_id(), self.clone(), server.into());
        tokio::spawn(async move {
            let ended = broker.serve_all(id, server).await;
            tracing::debug!(id, reason = %logged(&ended), "what was shared is no longer offered");
        });
        id
    }

    async fn serve_all(&self, id: u32, server: Server) -> AcceptError {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.accept(id) => match accepted {
                    Ok(stream) => {
                        let (broker, server) = (self.clone(), server.clone());
                        connections.spawn(async move { broker.serve(stream, server).await });
                    }
                    Err(AcceptError::Timeout { .. }) if !connections.is_empty() => {}
                    // The peer closed a stream before it was confirmed, and may dial anew.
                    Err(AcceptError::Io { .. }) => {}
                    Err(error) => return error,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}
