//! What a session holds is bounded by what is on its way, not by what once was.

use plugwire_yamux::{Config, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use support::alloc::largest_block;
use support::within;

/// Many calls at once keep a slow connection full: there is always something that waits for it.
#[tokio::test]
async fn a_connection_that_is_never_idle_does_not_make_the_queue_grow() {
    const STREAMS: usize = 64;
    const CALLS: usize = 100;
    const SIZE: usize = 1000;
    let (here, there) = tokio::io::duplex(4096);
    let client = Session::client(here, Config::default());
    let server = Session::server(there, Config::default());
    let mut tasks = JoinSet::new();
    for _ in 0..STREAMS {
        let opened = within(client.open()).await.unwrap();
        let accepted = within(server.accept()).await.unwrap();
        for (mut stream, first) in [(opened, true), (accepted, false)] {
            tasks.spawn(async move {
                let mut buffer = vec![1; SIZE];
                for n in 0..CALLS {
                    if n > 0 || !first {
                        stream.read_exact(&mut buffer).await.unwrap();
                    }
                    stream.write_all(&buffer).await.unwrap();
                }
                stream
            });
        }
    }
    largest_block();
    within(tasks.join_all()).await;
    // 64,000 bytes are on their way at a time; a hundred times as much went through.
    let largest = largest_block();
    assert!(largest < 512 * 1024, "a block of {largest} bytes");
}
