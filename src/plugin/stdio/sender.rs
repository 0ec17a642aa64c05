//! Sends output over the stream of the newest connection.

use std::io;
use std::sync::Arc;

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::backlog::Backlog;
use crate::tuning::plugin::CHUNK;

/// Sends the backlog's bytes until it is finished. The newest live stream gets them all. When it
/// ends, the one before takes over, from the first byte that was not written.
pub(super) async fn send<S>(backlog: Arc<Backlog>, mut arriving: mpsc::UnboundedReceiver<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut streams: Vec<S> = Vec::new();
    let mut chunk = Vec::with_capacity(CHUNK);
    while !streams.is_empty() || arrival(&mut streams, &mut arriving).await {
        // A stream may arrive while the backlog is empty.
        let go_on = tokio::select! {
            biased;
            arrived = arrival(&mut streams, &mut arriving) => {
                if !arrived { return; }
                continue;
            }
            go_on = backlog.arrived() => go_on,
        };
        if !go_on {
            return;
        }
        backlog.peek(&mut chunk);
        let Some(mut stream) = streams.pop() else {
            continue;
        };
        let kept = tokio::select! {
            biased;
            arrived = arrival(&mut streams, &mut arriving) => {
                if !arrived { return; }
                // The write was given up for the new stream, which goes on top of this one.
                backlog.flushed();
                let newer = streams.pop();
                streams.push(stream);
                streams.extend(newer);
                continue;
            }
            kept = write(&mut stream, &chunk, &backlog) => kept,
        };
        match kept {
            Ok(()) => streams.push(stream),
            Err(error) => {
                tracing::debug!(%error, "a connection takes no more output");
                backlog.flushed();
            }
        }
    }
}

/// Waits for another stream. `false` if none will come.
async fn arrival<S>(streams: &mut Vec<S>, arriving: &mut mpsc::UnboundedReceiver<S>) -> bool
where
    S: AsyncRead + Unpin,
{
    let Some(stream) = arriving.recv().await else {
        return false;
    };
    // Hosts come and go, and many leave before any output is sent.
    streams.retain_mut(|stream| !has_ended(stream));
    streams.push(stream);
    true
}

/// Writes a part of the chunk. Cancel safe: either bytes are written and marked as taken, or
/// neither.
async fn write<S>(stream: &mut S, chunk: &[u8], backlog: &Backlog) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if has_ended(stream) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    let written = stream.write(chunk).await?;
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    backlog.taken(written);
    if backlog.is_empty() {
        stream.flush().await?;
        backlog.flushed();
    }
    Ok(())
}

/// Whether the host has closed the stream, or the connection has ended. A host never writes on
/// these streams, so the only thing to read is the end.
fn has_ended(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    match stream.read(&mut [0]).now_or_never() {
        Some(read) => !matches!(read, Ok(1..)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    struct Plugin {
        backlog: Arc<Backlog>,
        streams: mpsc::UnboundedSender<DuplexStream>,
    }

    impl Plugin {
        fn start() -> Self {
            let backlog = Arc::new(Backlog::default());
            let (streams, arriving) = mpsc::unbounded_channel();
            tokio::spawn(send(Arc::clone(&backlog), arriving));
            Self { backlog, streams }
        }

        fn connect(&self, buffer: usize) -> DuplexStream {
            let (host, plugin) = duplex(buffer);
            self.streams.send(plugin).unwrap();
            host
        }
    }

    async fn read(host: &mut DuplexStream, count: usize) -> String {
        let mut bytes = vec![0; count];
        host.read_exact(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn what_is_printed_before_a_host_connects_waits_for_it() {
        let plugin = Plugin::start();
        plugin.backlog.push(b"early ").await;
        plugin.backlog.push(b"bird").await;
        let mut host = plugin.connect(64);
        assert_eq!(read(&mut host, 10).await, "early bird");
        plugin.backlog.settled().await;
    }

    #[tokio::test]
    async fn the_newest_connection_gets_the_output() {
        let plugin = Plugin::start();
        let _old = plugin.connect(64);
        plugin.backlog.push(b"one").await;
        plugin.backlog.settled().await;
        let mut new = plugin.connect(64);
        plugin.backlog.push(b"two").await;
        assert_eq!(read(&mut new, 3).await, "two");
    }

    #[tokio::test]
    async fn an_older_connection_takes_over_when_the_newest_ends() {
        let plugin = Plugin::start();
        let mut old = plugin.connect(64);
        let mut new = plugin.connect(64);
        plugin.backlog.push(b"one").await;
        assert_eq!(read(&mut new, 3).await, "one");
        drop(new);
        plugin.backlog.push(b"two").await;
        assert_eq!(read(&mut old, 3).await, "two");
    }

    #[tokio::test]
    async fn a_new_connection_gets_what_a_stuck_one_did_not_take() {
        let plugin = Plugin::start();
        let mut stuck = plugin.connect(4);
        plugin.backlog.push(b"0123456789").await;
        assert_eq!(read(&mut stuck, 1).await, "0");
        let mut new = plugin.connect(64);
        let mut rest = vec![0; 64];
        let count = new.read(&mut rest).await.unwrap();
        assert!(
            b"0123456789".ends_with(&rest[..count]) && count >= 5,
            "{count}"
        );
    }

    #[tokio::test]
    async fn a_lost_connections_bytes_go_to_the_next() {
        let plugin = Plugin::start();
        let first = plugin.connect(64);
        drop(first);
        plugin.backlog.push(b"kept").await;
        tokio::task::yield_now().await;
        let mut second = plugin.connect(64);
        assert_eq!(read(&mut second, 4).await, "kept");
    }

    #[tokio::test]
    async fn finishing_ends_the_streams() {
        let plugin = Plugin::start();
        let mut old = plugin.connect(64);
        let mut host = plugin.connect(64);
        plugin.backlog.push(b"bye").await;
        plugin.backlog.settled().await;
        plugin.backlog.finish();
        let mut all = String::new();
        host.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "bye");
        assert_eq!(old.read(&mut [0]).await.unwrap(), 0);
    }
}
