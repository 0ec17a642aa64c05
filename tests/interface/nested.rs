//! Interfaces, readers, writers and streams within values: in structs, options, lists, maps and
//! tuples, as arguments and as replies. In gob and in MessagePack.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plugwire::rpc::Codec;
use plugwire::{BrokeredStream, Reader, Remote, Result, Writer};
use serde::{Deserialize, Serialize};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Pair;

#[plugwire::interface]
pub trait Progress {
    async fn at(&self, percent: i64) -> Result<i64>;
}

/// Adds up what it is given.
#[derive(Default)]
pub struct Sum(AtomicI64);

#[plugwire::interface]
impl Progress for Sum {
    /// The least number has no end.
    async fn at(&self, percent: i64) -> Result<i64> {
        if percent == i64::MIN {
            return std::future::pending().await;
        }
        Ok(self.0.fetch_add(percent, Ordering::Relaxed) + percent)
    }
}

impl Sum {
    pub fn total(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Channels {
    pub input: Reader,
    pub output: Writer,
}

/// Not in the order of its fields, so that an encoder begins it anew.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Job {
    pub name: String,
    pub channels: Channels,
    #[serde(with = "plugwire::brokered")]
    pub progress: Option<Arc<dyn Progress>>,
    #[serde(with = "plugwire::brokered")]
    pub hooks: BTreeMap<String, Arc<dyn Progress>>,
}

impl Serialize for Job {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        struct With<'a, T>(&'a T);
        impl<T: plugwire::brokered::Nested> Serialize for With<'_, T> {
            fn serialize<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> std::result::Result<S::Ok, S::Error> {
                plugwire::brokered::serialize(self.0, serializer)
            }
        }
        let mut fields = serializer.serialize_struct("Job", 4)?;
        fields.serialize_field("Channels", &self.channels)?;
        fields.serialize_field("Hooks", &With(&self.hooks))?;
        fields.serialize_field("Progress", &With(&self.progress))?;
        fields.serialize_field("Name", &self.name)?;
        fields.end()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Done {
    pub name: String,
    pub log: Reader,
    #[serde(with = "plugwire::brokered")]
    pub again: Vec<(String, Option<Arc<dyn Progress>>)>,
}

#[plugwire::interface]
pub trait Worker {
    async fn run(&self, jobs: Vec<Job>) -> Result<Vec<Done>>;
    async fn all(
        &self,
        hooks: Vec<Arc<dyn Progress>>,
        tail: Option<(Reader, u32)>,
    ) -> Result<HashMap<String, Arc<dyn Progress>>>;
    async fn some(&self, hooks: Vec<Option<Arc<dyn Progress>>>) -> Result<i64>;
    async fn pair(&self, hook: Box<Arc<dyn Progress>>) -> Result<(Vec<Reader>, i64)>;
    async fn attach(&self, stream: BrokeredStream) -> Result<BrokeredStream>;
    #[plugwire(args = "map")]
    async fn by_name(
        &self,
        #[plugwire(go = "[]uint32")] hooks: Vec<Arc<dyn Progress>>,
        by: i64,
    ) -> Result<i64>;
}

pub struct Works;

#[plugwire::interface]
impl Worker for Works {
    async fn run(&self, jobs: Vec<Job>) -> Result<Vec<Done>> {
        let mut done = Vec::new();
        for mut job in jobs {
            let mut text = String::new();
            job.channels.input.read_to_string(&mut text).await?;
            job.channels
                .output
                .write_all(text.to_uppercase().as_bytes())
                .await?;
            if let Some(progress) = &job.progress {
                progress.at(100).await?;
            }
            for (name, hook) in &job.hooks {
                hook.at(name.len() as i64).await?;
            }
            let log = Reader::new(std::io::Cursor::new(format!("did {}", job.name)));
            let again = vec![("none".to_owned(), None), (job.name.clone(), job.progress)];
            done.push(Done {
                name: job.name,
                log,
                again,
            });
        }
        Ok(done)
    }

