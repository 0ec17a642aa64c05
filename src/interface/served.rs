//! The serving side of an interface.

use std::sync::Arc;

use super::signature::Signature;
use super::{BoxFuture, plain};
use crate::broker::MuxBroker;
use crate::rpc::Service;

/// Builds the [`Service`] of an implementation.
#[doc(hidden)]
#[derive(Debug)]
pub struct Methods<I: ?Sized> {
    object: Arc<I>,
    broker: MuxBroker,
    is_plain: fn(&I, &str) -> bool,
    service: Service,
}

impl<I: Send + Sync + ?Sized + 'static> Methods<I> {
    /// Without methods. `is_plain` says which of the object's methods are plain `fn`s.
    pub fn new(object: Arc<I>, broker: MuxBroker, is_plain: fn(&I, &str) -> bool) -> Self {
        Methods {
            object,
            broker,
            is_plain,
            service: Service::new(),
        }
    }

    /// Adds a method under its name on the wire. `plain_name` is its name in the trait.
    pub fn add<M, F, Fut>(&mut self, name: &'static str, plain_name: &str, method: F)
    where
        M: Signature,
        F: Fn(Object<I>, MuxBroker, M::Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<M::Reply, M::Error>> + Send + 'static,
    {
        M::note_error();
        let (object, broker) = (self.object.clone(), self.broker.clone());
        let is_plain = (self.is_plain)(&object, plain_name);
        let service = std::mem::take(&mut self.service);
        let around = self.broker.clone();
        let call = move |argument: M::Args| {
            let object = Object {
                object: object.clone(),
                is_plain,
            };
            let call = method(object, broker.clone(), argument);
            async move {
                let failure = |error| M::error_form().failure(name, error);
                call.await.map_err(failure)
            }
        };
        self.service = M::add(service, name, call, around);
    }

    /// The service.
    #[must_use]
    pub fn into_service(self) -> Service {
        self.service
    }
}

/// The implementation, for one call of a method.
#[doc(hidden)]
#[derive(Debug)]
pub struct Object<I: ?Sized> {
    object: Arc<I>,
    is_plain: bool,
}

impl<I: Send + Sync + ?Sized + 'static> Object<I> {
    /// Calls the method: here, or on the blocking pool if it is a plain `fn`.
    pub async fn call<R, F>(self, method: F) -> R
    where
        F: for<'a> FnOnce(&'a I) -> BoxFuture<'a, R> + Send + 'static,
        R: Send + 'static,
    {
        let Object { object, is_plain } = self;
        match is_plain {
            false => method(&object).await,
            true => plain::run(move || plain::finish(method(&object))).await,
        }
    }
}

/// Sends what was written to the connection's streams so far, so that it arrives before the reply.
#[doc(hidden)]
pub async fn flush(broker: &MuxBroker) {
    // An error is the session's, which the reply meets as well.
    let _ = broker.session().flush().await;
}
