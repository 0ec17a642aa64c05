//! What a server offers under one name: methods, each by its own.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Display;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::Encode;
use super::server::Responder;
use crate::codec::Value;

/// Decodes the argument, runs the method, sends the reply.
pub(super) type Method = Arc<dyn Fn(Value, Responder) -> BoxFuture<'static, ()> + Send + Sync>;

/// The methods that a server offers under one name.
///
/// Cheap to clone; adding a method to one clone does not add it to the others.
#[derive(Clone, Default)]
pub struct Service {
    methods: Arc<HashMap<String, Method>>,
}

impl Service {
    /// A service without methods.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method, such as `Greet`, or replaces it.
    ///
    /// The argument is any type that can be deserialized, the reply any that can be
    /// [encoded](Encode), and the error's text is what the caller gets. Calls run concurrently,
    /// each as a task of its own. For Go's `interface{}` without a value write `()`.
    pub fn method<A, R, E, F, Fut>(mut self, name: impl Into<String>, method: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let method = Arc::new(method);
        let run: Method = Arc::new(move |argument, responder| {
            let method = method.clone();
            Box::pin(async move {
                let decoded = argument.decode().map_err(|error| error.to_string());
                drop(argument);
                let reply = match decoded {
                    Ok(argument) => method(argument).await.map_err(|error| error.to_string()),
                    Err(error) => Err(error),
                };
                match reply {
                    Ok(reply) => responder.reply(&reply).await,
                    Err(error) => responder.fail(&error).await,
                }
            })
        });
        Arc::make_mut(&mut self.methods).insert(name.into(), run);
        self
    }

    pub(super) fn get(&self, method: &str) -> Option<&Method> {
        self.methods.get(method)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.methods.keys()).finish()
    }
}
