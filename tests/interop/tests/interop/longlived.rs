//! The 75 s rule: Go ends a session when one of its streams is not acknowledged for that long.
//!
//! For 80 s one brokered stream carries bytes only from the plugin, another only from the host, and
//! the two stdio streams carry nothing. All three directions run side by side.

use std::time::Duration;

use plugwire_interop::types::{Digest, TrickleArgs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::Peer;
use crate::{go, go_host};
use support::within;

const SECONDS: i64 = 80;

async fn one_way_streams(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let broker = client.broker().clone();
    let (only_in, only_out) = (broker.next_id(), broker.next_id());
    let receiving = {
        let broker = broker.clone();
        tokio::spawn(async move {
            let mut received = Vec::new();
            let mut stream = broker.accept(only_in).await.unwrap();
            stream.read_to_end(&mut received).await.unwrap();
            received
        })
    };
    let sending = tokio::spawn(async move {
        let mut stream = broker.accept(only_out).await.unwrap();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        for n in 0..SECONDS {
            tick.tick().await;
            stream.write_u8(n as u8).await.unwrap();
        }
        tick.tick().await;
    });
    let args = TrickleArgs {
        id: only_in,
        count: SECONDS,
        interval_millis: 1000,
    };
    let calls = async {
        tokio::join!(
            kit.call::<_, i64>("Plugin.Trickle", &args),
            kit.call::<_, Digest>("Plugin.ReadFrom", &only_out)
        )
    };
    let limit = Duration::from_secs(SECONDS as u64 + 30);
    let (sent, read) = tokio::time::timeout(limit, calls).await.unwrap();
    assert_eq!(sent.unwrap(), SECONDS);
    assert_eq!(read.unwrap().bytes, SECONDS);
    let received = within(receiving).await.unwrap();
    assert!(received.iter().copied().eq(0..SECONDS as u8));
    within(sending).await.unwrap();
    within(client.ping()).await.unwrap();
    let greeting: String = within(kit.call("Plugin.Greet", &())).await.unwrap();
    assert_eq!(greeting, peer.greeting());
    client.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_way_and_idle_streams_outlive_80_seconds_in_every_direction() {
    let rust_to_go = async {
        if go::present() {
            one_way_streams(Peer::Go).await;
        }
    };
    let go_to_rust = async {
        if go::present() {
            let seconds = SECONDS.to_string();
            go_host::run(
                "longlived",
                &["-seconds", &seconds],
                Duration::from_secs(130),
            )
            .await;
        }
    };
    tokio::join!(one_way_streams(Peer::Rust), rust_to_go, go_to_rust);
}
