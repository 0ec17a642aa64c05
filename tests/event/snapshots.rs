//! A connection in numbers, after a conversation that is known.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use plugwire::connection::ConnectionConfig;
use plugwire::event::{Side, Snapshot};
use support::{until, within};

use crate::kv::{Events, Kv, Two, pair_of};

fn calls(snapshot: &Snapshot) -> [u64; 7] {
    let calls = snapshot.made;
    [
        calls.begun,
        calls.answered,
        calls.failed,
        calls.timed_out,
        calls.cancelled,
        calls.lost,
        calls.in_flight,
    ]
}

#[tokio::test]
async fn a_conversation_adds_up() {
    let events = Events::default();
    let config = ConnectionConfig::default().name("kv-1");
    let kv = pair_of(config.subscriber(events.clone())).await;
    let snapshot = || kv.host().broker().snapshot();
    let before = snapshot();
    assert_eq!((&*before.plugin, before.side), ("kv-1", Side::Host));
    // The dispense.
    assert_eq!(calls(&before), [1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(before.streams.opened, 4);

    for _ in 0..5 {
        within(kv.get("a".into())).await.unwrap();
    }
    within(kv.get(String::new())).await.unwrap_err();
    let hasty = kv.with_timeout(Duration::from_millis(1));
    within(hasty.wait()).await.unwrap_err();
    assert!(kv.wait().now_or_never().is_none());
    let waiting = kv.wait();
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    let after = snapshot();
    assert_eq!(calls(&after), [10, 6, 1, 1, 1, 0, 1]);
    assert_eq!(after.made.ended() + after.made.in_flight, after.made.begun);

    // A callback, on a stream that the peer opens.
    assert_eq!(within(kv.add("ab".into(), Arc::new(Two))).await.unwrap(), 4);
    let after = snapshot();
    assert_eq!((after.served.begun, after.served.answered), (1, 1));
    assert_eq!((after.served.in_flight, after.served.failed), (0, 0));
    assert_eq!(after.streams.opened_by_peer, 1);
    // Each call, two cancels, and the reply to the callback.
    assert_eq!(after.sent.messages, after.made.begun + 2 + 1);
    assert_eq!(after.received.messages, 6 + 1 + 1 + 1);
    assert!(after.sent.bytes > 0 && after.streams.sent_bytes > after.sent.bytes);
    assert!(after.streams.received_bytes > after.received.bytes);

    kv.host().broker().session().close().await;
    within(waiting).await.unwrap_err();
    let after = snapshot();
    assert_eq!((after.made.lost, after.made.in_flight), (1, 0));
}

#[tokio::test]
async fn the_calls_of_a_stream_that_has_ended_stay_in_the_sums() {
    let events = Events::default();
    let kv = pair_of(ConnectionConfig::default().subscriber(events.clone())).await;
    let broker = kv.host().broker().clone();
    for number in 1..=3 {
        within(kv.add("a".into(), Arc::new(Two))).await.unwrap();
        let is_served = || broker.snapshot().served.answered == number;
        until("the callback is counted", is_served).await;
        until("its stream has ended", || {
            broker.snapshot().streams.open == 4
        })
        .await;
    }
    let snapshot = broker.snapshot();
    assert_eq!((snapshot.served.begun, snapshot.served.in_flight), (3, 0));
}

#[tokio::test]
async fn a_snapshot_is_serde_s() {
    let kv = pair_of(ConnectionConfig::default().name("kv-1")).await;
    let text = serde_json::to_string(&kv.host().broker().snapshot()).unwrap();
    assert!(
        text.contains(r#""plugin":"kv-1","side":"host","made":{"begun":1,"#),
        "{text}"
    );
}
