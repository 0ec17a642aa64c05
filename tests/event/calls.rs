//! Calls and sessions, as a subscriber learns of them.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use plugwire::Remote;
use plugwire::connection::ConnectionConfig;
use plugwire::event::{CallBegun, Meta, Subscriber};
use plugwire::testing::Fault;
use support::within;

use crate::kv::{Events, Kv, Two, pair, pair_of};

#[tokio::test]
async fn a_call_is_an_event_at_both_ends() {
    let events = Events::default();
    let kv = pair(&events).await;
    let begun = events.take("");
    assert!(begun.iter().any(|event| event.ends_with("host connected")));
    assert!(
        begun
            .iter()
            .any(|event| event.ends_with("plugin connected"))
    );
    let dispensed = |event: &&String| event.contains("made Dispenser.Dispense answered");
    assert_eq!(begun.iter().filter(dispensed).count(), 1, "{begun:?}");

    assert_eq!(within(kv.get("visits".into())).await.unwrap(), 6);
    events.wait_for(&["plugin served Plugin.Get"]).await;
    let calls = events.take("Plugin.Get");
    assert_eq!(calls.len(), 4, "{calls:?}");
    let found = |part: &str| {
        let mut calls = calls.iter();
        let found = calls.find(|event| event.contains(part));
        &**found.unwrap_or_else(|| panic!("{calls:?}"))
    };
    found("host begun made Plugin.Get");
    found("plugin begun served Plugin.Get");
    // What one side sends is what the other receives.
    let bytes = |event: &str| {
        let (sent, received) = event.rsplit_once(' ').unwrap().1.split_once('/').unwrap();
        (
            sent.parse::<u64>().unwrap(),
            received.parse::<u64>().unwrap(),
        )
    };
    let made = found("host made Plugin.Get answered ");
    let served = found("plugin served Plugin.Get answered ");
    let ((argument, reply), (answer, asked)) = (bytes(made), bytes(served));
    assert!(argument > 6 && reply > 0, "{made}");
    // The first message of a type has its definition, which is no part of the value that arrives.
    assert!(asked <= argument && reply <= answer, "{made}, {served}");
}

#[tokio::test]
async fn each_end_of_a_call_is_an_outcome() {
    let events = Events::default();
    let kv = pair(&events).await;
    within(kv.get(String::new())).await.unwrap_err();
    events.wait_for(&["host made Plugin.Get failed"]).await;
    events.wait_for(&["plugin served Plugin.Get failed"]).await;

    let hasty = kv.with_timeout(Duration::from_millis(1));
    within(hasty.wait()).await.unwrap_err();
    events.wait_for(&["host made Plugin.Wait timed_out"]).await;
    // The peer learns that the caller has gone.
    events
        .wait_for(&["plugin served Plugin.Wait cancelled"])
        .await;
    events.take("");

    assert!(kv.wait().now_or_never().is_none());
    events.wait_for(&["host made Plugin.Wait cancelled"]).await;
    events
        .wait_for(&["plugin served Plugin.Wait cancelled"])
        .await;
    events.take("");

    let waiting = kv.wait();
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    kv.faults().befall(Fault::Cut);
    within(waiting).await.unwrap_err();
    events.wait_for(&["host made Plugin.Wait lost"]).await;
    events.wait_for(&["host disconnected: "]).await;
    events.wait_for(&["plugin disconnected: "]).await;
}

#[tokio::test]
async fn a_callback_is_served_by_the_host() {
    let events = Events::default();
    let kv = pair(&events).await;
    assert_eq!(
        within(kv.add("visits".into(), Arc::new(Two)))
            .await
            .unwrap(),
        8
    );
    events.wait_for(&["plugin made Plugin.Add answered"]).await;
    events.wait_for(&["host served Plugin.Add answered"]).await;
}

#[tokio::test]
async fn a_method_that_the_peer_made_up_has_no_name() {
    let events = Events::default();
    let kv = pair(&events).await;
    let rpc = Remote::rpc_client(&kv);
    let error = within(rpc.call::<_, ()>("Plugin.Made\nUp", &())).await;
    assert!(error.unwrap_err().is_method_not_found());
    events.wait_for(&["plugin served unknown failed"]).await;
    events.wait_for(&["host made Plugin.Made\nUp failed"]).await;
}

/// Panics at the first call.
#[derive(Debug)]
struct Clumsy;

impl Subscriber for Clumsy {
    fn on_call_begun(&self, _: &Meta<'_>, _: &CallBegun<'_>) {
        panic!("not a failure of the test");
    }
}

#[tokio::test]
async fn a_subscriber_that_panics_is_called_no_more() {
    let events = Events::default();
    let config = ConnectionConfig::default();
    let kv = pair_of(config.subscriber(Clumsy).subscriber(events.clone())).await;
    assert_eq!(within(kv.get("a".into())).await.unwrap(), 1);
    assert_eq!(within(kv.get("ab".into())).await.unwrap(), 2);
    assert_eq!(events.take("host made Plugin.Get answered").len(), 2);
}
