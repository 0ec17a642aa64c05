//! Readers and writers that end before their data does: the other side does not take a part for the
//! whole.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use plugwire::interface::Interface;
use plugwire::{Error, Reader, Remote, Result, Writer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use crate::Pair;
use support::broken::{Broken, Stuck};
use support::causes::assert_fails;
use support::within;

#[plugwire::interface]
pub trait Store {
    /// Commits what it read to the end.
    async fn import(&self, data: Reader) -> Result<u64>;
    /// Writes a part, and ends as `how` says.
    async fn export(&self, to: Writer, how: String) -> Result<()>;
    /// A part, and then a failure.
    async fn broken(&self) -> Result<Reader>;
    /// Where to write what is committed when it is shut down.
    async fn upload(&self) -> Result<Writer>;
    /// Passes on to the caller's writer what is written to the result.
    async fn pass(&self, to: Writer) -> Result<Writer>;
    /// The same for a reader.
    async fn hand_on(&self, from: Reader) -> Result<Reader>;
}

/// What became of data at its receiver.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Committed(usize),
    /// So much came, and then this.
    Failed(usize, ErrorKind),
    /// Dropped without a shutdown.
    Dropped(usize),
}

struct Plugin {
    outcomes: mpsc::UnboundedSender<Outcome>,
}

const PART: &[u8] = &[b'p'; 5_000];

#[plugwire::interface]
impl Store for Plugin {
    async fn import(&self, mut data: Reader) -> Result<u64> {
        let mut read = Vec::new();
        let result = data.read_to_end(&mut read).await;
        let outcome = match &result {
            Ok(n) => Outcome::Committed(*n),
            Err(error) => Outcome::Failed(read.len(), error.kind()),
        };
        self.outcomes.send(outcome).unwrap();
        Ok(result? as u64)
    }

    async fn export(&self, mut to: Writer, how: String) -> Result<()> {
        to.write_all(PART).await?;
        match &*how {
            "drop" => drop(to),
            "shut down" => to.shutdown().await?,
            "abort" => to.abort(),
            "panic" => panic!("not a failure of the test"),
            "wait" => {
                let _to = to;
                std::future::pending::<()>().await;
            }
            "endless" => {
                tokio::io::copy(&mut tokio::io::repeat(b'p'), &mut to).await?;
            }
            how => return Err(how.into()),
        }
        Ok(())
    }

    async fn broken(&self) -> Result<Reader> {
        Ok(Reader::new(PART.chain(Broken)))
    }

    async fn upload(&self) -> Result<Writer> {
        Ok(Writer::new(Sink::new(self.outcomes.clone())))
    }

    async fn pass(&self, to: Writer) -> Result<Writer> {
        Ok(to)
    }

    async fn hand_on(&self, from: Reader) -> Result<Reader> {
        Ok(from)
    }
}

/// Panics when it is read.
struct Panics;

impl AsyncRead for Panics {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        panic!("not a failure of the test")
    }
}

/// Fails once the sender has sent or is dropped.
struct Later(oneshot::Receiver<()>);

impl AsyncRead for Later {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let _ = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(Err(io::Error::other("the disk is gone")))
    }
}

/// Tells what became of it.
struct Sink {
    received: usize,
    outcome: Option<mpsc::UnboundedSender<Outcome>>,
    /// Told of the first bytes.
    begun: Option<oneshot::Sender<()>>,
}

impl Sink {
    fn new(outcomes: mpsc::UnboundedSender<Outcome>) -> Sink {
        Sink {
            received: 0,
            outcome: Some(outcomes),
            begun: None,
        }
    }

    fn is(&mut self, outcome: Outcome) {
        if let Some(outcomes) = self.outcome.take() {
            let _ = outcomes.send(outcome);
        }
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.received += data.len();
        if let Some(begun) = self.begun.take() {
            let _ = begun.send(());
        }
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let received = self.received;
        self.is(Outcome::Committed(received));
        Poll::Ready(Ok(()))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let received = self.received;
        self.is(Outcome::Dropped(received));
    }
}

type Outcomes = mpsc::UnboundedReceiver<Outcome>;

async fn store() -> (Pair, Remote<dyn Store>, Outcomes) {
    let pair = Pair::new();
    let (outcomes, outcome) = mpsc::unbounded_channel();
    let store = pair
        .connect::<dyn Store>(Arc::new(Plugin { outcomes }))
        .await;
    (pair, store, outcome)
}

