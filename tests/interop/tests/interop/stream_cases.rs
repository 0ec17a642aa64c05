//! Readers and writers.

use plugwire::host::Client;
use plugwire::{Reader, rpc};
use plugwire_interop::bytes;
use plugwire_interop::service::{dial_echoes, echo_stream};
use plugwire_interop::types::{Digest, EchoArgs, EchoReply, WriteArgs};

use tokio::io::AsyncWriteExt;

use crate::peer::Peer;
use support::within;

const MIB: i64 = 1 << 20;

/// The plugin reads what the host writes in pieces of `chunk`.
async fn read_by_plugin(client: &Client, kit: &rpc::Client, total: i64, chunk: i64) {
    let broker = client.broker().clone();
    let id = broker.next_id();
    let writing = tokio::spawn(async move {
        let stream = broker.accept(id).await.unwrap();
        bytes::write_all(stream, 7, total, chunk).await.unwrap()
    });
    let read: Digest = within(kit.call("Plugin.ReadFrom", &id)).await.unwrap();
    let written = within(writing).await.unwrap();
    assert_eq!(read.bytes, total);
    assert_eq!(read, written);
}

/// The host reads what the plugin writes in pieces of `chunk`.
async fn written_by_plugin(client: &Client, kit: &rpc::Client, total: i64, chunk: i64) {
    let broker = client.broker().clone();
    let id = broker.next_id();
    let reading = tokio::spawn(async move {
        let stream = broker.accept(id).await.unwrap();
        bytes::read_all(stream).await.unwrap()
    });
    let args = WriteArgs {
        id,
        bytes: total,
        chunk,
        seed: 9,
    };
    let written: Digest = within(kit.call("Plugin.WriteTo", &args)).await.unwrap();
    let read = within(reading).await.unwrap();
    assert_eq!(read.bytes, total);
    assert_eq!(read, written);
}

/// Calls until the transfer is over, and at least 200 times.
async fn calls_beside(kit: &rpc::Client, transfer: impl Future<Output = ()>) {
    let calls = async {
        for seq in 0..200 {
            let args = EchoArgs {
                seq,
                payload: vec![seq as u8; 100],
                delay_micros: 0,
            };
            let reply: EchoReply = within(kit.call("Plugin.Echo", &args)).await.unwrap();
            assert_eq!((reply.seq, reply.payload), (args.seq, args.payload));
        }
    };
    tokio::join!(transfer, calls);
}

pub async fn a_reader_of_64_mib_while_calls_go_on(peer: Peer) {
    let (client, kit) = peer.kit().await;
    calls_beside(&kit, read_by_plugin(&client, &kit, 64 * MIB, 32 * 1024)).await;
    client.kill().await;
}

pub async fn a_writer_of_64_mib_while_calls_go_on(peer: Peer) {
    let (client, kit) = peer.kit().await;
    calls_beside(&kit, written_by_plugin(&client, &kit, 64 * MIB, 32 * 1024)).await;
    client.kill().await;
}

pub async fn large_single_writes_arrive(peer: Peer) {
    let (client, kit) = peer.kit().await;
    written_by_plugin(&client, &kit, 64 * MIB, 8 * MIB).await;
    read_by_plugin(&client, &kit, 64 * MIB, 8 * MIB).await;
    client.kill().await;
}

pub async fn six_hundred_streams_dialed_by_the_host(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let ids: Vec<u32> = within(kit.call("Plugin.AcceptEchoes", &600i64))
        .await
        .unwrap();
    assert_eq!(ids.len(), 600);
    let right = within(dial_echoes(client.broker().clone(), ids))
        .await
        .unwrap();
    assert_eq!(right, 600);
    client.kill().await;
}

pub async fn six_hundred_streams_dialed_by_the_plugin(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let ids: Vec<u32> = (0..600)
        .map(|_| {
            let (broker, id) = (client.broker().clone(), client.broker().next_id());
            tokio::spawn(async move { echo_stream(&broker, id).await.unwrap() });
            id
        })
        .collect();
    let right: i64 = within(kit.call("Plugin.DialEchoes", &ids)).await.unwrap();
    assert_eq!(right, 600);
    client.kill().await;
}

pub async fn a_dropped_reader_ends_the_plugin_s_writing(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let broker = client.broker().clone();
    let id = broker.next_id();
    let accepting = tokio::spawn(async move { drop(broker.accept(id).await.unwrap()) });
    let args = WriteArgs {
        id,
        bytes: 1 << 40,
        chunk: 32 * 1024,
        seed: 9,
    };
    let error = within(kit.call::<_, Digest>("Plugin.WriteTo", &args))
        .await
        .unwrap_err();
    assert!(!error.is_disconnected(), "{error:?}");
    assert!(error.to_string().contains("reset"), "{error}");
    within(accepting).await.unwrap();
    client.kill().await;
}

/// A stream that was shut down and dropped, and a reader that was handed over, while the plugin
/// goes on asking for each piece.
pub async fn all_arrives_at_a_plugin_that_asks_for_each_piece(peer: Peer) {
    const BYTES: i64 = 200_000;
    let (client, kit) = peer.kit().await;
    let broker = client.broker().clone();
    let mut content = Vec::new();
    let expected = bytes::write_all(&mut content, 7, BYTES, BYTES)
        .await
        .unwrap();
    for round in 0..200 {
        let id = match round % 2 {
            0 => {
                let (broker, id, content) = (broker.clone(), broker.next_id(), content.clone());
                tokio::spawn(async move {
                    let mut stream = broker.accept(id).await.unwrap();
                    stream.write_all(&content).await.unwrap();
                    stream.shutdown().await.unwrap();
                });
                id
            }
            _ => {
                let reader = Reader::new(std::io::Cursor::new(content.clone()));
                plugwire::interface::lend(&broker, reader)
            }
        };
        let pulled: Digest = within(kit.call("Plugin.PullFrom", &id)).await.unwrap();
        assert_eq!(pulled, expected, "in round {round}");
    }
    client.kill().await;
}
