//! Interfaces, readers, writers and streams within values, as a trait: the interface that
//! `go/internal/shapes/nest.go` has written out by hand.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plugwire::{BrokeredStream, Reader, Result, Writer};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Job {
    pub name: String,
    pub channels: Channels,
    #[serde(with = "plugwire::brokered")]
    pub progress: Option<Arc<dyn Progress>>,
    #[serde(with = "plugwire::brokered")]
    pub hooks: Vec<Arc<dyn Progress>>,
    #[serde(with = "plugwire::brokered")]
    pub named: BTreeMap<String, Arc<dyn Progress>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Channels {
    pub input: Reader,
    pub output: Writer,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Done {
    pub name: String,
    pub log: Reader,
    #[serde(with = "plugwire::brokered")]
    pub again: Vec<Option<Arc<dyn Progress>>>,
}

#[plugwire::interface]
pub trait Nest {
    async fn run(&self, jobs: Vec<Job>) -> Result<Vec<Done>>;
    async fn all(
        &self,
        hooks: Vec<Arc<dyn Progress>>,
        tail: Option<(Reader, u32)>,
    ) -> Result<BTreeMap<String, Arc<dyn Progress>>>;
    async fn attach(&self, stream: BrokeredStream) -> Result<BrokeredStream>;
}

#[plugwire::interface]
pub trait Progress {
    async fn at(&self, percent: i64) -> Result<i64>;
}

/// Adds up what it is given.
#[derive(Default)]
pub struct Sum(AtomicI64);

impl Sum {
    pub fn total(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[plugwire::interface]
impl Progress for Sum {
    async fn at(&self, percent: i64) -> Result<i64> {
        Ok(self.0.fetch_add(percent, Ordering::Relaxed) + percent)
    }
}

pub struct Nested;

#[plugwire::interface]
impl Nest for Nested {
    async fn run(&self, jobs: Vec<Job>) -> Result<Vec<Done>> {
        let mut done = Vec::new();
        for mut job in jobs {
            let mut text = String::new();
            job.channels.input.read_to_string(&mut text).await?;
            let upper = text.to_uppercase();
            job.channels.output.write_all(upper.as_bytes()).await?;
            if let Some(progress) = job.progress {
                progress.at(100).await?;
            }
            for hook in job.hooks {
                hook.at(1).await?;
            }
            for (name, hook) in job.named {
                hook.at(name.len() as i64).await?;
            }
            let log = format!("did {}", job.name);
            done.push(Done {
                name: job.name,
                log: Reader::new(Cursor::new(log)),
                again: vec![None, Some(Arc::new(Sum::default()))],
            });
        }
        Ok(done)
    }

    async fn all(
        &self,
        hooks: Vec<Arc<dyn Progress>>,
        tail: Option<(Reader, u32)>,
    ) -> Result<BTreeMap<String, Arc<dyn Progress>>> {
        let mut by = 1;
        if let Some((mut reader, times)) = tail {
            let mut text = String::new();
            reader.read_to_string(&mut text).await?;
            by = text.len() as i64 * i64::from(times);
        }
        for hook in hooks {
            hook.at(by).await?;
        }
        let own: Arc<dyn Progress> = Arc::new(Sum::default());
        Ok(BTreeMap::from([("own".to_owned(), own)]))
    }

    async fn attach(&self, mut stream: BrokeredStream) -> Result<BrokeredStream> {
        let (mut kept, given) = BrokeredStream::pair();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut kept).await });
        Ok(given)
    }
}
