//! Plugins in the shapes that net/rpc plugins come in, as traits: the interfaces that
//! `go/internal/shapes` has written out by hand.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use crate::lookup::{Lookup, Shelf};
use crate::nest::{Nest, Nested};
use plugwire::connection::PluginSet;
use plugwire::gob::Any;
use plugwire::handshake::HandshakeConfig;
use plugwire::{Reader, Result, Writer};

pub use crate::events::{Event, Events, Ticks};
use support::broken::Broken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_SHAPES", "interop");

pub fn plugins() -> PluginSet {
    PluginSet::new()
        .register::<dyn Greeter>("greeter", || Ok(Arc::new(English)))
        .register::<dyn Kv>("kv", || Ok(Arc::new(Map::default())))
        .register::<dyn Lookup>("lookup", || Ok(Arc::new(Shelf)))
        .register::<dyn Counter>("counter", || Ok(Arc::new(Counts::default())))
        .register::<dyn Nest>("nest", || Ok(Arc::new(Nested)))
        .register::<dyn Events>("events", || Ok(Arc::new(Ticks::default())))
}

/// No argument.
#[plugwire::interface]
pub trait Greeter {
    async fn greet(&self) -> Result<String>;
}

/// Arguments in a map of interfaces, replies that are interfaces.
#[plugwire::interface]
pub trait Kv {
    #[plugwire(args = "map")]
    async fn put(&self, key: String, value: Vec<u8>) -> Result<()>;

    async fn get(&self, key: String) -> Result<Vec<u8>>;

    /// An `int`, or nil when there is no such key.
    async fn size(&self, key: String) -> Result<Any>;

    #[plugwire(args = "map")]
    async fn tag(
        &self,
        key: String,
        #[plugwire(go = "[]string")] tags: Vec<String>,
        #[plugwire(go = "int")] count: i64,
    ) -> Result<String>;
}

/// Calls in both directions, and all else that crosses by broker id.
#[plugwire::interface]
pub trait Counter {
    async fn put(&self, key: String, value: i64, sum: Arc<dyn AddHelper>) -> Result<()>;
    async fn get(&self, key: String) -> Result<i64>;
    async fn import(&self, name: String, data: Reader) -> Result<u64>;
    async fn export(&self, out: Writer) -> Result<()>;
    async fn watch(&self, key: String) -> Result<Arc<dyn Subscription>>;
    async fn open(&self, key: String) -> Result<Reader>;
    /// Asks a subscription, in whichever process it is, for its next count.
    async fn follow(&self, sub: Arc<dyn Subscription>) -> Result<i64>;

    /// Holds on to the helper until `forget`, for `total`.
    async fn keep(&self, sum: Arc<dyn AddHelper>) -> Result<()>;
    async fn total(&self, a: i64, b: i64) -> Result<i64>;
    async fn forget(&self) -> Result<()>;

    async fn audited(
        &self,
        key: String,
        #[plugwire(name = "BrokerID")] audit: Arc<dyn Audit>,
    ) -> Result<()>;

    #[plugwire(args = "letters", reply = "letters")]
    async fn settle(&self, key: String, by: i64) -> Result<(i64, String)>;

    #[plugwire(name = "ClearAll", args = "struct", reply = "empty")]
    async fn clear(&self) -> Result<()>;

    /// What Go's plugin does not have.
    async fn negated(&self, key: String) -> Result<i64> {
        Ok(-self.get(key).await?)
    }

    /// Nor this, which takes along what it brought.
    async fn put_twice(&self, key: String, value: i64, sum: Arc<dyn AddHelper>) -> Result<i64> {
        self.put(key.clone(), value, sum.clone()).await?;
        self.put(key.clone(), value, sum).await?;
        self.get(key).await
    }
}

#[plugwire::interface]
pub trait AddHelper {
    async fn add(&self, a: i64, b: i64) -> Result<i64>;
}

#[plugwire::interface]
pub trait Subscription {
    async fn next(&self) -> Result<i64>;
}

/// Its service has a name of its own.
#[plugwire::interface(service = "Audit")]
pub trait Audit {
    async fn note(&self, text: String) -> Result<()>;
}

struct English;