    async fn all(
        &self,
        hooks: Vec<Arc<dyn Progress>>,
        tail: Option<(Reader, u32)>,
    ) -> Result<HashMap<String, Arc<dyn Progress>>> {
        let by = match tail {
            Some((mut reader, by)) => {
                let mut text = String::new();
                reader.read_to_string(&mut text).await?;
                text.len() as i64 * i64::from(by)
            }
            None => 1,
        };
        let mut named = HashMap::new();
        for (index, hook) in hooks.into_iter().enumerate() {
            hook.at(by).await?;
            named.insert(index.to_string(), hook);
        }
        Ok(named)
    }

    async fn some(&self, hooks: Vec<Option<Arc<dyn Progress>>>) -> Result<i64> {
        let mut there = 0;
        for hook in hooks.iter().flatten() {
            hook.at(1).await?;
            there += 1;
        }
        Ok(100 * hooks.len() as i64 + there)
    }

    async fn pair(&self, hook: Box<Arc<dyn Progress>>) -> Result<(Vec<Reader>, i64)> {
        let readers = ["one", "two"].map(|text| Reader::new(text.as_bytes()));
        Ok((readers.into(), hook.at(7).await?))
    }

    async fn attach(&self, mut stream: BrokeredStream) -> Result<BrokeredStream> {
        let (kept, given) = BrokeredStream::pair();
        tokio::spawn(async move {
            let mut kept = kept;
            tokio::io::copy_bidirectional(&mut stream, &mut kept).await
        });
        Ok(given)
    }

    async fn by_name(&self, hooks: Vec<Arc<dyn Progress>>, by: i64) -> Result<i64> {
        for hook in &hooks {
            hook.at(by).await?;
        }
        Ok(hooks.len() as i64)
    }
}

async fn worker(codec: Codec) -> (Pair, Remote<dyn Worker>) {
    let pair = Pair::speaking(codec);
    let worker = pair.connect::<dyn Worker>(Arc::new(Works)).await;
    (pair, worker)
}

async fn read(mut reader: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut text = String::new();
    within(reader.read_to_string(&mut text)).await.unwrap();
    text
}

const CODECS: [Codec; 2] = [Codec::Gob, Codec::MsgPack];

#[tokio::test]
async fn in_the_fields_of_structs_in_a_list() {
    for codec in CODECS {
        let (_pair, worker) = worker(codec).await;
        let progress = Arc::new(Sum::default());
        let hook = Arc::new(Sum::default());
        let (mut outputs, mut jobs) = (Vec::new(), Vec::new());
        for (index, name) in ["a", "b", "c"].iter().enumerate() {
            let (out, output) = tokio::io::duplex(64);
            outputs.push(output);
            jobs.push(Job {
                name: (*name).to_owned(),
                channels: Channels {
                    input: Reader::new(name.as_bytes()),
                    output: Writer::new(out),
                },
                progress: (index > 0).then(|| progress.clone() as _),
                hooks: BTreeMap::from([("four".to_owned(), hook.clone() as _)]),
            });
        }
        let done = within(worker.run(jobs)).await.unwrap();
        assert_eq!((progress.total(), hook.total()), (200, 12));
        for (output, wanted) in outputs.into_iter().zip(["A", "B", "C"]) {
            assert_eq!(read(output).await, wanted);
        }
        for (done, name) in done.into_iter().zip(["a", "b", "c"]) {
            assert_eq!(read(done.log).await, format!("did {name}"));
            let (none, again) = (&done.again[0], &done.again[1]);
            assert!(none.1.is_none());
            assert_eq!((&*again.0, &*done.name), (name, name));
            // Through both processes, and back.
            if let Some(again) = &again.1 {
                within(again.at(1)).await.unwrap();
            }
        }
        assert_eq!(progress.total(), 202);
    }
}

#[tokio::test]
async fn in_lists_options_and_tuples_of_a_parameter_and_in_a_map_of_a_result() {
    for codec in CODECS {
        let (_pair, worker) = worker(codec).await;
        let sums: Vec<_> = (0..3).map(|_| Arc::new(Sum::default())).collect();
        let hooks = || sums.iter().map(|sum| sum.clone() as _).collect();
        let named = within(worker.all(hooks(), None)).await.unwrap();
        assert_eq!(within(named["2"].at(10)).await.unwrap(), 11);
        let tail = Some((Reader::new(&b"four"[..]), 5));
        within(worker.all(hooks(), tail)).await.unwrap();
        assert_eq!(sums.iter().map(|sum| sum.total()).sum::<i64>(), 3 + 10 + 60);
    }
}

