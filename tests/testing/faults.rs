//! Each fault, as both sides meet it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use plugwire::codec::Codec;
use plugwire::rpc::CallError;
use plugwire::testing::{FakeHost, Fault, pair, pair_with};
use plugwire::{Error, Reader};
use tokio::time::Instant;

use crate::store::{Kv, Three, config, plugins, store};

#[tokio::test(start_paused = true)]
async fn without_faults_calls_callbacks_and_readers_work_in_either_codec() {
    for codec in [Codec::Gob, Codec::MsgPack, Codec::Rich] {
        let kv = pair_with::<dyn Kv>(store(), config(codec)).await;
        kv.put("a".into(), 4).await.unwrap();
        assert_eq!(kv.get("a".into()).await.unwrap(), 4);
        assert_eq!(kv.add("a".into(), Arc::new(Three)).await.unwrap(), 7);
        let data = std::io::Cursor::new(vec![b'x'; 700_000]);
        assert_eq!(kv.import(Reader::new(data)).await.unwrap(), 700_000);
        let error = kv.get("b".into()).await.unwrap_err();
        assert_eq!(error.to_string(), "no such key: b");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_a_delay_of_each_direction() {
    let kv = pair::<dyn Kv>(store()).await;
    let start = Instant::now();
    kv.put("a".into(), 1).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    kv.faults().befall("delay 20ms".parse().unwrap());
    kv.get("a".into()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(40));
    kv.faults().heal();
    kv.get("a".into()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(40));
    // What is on its way when the delay ends arrives at once.
    kv.faults().befall(Fault::Delay(Duration::from_secs(60)));
    let call = kv.get("a".into());
    tokio::pin!(call);
    assert!(call.as_mut().now_or_never().is_none());
    kv.faults().heal();
    call.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(40));
}

#[tokio::test(start_paused = true)]
async fn a_cut_ends_calls_and_the_session() {
    let kv = pair::<dyn Kv>(store()).await;
    let call = kv.wait(3600);
    tokio::pin!(call);
    assert!(call.as_mut().now_or_never().is_none());
    kv.faults().befall(Fault::Cut);
    let error = call.await.unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert!(kv.get("a".into()).await.unwrap_err().is_disconnected());
}

#[tokio::test(start_paused = true)]
async fn garbage_ends_the_session_as_a_breach_of_the_protocol() {
    let kv = pair::<dyn Kv>(store()).await;
    kv.faults().befall(Fault::Garbage);
    let error = kv.get("a".into()).await.unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
        error.source()
    });
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    assert!(causes.concat().contains("version"), "{causes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_reported_as_one() {
    let kv = pair::<dyn Kv>(store()).await;
    let call = kv.wait(3600);
    tokio::pin!(call);
    assert!(call.as_mut().now_or_never().is_none());
    kv.faults().befall(Fault::Crash);
    let error = call.await.unwrap_err();
    assert!(error.is_crashed(), "{error:?}");
    assert_eq!(
        error.crash().unwrap().stderr.trim_end(),
        "a crash on demand"
    );
    let error = kv.get("a".into()).await.unwrap_err();
    assert!(error.is_crashed() || error.is_disconnected(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_met_by_deadlines_and_ends_with_healing() {
    let kv = pair::<dyn Kv>(store()).await;
    kv.faults().befall(Fault::Silence);
    let start = Instant::now();
    let second = kv.with_timeout(Duration::from_secs(1));
    let error = second.put("a".into(), 1).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    kv.faults().heal();
    kv.put("a".into(), 1).await.unwrap();
    assert_eq!(kv.get("a".into()).await.unwrap(), 1);
    // A session that hears no sign of life ends.
    kv.faults().befall(Fault::Silence);
    let error = kv.get("a".into()).await.unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_fault_befalls_the_call_that_it_waits_for() {
    let kv = pair::<dyn Kv>(store()).await;
    kv.faults().befall_at("Plugin.Get", Fault::Crash);
    kv.put("a".into(), 1).await.unwrap();
    let error = kv.get("a".into()).await.unwrap_err();
    assert!(error.is_crashed(), "{error:?}");

    // By the name of a callback's method too.
    let kv = pair_with::<dyn Kv>(store(), config(Codec::Rich)).await;
    kv.put("a".into(), 1).await.unwrap();
    kv.faults()
        .befall_at("Plugin.Add", Fault::Delay(Duration::from_secs(1)));
    let start = Instant::now();
    kv.add("a".into(), Arc::new(Three)).await.unwrap();
    // The call itself is `Plugin.Add` too: the callback and the answers are late with it.
    assert!(
        start.elapsed() >= Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_fake_host_dispenses_pings_and_quits() {
    let host = FakeHost::connect(plugins()).await.unwrap();
    host.ping().await.unwrap();
    let kv = host.dispense::<dyn Kv>("kv").await.unwrap();
    kv.put("a".into(), 1).await.unwrap();
    let client = host.dispense_client("kv").await.unwrap();
    let error = client.call::<_, i64>("Plugin.Get", "a").await.unwrap_err();
    assert!(matches!(error, CallError::Server(_)), "{error:?}");
    let error = host.dispense::<dyn Kv>("other").await.unwrap_err();
    assert_eq!(error.to_string(), "unknown plugin type: other");
    assert!(!host.has_quit());
    host.faults().befall(Fault::Cut);
    assert!(host.ping().await.unwrap_err().is_disconnected());
    let host = FakeHost::connect(plugins()).await.unwrap();
    host.quit().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_a_pair_ends_its_connection() {
    let kv = pair::<dyn Kv>(store()).await;
    let remote = kv.clone();
    drop(kv);
    let error: Error = remote.get("a".into()).await.unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
}
