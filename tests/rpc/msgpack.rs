//! What a client and a server promise, in MessagePack, and what becomes of bytes that are none.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cases::{Pair, echo, plugin};
use bytes::BytesMut;
use plugwire::codec::{MessageDecoder, MessageEncoder};
use plugwire::rpc::{CallError, Client, Codec, Server, Service};
use serde::{Deserialize, Serialize, Serializer};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder};

in_codec!(Codec::MsgPack);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    service_method: String,
    seq: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    service_method: String,
    seq: u64,
    error: String,
}

fn request<B: plugwire::rpc::Encode>(seq: u64, method: &str, body: &B) -> Vec<u8> {
    let header = Request {
        service_method: method.to_owned(),
        seq,
    };
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(Codec::MsgPack);
    encoder.encode((&header, body), &mut bytes).unwrap();
    bytes.to_vec()
}

fn pair(left: i64) -> Pair {
    Pair {
        left,
        right: format!("number {left}"),
    }
}

/// Reproducible bytes.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A type with everything in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    small: i8,
    large: u64,
    wide: i128,
    float: f64,
    letter: char,
    text: String,
    bytes: Vec<u8>,
    array: [u16; 2],
    list: Vec<Option<String>>,
    map: BTreeMap<i64, Vec<u8>>,
    inner: Option<Box<Everything>>,
    state: State,
    loose: plugwire::gob::Any,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum State {
    #[default]
    #[serde(rename = "")]
    None,
    Running {
        since: u32,
    },
    Done(String),
}

fn everything() -> Everything {
    Everything {
        flag: true,
        small: -100,
        large: u64::MAX,
        wide: -5,
        float: 1.5,
        letter: 'ü',
        text: "text".repeat(20),
        bytes: vec![0xff, 0, 1],
        array: [1, 60_000],
        list: vec![None, Some("x".into())],
        map: BTreeMap::from([(-1, vec![1]), (300, vec![])]),
        inner: Some(Box::default()),
        state: State::Running { since: 7 },
        // MessagePack knows numbers and not their widths: the narrowest is what arrives.
        loose: plugwire::gob::Any::Int8(-7),
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_written_fails_the_call_alone() {
    #[derive(Deserialize)]
    struct Refusing;
    impl Serialize for Refusing {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    #[derive(Serialize, Deserialize)]
    struct Half {
        first: String,
        second: Refusing,
    }
    fn half() -> Half {
        Half {
            first: "written already".into(),
            second: Refusing,
        }
    }
    let service = echo().method("Half", |_: ()| async { Ok::<_, String>(half()) });
    let client = plugin(Codec::MsgPack, service);
    let error = within(client.call::<_, Pair>("Plugin.Echo", &half()))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Encode { .. }), "{error:?}");
    let error = within(client.call::<_, ()>("Plugin.Half", &()))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, CallError::Server(error) if error.text().contains("not today")),
        "{error:?}"
    );
    let reply: Pair = within(client.call("Plugin.Echo", &pair(1))).await.unwrap();
    assert_eq!(reply, pair(1));
}

#[tokio::test]
async fn enums_that_carry_data_pass() {
    let service = Service::new().method("State", |state: State| async { Ok::<_, String>(state) });
    let client = plugin(Codec::MsgPack, service);
    for state in [
        State::None,
        State::Running { since: 3 },
        State::Done("well".into()),
    ] {
        let reply: State = within(client.call("Plugin.State", &state)).await.unwrap();
        assert_eq!(reply, state);
    }
}

#[tokio::test]
async fn a_reply_for_a_call_that_nobody_made_is_ignored() {
    let (here, there) = tokio::io::duplex(4096);
    let client = Client::new(here, Codec::MsgPack);
    let (mut read, mut write) = tokio::io::split(there);
    let reply = |seq: u64| {
        let header = Response {
            service_method: "Plugin.Answer".into(),
            seq,
            error: String::new(),
        };
        let mut bytes = BytesMut::new();
        let mut encoder = MessageEncoder::new(Codec::MsgPack);
        encoder.encode((&header, &42i64), &mut bytes).unwrap();
        bytes
    };
    write.write_all(&reply(99)).await.unwrap();
    let calling = {
        let client = client.clone();
        tokio::spawn(async move { client.call::<_, i64>("Plugin.Answer", &()).await })
    };
    within(read.read_u8()).await.unwrap();
    write.write_all(&reply(7)).await.unwrap();
    write.write_all(&reply(0)).await.unwrap();
    assert_eq!(within(calling).await.unwrap().unwrap(), 42);
}

#[tokio::test]
async fn headers_may_come_in_any_order_and_with_more_in_them() {
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Newer {
        trace: Vec<u64>,
        seq: i16,
        service_method: String,
        parent: Option<String>,
    }
    let header = Newer {
        trace: vec![1, 2],
        seq: 300,
        service_method: "Plugin.Echo".into(),
        parent: None,
    };
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(Codec::MsgPack);
    encoder.encode((&header, &pair(5)), &mut bytes).unwrap();
    let (here, there) = tokio::io::duplex(4096);
    let server = Server::new().register("Plugin", echo());
    tokio::spawn(async move { server.serve(there, Codec::MsgPack).await });
    let (mut read, mut write) = tokio::io::split(here);
    write.write_all(&bytes).await.unwrap();
    write.shutdown().await.unwrap();
    let mut reply = Vec::new();
    within(read.read_to_end(&mut reply)).await.unwrap();
    let mut reply = BytesMut::from(&reply[..]);
    let mut decoder = MessageDecoder::new(Codec::MsgPack);
    let message = decoder.decode(&mut reply).unwrap().unwrap();
    assert_eq!(message.header.decode::<Request>().unwrap().seq, 300);
    assert_eq!(message.body.decode::<Pair>().unwrap(), pair(5));
}

