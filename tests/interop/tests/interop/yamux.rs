//! A session and one of hashicorp/yamux (`go/cmd/yamuxpeer`), in both roles: nothing of a stream is
//! lost, whenever its ends come, and no frame goes to a stream that Go does not know any more.

use std::io::Error;
use std::process::Stdio;

use plugwire::mux::{Config, Session, Stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixListener;
use tokio::process::{Child, ChildStdout, Command};

use crate::go;
use support::within;

/// More than a Go peer reads at once, and less than a window.
const BYTES: usize = 200_000;

/// In each role.
const ROUNDS: usize = 500;

struct Yamux {
    session: Session,
    lines: Lines<BufReader<ChildStdout>>,
    /// What yamux has logged.
    log: Vec<String>,
    _process: Child,
    _directory: tempfile::TempDir,
}

impl Yamux {
    async fn start(role: &str) -> Yamux {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("yamux");
        let listener = UnixListener::bind(&path).unwrap();
        let mut process = Command::new(go::program("yamuxpeer"))
            .arg(&path)
            .arg(role)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stream, _) = within(listener.accept()).await.unwrap();
        let config = Config::default();
        let session = match role {
            "client" => Session::server(stream, config),
            _ => Session::client(stream, config),
        };
        Yamux {
            session,
            lines: BufReader::new(process.stdout.take().unwrap()).lines(),
            log: Vec::new(),
            _process: process,
            _directory: directory,
        }
    }

    /// A stream with which Go is to do something.
    async fn open(&self, what: u8, bytes: usize) -> Stream {
        let mut stream = within(self.session.open()).await.unwrap();
        let mut task = vec![what];
        task.extend_from_slice(&(bytes as u32).to_le_bytes());
        stream.write_all(&task).await.unwrap();
        stream
    }

    /// What became of a stream in Go.
    async fn outcome(&mut self) -> String {
        loop {
            let line = within(self.lines.next_line()).await.unwrap().unwrap();
            match line.strip_prefix("LOG ") {
                Some(logged) => self.log.push(logged.to_owned()),
                None => return line.split_once(' ').unwrap().1.to_owned(),
            }
        }
    }

    /// Everything went as it should, and yamux has nothing to say of it.
    async fn end(mut self) {
        // What was sent before is looked at before this is answered.
        let mut last = self.open(b'r', 1).await;
        last.shutdown().await.unwrap();
        within(last.read_to_end(&mut Vec::new())).await.unwrap();
        drop(last);
        assert_eq!(self.outcome().await, "1 <nil>");
        self.session.close().await;
        while let Some(line) = within(self.lines.next_line()).await.unwrap() {
            self.log
                .extend(line.strip_prefix("LOG ").map(str::to_owned));
        }
        assert!(self.log.is_empty(), "{:#?}", self.log);
    }
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

/// Reads as the Go peer does: a byte before each read.
async fn pull(mut stream: Stream) -> Result<Vec<u8>, Error> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        stream.write_all(&[1]).await?;
        match stream.read(&mut buffer).await? {
            0 => return Ok(received),
            n => received.extend_from_slice(&buffer[..n]),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_peer_that_asks_for_each_piece_gets_all_of_a_dropped_stream() {
    if !go::present() {
        return;
    }
    let sent = content(BYTES);
    for role in ["client", "server"] {
        let mut go = Yamux::start(role).await;
        for round in 0..ROUNDS {
            let mut stream = go.open(b'p', 0).await;
            within(stream.write_all(&sent)).await.unwrap();
            stream.shutdown().await.unwrap();
            drop(stream);
            let outcome = go.outcome().await;
            assert_eq!(outcome, format!("{BYTES} <nil>"), "round {round}");
        }
        go.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_for_each_piece_gets_all_that_a_go_peer_gave() {
    if !go::present() {
        return;
    }
    let expected = content(BYTES);
    for role in ["client", "server"] {
        let mut go = Yamux::start(role).await;
        for round in 0..ROUNDS {
            let stream = go.open(b'g', BYTES).await;
            let received = within(pull(stream)).await.unwrap();
            assert!(received == expected, "round {round}");
            assert_eq!(go.outcome().await, format!("{BYTES} <nil>"));
        }
        go.end().await;
    }
}

/// Which side ends first, before and after how much, and whether the stream is dropped by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yamux_sees_no_frame_for_a_stream_that_is_gone() {
    if !go::present() {
        return;
    }
    for role in ["client", "server"] {
        let mut go = Yamux::start(role).await;
        for round in 0..ROUNDS {
            // Sizes around what makes a window update due, and far above.
            let bytes = [
                0, 10, 131_071, 131_073, 200_000, 262_143, 300_001, 1_500_007,
            ][round % 8];
            let expected = content(bytes);
            match round / 8 % 4 {
                // Finished here first: then Go may know the stream no more at any time.
                0 | 1 => {
                    let what = [b'g', b'r'][round / 8 % 2];
                    let mut stream = go.open(what, bytes).await;
                    stream.shutdown().await.unwrap();
                    let mut received = Vec::new();
                    within(stream.read_to_end(&mut received)).await.unwrap();
                    assert!(received == expected, "round {round}");
                }
                // Finished here last.
                2 => {
                    let mut stream = go.open(b'c', bytes).await;
                    let mut received = Vec::new();
                    within(stream.read_to_end(&mut received)).await.unwrap();
                    assert!(received == expected, "round {round}");
                    stream.write_all(b"thanks").await.unwrap();
                    drop(stream);
                }
                // Dropped in the middle of what Go gives, within its window.
                _ => {
                    let mut stream = go.open(b'g', bytes.min(200_000)).await;
                    stream.shutdown().await.unwrap();
                    if bytes > 0 {
                        within(stream.read_u8()).await.unwrap();
                    }
                    drop(stream);
                }
            }
            let outcome = go.outcome().await;
            assert!(outcome.ends_with("<nil>"), "round {round}: {outcome}");
        }
        go.end().await;
    }
}