async fn next(outcomes: &mut Outcomes) -> Outcome {
    within(outcomes.recv()).await.expect("an outcome")
}

#[tokio::test]
async fn a_reader_that_ends_is_whole() {
    let (_pair, store, mut outcomes) = store().await;
    assert_eq!(
        within(store.import(Reader::new(PART))).await.unwrap(),
        5_000
    );
    assert_eq!(next(&mut outcomes).await, Outcome::Committed(5_000));
}

#[tokio::test]
async fn a_reader_that_fails_is_no_end_of_file() {
    let (_pair, store, mut outcomes) = store().await;
    let error = within(store.import(Reader::new(PART.chain(Broken)))).await;
    // The reason, although the plugin has answered with what it met.
    let error = error.unwrap_err();
    let text = "a stream handed to Plugin.Import failed";
    assert_eq!(error.to_string(), text);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the disk is gone");
    let outcome = next(&mut outcomes).await;
    assert_eq!(outcome, Outcome::Failed(5_000, ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_reader_that_panics_is_no_end_of_file() {
    let (_pair, store, mut outcomes) = store().await;
    let imported = within(store.import(Reader::new(PART.chain(Panics)))).await;
    assert_fails(imported, "");
    let outcome = next(&mut outcomes).await;
    assert_eq!(outcome, Outcome::Failed(5_000, ErrorKind::ConnectionReset));
}

/// By a dropped future, and by a deadline.
#[tokio::test(start_paused = true)]
async fn the_reader_of_an_abandoned_call_is_no_end_of_file() {
    for deadline in [false, true] {
        let (_pair, store, mut outcomes) = store().await;
        let (stuck, watch) = Stuck::new();
        let reader = Reader::new(PART.chain(stuck));
        let second = Duration::from_secs(1);
        if deadline {
            let error = store.with_timeout(second).import(reader).await;
            assert!(error.unwrap_err().is_timeout());
        } else {
            let cancelled = tokio::time::timeout(second, store.import(reader)).await;
            assert!(cancelled.is_err());
        }
        let outcome = next(&mut outcomes).await;
        assert_eq!(outcome, Outcome::Failed(5_000, ErrorKind::ConnectionReset));
        // And the source is not held on to.
        within(watch.dropped).await.unwrap_err();
    }
}

/// A call that was answered has not been abandoned, whatever the answer.
#[tokio::test]
async fn a_reader_that_the_plugin_keeps_beyond_its_call_goes_on() {
    let (_pair, store, _outcomes) = store().await;
    let (mut end, source) = tokio::io::duplex(64);
    let mut back = within(store.hand_on(Reader::new(source))).await.unwrap();
    end.write_all(b"later").await.unwrap();
    drop(end);
    let mut text = String::new();
    within(back.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "later");
}

#[tokio::test]
async fn a_returned_reader_that_fails_is_no_end_of_file() {
    let (_pair, store, _outcomes) = store().await;
    let mut reader = within(store.broken()).await.unwrap();
    let mut read = Vec::new();
    let error = within(reader.read_to_end(&mut read)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(read.len(), 5_000);
}

#[tokio::test]
async fn a_failure_goes_on_through_a_reader_that_was_handed_on() {
    let (_pair, store, _outcomes) = store().await;
    let (fail, failure) = oneshot::channel();
    let later = Reader::new(PART.chain(Later(failure)));
    let mut reader = within(store.hand_on(later)).await.unwrap();
    // Not before: it would be the failure of the call.
    fail.send(()).unwrap();
    let mut read = Vec::new();
    let error = within(reader.read_to_end(&mut read)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_writer_is_shut_down_only_when_all_was_written() {
    for (how, outcome) in [
        ("drop", Outcome::Committed(5_000)),
        ("shut down", Outcome::Committed(5_000)),
        ("abort", Outcome::Dropped(5_000)),
        ("panic", Outcome::Dropped(5_000)),
    ] {
        let (_pair, store, _) = store().await;
        let (outcomes, mut received) = mpsc::unbounded_channel();
        let exported = store.export(Writer::new(Sink::new(outcomes)), how.into());
        match how {
            "panic" => assert_fails(
                within(exported).await,
                "Plugin.Export ended without a reply",
            ),
            _ => within(exported).await.unwrap(),
        }
        assert_eq!(next(&mut received).await, outcome, "{how}");
    }
}

#[tokio::test]
async fn a_writer_that_fails_fails_who_writes() {
    let (_pair, store, _outcomes) = store().await;
    let error = within(store.export(Writer::new(Broken), "endless".into())).await;
    assert!(matches!(error, Err(Error::Stream { .. })), "{error:?}");
}

#[tokio::test]
async fn the_writer_of_an_abandoned_call_is_not_shut_down() {
    let (_pair, store, _) = store().await;
    let (outcomes, mut received) = mpsc::unbounded_channel();
    let (begun, has_begun) = oneshot::channel();
    let mut sink = Sink::new(outcomes);
    sink.begun = Some(begun);
    let exporting = store.clone();
    let call =
        tokio::spawn(async move { exporting.export(Writer::new(sink), "wait".into()).await });
    within(has_begun).await.unwrap();
    call.abort();
    assert_eq!(next(&mut received).await, Outcome::Dropped(5_000));
}

/// A method is cancelled with the serving of its connection.
#[tokio::test]
async fn the_writer_of_a_cancelled_method_is_not_shut_down() {
    let pair = Pair::new();
    let (outcomes, mut received) = mpsc::unbounded_channel();
    let (begun, has_begun) = oneshot::channel();
    let mut sink = Sink::new(outcomes.clone());
    sink.begun = Some(begun);
    // The writer is not the call's, so that it is the method alone that gives it up.
    let to = plugwire::interface::lend(&pair.host, Writer::new(sink));
    let object: Arc<dyn Store> = Arc::new(Plugin { outcomes });
    let (plugin, id) = (pair.plugin.clone(), pair.plugin.next_id());
    let service = object.service(plugin.clone());
    let serving = tokio::spawn(async move { plugin.accept_and_serve(id, service).await });
    let rpc = within(pair.host.dial_client(id)).await.unwrap();
    let how = "wait".to_owned();
    let args = ExportArgs { to, how };
    let call = tokio::spawn(async move { rpc.call::<_, ()>("Plugin.Export", &args).await });
    within(has_begun).await.unwrap();
    serving.abort();
    let error = within(call).await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert_eq!(next(&mut received).await, Outcome::Dropped(5_000));
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExportArgs {
    to: u32,
    how: String,
}

#[tokio::test]
async fn a_returned_writer_is_shut_down_only_when_all_was_written() {
    for (abort, outcome) in [
        (false, Outcome::Committed(5_000)),
        (true, Outcome::Dropped(5_000)),
    ] {
        let (_pair, store, mut outcomes) = store().await;
        let mut writer = within(store.upload()).await.unwrap();
        writer.write_all(PART).await.unwrap();
        match abort {
            true => writer.abort(),
            false => drop(writer),
        }
        assert_eq!(next(&mut outcomes).await, outcome);
    }
}

/// The plugin between the two does not make an end of it.
#[tokio::test]
async fn an_aborted_writer_is_aborted_through_one_that_was_handed_on() {
    let (_pair, store, _) = store().await;
    let (outcomes, mut received) = mpsc::unbounded_channel();
    let sink = Writer::new(Sink::new(outcomes));
    let mut writer = within(store.pass(sink)).await.unwrap();
    writer.write_all(PART).await.unwrap();
    writer.abort();
    assert_eq!(next(&mut received).await, Outcome::Dropped(5_000));
}

/// The end of the session is no end of the data.
#[tokio::test]
async fn a_session_that_ends_shuts_no_writer_down() {
    let (pair, store, _) = store().await;
    let (outcomes, mut received) = mpsc::unbounded_channel();
    let (begun, has_begun) = oneshot::channel();
    let mut sink = Sink::new(outcomes);
    sink.begun = Some(begun);
    let export = store.export(Writer::new(sink), "wait".into());
    let (exported, ()) = tokio::join!(within(export), async {
        within(has_begun).await.unwrap();
        pair.plugin.session().close().await;
    });
    assert!(exported.unwrap_err().is_disconnected());
    assert_eq!(next(&mut received).await, Outcome::Dropped(5_000));
}

/// An own writer that is aborted is dropped, and not shut down.
#[tokio::test]
async fn a_writer_of_one_s_own_can_be_aborted() {
    let (outcomes, mut received) = mpsc::unbounded_channel();
    Writer::new(Sink::new(outcomes)).abort();
    assert_eq!(next(&mut received).await, Outcome::Dropped(0));
}
