//! What a client and a server promise, over an in-memory connection and in any codec.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plugwire::rpc::{CallError, Client, Codec, Server, Service};
use serde::{Deserialize, Serialize};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub fn plugin(codec: Codec, service: Service) -> Client {
    let server = Server::new().register("Plugin", service);
    let (here, there) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move { server.serve(there, codec).await });
    Client::new(here, codec)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pair {
    pub left: i64,
    pub right: String,
}

pub fn echo() -> Service {
    Service::new()
        .method("Echo", |pair: Pair| async { Ok::<_, String>(pair) })
        .method("Fail", |text: String| async move { Err::<(), _>(text) })
}

pub async fn a_call_gets_its_reply(codec: Codec) {
    let client = plugin(codec, echo());
    let pair = Pair {
        left: -5,
        right: "five".into(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
    assert_eq!(client.in_flight(), 0);
}

pub async fn errors_are_in_go_s_words_and_the_connection_goes_on(codec: Codec) {
    let client = plugin(codec, echo());
    let cases = [
        ("Plugin.Hi", "rpc: can't find method Plugin.Hi"),
        ("Plugin2.Hi", "rpc: can't find service Plugin2.Hi"),
        ("NoDot", "rpc: service/method request ill-formed: NoDot"),
    ];
    for (method, text) in cases {
        let error = within(client.call::<_, ()>(method, &())).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.is_method_not_found(), method == "Plugin.Hi");
        assert_eq!(error.is_service_not_found(), method == "Plugin2.Hi");
        assert!(!error.is_disconnected());
    }
    let error = within(client.call::<_, ()>("Plugin.Fail", "not today"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Server(error) if error.text() == "not today"));
    let pair = Pair {
        left: 1,
        right: String::new(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

pub async fn an_argument_or_reply_of_another_type_fails_the_call_alone(codec: Codec) {
    let client = plugin(codec, echo());
    let error = within(client.call::<_, Pair>("Plugin.Echo", "a string"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Server(_)), "{error:?}");
    let pair = Pair {
        left: 1,
        right: "one".into(),
    };
    let error = within(client.call::<_, String>("Plugin.Echo", &pair))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Decode { .. }), "{error:?}");
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

pub async fn ten_thousand_calls_64_at_a_time_get_their_own_replies(codec: Codec) {
    let client = plugin(codec, echo());
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (client, next) = (client.clone(), next.clone());
        callers.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= 10_000 {
                    return;
                }
                let pair = Pair {
                    left: n as i64,
                    right: format!("call {n}"),
                };
                let reply: Pair = client.call("Plugin.Echo", &pair).await.unwrap();
                assert_eq!(reply, pair);
            }
        });
    }
    within(callers.join_all()).await;
}

pub async fn methods_run_concurrently_and_replies_overtake(codec: Codec) {
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    let service = Service::new()
        .method("Wait", move |_: ()| {
            let gate = gate.clone();
            async move {
                gate.notified().await;
                Ok::<_, String>("waited".to_owned())
            }
        })
        .method("Open", move |_: ()| {
            opened.notify_one();
            async { Ok::<_, String>("opened".to_owned()) }
        });
    let client = plugin(codec, service);
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.call::<_, String>("Plugin.Wait", &()).await })
    };
    let opened: String = within(client.call("Plugin.Open", &())).await.unwrap();
    assert_eq!(opened, "opened");
    assert_eq!(within(waiting).await.unwrap().unwrap(), "waited");
}

fn stuck() -> Service {
    echo().method("Stuck", |_: ()| async {
        std::future::pending::<()>().await;
        Ok::<_, String>(())
    })
}

