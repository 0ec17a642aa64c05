//! The interface that the tests are about, with one of everything.

use std::collections::HashMap;
use std::sync::Arc;

use plugwire::{Reader, Result, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, mpsc, watch};

#[plugwire::interface]
pub trait Counter {
    async fn put(&self, key: String, value: i64, sum: Arc<dyn AddHelper>) -> Result<()>;
    async fn get(&self, key: String) -> Result<i64>;
    async fn keys(&self) -> Result<Vec<String>>;
    async fn import(&self, name: String, data: Reader) -> Result<u64>;
    async fn export(&self, out: Writer) -> Result<()>;
    async fn watch(&self, key: String) -> Result<Arc<dyn Subscription>>;
    async fn open(&self, key: String) -> Result<Reader>;
    async fn first(&self, helper: Option<Arc<dyn AddHelper>>)
    -> Result<Option<Arc<dyn AddHelper>>>;
}

#[plugwire::interface]
pub trait AddHelper {
    async fn add(&self, a: i64, b: i64) -> Result<i64>;
}

#[plugwire::interface]
pub trait Subscription {
    async fn next(&self) -> Result<i64>;
}

#[derive(Default)]
pub struct Memory {
    counts: Mutex<HashMap<String, watch::Sender<i64>>>,
}

#[plugwire::interface]
impl Counter for Memory {
    async fn put(&self, key: String, value: i64, sum: Arc<dyn AddHelper>) -> Result<()> {
        let mut counts = self.counts.lock().await;
        let count = counts.entry(key).or_insert_with(|| watch::Sender::new(0));
        let old = *count.borrow();
        let new = sum.add(old, value).await?;
        count.send_replace(new);
        Ok(())
    }

    async fn get(&self, key: String) -> Result<i64> {
        match self.counts.lock().await.get(&key) {
            Some(count) => Ok(*count.borrow()),
            None => Err(format!("there is no {key:?}").into()),
        }
    }

    async fn keys(&self) -> Result<Vec<String>> {
        let mut keys: Vec<String> = self.counts.lock().await.keys().cloned().collect();
        keys.sort();
        Ok(keys)
    }

    async fn import(&self, name: String, mut data: Reader) -> Result<u64> {
        let mut text = String::new();
        let read = data.read_to_string(&mut text).await?;
        let count = text.lines().count() as i64;
        let mut counts = self.counts.lock().await;
        counts.insert(name, watch::Sender::new(count));
        Ok(read as u64)
    }

    async fn export(&self, mut out: Writer) -> Result<()> {
        for key in self.keys().await? {
            let line = format!("{key} {}\n", self.get(key.clone()).await?);
            out.write_all(line.as_bytes()).await?;
        }
        Ok(())
    }

    async fn watch(&self, key: String) -> Result<Arc<dyn Subscription>> {
        let mut counts = self.counts.lock().await;
        let count = counts.entry(key).or_insert_with(|| watch::Sender::new(0));
        Ok(Arc::new(Watch(Mutex::new(count.subscribe()))))
    }

    async fn open(&self, key: String) -> Result<Reader> {
        let text = self.get(key).await?.to_string();
        Ok(Reader::new(std::io::Cursor::new(text)))
    }

    async fn first(
        &self,
        helper: Option<Arc<dyn AddHelper>>,
    ) -> Result<Option<Arc<dyn AddHelper>>> {
        Ok(helper)
    }
}

struct Watch(Mutex<watch::Receiver<i64>>);

#[plugwire::interface]
impl Subscription for Watch {
    async fn next(&self) -> Result<i64> {
        let mut count = self.0.lock().await;
        count.changed().await.map_err(plugwire::Error::other)?;
        Ok(*count.borrow_and_update())
    }
}

/// Adds, and tells when it is dropped.
pub struct Adder {
    dropped: Option<mpsc::UnboundedSender<()>>,
}

impl Adder {
    pub fn new() -> Arc<Adder> {
        Arc::new(Adder { dropped: None })
    }

    pub fn watched() -> (Arc<Adder>, mpsc::UnboundedReceiver<()>) {
        let (sender, dropped) = mpsc::unbounded_channel();
        let dropped_sender = Some(sender);
        (
            Arc::new(Adder {
                dropped: dropped_sender,
            }),
            dropped,
        )
    }
}

impl Drop for Adder {
    fn drop(&mut self) {
        if let Some(dropped) = &self.dropped {
            let _ = dropped.send(());
        }
    }
}

#[plugwire::interface]
impl AddHelper for Adder {
    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        a.checked_add(b).ok_or_else(|| "too large".into())
    }
}
