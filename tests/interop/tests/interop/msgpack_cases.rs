//! Calls of a Rust client to `go/cmd/msgpackpeer`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plugwire::gob::{Time, Value};
use plugwire::rpc::{CallError, Client};
use plugwire_interop::types::{EchoArgs, EchoReply, Report, User, ada};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::msgpack::Connection;
use crate::msgpack_service::adder;
use crate::msgpack_types::{
    self as types, Kinds, KindsArgs, Loose, Maps, PARTIALS, Partial, PartialArgs, SAMPLES, SIZES,
    Stamped, Times, TimesArgs,
};
use support::within;

async fn call<A, R>(client: &Client, method: &str, argument: &A) -> R
where
    A: plugwire::rpc::Encode + ?Sized,
    R: serde::de::DeserializeOwned,
{
    match within(client.call(method, argument)).await {
        Ok(reply) => reply,
        Err(error) => panic!("{method}: {error}"),
    }
}

async fn still_greets(client: &Client) {
    let greeting: String = call(client, "Plugin.Greet", &()).await;
    assert_eq!(greeting, "Hello from Go!");
}

pub async fn greet(go: &Connection) {
    still_greets(&go.client).await;
    call::<_, ()>(&go.client, "Plugin.Nothing", &()).await;
    let nothing: Option<i64> = call(&go.client, "Plugin.Nothing", &()).await;
    assert_eq!(nothing, None);
    call::<_, ()>(&go.client, "Plugin.Empty", &()).await;
}

pub async fn errors_are_in_go_s_words_and_the_connection_lives_on(go: &Connection) {
    let long = types::text(300);
    for text in ["not today", "ünïcode\nin two lines", &long] {
        let error = within(go.client.call::<_, String>("Plugin.Fail", text))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, CallError::Server(got) if got.text() == text),
            "{error:?}"
        );
    }
    let cases = [
        ("Plugin.Hi", "rpc: can't find method Plugin.Hi"),
        ("Plugin2.Hi", "rpc: can't find service Plugin2.Hi"),
        ("NoDot", "rpc: service/method request ill-formed: NoDot"),
    ];
    for (method, text) in cases {
        let error = within(go.client.call::<_, ()>(method, &()))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.is_method_not_found(), method == "Plugin.Hi");
        assert_eq!(error.is_service_not_found(), method == "Plugin2.Hi");
        still_greets(&go.client).await;
        // An argument that Go has to skip. It does so by reading it as an `interface{}`, so numbers
        // for keys are more than Consul's Go can skip.
        let user = User {
            scores: Some(BTreeMap::from([("a".into(), 0.5)])),
            avatar: types::bytes(300),
            ..User::default()
        };
        let error = within(go.client.call::<_, ()>(method, &user))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    still_greets(&go.client).await;
}

pub async fn a_reply_of_another_type_fails_alone(go: &Connection) {
    let error = within(go.client.call::<_, i64>("Plugin.Greet", &()))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Decode { .. }), "{error:?}");
    still_greets(&go.client).await;
}

/// Go's MessagePack codecs leave unread what they cannot read, and take it for the next request. So
/// the connection is lost, which with gob it is not; but no call waits for ever.
pub async fn an_argument_of_another_type_fails(go: &Connection) {
    let error = within(go.client.call::<_, Report>("Plugin.Describe", "a string"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::Server(_)) || error.is_disconnected(),
        "{error:?}"
    );
    if go.peer.is_gob() {
        still_greets(&go.client).await;
    }
}

pub async fn struct_argument_and_reply(go: &Connection) {
    let user = ada();
    let report: Report = call(&go.client, "Plugin.Describe", &user).await;
    let expected = Report {
        summary: "Ada (36) of London".into(),
        depth: 2,
        tag_count: 3,
        user,
    };
    assert_eq!(report, expected);
    let unset = User::default();
    let report: Report = call(&go.client, "Plugin.Describe", &unset).await;
    assert_eq!(report.summary, " (0) of ");
    assert_eq!(report.user, unset);
}

pub async fn values_of_every_kind(go: &Connection) {
    for name in SAMPLES {
        let sample = types::sample(name).unwrap();
        let got: Kinds = call(&go.client, "Plugin.KindsOf", name).await;
        assert_eq!(got, sample, "{name} here");
        let args = KindsArgs {
            name: name.to_owned(),
            kinds: sample.clone(),
        };
        let same: bool = call(&go.client, "Plugin.CheckKinds", &args).await;
        assert!(same, "{name} there");
        let back: Kinds = call(&go.client, "Plugin.EchoKinds", &sample).await;
        assert_eq!(back, sample, "{name} back");
    }
}

pub async fn strings_and_bytes_of_every_length(go: &Connection) {
    for len in SIZES {
        let (text, bytes) = (types::text(len), types::bytes(len));
        let len = len as i64;
        assert!(text == call::<_, String>(&go.client, "Plugin.Text", &len).await);
        assert!(text == call::<_, String>(&go.client, "Plugin.EchoText", &text).await);
        assert!(bytes == call::<_, Vec<u8>>(&go.client, "Plugin.Bytes", &len).await);
        assert!(bytes == call::<_, Vec<u8>>(&go.client, "Plugin.EchoBytes", &bytes).await);
    }
}

