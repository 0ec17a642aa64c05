//! Errors that keep their type, and what a peer may send in place of one.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use plugwire::interface::{Interface, lend};
use plugwire::rpc::{CallError, Codec, PeerError, Service};
use plugwire::{Error, Remote, Result};
use serde::{Deserialize, Serialize};

use crate::Pair;
use support::within;

const CODECS: [Codec; 2] = [Codec::Gob, Codec::MsgPack];

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum KvError {
    NotFound(String),
    Full { size: Option<u64>, by: i128 },
    Failed(String),
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvError::NotFound(key) => write!(f, "there is no {key:?}"),
            KvError::Full { .. } => f.write_str("full"),
            KvError::Failed(text) => f.write_str(text),
        }
    }
}

impl StdError for KvError {}

impl From<Error> for KvError {
    fn from(error: Error) -> Self {
        KvError::Failed(error.to_string())
    }
}

/// An alias that is not called `Result`.
type Answer<T> = std::result::Result<T, KvError>;

/// One with no argument.
type Done = Answer<()>;

#[plugwire::interface]
trait Kv {
    async fn get(&self, key: String) -> Answer<i64>;
    async fn clear(&self) -> Done;
    async fn pair(&self, a: i64, b: i64) -> Answer<(i64, i64)>;
    async fn newer(&self, key: String) -> Answer<i64> {
        Err(KvError::NotFound(key))
    }
}

struct Map;

#[plugwire::interface]
impl Kv for Map {
    async fn get(&self, key: String) -> Answer<i64> {
        Err(KvError::NotFound(key))
    }

    fn clear(&self) -> Done {
        Err(full())
    }

    async fn pair(&self, a: i64, b: i64) -> Answer<(i64, i64)> {
        Ok((b, a))
    }
}

fn full() -> KvError {
    KvError::Full {
        size: Some(0),
        by: -1,
    }
}

/// The same service without the type.
#[plugwire::interface]
trait Opaque {
    async fn get(&self, key: String) -> Result<i64>;
}

#[tokio::test]
async fn an_error_keeps_its_type() {
    for codec in CODECS {
        let pair = Pair::agreed(codec);
        let kv = pair.connect::<dyn Kv>(Arc::new(Map)).await;
        let got = within(kv.get("a".into())).await;
        assert_eq!(got, Err(KvError::NotFound("a".into())));
        assert_eq!(within(kv.clear()).await, Err(full()));
        assert_eq!(within(kv.pair(1, 2)).await, Ok((2, 1)));
        assert_eq!(
            within(kv.newer("b".into())).await,
            Err(KvError::NotFound("b".into()))
        );
    }
}

/// To a peer that did not agree to more, it is its text.
#[tokio::test]
async fn an_error_is_its_text_to_a_peer_that_wants_no_more() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let kv = pair.connect::<dyn Kv>(Arc::new(Map)).await;
        let got = within(kv.get("a".into())).await;
        assert_eq!(got, Err(KvError::Failed("there is no \"a\"".into())));
    }
}

/// Connects to what is served as `I` as if it were served as `J`: their services are the same.
async fn connect_as<I, J>(pair: &Pair, object: Arc<I>) -> Remote<J>
where
    I: Interface + ?Sized,
    J: Interface + ?Sized,
{
    let id = lend(&pair.plugin, object);
    let client = within(pair.host.dial_client(id)).await.expect("it is lent");
    Remote::new(client, pair.host.clone())
}

/// Passes on what it gets.
struct Onward(Remote<dyn Opaque>);

#[plugwire::interface]
impl Opaque for Onward {
    async fn get(&self, key: String) -> Result<i64> {
        self.0.get(key).await
    }
}

/// Through a process that does not know the type, from one codec to the other.
#[tokio::test]
async fn a_process_that_does_not_know_the_type_passes_it_on() {
    for (codec, other) in [(Codec::Gob, Codec::MsgPack), (Codec::MsgPack, Codec::Gob)] {
        let (first, second) = (Pair::agreed(codec), Pair::agreed(other));
        let opaque = connect_as::<dyn Kv, dyn Opaque>(&first, Arc::new(Map)).await;
        let error = within(opaque.get("a".into())).await.unwrap_err();
        assert_eq!(error.downcast(), Some(KvError::NotFound("a".into())));
        assert_eq!(error.downcast::<String>(), None);
        let onward = Onward(opaque);
        let kv = connect_as::<dyn Opaque, dyn Kv>(&second, Arc::new(onward)).await;
        let got = within(kv.get("a".into())).await;
        assert_eq!(got, Err(KvError::NotFound("a".into())));
    }
}

/// A method that returns `plugwire::Result` gives its error a type by hand.
struct Typed;

#[plugwire::interface]
impl Opaque for Typed {
    async fn get(&self, key: String) -> Result<i64> {
        Err(Error::typed(&KvError::NotFound(key)))
    }
}

