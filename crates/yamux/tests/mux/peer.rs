//! A session of ours and one of the `yamux` crate, in both roles.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::task::{Context, Poll};
use std::time::Duration;

use plugwire_yamux::{Config, OpenError, Session, SessionError, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use yamux::{Connection, Mode};

use support::within;

type Theirs = Compat<yamux::Stream>;

/// A connection of the crate, which moves only while it is polled, in a task of its own.
struct Peer {
    open: Option<UnboundedSender<oneshot::Sender<Theirs>>>,
    accepted: UnboundedReceiver<Theirs>,
    task: JoinHandle<yamux::Result<()>>,
}

struct Polled {
    connection: Connection<Compat<DuplexStream>>,
    open: UnboundedReceiver<oneshot::Sender<Theirs>>,
    opening: VecDeque<oneshot::Sender<Theirs>>,
    accepted: UnboundedSender<Theirs>,
    closing: bool,
}

impl Polled {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<yamux::Result<()>> {
        while !self.closing
            && let Poll::Ready(asked) = self.open.poll_recv(cx)
        {
            match asked {
                Some(reply) => self.opening.push_back(reply),
                None => self.closing = true,
            }
        }
        if self.closing {
            return self.connection.poll_close(cx);
        }
        while !self.opening.is_empty()
            && let Poll::Ready(opened) = self.connection.poll_new_outbound(cx)
        {
            let reply = self.opening.pop_front().unwrap();
            let _ = reply.send(opened?.compat());
        }
        while let Poll::Ready(accepted) = self.connection.poll_next_inbound(cx) {
            match accepted {
                Some(stream) => drop(self.accepted.send(stream?.compat())),
                None => return Poll::Ready(Ok(())),
            }
        }
        Poll::Pending
    }
}

impl Peer {
    fn new(io: DuplexStream, mode: Mode) -> Peer {
        let (open, asked) = mpsc::unbounded_channel();
        let (accepting, accepted) = mpsc::unbounded_channel();
        let mut polled = Polled {
            connection: Connection::new(io.compat(), yamux::Config::default(), mode),
            open: asked,
            opening: VecDeque::new(),
            accepted: accepting,
            closing: false,
        };
        Peer {
            open: Some(open),
            accepted,
            task: tokio::spawn(async move { poll_fn(|cx| polled.poll(cx)).await }),
        }
    }

    async fn open(&self) -> Theirs {
        let (reply, opened) = oneshot::channel();
        self.open.as_ref().unwrap().send(reply).unwrap();
        opened.await.unwrap()
    }

    async fn accept(&mut self) -> Theirs {
        self.accepted.recv().await.unwrap()
    }

    async fn close(&mut self) {
        self.open = None;
        (&mut self.task).await.unwrap().unwrap();
    }
}

/// Has ours be the client, then the server.
async fn in_both_roles(config: Config, test: impl AsyncFn(Session, Peer)) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let session = Session::client(here, config.clone());
    within(test(session, Peer::new(there, Mode::Server))).await;
    let (here, there) = tokio::io::duplex(64 * 1024);
    let session = Session::server(here, config);
    within(test(session, Peer::new(there, Mode::Client))).await;
}

fn config() -> Config {
    Config::default().keep_alive(None)
}

async fn opened_here(session: &Session, peer: &mut Peer) -> (Stream, Theirs) {
    let ours = session.open().await.unwrap();
    (ours, peer.accept().await)
}

/// The crate tells of a stream with its first byte.
async fn opened_there(session: &Session, peer: &Peer) -> (Stream, Theirs) {
    let mut theirs = peer.open().await;
    theirs.write_all(b"!").await.unwrap();
    theirs.flush().await.unwrap();
    let mut ours = session.accept().await.unwrap();
    assert_eq!(ours.read_u8().await.unwrap(), b'!');
    (ours, theirs)
}

