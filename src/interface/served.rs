//! The serving side of an interface.

use std::fmt::Display;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::Error;
use crate::broker::MuxBroker;
use crate::rpc::{Encode, Service};

/// The methods of an implementation, on their way to being a [`Service`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Methods<I: ?Sized> {
    object: Arc<I>,
    broker: MuxBroker,
    service: Service,
}

impl<I: Send + Sync + ?Sized + 'static> Methods<I> {
    /// None so far.
    pub fn new(object: Arc<I>, broker: MuxBroker) -> Self {
        Methods {
            object,
            broker,
            service: Service::new(),
        }
    }

    /// Adds a method: what it does with an argument, on the object, in a connection.
    pub fn add<A, R, E, F, Fut>(&mut self, name: &str, method: F)
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display + 'static,
        F: Fn(Arc<I>, MuxBroker, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let (object, broker) = (self.object.clone(), self.broker.clone());
        let service = std::mem::take(&mut self.service);
        self.service = service.method(name, move |argument: A| {
            let call = method(object.clone(), broker.clone(), argument);
            async move { call.await.map_err(|error| text(&error)) }
        });
    }

    /// The service of all of them.
    pub fn into_service(self) -> Service {
        self.service
    }
}

/// What the caller gets of a method's error.
fn text<E: Display + 'static>(error: &E) -> String {
    match castaway::cast!(error, &Error) {
        Ok(error) => error.for_peer(),
        Err(error) => error.to_string(),
    }
}

/// Sends what was written to the connection's streams so far, so that it arrives before the reply.
#[doc(hidden)]
pub async fn flush(broker: &MuxBroker) {
    // An error is that of the session, which the reply meets as well.
    let _ = broker.session().flush().await;
}