#[tokio::test]
async fn none_within_a_list_is_none() {
    for codec in CODECS {
        let (_pair, worker) = worker(codec).await;
        let sum = Arc::new(Sum::default());
        let hooks = vec![None, Some(sum.clone() as _), None, Some(sum.clone() as _)];
        assert_eq!(within(worker.some(hooks)).await.unwrap(), 402);
        assert_eq!(within(worker.some(vec![])).await.unwrap(), 0);
        assert_eq!(sum.total(), 2);
    }
}

#[tokio::test]
async fn beside_others_in_a_result_and_in_a_box() {
    for codec in CODECS {
        let (_pair, worker) = worker(codec).await;
        let sum = Arc::new(Sum::default());
        let (readers, total) = within(worker.pair(Box::new(sum))).await.unwrap();
        assert_eq!(total, 7);
        for (reader, wanted) in readers.into_iter().zip(["one", "two"]) {
            assert_eq!(read(reader).await, wanted);
        }
    }
}

#[tokio::test]
async fn in_a_map_of_arguments() {
    let (_pair, worker) = worker(Codec::Gob).await;
    let sum = Arc::new(Sum::default());
    let hooks = vec![sum.clone() as _, sum.clone() as _];
    assert_eq!(within(worker.by_name(hooks, 21)).await.unwrap(), 2);
    assert_eq!(sum.total(), 42);
}

#[tokio::test]
async fn a_stream_of_bytes_in_both_directions() {
    for codec in CODECS {
        let (_pair, worker) = worker(codec).await;
        let (mut here, there) = BrokeredStream::pair();
        let mut back = within(worker.attach(there)).await.unwrap();
        within(here.write_all(b"ping")).await.unwrap();
        let mut four = [0; 4];
        within(back.read_exact(&mut four)).await.unwrap();
        assert_eq!(&four, b"ping");
        within(back.write_all(b"pong")).await.unwrap();
        within(here.read_exact(&mut four)).await.unwrap();
        assert_eq!(&four, b"pong");
        within(back.shutdown()).await.unwrap();
        assert_eq!(read(&mut here).await, "");

        // Of a thing of one's own, which is copied.
        let (mut here, there) = tokio::io::duplex(16);
        let mut back = within(worker.attach(BrokeredStream::new(there)))
            .await
            .unwrap();
        within(here.write_all(b"copy")).await.unwrap();
        within(back.read_exact(&mut four)).await.unwrap();
        assert_eq!(&four, b"copy");
    }
}

#[tokio::test]
async fn the_ends_of_a_pair_are_a_pipe_within_a_process() {
    let (mut here, there) = BrokeredStream::pair();
    let mut back = within(Works.attach(there)).await.unwrap();
    within(here.write_all(b"ping")).await.unwrap();
    let mut four = [0; 4];
    within(back.read_exact(&mut four)).await.unwrap();
    assert_eq!(&four, b"ping");
    drop(here);
    assert_eq!(read(&mut back).await, "");
}

#[test]
fn to_gob_each_is_a_uint32() {
    use plugwire::gob::Schema;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Ids {
        name: String,
        channels: ChannelIds,
        progress: u32,
        hooks: BTreeMap<String, u32>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Channels", rename_all = "PascalCase")]
    struct ChannelIds {
        input: u32,
        output: u32,
    }

    let ids = format!("{:?}", Schema::of::<Ids>().unwrap()).replace("Ids", "Job");
    assert_eq!(format!("{:?}", Schema::of::<Job>().unwrap()), ids);
}

#[tokio::test]
async fn what_was_received_gets_other_deadlines() {
    let (_pair, worker) = worker(Codec::Gob).await;
    let sum: Arc<dyn Progress> = Arc::new(Sum::default());
    assert!(Remote::of(&*sum).is_none());
    let named = within(worker.all(vec![sum], None)).await.unwrap();
    let remote = Remote::of(&*named["0"]).expect("it was received");
    let late = remote.with_timeout(std::time::Duration::from_millis(20));
    assert!(within(late.at(i64::MIN)).await.unwrap_err().is_timeout());
    assert!(within(remote.at(1)).await.is_ok());
}