/// One opened by each side.
async fn two(session: &Session, peer: &mut Peer) -> [(Stream, Theirs); 2] {
    [
        opened_here(session, peer).await,
        opened_there(session, peer).await,
    ]
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

async fn echo<T: AsyncRead + AsyncWrite>(stream: T) {
    let (mut read, mut write) = tokio::io::split(stream);
    tokio::io::copy(&mut read, &mut write).await.unwrap();
    write.shutdown().await.unwrap();
}

/// Sends and reads back at once.
async fn talk<T: AsyncRead + AsyncWrite>(stream: T, sent: Vec<u8>) {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut received = Vec::new();
    let writing = async {
        write.write_all(&sent).await?;
        write.shutdown().await
    };
    tokio::try_join!(writing, read.read_to_end(&mut received)).unwrap();
    assert!(received == sent, "{} of {}", received.len(), sent.len());
}

async fn finished(mut tasks: JoinSet<()>) {
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_mebibyte_goes_there_and_back_with_both_halves_at_once() {
    in_both_roles(config(), async |session, mut peer| {
        let [(ours, theirs), (ours_too, theirs_too)] = two(&session, &mut peer).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(talk(ours, content(1 << 20)));
        tasks.spawn(echo(theirs));
        tasks.spawn(echo(ours_too));
        tasks.spawn(talk(theirs_too, content(1 << 20)));
        finished(tasks).await;
    })
    .await;
}

#[tokio::test]
async fn many_streams_of_both_sides_move_at_once() {
    const STREAMS: usize = 64;
    in_both_roles(config(), async |session, mut peer| {
        let mut tasks = JoinSet::new();
        let mut streams = Vec::new();
        for _ in 0..STREAMS / 2 {
            streams.extend(two(&session, &mut peer).await);
        }
        for (n, (ours, theirs)) in streams.into_iter().enumerate() {
            let sent = content(10_000 + 1000 * n);
            if n % 4 < 2 {
                tasks.spawn(talk(ours, sent));
                tasks.spawn(echo(theirs));
            } else {
                tasks.spawn(echo(ours));
                tasks.spawn(talk(theirs, sent));
            }
        }
        finished(tasks).await;
    })
    .await;
}

/// The crate acknowledges a stream when it first writes to it.
#[tokio::test]
async fn more_streams_than_may_wait_for_their_acknowledgement_come_one_after_another() {
    in_both_roles(config(), async |session, mut peer| {
        let mut tasks = JoinSet::new();
        for n in 0..400 {
            let ours = session.open().await.unwrap();
            tasks.spawn(echo(peer.accept().await));
            tasks.spawn(talk(ours, content(n)));
            let mut theirs = peer.open().await;
            tasks.spawn(async move {
                theirs.write_all(b"?").await.unwrap();
                assert_eq!(theirs.read_u8().await.unwrap(), b'!');
                theirs.shutdown().await.unwrap();
            });
            let mut ours = session.accept().await.unwrap();
            tasks.spawn(async move {
                assert_eq!(ours.read_u8().await.unwrap(), b'?');
                ours.write_all(b"!").await.unwrap();
            });
        }
        finished(tasks).await;
    })
    .await;
}

#[tokio::test]
async fn one_half_may_be_closed_before_the_other() {
    async fn half_close<A, B>(mut first: A, mut second: B)
    where
        A: AsyncRead + AsyncWrite + Unpin,
        B: AsyncRead + AsyncWrite + Unpin,
    {
        let mut text = String::new();
        first.write_all(b"question").await.unwrap();
        first.shutdown().await.unwrap();
        second.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "question");
        second.write_all(b"answer").await.unwrap();
        second.shutdown().await.unwrap();
        text.clear();
        first.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "answer");
    }
    in_both_roles(config(), async |session, mut peer| {
        for (ours, theirs) in two(&session, &mut peer).await {
            half_close(ours, theirs).await;
        }
        for (ours, theirs) in two(&session, &mut peer).await {
            half_close(theirs, ours).await;
        }
    })
    .await;
}

