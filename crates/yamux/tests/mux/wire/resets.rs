//! Streams that are given up, in frames.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use plugwire_yamux::{Config, Session, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::raw::{ACK, DATA, FIN, Frame, PING, RST, Raw, SYN, WINDOW_UPDATE};
use support::causes::assert_fails;
use support::within;

/// A peer, the session, and a stream that the peer opened and the session accepted.
async fn accepted() -> (Raw, Session, Stream) {
    let (mut raw, session) = Raw::client(Config::default().keep_alive(None), 64 * 1024);
    raw.data(SYN, 1, b"").await;
    let stream = within(session.accept()).await.unwrap();
    assert_eq!(raw.receive().await.flags, ACK);
    (raw, session, stream)
}

fn frame(kind: u8, flags: u16, body: &[u8]) -> Frame {
    Frame {
        kind,
        flags,
        stream: 1,
        length: body.len() as u32,
        body: body.to_vec(),
    }
}

/// What the session sends before it answers a ping: all that it has to say of the stream.
async fn said(raw: &mut Raw) -> Vec<Frame> {
    raw.send(PING, SYN, 0, 7).await;
    let mut frames = Vec::new();
    loop {
        match raw.receive().await {
            frame if frame.kind == PING => return frames,
            frame => frames.push(frame),
        }
    }
}

#[tokio::test]
async fn a_reset_goes_behind_what_was_written_and_is_sent_once() {
    let (mut raw, _session, mut stream) = accepted().await;
    stream.write_all(b"a part").await.unwrap();
    stream.reset();
    stream.reset();
    drop(stream);
    let said = said(&mut raw).await;
    let (part, reset) = (frame(DATA, 0, b"a part"), frame(WINDOW_UPDATE, RST, b""));
    assert_eq!(said, [part, reset]);
}

#[tokio::test]
async fn a_reset_stream_is_of_no_more_use() {
    let (mut raw, _session, mut stream) = accepted().await;
    raw.data(0, 1, b"unread").await;
    stream.reset();
    for error in [
        stream.read_u8().await.unwrap_err(),
        stream.write_u8(1).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(error.to_string(), "the stream was reset on this side");
    }
    // A peer that has not heard of it yet does no harm.
    raw.data(FIN, 1, b"more").await;
    assert_eq!(said(&mut raw).await, [frame(WINDOW_UPDATE, RST, b"")]);
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The reader and the writer of a split stream may be tasks of their own.
#[tokio::test]
async fn a_task_that_waits_for_the_stream_is_woken_by_the_reset() {
    let (_raw, _session, mut stream) = accepted().await;
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    let mut buffer = [0];
    let mut buffer = ReadBuf::new(&mut buffer);
    let waiting = Pin::new(&mut stream).poll_read(&mut Context::from_waker(&waker), &mut buffer);
    assert!(waiting.is_pending());
    stream.reset();
    assert!(woken.0.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_stream_that_has_ended_is_not_reset() {
    // Finished by both sides.
    let (mut raw, _session, mut stream) = accepted().await;
    raw.data(FIN, 1, b"").await;
    assert_eq!(within(stream.read(&mut [0])).await.unwrap(), 0);
    stream.shutdown().await.unwrap();
    stream.reset();
    assert_eq!(said(&mut raw).await, [frame(WINDOW_UPDATE, FIN, b"")]);

    // Reset by the peer.
    let (mut raw, _session, mut stream) = accepted().await;
    raw.send(WINDOW_UPDATE, RST, 1, 0).await;
    assert_fails(
        within(stream.read_u8()).await,
        "the stream was reset by the peer",
    );
    stream.reset();
    drop(stream);
    assert_eq!(said(&mut raw).await, []);
}

#[tokio::test]
async fn a_stream_that_was_opened_and_reset_makes_room_for_another() {
    let config = Config::default().keep_alive(None);
    let (_raw, session) = Raw::server(config, 64 * 1024);
    // As many as may wait for the peer's acknowledgement, and more.
    for _ in 0..300 {
        within(session.open()).await.unwrap().reset();
    }
}

#[tokio::test]
async fn a_stream_dropped_in_a_panic_is_reset() {
    for shut_down in [false, true] {
        let (mut raw, _session, mut stream) = accepted().await;
        stream.write_all(b"a part").await.unwrap();
        if shut_down {
            stream.shutdown().await.unwrap();
        }
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _stream = stream;
            panic!("not a failure of the test");
        }));
        panicked.unwrap_err();
        let end = if shut_down { FIN } else { RST };
        assert_eq!(
            said(&mut raw).await,
            [frame(DATA, 0, b"a part"), frame(WINDOW_UPDATE, end, b"")]
        );
    }
}
