//! Readers and writers: their ends, from either side.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use plugwire::rpc::Codec;
use plugwire::{Error, Reader, Remote, Result, Writer};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::time::Sleep;

use crate::Pair;
use support::broken::Broken;
use support::within;

#[plugwire::interface]
pub trait Streams {
    /// Reads no more than so much.
    async fn read_some(&self, count: u64, from: Reader) -> Result<Vec<u8>>;
    /// Writes, and keeps the writer if `keep` is set.
    async fn write_some(&self, count: u64, to: Writer, keep: bool) -> Result<()>;
    /// Writes lines one by one, as few as do not have to wait.
    async fn write_lines(&self, to: Writer) -> Result<()>;
    /// Returns a reader of what is written to the argument.
    async fn through(&self, from: Reader) -> Result<Reader>;
    /// What comes of a source that may have nothing to give.
    async fn source(&self) -> Result<Reader>;
    /// Where to write to.
    async fn sink(&self) -> Result<Writer>;
}

const LINE: &[u8] = &[b'l'; 1000];
const LINES: usize = 6;

#[derive(Default)]
struct Plugin {
    kept: Mutex<Vec<Writer>>,
    source: Mutex<Option<DuplexStream>>,
    sink: Mutex<Option<DuplexStream>>,
}

#[plugwire::interface]
impl Streams for Plugin {
    async fn read_some(&self, count: u64, from: Reader) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        from.take(count).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn write_some(&self, count: u64, mut to: Writer, keep: bool) -> Result<()> {
        let mut bytes = tokio::io::repeat(b'w').take(count);
        tokio::io::copy(&mut bytes, &mut to).await?;
        if keep {
            self.kept.lock().unwrap().push(to);
        }
        Ok(())
    }

    async fn write_lines(&self, mut to: Writer) -> Result<()> {
        for _ in 0..LINES {
            to.write_all(LINE).await?;
        }
        Ok(())
    }

    async fn through(&self, from: Reader) -> Result<Reader> {
        Ok(from)
    }

    async fn source(&self) -> Result<Reader> {
        let source = self.source.lock().unwrap().take();
        Ok(Reader::new(source.ok_or("no source")?))
    }

    async fn sink(&self) -> Result<Writer> {
        let sink = self.sink.lock().unwrap().take();
        Ok(Writer::new(sink.ok_or("no sink")?))
    }
}