#[tokio::test]
async fn a_message_in_two_parts_is_waited_for_wherever_it_is_cut() {
    let message = request(1, "Plugin.Echo", &pair(8));
    for cut in 0..message.len() {
        let (here, there) = tokio::io::duplex(4096);
        let server = Server::new().register("Plugin", echo());
        let serving = tokio::spawn(async move { server.serve(there, Codec::MsgPack).await });
        let (mut read, mut write) = tokio::io::split(here);
        write.write_all(&message[..cut]).await.unwrap();
        write.flush().await.unwrap();
        // The server has what came, and has nothing to say to it.
        tokio::task::yield_now().await;
        write.write_all(&message[cut..]).await.unwrap();
        write.shutdown().await.unwrap();
        let mut reply = Vec::new();
        within(read.read_to_end(&mut reply)).await.unwrap();
        assert!(reply.ends_with(b"number 8"), "cut at {cut}: {reply:?}");
        within(serving).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_ends_within_a_message_is_not_answered() {
    let message = request(1, "Plugin.Echo", &pair(8));
    for cut in 0..message.len() {
        let (here, there) = tokio::io::duplex(4096);
        let server = Server::new().register("Plugin", echo());
        let serving = tokio::spawn(async move { server.serve(there, Codec::MsgPack).await });
        let (mut read, mut write) = tokio::io::split(here);
        write.write_all(&message[..cut]).await.unwrap();
        write.shutdown().await.unwrap();
        let mut reply = Vec::new();
        within(read.read_to_end(&mut reply)).await.unwrap();
        assert!(reply.is_empty(), "cut at {cut}: {reply:?}");
        within(serving).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn noise_ends_the_serving_or_is_waited_out() {
    for seed in 0..300 {
        let (mut here, there) = tokio::io::duplex(4096);
        let server = Server::new().register("Plugin", echo());
        here.write_all(&noise(seed, 200)).await.unwrap();
        here.shutdown().await.unwrap();
        match within(server.serve(there, Codec::MsgPack)).await {
            // Noise that promises more than there is.
            Ok(()) => {}
            Err(error) => assert!(error.to_string().starts_with("rpc: "), "{error}"),
        }
    }
}

#[tokio::test]
async fn noise_fails_pending_calls() {
    for seed in 0..100 {
        let (here, mut there) = tokio::io::duplex(4096);
        let client = Client::new(here, Codec::MsgPack);
        there.write_all(&noise(seed, 200)).await.unwrap();
        there.shutdown().await.unwrap();
        match within(client.call::<_, ()>("Plugin.X", &())).await {
            // Nil, and a map without any key that is known, are headers of zeros, to Go as well:
            // the reply to the first call.
            Ok(()) => assert!(matches!(noise(seed, 1)[0], 0x80..=0x8f | 0xc0)),
            Err(error) => assert!(error.is_disconnected(), "{error:?}"),
        }
        let later = client.with_timeout(Duration::from_secs(5));
        let error = within(later.call::<_, ()>("Plugin.X", &()))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "connection is shut down");
    }
}

/// Decodes all messages there are, as types that have little to do with them.
fn decode_all(bytes: &[u8]) {
    let mut decoder = MessageDecoder::new(Codec::MsgPack);
    let mut bytes = BytesMut::from(bytes);
    while let Ok(Some(message)) = decoder.decode(&mut bytes) {
        for value in [&message.header, &message.body] {
            let _ = value.decode::<Everything>();
            let _ = value.decode::<Vec<State>>();
            let _ = value.decode::<plugwire::gob::Value>();
            let _ = value.decode::<BTreeMap<String, Vec<u8>>>();
            let _ = value.decode::<()>();
        }
    }
}

#[test]
fn a_changed_byte_is_an_error_or_another_value() {
    let message = request(1, "Plugin.Echo", &everything());
    let mut decoder = MessageDecoder::new(Codec::MsgPack);
    let mut bytes = BytesMut::from(&message[..]);
    let body = decoder.decode(&mut bytes).unwrap().unwrap().body;
    assert_eq!(body.decode::<Everything>().unwrap(), everything());
    for at in 0..message.len() {
        for byte in [
            0x00, 0x80, 0x90, 0xa1, 0xc0, 0xc1, 0xc4, 0xc7, 0xd6, 0xdd, 0xdf, 0xff,
        ] {
            let mut changed = message.clone();
            changed[at] = byte;
            decode_all(&changed);
        }
        decode_all(&message[..at]);
    }
}

#[test]
fn noise_is_an_error_or_a_value() {
    for seed in 0..2_000 {
        decode_all(&noise(seed, 100));
    }
}
