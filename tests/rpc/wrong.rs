//! What a peer sends wrongly, in any codec: values of another type, and headers that are none.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use plugwire::codec::MessageEncoder;
use plugwire::gob::{Any, GobEncoded, Time};
use plugwire::rpc::{CallError, Client, Codec, Encode, Server};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_util::codec::Encoder;

use crate::cases::{Pair, echo, plugin};
use support::causes::assert_fails;
use support::within;

#[derive(Debug, Serialize, Deserialize)]
enum Colour {
    Red,
}

/// Calls with a value that does not decode, as argument and as reply, and calls again.
macro_rules! fails_alone {
    ($codec:expr; $($value:expr => $type:ty;)*) => {$({
        let service = echo()
            .method("Take", |_: $type| async { Ok::<_, String>(()) })
            .method("Give", |_: ()| async { Ok::<_, String>($value) });
        let client = plugin($codec, service);
        let case = concat!(stringify!($value), " as ", stringify!($type));
        for _ in 0..2 {
            let taken = within(client.call::<_, ()>("Plugin.Take", &$value)).await;
            assert!(matches!(taken, Err(CallError::Server(_))), "{case}: {taken:?}");
            let given = within(client.call::<_, $type>("Plugin.Give", &())).await;
            assert!(matches!(given, Err(CallError::Decode { .. })), "{case}: {given:?}");
        }
        echoes(&client, case).await;
    })*};
}

async fn echoes(client: &Client, case: &str) {
    let pair = Pair {
        left: 6,
        right: "six".into(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair, "{case}");
}

pub async fn values_that_do_not_decode_fail_their_call_alone(codec: Codec) {
    fails_alone! {
        codec;
        "a string" => Pair;
        "a string" => i64;
        "a string" => Vec<Pair>;
        vec![1i64] => String;
        vec![1i64] => BTreeMap<String, i64>;
        BTreeMap::from([("a".to_owned(), 1i64)]) => Vec<String>;
        300i64 => u8;
        -1i64 => u64;
        u64::MAX => i64;
        "yesterday" => Time;
        GobEncoded(vec![9u8; 15]) => Time;
        GobEncoded(vec![0u8; 12]) => GobEncoded<[u8; 16]>;
        "Green" => Colour;
        vec![vec![Some("a".to_owned())]] => Vec<Vec<i64>>;
        Any::named("main.T", &true).unwrap() => Colour;
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    service_method: &'static str,
    seq: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    service_method: &'static str,
    seq: u64,
    error: &'static str,
}

fn request(service_method: &'static str, seq: u64) -> Request {
    Request {
        service_method,
        seq,
    }
}

/// Writes one direction of a connection.
struct Wire {
    codec: Codec,
    encoder: MessageEncoder,
}

impl Wire {
    fn new(codec: Codec) -> Self {
        Wire {
            codec,
            encoder: MessageEncoder::new(codec),
        }
    }

    fn message(&mut self, header: &impl Encode, body: &impl Encode) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        self.encoder.encode((header, body), &mut bytes).unwrap();
        bytes.to_vec()
    }

    /// A value where a header belongs, without a body.
    fn header(&mut self, value: &impl Encode) -> Vec<u8> {
        let mut bytes = self.message(value, &());
        let nil = match self.codec {
            Codec::Gob => 6,
            _ => 1,
        };
        bytes.truncate(bytes.len() - nil);
        bytes
    }
}

/// What a Go client sends whose first argument could not be encoded: the header of that call, and
/// then the whole of the next call.
fn after_a_lone_header(codec: Codec) -> Vec<u8> {
    let mut wire = Wire::new(codec);
    let mut bytes = wire.message(&request("Plugin.Echo", 0), &request("Plugin.Fail", 1));
    bytes.extend(wire.header(&"the argument"));
    bytes
}

pub async fn a_request_header_that_is_none_ends_the_serving_at_once(codec: Codec) {
    let (mut here, there) = tokio::io::duplex(4096);
    let server = Server::new().register("Plugin", echo());
    let serving = tokio::spawn(async move { server.serve(there, codec).await });
    here.write_all(&after_a_lone_header(codec)).await.unwrap();
    // The stream stays open on this side: nothing else tells the server.
    let error = within(serving).await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("rpc: "), "{error}");
    let mut replies = Vec::new();
    within(here.read_to_end(&mut replies)).await.unwrap();
    assert!(
        !replies.is_empty(),
        "the first call is answered with an error"
    );
}

pub async fn a_reply_header_that_is_none_ends_the_client_at_once(codec: Codec) {
    for complete in [false, true] {
        let (here, mut there) = tokio::io::duplex(4096);
        let client = Client::new(here, codec);
        let pending = {
            let client = client.clone();
            tokio::spawn(async move { client.call::<_, ()>("Plugin.X", &()).await })
        };
        within(there.read_u8()).await.unwrap();
        let mut wire = Wire::new(codec);
        let mut bytes = Vec::new();
        if complete {
            let unasked = Response {
                service_method: "Plugin.Y",
                seq: 99,
                error: "",
            };
            bytes.extend(wire.message(&unasked, &1i64));
        }
        bytes.extend(wire.header(&"a string"));
        there.write_all(&bytes).await.unwrap();
        let error = within(pending).await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Connection(_)), "{error:?}");
    }
}

pub async fn calls_that_run_are_answered_after_a_request_header_that_is_none(codec: Codec) {
    let gate = Arc::new(Notify::new());
    let service = {
        let gate = gate.clone();
        echo().method("Late", move |_: ()| {
            let gate = gate.clone();
            async move {
                gate.notified().await;
                Ok::<_, String>("late".to_owned())
            }
        })
    };
    let (mut here, there) = tokio::io::duplex(4096);
    let server = Server::new().register("Plugin", service);
    let serving = tokio::spawn(async move { server.serve(there, codec).await });
    let mut wire = Wire::new(codec);
    let mut bytes = wire.message(&request("Plugin.Late", 0), &());
    bytes.extend(wire.header(&"the argument"));
    here.write_all(&bytes).await.unwrap();
    gate.notify_one();
    let mut replies = Vec::new();
    within(here.read_to_end(&mut replies)).await.unwrap();
    assert!(replies.windows(4).any(|window| window == b"late"));
    assert_fails(within(serving).await.unwrap(), "rpc: ");
}

pub async fn a_header_may_come_long_before_its_body(codec: Codec) {
    let (mut here, there) = tokio::io::duplex(4096);
    let server = Server::new().register("Plugin", echo());
    let serving = tokio::spawn(async move { server.serve(there, codec).await });
    let mut wire = Wire::new(codec);
    for seq in 0..3 {
        let header = request("Plugin.Fail", seq);
        let message = wire.message(&header, &format!("number {seq}"));
        let body = message.len() - if codec == Codec::Gob { 12 } else { 9 };
        here.write_all(&message[..body]).await.unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        here.write_all(&message[body..]).await.unwrap();
    }
    here.shutdown().await.unwrap();
    let mut replies = Vec::new();
    within(here.read_to_end(&mut replies)).await.unwrap();
    for seq in 0..3 {
        let text = format!("number {seq}");
        assert!(replies.windows(8).any(|window| window == text.as_bytes()));
    }
    within(serving).await.unwrap().unwrap();
}
