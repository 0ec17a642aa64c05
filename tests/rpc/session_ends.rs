//! Why a session ended reaches everything that fails for it: calls, reads and writes, `closed`, the
//! log.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use plugwire::mux::{Config, Session, SessionError, Stream};
use plugwire::rpc::{Client, Codec, EndReason};
use support::causes::{cause, with_causes};
use support::events;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tracing::Level;

/// A session with a call and a read that wait, and what ends it.
struct Ending {
    session: Session,
    client: Client,
    stream: Stream,
}

impl Ending {
    async fn start(
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        config: Config,
    ) -> Ending {
        events::record();
        let session = Session::client(io, config);
        let client = Client::new(session.open().await.unwrap(), Codec::Gob);
        let stream = session.open().await.unwrap();
        Ending {
            session,
            client,
            stream,
        }
    }

    /// Waits for the end, of which everything has to know. Returns what the call's error says and
    /// the one line of the log.
    async fn known_by_all(
        mut self,
        end: impl Future<Output = ()>,
        expected: fn(&SessionError) -> bool,
    ) -> (String, (Level, String)) {
        let waiting = self.client.clone();
        let (call, ()) = tokio::join!(waiting.call::<_, ()>("Plugin.Wait", &()), end);
        let error = call.unwrap_err();
        assert_eq!(error.to_string(), "unexpected EOF");
        assert!(error.is_disconnected() && !error.is_crashed());
        let reason = cause::<SessionError>(&error).expect("a reason");
        assert!(expected(reason), "{reason:?}");
        let told = with_causes(&error);

        // A later call knows it as well.
        let error = self
            .client
            .call::<_, ()>("Plugin.Late", &())
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "connection is shut down");
        assert!(
            matches!(error.end_reason(), Some(EndReason::Failed(_))),
            "{error:?}"
        );
        assert!(expected(cause::<SessionError>(&error).expect("a reason")));

        for error in [
            self.stream.read(&mut [0; 8]).await.unwrap_err(),
            self.stream.write(b"more").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
            let reason = error.get_ref().unwrap().downcast_ref().expect("a reason");
            assert!(expected(reason), "{reason:?}");
        }
        assert!(expected(&self.session.closed().await));
        let mut ends = events::recorded("plugwire");
        ends.retain(|event| event.message().contains("session ended"));
        assert_eq!(ends.len(), 1, "{ends:?}");
        (told, (ends[0].level, format!("{:?}", ends[0].fields)))
    }
}

async fn over_duplex() -> (Ending, DuplexStream) {
    let (here, there) = tokio::io::duplex(1 << 20);
    (Ending::start(here, Config::default()).await, there)
}

#[tokio::test]
async fn a_breach_of_the_protocol_is_told() {
    let (ending, mut peer) = over_duplex().await;
    let breach = async {
        peer.write_all(b"HTTP/1.1 400 Bad Request\r\n")
            .await
            .unwrap();
    };
    let (told, (level, line)) = ending
        .known_by_all(breach, |reason| matches!(reason, SessionError::Protocol(_)))
        .await;
    let text =
        "unexpected EOF: its stream failed: the peer does not speak yamux: protocol version 72";
    assert!(told.starts_with(text), "{told}");
    assert_eq!(level, Level::WARN);
    assert!(line.contains("protocol version 72"), "{line}");
}

#[tokio::test]
async fn a_peer_that_goes_away_is_told() {
    let (ending, mut peer) = over_duplex().await;
    // GoAway with the code of an internal error.
    let frame = [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    let go_away = async { peer.write_all(&frame).await.unwrap() };
    let (told, (level, _)) = ending
        .known_by_all(go_away, |reason| {
            !matches!(reason, SessionError::PeerClosed | SessionError::Closed)
        })
        .await;
    assert!(told.contains("it went wrong"), "{told}");
    assert_eq!(level, Level::WARN);
}

#[tokio::test(start_paused = true)]
async fn silence_is_told() {
    let (ending, _peer) = over_duplex().await;
    let (told, (level, _)) = ending
        .known_by_all(std::future::ready(()), |reason| {
            matches!(reason, SessionError::KeepAliveTimeout)
        })
        .await;
    assert_eq!(told, "unexpected EOF: its stream failed: keepalive timeout");
    assert_eq!(level, Level::WARN);
}

#[tokio::test]
async fn a_peer_that_closes_is_told_and_no_warning() {
    let (ending, peer) = over_duplex().await;
    let (told, (level, _)) = ending
        .known_by_all(async { drop(peer) }, |reason| {
            matches!(reason, SessionError::PeerClosed)
        })
        .await;
    assert!(told.ends_with("the peer closed the session"), "{told}");
    assert_eq!(level, Level::DEBUG);
}

#[tokio::test]
async fn a_session_closed_here_is_told_and_no_warning() {
    let (ending, _peer) = over_duplex().await;
    let session = ending.session.clone();
    let (_, (level, _)) = ending
        .known_by_all(async { session.close().await }, |reason| {
            matches!(reason, SessionError::Closed)
        })
        .await;
    assert_eq!(level, Level::DEBUG);
}

/// A connection whose descriptor goes bad on a signal.
struct Lost {
    inner: DuplexStream,
    lost: Arc<tokio::sync::Notify>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl AsyncRead for Lost {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let lost = self.lost.clone();
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(async move { lost.notified().await }));
        if waiting.as_mut().poll(cx).is_ready() {
            self.waiting = Some(Box::pin(std::future::ready(())));
            return Poll::Ready(Err(io::Error::from_raw_os_error(9)));
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lost {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_lost_descriptor_is_told() {
    let (inner, _there) = tokio::io::duplex(1 << 20);
    let lost = Arc::new(tokio::sync::Notify::new());
    let io = Lost {
        inner,
        lost: lost.clone(),
        waiting: None,
    };
    let ending = Ending::start(io, Config::default()).await;
    let lose = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        lost.notify_one();
    };
    let (told, (level, line)) = ending
        .known_by_all(lose, |reason| matches!(reason, SessionError::Io(_)))
        .await;
    assert!(told.contains("os error 9"), "{told}");
    assert_eq!(level, Level::WARN);
    assert!(line.contains("os error 9"), "{line}");
}

/// Of a stream that only the calls' peer has closed, and of one that speaks another language.
#[tokio::test]
async fn the_end_of_a_stream_alone_is_told() {
    let (here, there) = tokio::io::duplex(1 << 16);
    let client = Client::new(here, Codec::Gob);
    let (call, ()) = tokio::join!(client.call::<_, ()>("Plugin.Wait", &()), async {
        drop(there);
    });
    assert_eq!(
        with_causes(&call.unwrap_err()),
        "unexpected EOF: the peer closed its stream"
    );

    let (here, mut there) = tokio::io::duplex(1 << 16);
    let client = Client::new(here, Codec::Gob);
    let (call, ()) = tokio::join!(client.call::<_, ()>("Plugin.Wait", &()), async {
        there.write_all(&[0; 64]).await.unwrap();
    });
    let error = call.unwrap_err();
    let text = "the connection failed: the peer's messages cannot be read: gob: ";
    assert!(
        with_causes(&error).starts_with(text),
        "{}",
        with_causes(&error)
    );

    let (here, _there) = tokio::io::duplex(1 << 16);
    let client = Client::new(here, Codec::Gob);
    client.close();
    let error = client.call::<_, ()>("Plugin.Late", &()).await.unwrap_err();
    assert_eq!(
        with_causes(&error),
        "connection is shut down: it was closed on this side"
    );
}
