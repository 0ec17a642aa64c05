//! The methods that a server offers under one name.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::around::Around;
use super::call_error::CallError;
use super::detail::Failure;
use super::method::{Method, Run};
use super::peer_error::PeerError;
use super::registry::Registry;
use crate::codec::Encode;
use plugwire_base::chain::Chain;

/// The methods that a server offers under one name.
///
/// Cheap to clone. A method that is added to one clone is not added to the others.
#[derive(Clone, Default)]
pub struct Service {
    methods: Arc<HashMap<String, Arc<Method>>>,
    /// Whether some are the library's own.
    own: bool,
}

impl Service {
    /// A service without methods.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method, such as `Greet`, or replaces it.
    ///
    /// The argument is any type that can be deserialized, and the reply any that can be
    /// [encoded](Encode). The caller gets the error's text, with the texts of its causes if it is a
    /// [`CallError`] or a boxed error. Another peer's error is passed on with all that came with
    /// it. For Go's `interface{}` without a value write `()`.
    ///
    /// Calls run concurrently, each as a task of its own. Calls of a method that keeps ending
    /// within microseconds, without waiting at an await, run on the connection's task instead,
    /// until one does not. So a method should not block its thread, as in any task: code that
    /// blocks belongs in [`tokio::task::spawn_blocking`].
    ///
    /// A method that blocks its thread holds up other tasks of the thread, but not the connection:
    /// a thread of the crate has other threads of the runtime take over within some tens of
    /// milliseconds. When all are blocked, it serves pings and the end of the process itself.
    #[must_use]
    pub fn method<A, R, E, F, Fut>(self, name: impl Into<String>, method: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display + 'static,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.insert(name.into(), method, (), false)
    }

    /// Adds a method of the library's own. It must not block its thread: it is polled with the
    /// connection, also while all threads of the runtime are blocked.
    pub(crate) fn own_method<A, R, E, F, Fut>(self, name: &str, method: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display + 'static,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.insert(name.to_owned(), method, (), true)
    }

    /// Adds a method with something around its argument and reply.
    pub(crate) fn method_in<A, R, E, F, Fut, C>(self, name: &str, method: F, around: C) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display + 'static,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        C: Around + 'static,
    {
        self.insert(name.to_owned(), method, around, false)
    }

    fn has_own(&self) -> bool {
        self.own
    }

    fn insert<A, R, E, F, Fut, C>(mut self, name: String, method: F, around: C, own: bool) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display + 'static,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        C: Around + 'static,
    {
        let shared = Arc::new((method, around));
        let run: Box<Run> = Box::new(move |argument, responder| {
            let shared = shared.clone();
            Box::pin(async move {
                let (method, around) = &*shared;
                let mut brought = C::Brought::default();
                let decoded = around.decode(&mut brought, || argument.decode());
                let decoded = match decoded {
                    Ok(decoded) => around.arrived(&mut brought, decoded, &argument).await,
                    Err(error) => Err(Chain(&error).to_string()),
                };
                drop(argument);
                let reply = match decoded {
                    Ok(argument) => method(argument).await.map_err(failure),
                    Err(error) => {
                        let method = responder.method();
                        let text = format!("cannot decode the argument of {method}: {error}");
                        Err(Failure::from(text))
                    }
                };
                around.replying(&mut brought).await;
                match reply {
                    Ok(reply) => responder.reply(&reply, around, brought).await,
                    Err(error) => responder.fail(error).await,
                }
            })
        });
        self.own |= own;
        let method = Arc::new(Method::new(run, own));
        Arc::make_mut(&mut self.methods).insert(name, method);
        self
    }

    fn get(&self, method: &str) -> Option<&Arc<Method>> {
        self.methods.get(method)
    }
}

/// Services by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    fixed: Arc<HashMap<String, Service>>,
    /// Where services are that the others lack.
    registry: Option<Registry>,
}

impl Services {
    pub(super) fn insert(&mut self, name: String, service: Service) {
        Arc::make_mut(&mut self.fixed).insert(name, service);
    }

    pub(super) fn set_registry(&mut self, registry: Registry) {
        self.registry = Some(registry);
    }

    pub(super) fn has_own(&self) -> bool {
        self.fixed.values().any(Service::has_own)
    }

    /// The method of a service, and whether it stays: a registry's service may be removed.
    pub(super) fn get(&self, service: &str, method: &str) -> Found {
        let found = |service: &Service, stays| match service.get(method) {
            Some(method) => Found::Method(method.clone(), stays),
            None => Found::NoMethod,
        };
        if let Some(service) = self.fixed.get(service) {
            return found(service, true);
        }
        let registered = self.registry.as_ref().and_then(|all| all.get(service));
        registered.map_or(Found::NoService, |service| found(&service, false))
    }
}

/// What a method's name leads to.
pub(super) enum Found {
    Method(Arc<Method>, bool),
    NoMethod,
    NoService,
}

/// What the caller gets of a method's error. Another peer's error is passed on as it came.
fn failure<E: Display + 'static>(error: E) -> Failure {
    let error = match castaway::cast!(error, Failure) {
        Ok(failure) => return failure,
        Err(error) => error,
    };
    if let Ok(error) = castaway::cast!(&error, &CallError) {
        return error.failure();
    }
    if let Ok(error) = castaway::cast!(&error, &PeerError) {
        return error.failure();
    }
    if let Ok(error) = castaway::cast!(&error, &Box<dyn std::error::Error + Send + Sync>) {
        return boxed_failure(&**error);
    }
    error.to_string().into()
}

/// What the caller gets of an error of any type: its text with those of its causes.
pub(crate) fn boxed_failure(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    match error.downcast_ref::<CallError>() {
        Some(error) => error.failure(),
        None => match error.downcast_ref::<PeerError>() {
            Some(error) => error.failure(),
            None => Failure::chained(error),
        },
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.methods.keys()).finish()
    }
}
