//! What the MuxBroker promises, between two brokers over an in-memory connection.

use std::time::Duration;

use plugwire::broker::{AcceptError, BrokerConfig, DialError, MuxBroker};
use plugwire::mux::{self, Session, SessionError};
use plugwire::rpc::{Client, Service};
use support::causes::with_causes;
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

fn sessions() -> (Session, Session) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    // Virtual time passes without the crate's pings.
    let config = mux::Config::default().keep_alive(None);
    (
        Session::client(here, config.clone()),
        Session::server(there, config),
    )
}

fn brokers() -> (MuxBroker, MuxBroker) {
    let (here, there) = sessions();
    (
        MuxBroker::new(here, BrokerConfig::default()),
        MuxBroker::new(there, BrokerConfig::default()),
    )
}

#[tokio::test]
async fn each_side_counts_its_ids_from_one() {
    let (host, plugin) = brokers();
    assert_eq!([host.next_id(), host.next_id()], [1, 2]);
    assert_eq!(plugin.next_id(), 1);
    assert_eq!(host.clone().next_id(), 3);
}

#[tokio::test]
async fn either_side_may_come_first() {
    let (host, plugin) = brokers();
    for dial_first in [true, false] {
        let id = plugin.next_id();
        let dial = async {
            if !dial_first {
                tokio::task::yield_now().await;
            }
            host.dial(id).await.unwrap()
        };
        let accept = async {
            if dial_first {
                tokio::task::yield_now().await;
            }
            plugin.accept(id).await.unwrap()
        };
        let (mut dialed, mut accepted) = within(async { tokio::join!(dial, accept) }).await;
        dialed.write_all(b"ping").await.unwrap();
        let mut four = [0; 4];
        within(accepted.read_exact(&mut four)).await.unwrap();
        assert_eq!(&four, b"ping");
        accepted.write_all(b"pong").await.unwrap();
        within(dialed.read_exact(&mut four)).await.unwrap();
        assert_eq!(&four, b"pong");
    }
}