/// The crate resets a stream that is dropped before it is closed.
#[tokio::test]
async fn a_stream_that_is_dropped_there_is_reset_here() {
    in_both_roles(config(), async |session, mut peer| {
        for (mut ours, mut theirs) in two(&session, &mut peer).await {
            theirs.write_all(b"half").await.unwrap();
            drop(theirs);
            let mut text = Vec::new();
            let error = ours.read_to_end(&mut text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert_eq!(text, b"half");
            let error = ours.write(b"x").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        // The others go on.
        talk_once(&session, &mut peer).await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_here_ends_there() {
    in_both_roles(config(), async |session, mut peer| {
        for (mut ours, mut theirs) in two(&session, &mut peer).await {
            ours.write_all(b"all of it").await.unwrap();
            drop(ours);
            let mut text = String::new();
            theirs.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "all of it");
            // A writer that goes on gets an error: no task reads.
            while theirs.write_all(&[0; 1000]).await.is_ok() {
                theirs.flush().await.unwrap();
            }
        }
        talk_once(&session, &mut peer).await;
    })
    .await;
}

async fn talk_once(session: &Session, peer: &mut Peer) {
    for (ours, theirs) in two(session, peer).await {
        tokio::join!(talk(ours, content(1000)), echo(theirs));
    }
}

#[tokio::test]
async fn slow_readers_get_everything() {
    async fn slowly<A, B>(mut from: A, mut to: B, room: usize)
    where
        A: AsyncWrite + Unpin + Send + 'static,
        B: AsyncRead + Unpin,
    {
        let sent = content(1_000_000);
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            from.write_all(&sent).await.unwrap();
            from.shutdown().await.unwrap();
        });
        let mut buffer = vec![0; room];
        let mut received = 0;
        loop {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            let n = to.read(&mut buffer).await.unwrap();
            if n == 0 {
                break;
            }
            assert!(buffer[..n] == expected[received..][..n]);
            received += n;
        }
        assert_eq!(received, expected.len());
        writing.await.unwrap();
    }
    in_both_roles(config(), async |session, mut peer| {
        let [(ours, theirs), (ours_too, theirs_too)] = two(&session, &mut peer).await;
        let there = slowly(ours, theirs, 1000);
        let here = slowly(theirs_too, ours_too, 1000);
        tokio::join!(there, here);
    })
    .await;
}

#[tokio::test]
async fn what_ours_closes_ends_there() {
    in_both_roles(config(), async |session, mut peer| {
        let (mut ours, mut theirs) = opened_here(&session, &mut peer).await;
        ours.write_all(b"last words").await.unwrap();
        ours.shutdown().await.unwrap();
        session.close().await;
        let mut text = String::new();
        theirs.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last words");
        (&mut peer.task).await.unwrap().unwrap();
        assert!(matches!(session.closed().await, SessionError::Closed));
    })
    .await;
}

#[tokio::test]
async fn what_theirs_closes_ends_here() {
    in_both_roles(config(), async |session, mut peer| {
        let (mut ours, mut theirs) = opened_there(&session, &peer).await;
        theirs.write_all(b"last words").await.unwrap();
        theirs.shutdown().await.unwrap();
        peer.close().await;
        let mut text = String::new();
        ours.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last words");
        assert!(matches!(session.closed().await, SessionError::PeerClosed));
        assert!(matches!(
            session.open().await,
            Err(OpenError::Session(SessionError::PeerClosed))
        ));
        assert!(matches!(
            session.accept().await,
            Err(SessionError::PeerClosed)
        ));
    })
    .await;
}

/// Our pings are answered, or the session would end after 40 s; and so are theirs, of which the
/// first comes with the connection.
#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_pings() {
    let config = Config::default();
    let (here, there) = tokio::io::duplex(64 * 1024);
    let session = Session::client(here, config);
    let mut peer = Peer::new(there, Mode::Server);
    let (ours, theirs) = opened_here(&session, &mut peer).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!session.is_closed());
    tokio::join!(talk(ours, content(1000)), echo(theirs));
}
