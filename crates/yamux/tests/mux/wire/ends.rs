//! What is left of a session whose peer is gone.

use std::io::{self, Cursor, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use plugwire_yamux::{Config, OpenError, Session, SessionError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::raw::{DATA, FIN, Raw, SYN, WINDOW_UPDATE, header};
use support::within;

/// A connection whose peer says its last words and is gone right when it is written to.
struct Dying {
    before: Cursor<Vec<u8>>,
    last_words: Cursor<Vec<u8>>,
    gone: bool,
    reader: Option<Waker>,
}

impl AsyncRead for Dying {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let filled = buffer.filled().len();
        let _ = Pin::new(&mut this.before).poll_read(cx, buffer);
        if buffer.filled().len() > filled {
            return Poll::Ready(Ok(()));
        }
        if this.gone {
            return Pin::new(&mut this.last_words).poll_read(cx, buffer);
        }
        this.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Dying {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.gone = true;
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn last_words_are_read_though_they_come_right_before_a_failed_write() {
    let mut last_words = header(DATA, FIN, 1, 10).to_vec();
    last_words.extend(b"last words");
    let dying = Dying {
        before: Cursor::new(header(WINDOW_UPDATE, SYN, 1, 0).to_vec()),
        last_words: Cursor::new(last_words),
        gone: false,
        reader: None,
    };
    let session = Session::server(dying, Config::default());
    let mut stream = within(session.accept()).await.unwrap();
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "last words");
}

async fn reason(session: &Session) -> String {
    within(session.closed()).await.to_string()
}

#[tokio::test]
async fn tasks_that_wait_get_the_end() {
    let (mut raw, session) = Raw::server(Config::default(), 64 * 1024);
    let mut tasks = JoinSet::new();
    // No task reads: some wait for windows, and more than a few for room.
    for _ in 0..12 {
        let mut stream = within(session.open()).await.unwrap();
        tasks.spawn(async move { stream.write_all(&vec![1; 1 << 20]).await });
        let mut stream = within(session.open()).await.unwrap();
        tasks.spawn(async move { stream.read_u8().await.map(drop) });
    }
    let waits = session.clone();
    let accepting = tokio::spawn(async move { waits.accept().await });
    let waits = session.clone();
    let flushing = tokio::spawn(async move { waits.flush().await });
    // All of them wait by then.
    raw.send(WINDOW_UPDATE, 0, 7, 0).await;
    tokio::task::yield_now().await;
    drop(raw);
    for ended in within(tasks.join_all()).await {
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    }
    let gone = "the peer closed the session";
    assert_eq!(
        within(accepting).await.unwrap().unwrap_err().to_string(),
        gone
    );
    assert_eq!(
        within(flushing).await.unwrap().unwrap_err().to_string(),
        gone
    );
    assert_eq!(reason(&session).await, gone);
    assert!(matches!(
        within(session.flush()).await,
        Err(SessionError::PeerClosed)
    ));
    assert!(matches!(
        within(session.open()).await,
        Err(OpenError::Session(SessionError::PeerClosed))
    ));
}

#[tokio::test]
async fn tasks_that_wait_to_open_get_the_end() {
    let (raw, session) = Raw::server(Config::default(), 64 * 1024);
    let mut held = Vec::new();
    for _ in 0..256 {
        held.push(within(session.open()).await.unwrap());
    }
    let waits = session.clone();
    let opening = tokio::spawn(async move { waits.open().await.map(drop) });
    tokio::task::yield_now().await;
    assert!(!opening.is_finished());
    drop(raw);
    assert!(matches!(
        within(opening).await.unwrap(),
        Err(OpenError::Session(SessionError::PeerClosed))
    ));
}

#[tokio::test]
async fn streams_that_wait_to_be_accepted_outlive_the_session() {
    let (mut raw, session) = Raw::client(Config::default(), 64 * 1024);
    raw.data(SYN | FIN, 1, b"one").await;
    raw.data(SYN, 3, b"two").await;
    drop(raw);
    assert_eq!(reason(&session).await, "the peer closed the session");
    let mut one = within(session.accept()).await.unwrap();
    let mut text = String::new();
    within(one.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "one");
    let mut two = within(session.accept()).await.unwrap();
    let mut bytes = Vec::new();
    let error = within(two.read_to_end(&mut bytes)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert_eq!(bytes, b"two");
    assert!(matches!(
        within(session.accept()).await,
        Err(SessionError::PeerClosed)
    ));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// Opens a stream, and ends the runtime of its session after some turns.
fn outlive_the_runtime(turns: usize) {
    let (here, there) = tokio::io::duplex(1000);
    let first = runtime();
    let (session, mut stream) = first.block_on(async {
        let session = Session::client(here, Config::default());
        let stream = session.open().await.unwrap();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        (session, stream)
    });
    drop(first);
    runtime().block_on(async {
        assert_eq!(reason(&session).await, "session shutdown");
        assert!(session.is_closed());
        let error = within(stream.read_u8()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    });
    drop(there);
}

#[test]
fn a_runtime_that_ends_takes_the_session_with_it() {
    outlive_the_runtime(10);
}

#[test]
fn a_runtime_that_ends_before_the_session_ever_ran_takes_it_with_it() {
    outlive_the_runtime(0);
}
