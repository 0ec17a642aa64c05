//! What a server offers under one name: methods, each by its own.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::running::Running;
use super::server::Responder;
use super::{CallError, Encode};
use crate::codec::Value;
use plugwire_base::chain::Chain;

/// Decodes the argument, runs the method, sends the reply.
type Run = dyn Fn(Value, Responder) -> BoxFuture<'static, ()> + Send + Sync;

/// One method, and what was seen of its calls.
pub(super) struct Method {
    run: Box<Run>,
    /// How many calls in a row were quick, up to [`TRIAL`].
    quick: AtomicU32,
    /// Whether it is the library's own, which never blocks its thread.
    own: bool,
}

/// A call this short costs less than a task of its own.
pub(super) const QUICK: Duration = Duration::from_micros(20);

/// After this many quick calls in a row the next one is expected to be quick, too.
const TRIAL: u32 = 64;

impl Method {
    pub(super) fn run(&self, argument: Value, responder: Responder) -> Running {
        Running::new((self.run)(argument, responder))
    }

    /// Whether a call may run on the connection's own task: it is expected to end at its first
    /// poll, and soon.
    pub(super) fn is_quick(&self) -> bool {
        self.quick.load(Ordering::Relaxed) >= TRIAL
    }

    /// Whether calls run with the connection, for which no thread of the runtime may be left.
    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    /// Notes how a call's first poll went.
    pub(super) fn note(&self, ended: bool, took: Duration) {
        if !ended || took > QUICK {
            self.quick.store(0, Ordering::Relaxed);
        } else if !self.is_quick() {
            self.quick.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The methods that a server offers under one name.
///
/// Cheap to clone; adding a method to one clone does not add it to the others.
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
    /// The argument is any type that can be deserialized, the reply any that can be
    /// [encoded](Encode), and the error's text is what the caller gets, with those of its causes where
    /// it is a [`CallError`] or a boxed error. For Go's `interface{}` without a value write `()`.
    ///
    /// Calls run concurrently, each as a task of its own; those of a method that keeps ending within
    /// microseconds, without awaiting anything that takes time, run on the connection's task
    /// instead, until one does not. So a method should not block its thread, here as in any task:
    /// what blocks belongs into [`tokio::task::spawn_blocking`].
    ///
    /// A method that does block its thread holds up what needs the thread, and not the connection: a
    /// thread of the crate sees to it that other threads of the runtime take over within some tens of
    /// milliseconds, and serves pings and the end of the process itself when all are blocked.
    #[must_use]
    pub fn method<A, R, E, F, Fut>(self, name: impl Into<String>, method: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display + 'static,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.insert(name.into(), method, false)
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
        self.insert(name.to_owned(), method, true)
    }

    pub(super) fn has_own(&self) -> bool {
        self.own
    }

    fn insert<A, R, E, F, Fut>(mut self, name: String, method: F, own: bool) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Encode + Send + Sync + 'static,
        E: Display + 'static,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let method = Arc::new(method);
        let run: Box<Run> = Box::new(move |argument, responder| {
            let method = method.clone();
            Box::pin(async move {
                let decoded = argument.decode().map_err(|error| {
                    let method = responder.method();
                    format!("cannot decode the argument of {method}: {}", Chain(&error))
                });
                drop(argument);
                let reply = match decoded {
                    Ok(argument) => method(argument).await.map_err(|error| text(&error)),
                    Err(error) => Err(error),
                };
                match reply {
                    Ok(reply) => responder.reply(&reply).await,
                    Err(error) => responder.fail(&error).await,
                }
            })
        });
        self.own |= own;
        let method = Method {
            run,
            quick: AtomicU32::new(0),
            own,
        };
        Arc::make_mut(&mut self.methods).insert(name, Arc::new(method));
        self
    }

    pub(super) fn get(&self, method: &str) -> Option<&Arc<Method>> {
        self.methods.get(method)
    }
}

/// What the caller gets of a method's error. The text of another peer goes on as it came.
fn text<E: Display + 'static>(error: &E) -> String {
    if let Ok(error) = castaway::cast!(error, &CallError) {
        return error.for_peer();
    }
    if let Ok(error) = castaway::cast!(error, &Box<dyn std::error::Error + Send + Sync>) {
        return boxed_text(&**error);
    }
    error.to_string()
}

/// The text of an error of any type, with its causes.
pub(crate) fn boxed_text(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    match error.downcast_ref::<CallError>() {
        Some(error) => error.for_peer(),
        None => Chain(error).to_string(),
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.methods.keys()).finish()
    }
}