#[tokio::test]
async fn six_hundred_streams_are_open_at_once() {
    let (host, plugin) = brokers();
    let mut ends = JoinSet::new();
    for _ in 0..600 {
        let id = plugin.next_id();
        let (host, plugin) = (host.clone(), plugin.clone());
        ends.spawn(async move {
            let (dialed, accepted) = tokio::join!(host.dial(id), plugin.accept(id));
            (id, dialed.unwrap(), accepted.unwrap())
        });
    }
    for (id, mut dialed, mut accepted) in within(ends.join_all()).await {
        dialed.write_u32(id).await.unwrap();
        assert_eq!(within(accepted.read_u32()).await.unwrap(), id);
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_nobody_dials_times_out_in_go_s_words() {
    let (_host, plugin) = brokers();
    let start = tokio::time::Instant::now();
    let error = plugin.accept(7).await.unwrap_err();
    assert_eq!(error.to_string(), "timeout waiting for accept");
    assert!(matches!(error, AcceptError::Timeout { id: 7, .. }));
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_nobody_accepts_is_closed() {
    let (host, _plugin) = brokers();
    let start = tokio::time::Instant::now();
    let error = host.dial(7).await.unwrap_err();
    assert!(matches!(error, DialError::Io { id: 7, .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_a_dial_times_out() {
    let (here, _there) = sessions();
    let host = MuxBroker::new(
        here,
        BrokerConfig::default().dial_timeout(Duration::from_secs(3)),
    );
    let error = host.dial(1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer did not accept broker id 1 within 3s"
    );
}

#[tokio::test]
async fn a_wrong_ack_is_an_error() {
    let (here, there) = sessions();
    let host = MuxBroker::new(here, BrokerConfig::default());
    let answer = async {
        let mut stream = there.accept().await.unwrap();
        stream.read_u32_le().await.unwrap();
        stream.write_u32_le(9).await.unwrap();
        stream
    };
    let (dialed, _stream) = within(async { tokio::join!(host.dial(4), answer) }).await;
    assert_eq!(dialed.unwrap_err().to_string(), "bad ack: 9 (expected 4)");
}

#[tokio::test]
async fn a_stream_that_names_no_id_holds_up_no_other() {
    let (here, there) = sessions();
    let plugin = MuxBroker::new(there, BrokerConfig::default());
    let silent = within(here.open()).await.unwrap();
    let mut named = within(here.open()).await.unwrap();
    named.write_u32_le(5).await.unwrap();
    within(plugin.accept(5)).await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_second_stream_for_a_pending_id_is_dropped() {
    let (here, there) = sessions();
    let plugin = MuxBroker::new(there, BrokerConfig::default());
    let mut first = within(here.open()).await.unwrap();
    first.write_u32_le(5).await.unwrap();
    let mut second = within(here.open()).await.unwrap();
    second.write_u32_le(5).await.unwrap();
    // It ends without an ack.
    let mut rest = Vec::new();
    within(second.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
    within(plugin.accept(5)).await.unwrap();
    assert_eq!(within(first.read_u32_le()).await.unwrap(), 5);
}

#[tokio::test]
async fn one_accept_at_a_time_waits_for_an_id() {
    let (host, plugin) = brokers();
    let mut first = Box::pin(plugin.accept(3));
    assert!(
        timeout(Duration::from_millis(20), &mut first)
            .await
            .is_err(),
        "it waits"
    );
    assert!(matches!(
        plugin.accept(3).await,
        Err(AcceptError::Busy { id: 3 })
    ));
    // Once the first gives up, the id is free again.
    drop(first);
    let (dialed, accepted) = within(async { tokio::join!(host.dial(3), plugin.accept(3)) }).await;
    dialed.unwrap();
    accepted.unwrap();
}

#[tokio::test]
async fn the_session_s_end_ends_the_waiting() {
    let (host, plugin) = brokers();
    let session = plugin.session().clone();
    let accept = tokio::spawn(async move { plugin.accept(1).await });
    host.session().close().await;
    let error = within(accept).await.unwrap().unwrap_err();
    assert!(
        matches!(error, AcceptError::Session(SessionError::PeerClosed)),
        "{error:?}"
    );
    drop(session);
    assert!(matches!(
        within(host.dial(1)).await,
        Err(DialError::Open(_))
    ));
}

fn named(name: &'static str) -> Service {
    Service::new().method("Name", move |_: ()| async move {
        Ok::<_, String>(name.to_owned())
    })
}

#[tokio::test]
async fn a_client_calls_before_the_peer_has_accepted() {
    let (host, plugin) = brokers();
    let client = within(host.dial_client(9)).await.unwrap();
    let call = tokio::spawn(async move { client.call::<_, String>("Plugin.Name", &()).await });
    let serving = tokio::spawn(async move { plugin.accept_and_serve(9, named("late")).await });
    assert_eq!(within(call).await.unwrap().unwrap(), "late");
    // The client is gone, and with it what served it.
    within(serving).await.unwrap().unwrap();
}

/// The error of a first call that the peer did not accept.
async fn refused(client: Client) -> String {
    let error = within(client.call::<_, String>("Plugin.Name", &()))
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    let again = within(client.call::<_, String>("Plugin.Name", &())).await;
    let again = again.unwrap_err();
    assert!(again.is_disconnected(), "{again:?}");
    with_causes(&error)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_nobody_accepts_fails_its_calls() {
    let (host, _plugin) = brokers();
    let start = tokio::time::Instant::now();
    let error = refused(host.dial_client(7).await.unwrap()).await;
    assert!(
        error.contains("did not accept broker id 7: the stream was closed"),
        "{error}"
    );
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_peer_says_nothing_fails_its_calls_in_time() {
    let (client, _server) = sessions();
    let host = MuxBroker::new(client, BrokerConfig::default());
    let start = tokio::time::Instant::now();
    let error = host.dial_client(7).await.unwrap();
    // The broker's other handles need not outlive its clients.
    drop(host);
    let error = refused(error).await;
    assert!(
        error.contains("did not accept broker id 7: it took too long"),
        "{error}"
    );
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_client_whose_peer_accepts_another_id_fails_its_calls() {
    let (client, server) = sessions();
    let host = MuxBroker::new(client, BrokerConfig::default());
    let client = host.dial_client(7).await.unwrap();
    let mut stream = within(server.accept()).await.unwrap();
    assert_eq!(within(stream.read_u32_le()).await.unwrap(), 7);
    stream.write_u32_le(8).await.unwrap();
    let error = refused(client).await;
    assert!(
        error.contains("did not accept broker id 7: it accepted id 8"),
        "{error}"
    );
}

fn counting() -> Service {
    Service::new().method("Double", |n: i64| async move { Ok::<_, String>(n * 2) })
}

async fn doubles(client: &Client) {
    let doubled: i64 = within(client.call("Plugin.Double", &21)).await.unwrap();
    assert_eq!(doubled, 42);
}

#[tokio::test]
async fn what_is_shared_is_served_to_every_stream_of_its_id() {
    let (host, plugin) = brokers();
    let id = plugin.share(counting());
    tokio::time::pause();
    let first = within(host.dial_client(id)).await.unwrap();
    doubles(&first).await;
    // Long after the time that a broker waits for a dial, and at once with the first.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let second = within(host.dial_client(id)).await.unwrap();
    doubles(&second).await;
    doubles(&first).await;
    drop((first, second));
    // And again, while it is still offered.
    tokio::time::sleep(Duration::from_secs(4)).await;
    doubles(&within(host.dial_client(id)).await.unwrap()).await;
}

#[tokio::test]
async fn what_is_shared_is_dropped_when_the_peer_has_not_held_it_for_the_accept_timeout() {
    let (host, plugin) = brokers();
    let held = std::sync::Arc::new(());
    let service = |held: std::sync::Arc<()>| {
        counting().method("Hold", move |_: ()| {
            let _held = held.clone();
            async { Ok::<_, String>(()) }
        })
    };
    tokio::time::pause();
    // Never dialed.
    let _id = plugin.share(service(held.clone()));
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
    // Dialed, and left.
    let id = plugin.share(service(held.clone()));
    let client = host.dial_client(id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    doubles(&client).await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
    // With the session.
    let _id = plugin.share(service(held.clone()));
    plugin.session().close().await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
}
