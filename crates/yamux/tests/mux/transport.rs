//! Sessions over the transport of plugins: a unix socket that reads into two buffers at once.

use std::time::Duration;

use plugwire_yamux::transport::UnixStream;
use plugwire_yamux::{Config, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use support::within;

/// Two sessions, connected by a pair of unix sockets.
pub fn sessions(config: &Config) -> (Session, Session) {
    let (here, there) = tokio::net::UnixStream::pair().unwrap();
    let take = |stream| UnixStream::new(stream).unwrap();
    (
        Session::client_over(take(here), config.clone()),
        Session::server_over(take(there), config.clone()),
    )
}

/// The driver takes over from a reader that was woken for a large frame and does not read it.
#[tokio::test]
async fn a_reader_that_went_away_delays_no_other_stream() {
    let (client, server) = sessions(&Config::default());
    let (opened, accepted) = tokio::join!(client.open(), server.accept());
    let (mut bulk, mut reader) = (opened.unwrap(), accepted.unwrap());
    let (opened, accepted) = tokio::join!(client.open(), server.accept());
    let (mut call, mut callee) = (opened.unwrap(), accepted.unwrap());
    let mut buffer = vec![0; 64 * 1024];
    // Leaves its waker with the stream and is dropped.
    let waiting = timeout(Duration::ZERO, reader.read(&mut buffer)).await;
    assert!(waiting.is_err());
    bulk.write_all(&vec![7; 200 * 1024]).await.unwrap();
    call.write_all(b"hello").await.unwrap();
    let mut text = [0; 5];
    within(callee.read_exact(&mut text)).await.unwrap();
    assert_eq!(&text, b"hello");
    let mut received = vec![0; 200 * 1024];
    reader.read_exact(&mut received).await.unwrap();
    assert!(received.iter().all(|byte| *byte == 7));
}