pub async fn eight_mib_of_bytes(go: &Connection) {
    let bytes = types::bytes(8 << 20);
    let back: Vec<u8> = call(&go.client, "Plugin.EchoBytes", &bytes).await;
    assert!(back == bytes);
    still_greets(&go.client).await;
}

pub async fn two_thousand_calls_32_at_a_time(go: &Connection) {
    let next = Arc::new(AtomicI64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..32 {
        let (client, next) = (go.client.clone(), next.clone());
        callers.spawn(async move {
            loop {
                let seq = next.fetch_add(1, Ordering::Relaxed);
                if seq >= 2_000 {
                    return;
                }
                let payload = types::bytes(seq as usize % 400);
                let args = EchoArgs {
                    seq,
                    payload: payload.clone(),
                    // Some replies are overtaken.
                    delay_micros: (seq % 7) * 50,
                };
                let reply: EchoReply = call(&client, "Plugin.Echo", &args).await;
                assert_eq!(reply, EchoReply { seq, payload });
            }
        });
    }
    within(callers.join_all()).await;
}

/// Go writes into each of them, which ends it where one is nil.
pub async fn empty_maps_that_go_writes_into(go: &Connection) {
    let filled: Maps = call(&go.client, "Plugin.FillMaps", &types::empty_maps()).await;
    assert_eq!(filled, types::filled_maps());
    let inner = BTreeMap::from([("inner".to_owned(), Value::Map(Vec::new()))]);
    call::<_, ()>(&go.client, "Plugin.FillLoose", &inner).await;
    still_greets(&go.client).await;
}

pub async fn fields_that_the_other_side_lacks(go: &Connection) {
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct NewerArgs {
        seq: i64,
        comment: String,
        more: Vec<Newer>,
        payload: Vec<u8>,
        delay_micros: i64,
    }
    #[derive(Serialize, Deserialize)]
    struct Newer {
        depth: Option<f64>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct NewerReply {
        seq: i64,
        comment: String,
        limit: u32,
        #[serde(default = "answer")]
        answer: i64,
    }
    fn answer() -> i64 {
        42
    }
    let args = NewerArgs {
        seq: 5,
        comment: "unknown there".into(),
        more: vec![Newer { depth: Some(1.5) }],
        payload: vec![1],
        delay_micros: 0,
    };
    let reply: NewerReply = call(&go.client, "Plugin.Echo", &args).await;
    assert_eq!(
        (reply.seq, reply.comment, reply.limit),
        (5, String::new(), 0)
    );
    // A zero is what gob says of a field that is not sent. MessagePack says nothing.
    assert_eq!(reply.answer, if go.peer.is_gob() { 0 } else { 42 });
}

pub async fn zeros_that_go_leaves_out(go: &Connection) {
    for name in PARTIALS {
        let sample = types::partial(name).unwrap();
        let got: Partial = call(&go.client, "Plugin.PartialOf", name).await;
        assert_eq!(got, sample, "{name} here");
        let args = PartialArgs {
            name: name.to_owned(),
            value: sample,
        };
        let same: bool = call(&go.client, "Plugin.CheckPartial", &args).await;
        assert!(same, "{name} there");
    }
}

pub async fn values_of_mixed_types(go: &Connection) {
    let got: Loose = call(&go.client, "Plugin.Loose", &()).await;
    assert_eq!(types::sorted(got), types::loose());
    let back: Loose = call(&go.client, "Plugin.EchoLoose", &types::loose()).await;
    assert_eq!(types::sorted(back), types::loose());
}

/// Each flavour writes times in its own way, and reads as bytes what it wrote.
pub async fn times_are_carried_as_bytes(go: &Connection) {
    for n in 0..3 {
        let moment: Stamped = call(&go.client, "Plugin.Moment", &n).await;
        assert!(moment.at.as_ref().is_some_and(|at| !at.is_empty()));
        let back: Stamped = call(&go.client, "Plugin.EchoMoment", &moment).await;
        assert_eq!(back, moment);
    }
}

pub async fn times_are_understood(go: &Connection) {
    for (n, at) in types::moments().into_iter().enumerate() {
        let got: Times = call(&go.client, "Plugin.TimesOf", &n).await;
        assert_eq!(got.with_zeros(), types::times_of(at));
        let times = types::times_of(at);
        let same: bool = call(&go.client, "Plugin.CheckTimes", &TimesArgs { n, times }).await;
        assert!(same, "{at}");
    }
    // A reply that is no time fails its call and no other.
    let error = within(go.client.call::<_, Time>("Plugin.EchoText", "yesterday"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Decode { .. }), "{error:?}");
    still_greets(&go.client).await;
}

pub async fn the_peer_calls_back_through_the_broker(go: &Connection) {
    let broker = go.broker.as_ref().expect("a broker");
    let id = broker.next_id();
    let accepting = broker.clone();
    let served = tokio::spawn(async move { accepting.accept_and_serve(id, adder()).await });
    let sum: i64 = call(&go.client, "Plugin.CallBack", &id).await;
    assert_eq!(sum, 42);
    within(served).await.unwrap().unwrap();
}