#[plugwire::interface]
impl Greeter for English {
    async fn greet(&self) -> Result<String> {
        Ok("Hello!".into())
    }
}

#[derive(Default)]
struct Map(Mutex<BTreeMap<String, Vec<u8>>>);

#[plugwire::interface]
impl Kv for Map {
    async fn put(&self, key: String, value: Vec<u8>) -> Result<()> {
        self.0.lock().await.insert(key, value);
        Ok(())
    }

    async fn get(&self, key: String) -> Result<Vec<u8>> {
        let values = self.0.lock().await;
        let value = values.get(&key).cloned();
        value.ok_or_else(|| format!("no such key: {key}").into())
    }

    async fn size(&self, key: String) -> Result<Any> {
        Ok(match self.0.lock().await.get(&key) {
            Some(value) => Any::Int(value.len() as i64),
            None => Any::Nil,
        })
    }

    async fn tag(&self, key: String, tags: Vec<String>, count: i64) -> Result<String> {
        Ok(format!("{key}: {} x{count}", tags.join(",")))
    }
}

type Shared = Arc<Mutex<BTreeMap<String, i64>>>;

#[derive(Default)]
struct Counts {
    counts: Shared,
    kept: Mutex<Option<Arc<dyn AddHelper>>>,
}

#[plugwire::interface]
impl Counter for Counts {
    async fn put(&self, key: String, value: i64, sum: Arc<dyn AddHelper>) -> Result<()> {
        let mut counts = self.counts.lock().await;
        let old = counts.get(&key).copied().unwrap_or_default();
        counts.insert(key, sum.add(old, value).await?);
        Ok(())
    }

    async fn get(&self, key: String) -> Result<i64> {
        let count = self.counts.lock().await.get(&key).copied();
        count.ok_or_else(|| format!("no such key: {key}").into())
    }

    async fn import(&self, name: String, mut data: Reader) -> Result<u64> {
        let n = tokio::io::copy(&mut data, &mut tokio::io::sink()).await?;
        self.counts.lock().await.insert(name, n as i64);
        Ok(n)
    }

    async fn export(&self, mut out: Writer) -> Result<()> {
        for (key, count) in &*self.counts.lock().await {
            out.write_all(format!("{key} {count}\n").as_bytes()).await?;
        }
        Ok(())
    }

    async fn watch(&self, key: String) -> Result<Arc<dyn Subscription>> {
        Ok(Arc::new(Watch(self.counts.clone(), key)))
    }

    async fn open(&self, key: String) -> Result<Reader> {
        if key == "broken" {
            let part = tokio::io::repeat(b'p').take(300_000);
            return Ok(Reader::new(part.chain(Broken)));
        }
        Ok(Reader::new(Cursor::new(self.get(key).await?.to_string())))
    }

    async fn follow(&self, sub: Arc<dyn Subscription>) -> Result<i64> {
        sub.next().await
    }

    async fn keep(&self, sum: Arc<dyn AddHelper>) -> Result<()> {
        *self.kept.lock().await = Some(sum);
        Ok(())
    }

    async fn total(&self, a: i64, b: i64) -> Result<i64> {
        match &*self.kept.lock().await {
            Some(sum) => sum.add(a, b).await,
            None => Err("no helper is kept".into()),
        }
    }

    async fn forget(&self) -> Result<()> {
        *self.kept.lock().await = None;
        Ok(())
    }

    async fn audited(&self, key: String, audit: Arc<dyn Audit>) -> Result<()> {
        let count = self.get(key.clone()).await?;
        audit.note(format!("{key} is {count}")).await
    }

    async fn settle(&self, key: String, by: i64) -> Result<(i64, String)> {
        let mut counts = self.counts.lock().await;
        let text = format!("{key} by {by}");
        let count = counts.entry(key).or_default();
        *count += by;
        Ok((*count, text))
    }

    async fn clear(&self) -> Result<()> {
        self.counts.lock().await.clear();
        Ok(())
    }
}

struct Watch(Shared, String);

#[plugwire::interface]
impl Subscription for Watch {
    async fn next(&self) -> Result<i64> {
        let Watch(counts, key) = self;
        Ok(counts.lock().await.get(key).copied().unwrap_or_default())
    }
}
