//! Interfaces that cross the wire.

use std::time::Duration;

use plugwire::broker::{AcceptError, BrokerConfig};
use plugwire::connection::ConnectionConfig;
use plugwire::host::Client;
use plugwire::mux;
use plugwire_interop::objects::helper;
use plugwire_interop::service::{echo_stream, share};
use plugwire_interop::{KIT, types::AddArgs};

use crate::peer::Peer;
use support::causes::assert_fails;
use support::within;

pub async fn the_plugin_calls_an_interface_of_the_host(peer: Peer) {
    let (client, kit) = peer.kit().await;
    for _ in 0..3 {
        let id = share(client.broker(), helper("the host"));
        let said: String = within(kit.call("Plugin.CallBack", &id)).await.unwrap();
        assert_eq!(said, "the host says 42");
    }
    client.kill().await;
}

pub async fn the_host_calls_an_interface_of_the_plugin(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let mut counters = Vec::new();
    for start in [10, 20] {
        let id: u32 = within(kit.call("Plugin.MakeCounter", &start))
            .await
            .unwrap();
        counters.push(within(client.broker().dial_client(id)).await.unwrap());
    }
    for (by, expected) in [(1, [11, 21]), (-5, [6, 16])] {
        for (counter, expected) in counters.iter().zip(expected) {
            let count: i64 = within(counter.call("Plugin.Incr", &by)).await.unwrap();
            assert_eq!(count, expected);
        }
    }
    client.kill().await;
}

pub async fn both_nested_in_one_call(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let id = share(client.broker(), helper("the host"));
    let id: u32 = within(kit.call("Plugin.Nested", &id)).await.unwrap();
    let counter = within(client.broker().dial_client(id)).await.unwrap();
    for (by, expected) in [(5, 5), (7, 12), (-20, -8)] {
        let count: i64 = within(counter.call("Plugin.Incr", &by)).await.unwrap();
        assert_eq!(count, expected);
    }
    // The interface is an ordinary one here too.
    let id = share(client.broker(), helper("again"));
    let direct = within(kit.call::<_, String>("Plugin.CallBack", &id)).await;
    assert_eq!(direct.unwrap(), "again says 42");
    let args = AddArgs { a: 1, b: 2 };
    let missing = within(counter.call::<_, i64>("Plugin.Add", &args)).await;
    assert!(missing.unwrap_err().is_method_not_found());
    client.kill().await;
}

pub async fn a_broker_id_that_nobody_dials(peer: Peer) {
    let connection = ConnectionConfig::default()
        .broker(BrokerConfig::default().accept_timeout(Duration::from_millis(200)));
    let client = within(Client::launch(peer.config().connection(connection)))
        .await
        .unwrap();
    let error = within(client.broker().accept(4711)).await.unwrap_err();
    assert!(matches!(error, AcceptError::Timeout { id: 4711, .. }));
    assert_eq!(error.to_string(), "timeout waiting for accept");
    // Nor does the plugin accept one that it never gave out.
    assert_fails(within(client.broker().dial(4711)).await, "");
    within(client.ping()).await.unwrap();
    client.kill().await;
}

pub async fn streams_beyond_the_limit_are_refused_alone(peer: Peer) {
    let connection = ConnectionConfig::default().mux(mux::Config::default().max_streams(20));
    let client = within(Client::launch(peer.config().connection(connection)))
        .await
        .unwrap();
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    // Control, stdout, stderr and the kit's own stream leave room for 16 of the plugin's 30.
    let ids: Vec<u32> = (0..30)
        .map(|_| {
            let (broker, id) = (client.broker().clone(), client.broker().next_id());
            tokio::spawn(async move { echo_stream(&broker, id).await });
            id
        })
        .collect();
    let refused = within(kit.call::<_, i64>("Plugin.DialEchoes", &ids)).await;
    // The Go kit counts those that echo; the Rust kit reports the first that failed.
    match refused {
        Ok(right) => assert!((1..30).contains(&right), "{right} of 30"),
        Err(error) => assert!(!error.is_disconnected(), "{error:?}"),
    }
    within(client.ping()).await.unwrap();
    let greeting: String = within(kit.call("Plugin.Greet", &())).await.unwrap();
    assert_eq!(greeting, peer.greeting());
    client.kill().await;
}
