//! What a client and a server promise, over an in-memory connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plugwire::rpc::{CallError, Client, Codec, Server, Service};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

async fn within<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future)
        .await
        .expect("within the deadline")
}

fn connect(server: Server) -> Client {
    let (here, there) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move { server.serve(there, Codec::Gob).await });
    Client::new(here, Codec::Gob)
}

fn plugin(service: Service) -> Client {
    connect(Server::new().register("Plugin", service))
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    left: i64,
    right: String,
}

fn echo() -> Service {
    Service::new()
        .method("Echo", |pair: Pair| async { Ok::<_, String>(pair) })
        .method("Fail", |text: String| async move { Err::<(), _>(text) })
}

#[tokio::test]
async fn a_call_gets_its_reply() {
    let client = plugin(echo());
    let pair = Pair {
        left: -5,
        right: "five".into(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn errors_are_in_go_s_words_and_the_connection_goes_on() {
    let client = plugin(echo());
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
    assert!(matches!(error, CallError::Server(text) if text == "not today"));
    let pair = Pair {
        left: 1,
        right: String::new(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

#[tokio::test]
async fn an_argument_or_reply_of_another_type_fails_the_call_alone() {
    let client = plugin(echo());
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

#[tokio::test]
async fn an_argument_or_reply_that_gob_cannot_say_fails_the_call_alone() {
    #[derive(Serialize, Deserialize)]
    enum Either {
        Left(i64),
        Right { text: String },
    }
    let service = echo().method("Either", |_: ()| async { Ok::<_, String>(Either::Left(1)) });
    let client = plugin(service);
    let wrong = Either::Right { text: "x".into() };
    let error = within(client.call::<_, Pair>("Plugin.Echo", &wrong))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Encode { .. }), "{error:?}");
    let error = within(client.call::<_, ()>("Plugin.Either", &()))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Server(_)), "{error:?}");
    assert!(error.to_string().contains("Either"), "{error}");
    let pair = Pair {
        left: 1,
        right: "one".into(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_64_at_a_time_get_their_own_replies() {
    let client = plugin(echo());
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

#[tokio::test]
async fn methods_run_concurrently_and_replies_overtake() {
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
    let client = plugin(service);
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

#[tokio::test]
async fn a_deadline_names_method_and_duration() {
    let client = plugin(stuck());
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

#[tokio::test]
async fn a_dropped_call_s_late_reply_is_thrown_away() {
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
    let client = plugin(service);
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

#[tokio::test]
async fn closing_fails_pending_and_later_calls() {
    let client = plugin(stuck());
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
        assert!(matches!(error, CallError::Shutdown), "{error:?}");
        assert_eq!(error.to_string(), "connection is shut down");
        assert!(error.is_disconnected());
    }
}

#[tokio::test]
async fn a_lost_connection_fails_pending_calls_at_once_and_later_ones_differently() {
    let (here, mut there) = tokio::io::duplex(4096);
    let client = Client::new(here, Codec::Gob);
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

#[tokio::test]
async fn random_bytes_for_replies_fail_the_calls_with_a_reason() {
    let (here, mut there) = tokio::io::duplex(4096);
    let client = Client::new(here, Codec::Gob);
    there
        .write_all(&[0x03, 0xff, 0xfe, 0xfd, 9, 9, 9, 9])
        .await
        .unwrap();
    let error = within(client.call::<_, ()>("Plugin.X", &()))
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
}

#[tokio::test]
async fn random_bytes_for_requests_end_the_serving_with_a_reason() {
    let (mut here, there) = tokio::io::duplex(4096);
    let server = Server::new().register("Plugin", echo());
    here.write_all(&[0x03, 0xff, 0xfe, 0xfd, 9, 9, 9, 9])
        .await
        .unwrap();
    let error = within(server.serve(there, Codec::Gob)).await.unwrap_err();
    assert!(error.to_string().starts_with("rpc: "), "{error}");
}

#[tokio::test]
async fn a_reply_for_a_call_that_nobody_made_is_ignored() {
    let (here, there) = tokio::io::duplex(4096);
    let client = Client::new(here, Codec::Gob);
    let (mut read, mut write) = tokio::io::split(there);
    // A server's whole answer to a call numbered 0, taken from a real one, sent before any call.
    let mut captured = {
        let (left, right) = tokio::io::duplex(4096);
        let service = Service::new().method("Answer", |_: ()| async { Ok::<_, String>(42i64) });
        tokio::spawn(async move {
            Server::new()
                .register("Plugin", service)
                .serve(right, Codec::Gob)
                .await
        });
        let (mut left_read, mut left_write) = tokio::io::split(left);
        // The request as this client writes it.
        let call = {
            let client = client.clone();
            tokio::spawn(async move { client.call::<_, i64>("Plugin.Answer", &()).await })
        };
        let mut request = vec![0; 4096];
        let n = within(read.read(&mut request)).await.unwrap();
        left_write.write_all(&request[..n]).await.unwrap();
        let mut reply = vec![0; 4096];
        let n = within(left_read.read(&mut reply)).await.unwrap();
        write.write_all(&reply[..n]).await.unwrap();
        assert_eq!(within(call).await.unwrap().unwrap(), 42);
        reply.truncate(n);
        reply
    };
    // The last two messages are the header and the body: numbered 0 again, and nobody's now. The
    // definitions before them must not be sent twice, so they are cut off.
    let tail = {
        let mut starts = Vec::new();
        let mut at = 0;
        while at < captured.len() {
            starts.push(at);
            at += 1 + captured[at] as usize;
        }
        starts[starts.len() - 2]
    };
    write.write_all(&captured.split_off(tail)).await.unwrap();
    // The next call is still answered.
    let call = {
        let client = client.clone();
        tokio::spawn(async move {
            client
                .with_timeout(Duration::from_millis(100))
                .call::<_, i64>("Plugin.Answer", &())
                .await
        })
    };
    assert!(within(call).await.unwrap().unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_method_that_panics_is_answered() {
    let service = echo().method("Panic", |_: ()| async {
        if true {
            panic!("on purpose");
        }
        Ok::<_, String>(())
    });
    let client = plugin(service);
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

#[tokio::test]
async fn large_arguments_and_replies_pass_while_small_ones_do() {
    let service = Service::new()
        .method("Bytes", |bytes: Vec<u8>| async { Ok::<_, String>(bytes) })
        .method("Small", |n: u32| async move { Ok::<_, String>(n) });
    let client = plugin(service);
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

#[tokio::test]
async fn calls_that_run_when_the_peer_finishes_are_still_answered() {
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
            .serve(there, Codec::Gob)
            .await
    });
    let (mut read, mut write) = tokio::io::split(here);
    let request = {
        let (left, mut right) = tokio::io::duplex(4096);
        let client = Client::new(left, Codec::Gob);
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