async fn streams(plugin: Plugin) -> (Pair, Remote<dyn Streams>) {
    let pair = Pair::new();
    let streams = pair.connect::<dyn Streams>(Arc::new(plugin)).await;
    (pair, streams)
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl AsyncWrite for Kept {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The other end of a pipe has been dropped.
async fn is_let_go(mut end: DuplexStream) {
    let mut rest = Vec::new();
    within(end.read_to_end(&mut rest)).await.unwrap();
}

/// Takes its time for every kilobyte.
struct Slow {
    kept: Kept,
    next: Pin<Box<Sleep>>,
}

impl Slow {
    fn new(kept: Kept) -> Slow {
        let next = Box::pin(tokio::time::sleep(PAUSE));
        Slow { kept, next }
    }
}

const PAUSE: Duration = Duration::from_millis(10);

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.next.as_mut().poll(cx));
        self.next = Box::pin(tokio::time::sleep(PAUSE));
        let data = &data[..data.len().min(1000)];
        Pin::new(&mut self.kept).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// In virtual time: the sink is the slowest part.
#[tokio::test]
async fn what_the_method_wrote_is_written_when_the_call_returns() {
    let (_pair, streams) = streams(Plugin::default()).await;
    tokio::time::pause();
    for keep in [false, true] {
        let kept = Kept::default();
        let writer = Writer::new(Slow::new(kept.clone()));
        streams.write_some(300_000, writer, keep).await.unwrap();
        assert_eq!(kept.0.lock().unwrap().len(), 300_000);
    }
}

/// With so little room between the two that one could well be there without the other.
#[tokio::test]
async fn the_reply_does_not_overtake_what_the_method_wrote() {
    let pair = Pair::with(Codec::Gob, 64);
    let streams = pair
        .connect::<dyn Streams>(Arc::new(Plugin::default()))
        .await;
    let kept = Kept::default();
    let writer = Writer::new(kept.clone());
    within(streams.write_lines(writer)).await.unwrap();
    assert_eq!(kept.0.lock().unwrap().len(), LINES * LINE.len());
}

#[tokio::test]
async fn what_is_buffered_on_the_way_is_flushed() {
    let (_pair, streams) = streams(Plugin::default()).await;
    let kept = Kept::default();
    let writer = Writer::new(tokio::io::BufWriter::new(kept.clone()));
    within(streams.write_some(100, writer, true)).await.unwrap();
    assert_eq!(kept.0.lock().unwrap().len(), 100);
}

#[tokio::test]
async fn a_source_is_let_go_when_the_method_has_read_enough() {
    let (_pair, streams) = streams(Plugin::default()).await;
    let (source, mut end) = tokio::io::duplex(64);
    end.write_all(b"some").await.unwrap();
    // There is no more to come, and no end either.
    let read = within(streams.read_some(4, Reader::new(source))).await;
    assert_eq!(read.unwrap(), b"some");
    is_let_go(end).await;

    // And one that would never end.
    let (source, mut end) = tokio::io::duplex(64);
    let read = streams.read_some(4, Reader::new(source));
    let (read, written) = tokio::join!(within(read), async {
        let mut endless = tokio::io::repeat(b'x');
        within(tokio::io::copy(&mut endless, &mut end)).await
    });
    assert_eq!(read.unwrap(), b"xxxx");
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_sink_is_let_go_when_the_method_has_dropped_its_writer() {
    let (_pair, streams) = streams(Plugin::default()).await;
    let (sink, end) = tokio::io::duplex(64);
    within(streams.write_some(10, Writer::new(sink), false))
        .await
        .unwrap();
    is_let_go(end).await;
}

#[tokio::test]
async fn returned_streams_end_with_either_side() {
    let (source, mut source_end) = tokio::io::duplex(64);
    let (sink, mut sink_end) = tokio::io::duplex(64);
    let plugin = Plugin::default();
    *plugin.source.lock().unwrap() = Some(source);
    *plugin.sink.lock().unwrap() = Some(sink);
    let (_pair, streams) = streams(plugin).await;

    let mut reader = within(streams.source()).await.unwrap();
    source_end.write_all(b"some").await.unwrap();
    let mut four = [0; 4];
    within(reader.read_exact(&mut four)).await.unwrap();
    assert_eq!(&four, b"some");
    drop(reader);
    is_let_go(source_end).await;

    let mut writer = within(streams.sink()).await.unwrap();
    writer.write_all(b"some").await.unwrap();
    drop(writer);
    let mut text = String::new();
    within(sink_end.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "some");
}

#[tokio::test]
async fn a_reader_goes_through_the_plugin_and_back() {
    let (_pair, streams) = streams(Plugin::default()).await;
    let data: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
    let reader = Reader::new(io::Cursor::new(data.clone()));
    let mut back = within(streams.through(reader)).await.unwrap();
    let mut read = Vec::new();
    within(back.read_to_end(&mut read)).await.unwrap();
    assert!(read == data);
}

/// The text of an error leaves out what its source says.
fn with_cause(error: &Error) -> String {
    format!("{error}: {}", std::error::Error::source(error).unwrap())
}

#[tokio::test]
async fn the_failure_of_a_lent_stream_is_the_call_s() {
    let (_pair, streams) = streams(Plugin::default()).await;
    let error = within(streams.read_some(4, Reader::new(Broken)))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Stream { .. }));
    let text = "a stream handed to Plugin.ReadSome failed: the disk is gone";
    assert_eq!(with_cause(&error), text);
    // More than fits on the way, so that the plugin meets the end.
    let written = streams.write_some(10 << 20, Writer::new(Broken), false);
    let error = within(written).await.unwrap_err();
    let text = "a stream handed to Plugin.WriteSome failed: the disk is full";
    assert_eq!(with_cause(&error), text);
    // As well where the plugin does not notice.
    let written = streams.write_some(1, Writer::new(Broken), false);
    let error = within(written).await.unwrap_err();
    assert_eq!(with_cause(&error), text);
}

/// The reply and the end of the writer's stream come together, and neither may miss the other. Once
/// in some 25,000 calls they come so close that a question to the stream's task stays behind in its
/// channel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_returns_however_close_to_the_end_of_its_writer() {
    let (_pair, streams) = streams(Plugin::default()).await;
    for _ in 0..rounds() {
        let written = streams.write_some(21, Writer::new(tokio::io::sink()), false);
        within(written).await.unwrap();
    }
}

/// How often to try what goes wrong by chance only: `PLUGWIRE_ROUNDS` times, or as often as there
/// is time for with each change.
fn rounds() -> usize {
    match std::env::var("PLUGWIRE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("PLUGWIRE_ROUNDS is a number"),
        Err(_) => 5_000,
    }
}