pub async fn a_deadline_names_method_and_duration(codec: Codec) {
    let client = plugin(codec, stuck());
    let patient = client.clone();
    let hasty = client.with_timeout(Duration::from_millis(50));
    let error = within(hasty.call::<_, ()>("Plugin.Stuck", &()))
        .await
        .unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "Plugin.Stuck gave no answer within 50ms");
    assert_eq!(client.in_flight(), 0);
    let pair = Pair {
        left: 2,
        right: "two".into(),
    };
    let reply: Pair = within(patient.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

pub async fn a_dropped_call_s_late_reply_is_thrown_away(codec: Codec) {
    let gate = Arc::new(Notify::new());
    let arrived = Arc::new(Notify::new());
    let service = {
        let (gate, arrived) = (gate.clone(), arrived.clone());
        echo().method("Late", move |_: ()| {
            let gate = gate.clone();
            arrived.notify_one();
            async move {
                gate.notified().await;
                Ok::<_, String>("late".to_owned())
            }
        })
    };
    let client = plugin(codec, service);
    let late = {
        let client = client.clone();
        tokio::spawn(async move { client.call::<_, String>("Plugin.Late", &()).await })
    };
    within(arrived.notified()).await;
    assert_eq!(client.in_flight(), 1);
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    assert_eq!(client.in_flight(), 0);
    gate.notify_one();
    let pair = Pair {
        left: 3,
        right: "three".into(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

pub async fn closing_fails_pending_and_later_calls(codec: Codec) {
    let client = plugin(codec, stuck());
    let pending = {
        let client = client.clone();
        tokio::spawn(async move { client.call::<_, ()>("Plugin.Stuck", &()).await })
    };
    while client.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    client.close();
    for error in [
        within(pending).await.unwrap().unwrap_err(),
        within(client.call::<_, ()>("Plugin.Stuck", &()))
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(error, CallError::Shutdown(_)), "{error:?}");
        assert_eq!(error.to_string(), "connection is shut down");
        assert!(error.is_disconnected());
    }
}

pub async fn a_lost_connection_fails_pending_calls_at_once_and_later_ones_differently(
    codec: Codec,
) {
    let (here, mut there) = tokio::io::duplex(4096);
    let client = Client::new(here, codec);
    let pending = {
        let client = client.clone();
        tokio::spawn(async move { client.call::<_, ()>("Plugin.X", &()).await })
    };
    within(there.read_u8()).await.unwrap();
    drop(there);
    let error = within(pending).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "unexpected EOF");
    assert!(error.is_disconnected());
    let error = within(client.call::<_, ()>("Plugin.X", &()))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "connection is shut down");
}

pub async fn random_bytes_for_replies_fail_the_calls_with_a_reason(codec: Codec) {
    let (here, mut there) = tokio::io::duplex(4096);
    let client = Client::new(here, codec);
    there
        .write_all(&[0x03, 0xff, 0xfe, 0xfd, 9, 9, 9, 9])
        .await
        .unwrap();
    let error = within(client.call::<_, ()>("Plugin.X", &()))
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
}

pub async fn random_bytes_for_requests_end_the_serving_with_a_reason(codec: Codec) {
    let (mut here, there) = tokio::io::duplex(4096);
    let server = Server::new().register("Plugin", echo());
    here.write_all(&[0x03, 0xff, 0xfe, 0xfd, 9, 9, 9, 9])
        .await
        .unwrap();
    let error = within(server.serve(there, codec)).await.unwrap_err();
    assert!(error.to_string().starts_with("rpc: "), "{error}");
}

pub async fn a_method_that_panics_is_answered(codec: Codec) {
    let service = echo().method("Panic", |_: ()| async {
        if true {
            panic!("on purpose");
        }
        Ok::<_, String>(())
    });
    let client = plugin(codec, service);
    let error = within(client.call::<_, ()>("Plugin.Panic", &()))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "rpc: Plugin.Panic ended without a reply");
    let pair = Pair {
        left: 4,
        right: "four".into(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

pub async fn large_arguments_and_replies_pass_while_small_ones_do(codec: Codec) {
    let service = Service::new()
        .method("Bytes", |bytes: Vec<u8>| async { Ok::<_, String>(bytes) })
        .method("Small", |n: u32| async move { Ok::<_, String>(n) });
    let client = plugin(codec, service);
    let large: Vec<u8> = (0..8 << 20).map(|n| (n % 251) as u8).collect();
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        let (client, large) = (client.clone(), large.clone());
        calls.spawn(async move {
            let reply: Vec<u8> = client.call("Plugin.Bytes", &large).await.unwrap();
            assert!(reply == large);
        });
    }
    for n in 0..100u32 {
        let reply: u32 = within(client.call("Plugin.Small", &n)).await.unwrap();
        assert_eq!(reply, n);
    }
    within(calls.join_all()).await;
}

pub async fn calls_that_run_when_the_peer_finishes_are_still_answered(codec: Codec) {
    let (here, there) = tokio::io::duplex(4096);
    let gate = Arc::new(Notify::new());
    let arrived = Arc::new(Notify::new());
    let service = {
        let (gate, arrived) = (gate.clone(), arrived.clone());
        Service::new().method("Late", move |_: ()| {
            let gate = gate.clone();
            arrived.notify_one();
            async move {
                gate.notified().await;
                Ok::<_, String>("late".to_owned())
            }
        })
    };
    let serving = tokio::spawn(async move {
        Server::new()
            .register("Plugin", service)
            .serve(there, codec)
            .await
    });
    let (mut read, mut write) = tokio::io::split(here);
    let request = {
        let (left, mut right) = tokio::io::duplex(4096);
        let client = Client::new(left, codec);
        tokio::spawn(async move { client.call::<_, ()>("Plugin.Late", &()).await });
        let mut request = vec![0; 4096];
        let n = within(right.read(&mut request)).await.unwrap();
        request.truncate(n);
        request
    };
    write.write_all(&request).await.unwrap();
    write.shutdown().await.unwrap();
    within(arrived.notified()).await;
    gate.notify_one();
    let mut reply = Vec::new();
    within(read.read_to_end(&mut reply)).await.unwrap();
    assert!(reply.windows(4).any(|window| window == b"late"));
    within(serving).await.unwrap().unwrap();
}
