//! What can be wrong with interfaces, readers and writers within values, and what is taken back. In
//! virtual time where something waits.

use std::sync::Arc;
use std::time::Duration;

use plugwire::interface::Error;
use plugwire::rpc::{CallError, Codec, Service};
use plugwire::{Reader, Remote, Result};
use serde::{Deserialize, Serialize};
use support::causes::{assert_fails, with_causes};
use support::within;
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;

use crate::Pair;
use crate::nested::{Channels, Progress, Worker, Works};

/// As a Go author would write what a peer sends.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AllArgs {
    hooks: Vec<u32>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JobIds {
    name: String,
    channels: ChannelIds,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChannelIds {
    input: u32,
    output: u32,
}

async fn raw() -> (Pair, plugwire::rpc::Client) {
    let pair = Pair::new();
    let worker = pair.connect::<dyn Worker>(Arc::new(Works)).await;
    let raw = Remote::rpc_client(&worker).clone();
    (pair, raw)
}

#[tokio::test]
async fn an_id_that_occurs_twice_is_an_error_at_once() {
    let (pair, worker) = raw().await;
    let id = pair.host.share(Service::new());
    let args = AllArgs {
        hooks: vec![id, id],
    };
    let error = within(worker.call::<_, ()>("Plugin.All", &args)).await;
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains(&format!("broker id {id} occurs twice")),
        "{text}"
    );
    assert!(text.contains("Hooks[1]"), "{text}");
}

#[tokio::test]
async fn an_id_of_zero_is_no_reader() {
    let (_pair, worker) = raw().await;
    let job = JobIds {
        name: "a".into(),
        channels: ChannelIds {
            input: 0,
            output: 0,
        },
    };
    let error = within(worker.call::<_, ()>("Plugin.Run", &vec![job])).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("[0].Channels.Input"), "{text}");
    assert!(text.contains("broker id 0 stands for none"), "{text}");
}

#[tokio::test]
async fn an_id_that_was_never_lent_names_its_field() {
    let (pair, worker) = raw().await;
    let input = pair.host.next_id();
    let accepting = pair.host.clone();
    let accepted = tokio::spawn(async move { accepting.accept(input).await });
    let fine = JobIds {
        name: "a".into(),
        channels: ChannelIds {
            input,
            output: 70_000,
        },
    };
    tokio::time::pause();
    let begun = Instant::now();
    let error = worker.call::<_, ()>("Plugin.Run", &vec![fine]).await;
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("[0].Channels.Output: cannot connect to broker id 70000"),
        "{text}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(11),
        "{:?}",
        begun.elapsed()
    );
    // The other one was not read to its end, and sees that.
    let mut stream = accepted.await.unwrap().unwrap();
    let read = stream.read(&mut [0; 8]).await;
    assert_eq!(
        read.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_reply_with_an_id_that_was_never_lent_names_its_field() {
    let pair = Pair::new();
    let service = Service::new().method("Open", |_: ()| async {
        Ok::<_, String>(ChannelIds {
            input: 70_000,
            output: 70_001,
        })
    });
    let client = pair.connect_service(service).await;
    let opener = Remote::<dyn Opener>::new(client, pair.host.clone());
    tokio::time::pause();
    let error = opener.open().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    let text = with_causes(&error);
    assert!(text.contains("cannot connect to broker id 7000"), "{text}");
    assert!(
        text.contains("put: ") && text.contains("Channels"),
        "{text}"
    );
    assert!(!error.is_disconnected());

    // Within the deadline of the call.
    let second = Duration::from_secs(1);
    let begun = Instant::now();
    let error = opener.with_timeout(second).open().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[plugwire::interface]
trait Opener {
    async fn open(&self) -> Result<Channels>;
}

#[tokio::test]
async fn more_than_a_value_may_hold_are_an_error() {
    let (_pair, worker) = raw().await;
    let args = AllArgs {
        hooks: (1..2_000).collect(),
    };
    let error = within(worker.call::<_, ()>("Plugin.All", &args)).await;
    assert_fails(error, "more than 1024 interfaces");
}

/// The same reader in two places, which safe code can write all the same.
struct Twice(Reader);

impl Serialize for Twice {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq([&self.0, &self.0])
    }
}

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        let mut readers = Vec::<Reader>::deserialize(deserializer)?;
        readers
            .pop()
            .map(Twice)
            .ok_or_else(|| serde::de::Error::custom("none"))
    }
}

#[plugwire::interface]
trait Twofold {
    async fn take(&self, twice: Twice) -> Result<()>;
}

#[tokio::test]
async fn a_value_in_two_places_is_an_error() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        let pair = Pair::speaking(codec);
        let client = pair.connect_service(Service::new()).await;
        let twofold = Remote::<dyn Twofold>::new(client, pair.host.clone());
        let error = within(twofold.take(Twice(Reader::new(&b"x"[..]))))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Call(CallError::Encode { .. })),
            "{error:?}"
        );
        assert!(
            with_causes(&error).contains("sent already"),
            "{}",
            with_causes(&error)
        );
    }
}

#[tokio::test]
async fn outside_of_a_call_is_an_error() {
    let error = plugwire::gob::to_vec(&Reader::new(&b"x"[..])).unwrap_err();
    assert!(
        error.to_string().contains("only in a call of an interface"),
        "{error}"
    );
    let bytes = plugwire::gob::to_vec(&7u32).unwrap();
    let error = plugwire::gob::from_slice::<Reader>(&bytes).unwrap_err();
    assert!(
        error.to_string().contains("only in a call of an interface"),
        "{error}"
    );

    // A client by hand is no interface, and knows no broker.
    let (_pair, worker) = raw().await;
    let reader = Reader::new(&b"x"[..]);
    let error = within(worker.call::<_, ()>("Plugin.Run", &reader)).await;
    assert!(matches!(error, Err(CallError::Encode { .. })));
}

