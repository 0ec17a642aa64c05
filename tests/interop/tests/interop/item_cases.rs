//! Streams of items, against a plugin that has them written out by hand in Go.

use futures::{StreamExt, TryStreamExt, stream};
use plugwire::host::Client;
use plugwire::{Remote, Stream};
use plugwire_interop::shapes::{Event, Events};

use crate::peer::Peer;
use crate::shape_cases::launch;
use support::within;

async fn events(peer: Peer) -> (Client, Remote<dyn Events>) {
    let client = launch(peer).await;
    let events = within(client.dispense("events")).await;
    (client, events.expect("it dispenses"))
}

pub async fn items_of_the_plugin_arrive(peer: Peer) {
    let (client, events) = events(peer).await;
    for count in [0, 1, 100_000] {
        let watched = within(events.watch(count)).await.unwrap();
        let watched: Vec<Event> = within(watched.try_collect()).await.unwrap();
        assert!(watched.into_iter().eq((0..count).map(Event::tick)));
    }
    client.kill().await;
}

pub async fn items_of_the_host_arrive(peer: Peer) {
    let (client, events) = events(peer).await;
    let ticks = Stream::new(stream::iter(0..100_000).map(Event::tick));
    let sum = within(events.collect(ticks)).await.unwrap();
    assert_eq!(sum, 4_999_950_000);
    let none = within(events.collect(Stream::new(stream::empty::<Event>()))).await;
    assert_eq!(none.unwrap(), 0);
    client.kill().await;
}

/// Each item waits for the answer to the one before.
pub async fn items_go_both_ways_at_once(peer: Peer) {
    let (client, events) = events(peer).await;
    let (sender, numbers) = Stream::channel();
    let mut doubled = within(events.double(numbers)).await.unwrap();
    for number in 0..1_000 {
        sender.send(number).await.unwrap();
        assert_eq!(within(doubled.next()).await.unwrap().unwrap(), 2 * number);
    }
    drop(sender);
    assert!(within(doubled.next()).await.is_none());
    client.kill().await;
}

pub async fn an_error_ends_a_stream_of_items(peer: Peer) {
    let (client, events) = events(peer).await;
    let mut failing = within(events.fail(3)).await.unwrap();
    for count in 0..3 {
        let event = within(failing.next()).await.unwrap().unwrap();
        assert_eq!(event, Event::tick(count));
    }
    let error = within(failing.next()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "no more paper");
    assert!(within(failing.next()).await.is_none());

    // And the host's, which the plugin makes its call's.
    let (sender, ticks) = Stream::channel();
    let collecting = events.collect(ticks);
    let sending = async {
        sender.send(Event::tick(1)).await.unwrap();
        sender.fail("no more ink".into()).await;
    };
    let (collected, ()) = within(async { tokio::join!(collecting, sending) }).await;
    assert_eq!(collected.unwrap_err().to_string(), "no more ink");
    client.kill().await;
}

pub async fn dropping_a_stream_stops_the_plugin(peer: Peer) {
    let (client, events) = events(peer).await;
    let mut endless = within(events.endless()).await.unwrap();
    for number in 0..1_000 {
        assert_eq!(within(endless.next()).await.unwrap().unwrap(), number);
    }
    drop(endless);
    within(events.stopped()).await.unwrap();
    // And the plugin stops the host.
    let (sender, ticks) = Stream::channel();
    let sending = tokio::spawn(async move {
        let no_tick = || Event {
            name: "tock".into(),
            count: 0,
        };
        while sender.send(no_tick()).await.is_ok() {}
    });
    let error = within(events.collect(ticks)).await.unwrap_err();
    assert_eq!(error.to_string(), "no tick: tock");
    within(sending).await.unwrap();
    client.kill().await;
}

/// Through this process, in both directions.
pub async fn items_of_one_plugin_go_to_another(peer: Peer) {
    let (first, one) = events(peer).await;
    let (second, two) = events(peer).await;
    let watched = within(one.watch(10_000)).await.unwrap();
    assert_eq!(within(two.collect(watched)).await.unwrap(), 49_995_000);
    let failing = within(one.fail(3)).await.unwrap();
    let error = within(two.collect(failing)).await.unwrap_err();
    assert_eq!(error.to_string(), "no more paper");
    first.kill().await;
    second.kill().await;
}
