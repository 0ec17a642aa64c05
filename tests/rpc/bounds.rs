//! How much work a server takes from a peer that does not take the replies, and that honest peers
//! do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plugwire::broker;
use plugwire::connection::ConnectionConfig;
use plugwire::rpc::{CallConfig, CallError, Client, Codec, Server, Service};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

fn serve(service: Service, config: CallConfig, buffer: usize) -> DuplexStream {
    let (here, there) = tokio::io::duplex(buffer);
    let server = Server::from(service);
    tokio::spawn(async move { server.serve(there, config).await });
    here
}

#[tokio::test]
async fn ten_thousand_calls_run_at_once() {
    const CALLS: usize = 10_000;
    let all = Arc::new(Barrier::new(CALLS));
    let service = Service::new().method("Meet", move |n: usize| {
        let all = all.clone();
        async move {
            all.wait().await;
            Ok::<_, String>(n)
        }
    });
    let client = Client::new(serve(service, Codec::Gob.into(), 64 << 10), Codec::Gob);
    let mut calls = JoinSet::new();
    for n in 0..CALLS {
        let client = client.clone();
        calls.spawn(async move { client.call::<_, usize>("Plugin.Meet", &n).await.unwrap() == n });
    }
    let met = within(calls.join_all()).await;
    assert!(met.len() == CALLS && met.iter().all(|met| *met));
}

#[tokio::test]
async fn no_more_calls_run_than_the_limit() {
    for limit in [1, 3] {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(Semaphore::new(0));
        let service = {
            let (running, most, go) = (running.clone(), most.clone(), go.clone());
            Service::new().method("Run", move |_: ()| {
                let (running, most, go) = (running.clone(), most.clone(), go.clone());
                async move {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    go.acquire().await.unwrap().forget();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok::<_, String>(())
                }
            })
        };
        let config = CallConfig::new(Codec::Gob).max_calls(limit);
        let client = Client::new(serve(service, config, 64 << 10), Codec::Gob);
        let mut calls = JoinSet::new();
        for _ in 0..50 {
            let client = client.clone();
            calls.spawn(async move { client.call::<_, ()>("Plugin.Run", &()).await });
        }
        for _ in 0..50 {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            go.add_permits(1);
        }
        assert!(within(calls.join_all()).await.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), limit);
    }
}

#[tokio::test]
async fn calls_that_find_no_method_are_no_tasks() {
    let (read, mut write) = tokio::io::split(serve(Service::new(), Codec::Gob.into(), 1 << 20));
    // A request as a client writes it, headers and all.
    let (here, mut there) = tokio::io::duplex(1 << 20);
    let client = Client::new(here, Codec::Gob);
    let calls = 1000;
    let requests = tokio::spawn({
        let client = client.clone();
        async move {
            let call = |_| client.call::<_, ()>("Plugin.Missing", &());
            futures::future::join_all((0..calls).map(call)).await
        }
    });
    let mut bytes = vec![0; 1 << 20];
    let mut read_so_far = 0;
    while let Ok(n) = tokio::time::timeout(
        Duration::from_millis(200),
        there.read(&mut bytes[read_so_far..]),
    )
    .await
    {
        read_so_far += n.unwrap();
    }
    let before = Handle::current().metrics().num_alive_tasks();
    within(write.write_all(&bytes[..read_so_far]))
        .await
        .unwrap();
    let mut most = 0;
    let copying = tokio::spawn(async move {
        let mut read = read;
        tokio::io::copy(&mut read, &mut there).await
    });
    let all = async {
        while !requests.is_finished() {
            most = most.max(Handle::current().metrics().num_alive_tasks());
            tokio::task::yield_now().await;
        }
    };
    within(all).await;
    for answer in requests.await.unwrap() {
        assert!(answer.unwrap_err().is_method_not_found());
    }
    assert!(most <= before + 1, "{most} tasks, {before} before");
    copying.abort();
}

/// Both sides stop at some time, and go on from where they were.
#[tokio::test]
async fn a_peer_that_reads_late_gets_every_reply() {
    let service =
        Service::new().method("Echo", |text: String| async move { Ok::<_, String>(text) });
    let config = CallConfig::new(Codec::Gob).max_calls(100);
    let far = serve(service, config, 16 << 10);
    let (near, here) = tokio::io::duplex(16 << 10);
    let (mut far_read, mut far_write) = tokio::io::split(far);
    let (mut near_read, mut near_write) = tokio::io::split(near);
    let requests =
        tokio::spawn(async move { tokio::io::copy(&mut near_read, &mut far_write).await });
    let client = Client::new(here, Codec::Gob);
    let text = "x".repeat(1000);
    let mut calls = JoinSet::new();
    for _ in 0..2000 {
        let (client, text) = (client.clone(), text.clone());
        calls.spawn(async move {
            let echo: String = client.call("Plugin.Echo", &text).await.unwrap();
            echo == text
        });
    }
    // More than may wait to be read.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let replies =
        tokio::spawn(async move { tokio::io::copy(&mut far_read, &mut near_write).await });
    assert!(within(calls.join_all()).await.into_iter().all(|same| same));
    requests.abort();
    replies.abort();
}

#[tokio::test]
async fn a_limit_of_no_calls_is_refused_and_counts_as_one() {
    let none = CallConfig::new(Codec::Gob).max_calls(0);
    let service = Service::new().method("Hi", |_: ()| async { Ok::<_, CallError>(1i64) });
    let client = Client::new(serve(service, none, 4096), Codec::Gob);
    assert_eq!(
        within(client.call::<_, i64>("Plugin.Hi", &()))
            .await
            .unwrap(),
        1
    );
    let config = ConnectionConfig::default().broker(broker::BrokerConfig::default().codec(none));
    let (here, _there) = tokio::io::duplex(4096);
    let error = plugwire::connection::RpcClient::connect(here, &config)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid max_calls: 0, expected at least 1"
    );
}
