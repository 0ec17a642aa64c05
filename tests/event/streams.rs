//! Streams, windows and limits, as a subscriber learns of them.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use plugwire::broker::BrokerConfig;
use plugwire::connection::ConnectionConfig;
use plugwire::mux::{self, Observation, SessionError};
use plugwire::rpc::CallConfig;
use support::within;
use tokio::io::AsyncWriteExt;

use crate::kv::{Events, Kv, pair, pair_of};

/// More than a window.
const MUCH: usize = 300 * 1024;

#[tokio::test]
async fn a_writer_that_has_used_up_its_window_is_seen() {
    let events = Events::default();
    let kv = pair(&events).await;
    events.take("");
    let mut stream = within(kv.host().broker().session().open()).await.unwrap();
    let number = stream.id();
    let opened = |side: &str, by_peer| format!("{side} stream {number} opened {by_peer}");
    events.wait_for(&[&opened("host", false)]).await;

    // The broker of the peer reads the id and no more.
    let data = vec![1; MUCH];
    let writing = stream.write_all(&data);
    tokio::pin!(writing);
    let stalled = format!("host stream {number} stalled");
    let stalled = [&*stalled];
    let stalled = events.wait_for(&stalled);
    within(async {
        tokio::select! {
            written = &mut writing => panic!("{written:?}"),
            _ = stalled => {}
        }
    })
    .await;
    events.wait_for(&[&opened("plugin", true)]).await;
    let snapshot = kv.host().broker().snapshot();
    assert_eq!(snapshot.streams.window_stalls, 1);

    stream.reset();
    events
        .wait_for(&[&format!("host stream {number} closed")])
        .await;
    events
        .wait_for(&[&format!("plugin stream {number} closed")])
        .await;
}

#[tokio::test]
async fn a_limit_that_is_met_is_seen_once() {
    let events = Events::default();
    let broker = BrokerConfig::default().codec(CallConfig::default().max_calls(1));
    let config = ConnectionConfig::default().broker(broker);
    let kv = pair_of(config.subscriber(events.clone())).await;
    let (one, other) = (kv.wait(), kv.wait());
    tokio::pin!(one, other);
    assert!(one.as_mut().now_or_never().is_none());
    assert!(other.as_mut().now_or_never().is_none());
    let limit = "plugin limit max_calls";
    events.wait_for(&[limit]).await;
    assert_eq!(events.take(limit).len(), 1);
}

#[tokio::test]
async fn a_stream_too_many_is_a_limit_met() {
    let events = Events::default();
    let mux = mux::Config::default().max_streams(6);
    let config = ConnectionConfig::default().mux(mux);
    let kv = pair_of(config.subscriber(events.clone())).await;
    let session = kv.host().broker().session();
    let mut streams = Vec::new();
    // Control, stdout, stderr and that of the interface are there.
    for _ in 0..2 {
        streams.push(within(session.open()).await.unwrap());
    }
    within(session.open()).await.unwrap_err();
    events.wait_for(&["host limit max_streams"]).await;
    assert_eq!(kv.host().broker().snapshot().limits_met, 1);
}

/// Keeps what a session says itself.
#[derive(Debug, Default)]
struct Observed(Mutex<Vec<Observation>>);

impl mux::Observer for Observed {
    fn observed(&self, observation: Observation) {
        self.0.lock().unwrap().push(observation);
    }

    fn ended(&self, _: &SessionError) {}
}

#[tokio::test]
async fn an_observer_of_the_session_is_beside_the_subscribers() {
    let (events, observed) = (Events::default(), Arc::new(Observed::default()));
    let mux = mux::Config::default().observer(Arc::clone(&observed) as _);
    let config = ConnectionConfig::default().mux(mux);
    let kv = pair_of(config.subscriber(events.clone())).await;
    within(kv.get("a".into())).await.unwrap();
    // Four streams, at both ends.
    let opened = |observation: &&Observation| {
        matches!(
            observation,
            Observation::StreamOpened { by_peer: false, .. }
        )
    };
    let seen = observed.0.lock().unwrap().iter().filter(opened).count();
    assert_eq!((seen, events.take("opened false").len()), (4, 4));
}
