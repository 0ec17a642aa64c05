//! What a peer may send in place of an error's value, and what it gets that asks for none.

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::BytesMut;
use plugwire::broker::{BrokerConfig, MuxBroker};
use plugwire::codec::{Codec, MessageDecoder, MessageEncoder};
use plugwire::interface::Interface;
use plugwire::mux::{self, Session};
use plugwire::rpc::{CallError, Client, Server, Service};
use plugwire::{Error, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::codec::{Decoder, Encoder};

use support::within;

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no {0:?}")]
struct NotFound(String);

impl From<Error> for NotFound {
    fn from(error: Error) -> Self {
        NotFound(error.to_string())
    }
}

#[plugwire::interface]
trait Kv {
    async fn get(&self, key: String) -> Result<i64, NotFound>;
}

struct Map;

#[plugwire::interface]
impl Kv for Map {
    async fn get(&self, key: String) -> Result<i64, NotFound> {
        Err(NotFound(key))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    service_method: String,
    seq: u64,
}

/// The header of a reply, as peers of this crate extend it.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Response", rename_all = "PascalCase")]
struct Response {
    service_method: String,
    seq: u64,
    error: String,
    #[serde(rename = "PlugwireDetail")]
    detail: u64,
}

/// What the body beside an error is then.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    text: String,
    name: String,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
    causes: Vec<String>,
}

/// Answers one call with this header's error and this body.
async fn answer<B>(codec: Codec, mut io: DuplexStream, detail: u64, body: &B)
where
    B: Serialize + Deserialize<'static>,
{
    let mut decoder = MessageDecoder::new(codec);
    let mut bytes = BytesMut::new();
    let request = loop {
        if let Some(request) = decoder.decode(&mut bytes).unwrap() {
            break request;
        }
        assert!(io.read_buf(&mut bytes).await.unwrap() > 0);
    };
    let Request {
        service_method,
        seq,
    } = request.header.decode().unwrap();
    let response = Response {
        service_method,
        seq,
        error: "an error".into(),
        detail,
    };
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(codec);
    encoder.encode((&response, body), &mut bytes).unwrap();
    io.write_all(&bytes).await.unwrap();
    // The connection lives on.
    let _ = io.read(&mut [0]).await;
}

/// What a call fails with that is answered so.
async fn answered<B>(codec: Codec, detail: u64, body: B) -> Error
where
    B: Serialize + Deserialize<'static> + Send + Sync + 'static,
{
    let (here, there) = tokio::io::duplex(4 << 20);
    tokio::spawn(async move { answer(codec, there, detail, &body).await });
    let client = Client::new(here, codec);
    let error = within(client.call::<_, i64>("Plugin.Get", "a")).await;
    let error = error.unwrap_err();
    assert!(matches!(error, CallError::Server(_)), "{error:?}");
    assert_eq!(error.peer_text(), Some("an error"));
    error.into()
}

/// `NotFound("a")` in MessagePack.
fn value() -> Vec<u8> {
    rmp_serde::to_vec_named(&NotFound("a".into())).unwrap()
}

fn named(name: &str, value: Vec<u8>) -> Detail {
    Detail {
        name: name.into(),
        value,
        ..Detail::default()
    }
}

#[tokio::test]
async fn a_value_that_is_none_leaves_the_text() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        let error = answered(codec, 1, named("NotFound", value())).await;
        assert_eq!(error.downcast(), Some(NotFound("a".into())));
        // Another's name, another's bytes, no bytes, too many bytes.
        for (name, value) in [
            ("Another", value()),
            ("", value()),
            ("NotFound", vec![0xc1]),
            ("NotFound", Vec::new()),
            ("NotFound", vec![0x91; 1000]),
            ("NotFound", vec![0xdd, 0xff, 0xff, 0xff, 0xff]),
            ("NotFound", vec![0; (1 << 20) + 1]),
        ] {
            let error = answered(codec, 1, named(name, value)).await;
            assert_eq!(error.downcast::<NotFound>(), None, "{name}");
            assert_eq!(error.to_string(), "an error");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_detail_leaves_the_text() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        for error in [
            answered(codec, 1, 42i64).await,
            answered(codec, 1, "text".to_owned()).await,
            answered(codec, 1, vec![1u8; 5]).await,
            answered(codec, 1, ()).await,
            // One that says it is none of ours, or of a kind not known here.
            answered(codec, 0, named("NotFound", value())).await,
            answered(codec, 9, named("NotFound", value())).await,
        ] {
            assert_eq!(error.downcast::<NotFound>(), None);
            assert_eq!(error.to_string(), "an error");
            assert!(error.source().is_none());
        }
    }
}

#[tokio::test]
async fn of_causes_without_an_end_the_first_are_kept() {
    let detail = Detail {
        causes: vec!["because".into(); 100_000],
        ..Detail::default()
    };
    let error = answered(Codec::Gob, 1, detail).await;
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    assert_eq!(causes.count(), 32);
    let long = Detail {
        causes: vec!["x".repeat(1 << 20), "y".into()],
        ..Detail::default()
    };
    let error = answered(Codec::Gob, 1, long).await;
    assert!(error.source().is_none());
}

/// A broker of a session that no one is at the other end of.
fn broker() -> MuxBroker {
    let (here, _) = tokio::io::duplex(64);
    let session = Session::client(here, mux::Config::default());
    MuxBroker::new(session, BrokerConfig::default())
}

/// All that a service answers to a call.
async fn bytes_of(codec: Codec, service: Service) -> Vec<u8> {
    let (mut here, there) = tokio::io::duplex(1 << 16);
    let server = Server::from(service);
    let served = tokio::spawn(async move { server.serve(there, codec).await });
    let request = Request {
        service_method: "Plugin.Get".into(),
        seq: 7,
    };
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(codec);
    encoder.encode((&request, "a"), &mut bytes).unwrap();
    here.write_all(&bytes).await.unwrap();
    here.shutdown().await.unwrap();
    let mut answered = Vec::new();
    within(here.read_to_end(&mut answered)).await.unwrap();
    within(served).await.unwrap().unwrap();
    answered
}

#[tokio::test]
async fn a_peer_that_wants_no_value_gets_the_bytes_of_a_text() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        let map: Arc<dyn Kv> = Arc::new(Map);
        let typed = bytes_of(codec, <dyn Kv>::service(map, broker())).await;
        let by_hand = |key: String| async move { Err::<i64, _>(format!("there is no {key:?}")) };
        let text = bytes_of(codec, Service::new().method("Get", by_hand)).await;
        assert_eq!(typed, text);
        assert!(!typed.is_empty());
    }
}
