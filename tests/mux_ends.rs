//! What is left of a session whose peer is gone.

#[path = "mux_common/raw.rs"]
mod raw;
#[path = "mux_common/within.rs"]
mod within;

use plugwire::mux::Config;
use raw::{FIN, Raw, SYN, WINDOW};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use within::within;

/// A plugin that writes its last output and exits, while its host writes to it.
#[tokio::test]
async fn what_the_peer_had_sent_is_read_though_it_takes_nothing_more() {
    const STREAMS: u32 = 8;
    const FRAME: usize = 8 * 1024;
    let (mut raw, session) = Raw::client(Config::default(), 4 << 20);
    let mut streams = Vec::new();
    for n in 0..STREAMS {
        raw.data(SYN, 2 * n + 1, b"").await;
        streams.push(within(session.accept()).await.unwrap());
    }
    for n in 0..STREAMS {
        for _ in 0..WINDOW as usize / FRAME {
            raw.data(0, 2 * n + 1, &[n as u8; FRAME]).await;
        }
        raw.data(FIN, 2 * n + 1, b"").await;
    }
    drop(raw);
    // The session learns of it here, if it does not while it reads.
    let _ = streams[0].write_all(&[0; 100_000]).await;
    for (n, stream) in streams.iter_mut().enumerate() {
        let mut received = Vec::new();
        let read = within(stream.read_to_end(&mut received)).await;
        assert_eq!(received.len(), WINDOW as usize, "of stream {n}: {read:?}");
        read.unwrap();
    }
}
