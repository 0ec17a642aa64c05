//! Calls with deadlines and cancels, as a trait: what `go/internal/context` has written out by
//! hand, with the Go package `plugwire`.

use std::sync::Arc;

use plugwire::Result;
use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_CONTEXT", "interop");

/// The name under which the worker is dispensed.
pub const WORKER: &str = "worker";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Named {
    pub name: String,
}

/// What a method knows of its call: the milliseconds that are left, or -1, and the trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Seen {
    pub left: i64,
    pub trace: String,
}

#[plugwire::interface]
pub trait Worker {
    /// Never ends, and tells the watcher when it is cancelled.
    async fn hang(&self, name: String, watcher: Arc<dyn Watcher>) -> Result<()>;
    async fn context(&self, of: Named) -> Result<Seen>;
    /// What the watcher knows of the call that this one makes.
    async fn context_behind(&self, name: String, watcher: Arc<dyn Watcher>) -> Result<Seen>;
    /// Calls the watcher, which never ends.
    async fn hang_behind(&self, name: String, watcher: Arc<dyn Watcher>) -> Result<()>;
    /// The same two, with the watcher as a part of a value.
    async fn context_nested(&self, of: Watched) -> Result<Seen>;
    async fn hang_nested(&self, of: Watched) -> Result<()>;
    /// A watcher of its own, as a part of a value.
    async fn own_watcher(&self, of: Named) -> Result<Watched>;
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Watched {
    pub name: String,
    #[serde(with = "plugwire::brokered")]
    pub watcher: Arc<dyn Watcher>,
}

#[plugwire::interface]
pub trait Watcher {
    async fn saw(&self, event: String) -> Result<()>;
    async fn context(&self, of: Named) -> Result<Seen>;
    async fn hang(&self, of: Named) -> Result<()>;
}

/// The context of the call that runs now.
#[must_use]
pub fn seen() -> Seen {
    let call = plugwire::call();
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    let left = call.deadline().map(left);
    Seen {
        left: left.map_or(-1, |left| {
            i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
        }),
        trace: call.traceparent().unwrap_or_default().to_owned(),
    }
}

pub fn plugins() -> PluginSet {
    PluginSet::new().register::<dyn Worker>(WORKER, || Ok(Arc::new(Rust)))
}

struct Rust;

/// Tells the watcher when it is dropped.
struct Dropped(String, Arc<dyn Watcher>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let (event, watcher) = (format!("cancelled {}", self.0), self.1.clone());
        // Outside of the call, which has ended.
        tokio::spawn(async move { watcher.saw(event).await });
    }
}

#[plugwire::interface]
impl Worker for Rust {
    async fn hang(&self, name: String, watcher: Arc<dyn Watcher>) -> Result<()> {
        let _dropped = Dropped(name.clone(), watcher.clone());
        watcher.saw(format!("begun {name}")).await?;
        std::future::pending().await
    }

    async fn context(&self, _: Named) -> Result<Seen> {
        Ok(seen())
    }

    async fn context_behind(&self, name: String, watcher: Arc<dyn Watcher>) -> Result<Seen> {
        watcher.context(Named { name }).await
    }

    async fn hang_behind(&self, name: String, watcher: Arc<dyn Watcher>) -> Result<()> {
        watcher.hang(Named { name }).await
    }

    async fn context_nested(&self, Watched { name, watcher }: Watched) -> Result<Seen> {
        watcher.context(Named { name }).await
    }

    async fn hang_nested(&self, Watched { name, watcher }: Watched) -> Result<()> {
        watcher.hang(Named { name }).await
    }

    async fn own_watcher(&self, Named { name }: Named) -> Result<Watched> {
        let watcher = Arc::new(Own);
        Ok(Watched { name, watcher })
    }
}

struct Own;

#[plugwire::interface]
impl Watcher for Own {
    async fn saw(&self, _: String) -> Result<()> {
        Ok(())
    }

    async fn context(&self, _: Named) -> Result<Seen> {
        Ok(seen())
    }

    async fn hang(&self, _: Named) -> Result<()> {
        std::future::pending().await
    }
}
