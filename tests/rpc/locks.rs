//! Code of one caller holds up no other caller of the same connection.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plugwire::rpc::{Client, Codec, Server, Service};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::within;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

/// Longer than any machine needs.
const DEADLINE: Duration = Duration::from_secs(20);

/// Where code of a value waits: it tells that it is there, and goes on when it may.
#[derive(Debug)]
struct Gate {
    entered: mpsc::Sender<()>,
    released: Mutex<mpsc::Receiver<()>>,
}

impl Gate {
    fn new() -> (Arc<Gate>, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (entered, enter) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        (Arc::new(Gate { entered, released }), enter, release)
    }

    fn pass(&self) {
        let _ = self.entered.send(());
        let released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = released.recv_timeout(DEADLINE);
    }
}

/// A number that waits at the gate while it is serialized.
#[derive(Debug, Default)]
struct SlowToSerialize(u32, Option<Arc<Gate>>);

impl Serialize for SlowToSerialize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(gate) = &self.1 {
            gate.pass();
        }
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for SlowToSerialize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(SlowToSerialize(u32::deserialize(deserializer)?, None))
    }
}

/// A number that waits at the gate while its type is learned.
#[derive(Debug, Serialize)]
struct SlowToLearn(u32);

static LEARNING: Mutex<Option<Arc<Gate>>> = Mutex::new(None);

impl<'de> Deserialize<'de> for SlowToLearn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let gate = LEARNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(gate) = gate {
            gate.pass();
        }
        Ok(SlowToLearn(u32::deserialize(deserializer)?))
    }
}

fn client(codec: Codec) -> Client {
    let echo = Service::new().method("Echo", |n: u32| async move { Ok::<_, String>(n) });
    let (here, there) = tokio::io::duplex(1 << 16);
    let server = Server::new().register("Plugin", echo);
    tokio::spawn(async move { server.serve(there, codec).await });
    Client::new(here, codec)
}

/// Calls on a thread of its own, which the argument may block.
fn call_aside<A>(client: &Client, argument: A) -> JoinHandle<u32>
where
    A: plugwire::rpc::Encode + Send + Sync + 'static,
{
    let client = client.clone();
    spawn_blocking(move || {
        let call = async move { client.call("Plugin.Echo", &argument).await };
        Handle::current().block_on(call).unwrap()
    })
}

async fn others_call_meanwhile(client: &Client, slow: JoinHandle<u32>, release: mpsc::Sender<()>) {
    for n in 0..100u32 {
        let same: u32 = within(client.call("Plugin.Echo", &n)).await.unwrap();
        assert_eq!(same, n);
    }
    assert!(!slow.is_finished());
    release.send(()).unwrap();
    assert_eq!(within(slow).await.unwrap(), 7);
}

async fn serialize(codec: Codec) {
    let client = client(codec);
    let (gate, entered, release) = Gate::new();
    let slow = call_aside(&client, SlowToSerialize(7, Some(gate)));
    entered.recv_timeout(DEADLINE).unwrap();
    others_call_meanwhile(&client, slow, release).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_serialize_holds_up_no_other_call() {
    serialize(Codec::Gob).await;
    #[cfg(feature = "msgpack")]
    serialize(Codec::MsgPack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn learning_a_type_holds_up_no_other_call() {
    let client = client(Codec::Gob);
    let (gate, entered, release) = Gate::new();
    *LEARNING.lock().unwrap() = Some(gate);
    let slow = call_aside(&client, SlowToLearn(7));
    entered.recv_timeout(DEADLINE).unwrap();
    others_call_meanwhile(&client, slow, release).await;
}
