//! A reader and a writer whose peer writes a byte before each read, as programs do that ask for
//! each piece: all of it arrives, though this side is long done.

use std::io::Cursor;

use plugwire::mux::Stream;
use plugwire::{Reader, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Pair;
use support::within;

/// More than the peer reads at once, and less than a window.
const BYTES: usize = 200_000;

const ROUNDS: usize = 1_000;

async fn pull(mut stream: Stream) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        stream.write_all(&[1]).await.unwrap();
        match stream.read(&mut buffer).await.unwrap() {
            0 => return received,
            n => received.extend_from_slice(&buffer[..n]),
        }
    }
}

fn content() -> Vec<u8> {
    (0..BYTES).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn all_of_a_reader_arrives_at_a_peer_that_asks_for_each_piece() {
    let pair = Pair::new();
    let content = content();
    for round in 0..ROUNDS {
        let reader = Reader::new(Cursor::new(content.clone()));
        let id = plugwire::interface::lend(&pair.plugin, reader);
        let stream = within(pair.host.dial(id)).await.unwrap();
        assert!(within(pull(stream)).await == content, "in round {round}");
    }
}

#[tokio::test]
async fn all_of_a_writer_arrives_at_a_peer_that_asks_for_each_piece() {
    let pair = Pair::new();
    let content = content();
    for round in 0..ROUNDS {
        let id = pair.host.next_id();
        let pulling = async { pull(pair.host.accept(id).await.unwrap()).await };
        let writing = async {
            let dialed = plugwire::interface::dial::<Writer>(&pair.plugin, id).await;
            let mut writer = dialed.unwrap();
            writer.write_all(&content).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let (received, ()) = within(async { tokio::join!(pulling, writing) }).await;
        assert!(received == content, "in round {round}");
    }
}