/// Says when it is dropped.
struct Watched(Option<oneshot::Sender<()>>);

impl Watched {
    fn new() -> (Watched, oneshot::Receiver<()>) {
        let (sender, dropped) = oneshot::channel();
        (Watched(Some(sender)), dropped)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.0.take().map(|sender| sender.send(()));
    }
}

#[plugwire::interface]
impl Progress for Watched {
    async fn at(&self, percent: i64) -> Result<i64> {
        Ok(percent)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Held {
    #[serde(with = "plugwire::brokered")]
    hook: Arc<dyn Progress>,
    input: Option<Reader>,
}

#[plugwire::interface]
trait Holder {
    async fn hold(&self, held: Held) -> Result<()>;
    async fn give(&self) -> Result<Held>;
    /// The peer does not have it.
    async fn length(&self, held: Held) -> Result<(u64, i64)> {
        let mut text = String::new();
        if let Some(mut input) = held.input {
            input.read_to_string(&mut text).await?;
        }
        Ok((text.len() as u64, held.hook.at(5).await?))
    }
}

/// A peer that dials none of what it gets.
async fn careless(reply: std::result::Result<(), &'static str>) -> (Pair, Remote<dyn Holder>) {
    let pair = Pair::new();
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct HeldIds {
        hook: u32,
        input: u32,
    }
    let service = Service::new().method("Hold", move |_: HeldIds| async move {
        if reply.is_ok() {
            std::future::pending::<()>().await;
        }
        reply
    });
    let client = pair.connect_service(service).await;
    let holder = Remote::new(client, pair.host.clone());
    tokio::time::pause();
    (pair, holder)
}

fn held() -> (Held, oneshot::Receiver<()>) {
    let (hook, dropped) = Watched::new();
    let held = Held {
        hook: Arc::new(hook),
        input: Some(Reader::new(&b"four"[..])),
    };
    (held, dropped)
}

const AT_ONCE: Duration = Duration::from_secs(1);

async fn at_once(dropped: oneshot::Receiver<()>) {
    let begun = Instant::now();
    dropped.await.expect("told by the drop");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_call_that_failed_takes_back_what_it_lent() {
    let (_pair, holder) = careless(Err("no")).await;
    let (held, dropped) = held();
    assert_fails(holder.hold(held).await, "no");
    at_once(dropped).await;
}

#[tokio::test]
async fn an_abandoned_call_takes_back_what_it_lent() {
    let (_pair, holder) = careless(Ok(())).await;
    let (held, dropped) = held();
    let abandoned = tokio::time::timeout(AT_ONCE, holder.hold(held)).await;
    assert!(abandoned.is_err());
    at_once(dropped).await;
}

#[tokio::test]
async fn a_default_body_gets_what_a_peer_without_the_method_did_not_take() {
    let (_pair, holder) = careless(Ok(())).await;
    let (held, dropped) = held();
    assert_eq!(holder.length(held).await.unwrap(), (4, 5));
    at_once(dropped).await;
}

/// Gives what it has.
struct Giver(Mutex<mpsc::Receiver<Held>>);

#[plugwire::interface]
impl Holder for Giver {
    async fn hold(&self, held: Held) -> Result<()> {
        drop(held);
        Ok(())
    }

    async fn give(&self) -> Result<Held> {
        Ok(self.0.lock().await.recv().await.ok_or("none")?)
    }
}

#[tokio::test]
async fn a_reply_that_cannot_be_encoded_takes_back_what_it_lent() {
    #[plugwire::interface]
    trait Faulty {
        async fn give(&self) -> Result<(Held, Twice)>;
    }
    struct Gives(Mutex<Option<Held>>);
    #[plugwire::interface]
    impl Faulty for Gives {
        async fn give(&self) -> Result<(Held, Twice)> {
            let held = self.0.lock().await.take().ok_or("none")?;
            Ok((held, Twice(Reader::new(&b"x"[..]))))
        }
    }
    let pair = Pair::new();
    let (held, dropped) = held();
    let faulty = Arc::new(Gives(Mutex::new(Some(held))));
    let faulty = pair.connect::<dyn Faulty>(faulty).await;
    tokio::time::pause();
    assert_fails(
        faulty.give().await.map(drop),
        "error encoding the reply of Plugin.Give",
    );
    at_once(dropped).await;
}

#[tokio::test]
async fn what_a_reply_lends_lives_as_long_as_the_caller_holds_it() {
    let (give, gives) = mpsc::channel(2);
    let pair = Pair::new();
    let holder = pair
        .connect::<dyn Holder>(Arc::new(Giver(Mutex::new(gives))))
        .await;
    let (lent, mut dropped) = held();
    give.send(lent).await.unwrap();
    tokio::time::pause();
    let given = holder.give().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(given.hook.at(3).await.unwrap(), 3);
    assert!(dropped.try_recv().is_err());
    let mut text = String::new();
    given
        .input
        .unwrap()
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(text, "four");
    drop(given.hook);
    at_once(dropped).await;
}

#[tokio::test]
async fn what_was_received_can_be_passed_on() {
    let (give, gives) = mpsc::channel(2);
    let pair = Pair::new();
    let holder = pair
        .connect::<dyn Holder>(Arc::new(Giver(Mutex::new(gives))))
        .await;
    let (lent, dropped) = held();
    give.send(lent).await.unwrap();
    let given = within(holder.give()).await.unwrap();
    within(holder.hold(given)).await.unwrap();
    within(dropped).await.unwrap();
}