#[tokio::test]
async fn an_error_without_a_type_of_its_own_may_carry_one() {
    let pair = Pair::agreed(Codec::Gob);
    let kv = connect_as::<dyn Opaque, dyn Kv>(&pair, Arc::new(Typed)).await;
    let got = within(kv.get("a".into())).await;
    assert_eq!(got, Err(KvError::NotFound("a".into())));
    // And in this process.
    let error = within(Typed.get("a".into())).await.unwrap_err();
    assert_eq!(error.downcast(), Some(KvError::NotFound("a".into())));
    assert_eq!(error.to_string(), "there is no \"a\"");
}

/// An error whose causes matter.
#[derive(Debug, thiserror::Error)]
#[error("cannot save")]
struct Save(#[source] io::Error);

struct Saving;

#[plugwire::interface]
impl Opaque for Saving {
    async fn get(&self, _key: String) -> Result<i64> {
        Err(Error::other(Save(io::Error::other("disk full"))))
    }
}

#[tokio::test]
async fn causes_arrive_as_texts() {
    for codec in CODECS {
        let pair = Pair::agreed(codec);
        let saving = pair.connect::<dyn Opaque>(Arc::new(Saving)).await;
        let error = within(saving.get("a".into())).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot save");
        assert_eq!(error.source().unwrap().to_string(), "disk full");
        let peer = error.peer_error().unwrap();
        assert_eq!(peer.text(), "cannot save: disk full");
        assert_eq!(peer.causes(), ["disk full"]);
        assert_eq!(peer.type_name(), None);
        // As text to a peer that wants no more.
        let pair = Pair::speaking(codec);
        let saving = pair.connect::<dyn Opaque>(Arc::new(Saving)).await;
        let error = within(saving.get("a".into())).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot save: disk full");
        assert!(error.source().is_none());
    }
}

/// A type of another shape under the same name.
mod other {
    #[derive(Debug, serde::Serialize, serde::Deserialize, thiserror::Error)]
    #[error("none of yours")]
    pub struct KvError(pub Vec<u8>);

    #[derive(Debug, serde::Serialize, serde::Deserialize, thiserror::Error)]
    #[error("another")]
    pub enum AnotherError {
        NotFound(String),
    }
}

struct Wrong;

#[plugwire::interface]
impl Opaque for Wrong {
    async fn get(&self, key: String) -> Result<i64> {
        Err(match &*key {
            "name" => Error::typed(&other::AnotherError::NotFound("a".into())),
            _ => Error::typed(&other::KvError(vec![1, 2])),
        })
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_left_undecoded() {
    let pair = Pair::agreed(Codec::Gob);
    let kv = connect_as::<dyn Opaque, dyn Kv>(&pair, Arc::new(Wrong)).await;
    let name = within(kv.get("name".into())).await;
    assert_eq!(name, Err(KvError::Failed("another".into())));
    let shape = within(kv.get("shape".into())).await;
    assert_eq!(shape, Err(KvError::Failed("none of yours".into())));
}

/// An error as a field of a value.
#[derive(Serialize, Deserialize)]
struct Report {
    what: String,
    error: Option<Error>,
}

#[plugwire::interface]
trait Reports {
    async fn last(&self) -> Result<Report>;
    async fn plain(&self) -> Result<i64, String>;
}

struct Last;

#[plugwire::interface]
impl Reports for Last {
    async fn last(&self) -> Result<Report> {
        Ok(Report {
            what: "a".into(),
            error: Some(Error::typed(&KvError::NotFound("a".into()))),
        })
    }

    async fn plain(&self) -> Result<i64, String> {
        Err("a text".into())
    }
}

#[tokio::test]
async fn an_error_is_a_value_too() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let reports = pair.connect::<dyn Reports>(Arc::new(Last)).await;
        let report = within(reports.last()).await.unwrap();
        assert_eq!(report.what, "a");
        let error = report.error.unwrap();
        assert_eq!(error.to_string(), "there is no \"a\"");
        assert_eq!(error.downcast(), Some(KvError::NotFound("a".into())));
        assert!(matches!(error, Error::Call(CallError::Server(_))));
        assert_eq!(within(reports.plain()).await, Err("a text".to_owned()));
    }
}

/// A service by hand passes on what its own call failed with.
#[tokio::test]
async fn a_service_by_hand_passes_it_on() {
    let (first, second) = (Pair::agreed(Codec::Gob), Pair::agreed(Codec::Gob));
    let kv = first.connect::<dyn Kv>(Arc::new(Map)).await;
    let client = Remote::rpc_client(&kv).clone();
    let service = Service::new().method("Get", move |key: String| {
        let client = client.clone();
        async move { client.call::<_, i64>("Plugin.Get", &key).await }
    });
    let client = second.connect_service(service).await;
    let error = within(client.call::<_, i64>("Plugin.Get", "a")).await;
    let error = Error::from(error.unwrap_err());
    assert_eq!(error.downcast(), Some(KvError::NotFound("a".into())));
    let peer: &PeerError = error.peer_error().unwrap();
    assert_eq!(peer.type_name(), Some("KvError"));
}
