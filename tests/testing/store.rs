//! What the tests call: a store of numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugwire::broker::BrokerConfig;
use plugwire::codec::Codec;
use plugwire::connection::{ConnectionConfig, PluginSet};
use plugwire::{Reader, Result};
use tokio::io::AsyncReadExt;

#[plugwire::interface]
pub(crate) trait Kv {
    async fn put(&self, key: String, value: i64) -> Result<()>;
    async fn get(&self, key: String) -> Result<i64>;
    async fn add(&self, key: String, adder: Arc<dyn Adder>) -> Result<i64>;
    async fn import(&self, data: Reader) -> Result<u64>;
    /// Answers after so many seconds.
    async fn wait(&self, seconds: u64) -> Result<()>;
}

#[plugwire::interface]
pub(crate) trait Adder {
    async fn add(&self, to: i64) -> Result<i64>;
}

#[derive(Default)]
pub(crate) struct Store(Mutex<BTreeMap<String, i64>>);

#[plugwire::interface]
impl Kv for Store {
    async fn put(&self, key: String, value: i64) -> Result<()> {
        self.0.lock().unwrap().insert(key, value);
        Ok(())
    }

    async fn get(&self, key: String) -> Result<i64> {
        let found = self.0.lock().unwrap().get(&key).copied();
        found.ok_or_else(|| format!("no such key: {key}").into())
    }

    async fn add(&self, key: String, adder: Arc<dyn Adder>) -> Result<i64> {
        let sum = adder.add(self.get(key.clone()).await?).await?;
        self.put(key, sum).await?;
        Ok(sum)
    }

    async fn import(&self, mut data: Reader) -> Result<u64> {
        let mut text = String::new();
        Ok(data.read_to_string(&mut text).await? as u64)
    }

    async fn wait(&self, seconds: u64) -> Result<()> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(())
    }
}

pub(crate) struct Three;

#[plugwire::interface]
impl Adder for Three {
    async fn add(&self, to: i64) -> Result<i64> {
        Ok(to + 3)
    }
}

pub(crate) fn store() -> Arc<dyn Kv> {
    Arc::new(Store::default())
}

pub(crate) fn plugins() -> PluginSet {
    PluginSet::new().register::<dyn Kv>("kv", || Ok(store()))
}

pub(crate) fn config(codec: Codec) -> ConnectionConfig {
    ConnectionConfig::default().broker(BrokerConfig::default().codec(codec))
}
