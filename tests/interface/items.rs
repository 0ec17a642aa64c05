//! Streams of items: their way, and their ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use plugwire::interface::ItemError;
use plugwire::rpc::Codec;
use plugwire::{Error, Remote, Result, Stream, StreamSender};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc};

use crate::Pair;
use crate::counter::{AddHelper, Adder};
use crate::own_error::LookupError;
use support::causes::assert_fails;
use support::within;

#[plugwire::interface]
pub trait Feed {
    async fn count(&self, to: u64) -> Result<Stream<u64>>;
    async fn events(&self, names: Vec<String>) -> Result<Stream<Event>>;
    async fn sum(&self, of: Stream<u64>) -> Result<u64>;
    async fn double(&self, of: Stream<u64>) -> Result<Stream<u64>>;
    async fn any(&self, label: String, of: Option<Stream<u64>>) -> Result<(String, bool)>;
    /// What the test has put there.
    async fn prepared(&self) -> Result<Stream<u64>>;
    /// Three, and then an end of this kind.
    async fn ends(&self, how: String) -> Result<Stream<u64>>;
    /// Takes so many.
    async fn take(&self, count: u64, of: Stream<u64>) -> Result<u64>;
    /// Reports what comes, and never returns.
    async fn watch(&self, of: Stream<u64>) -> Result<()>;
    async fn huge(&self) -> Result<Stream<i128>>;
    async fn huge_sum(&self, of: Stream<i128>) -> Result<()>;
    async fn marked(&self) -> Result<Stream<Marked>>;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    name: String,
    numbers: Vec<i64>,
}

/// No item: its field is that of errors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Marked {
    stream_error: String,
}

#[derive(Default)]
struct Plugin {
    prepared: Mutex<Option<Stream<u64>>>,
    seen: Option<mpsc::UnboundedSender<Result<u64>>>,
}

#[plugwire::interface]
impl Feed for Plugin {
    async fn count(&self, to: u64) -> Result<Stream<u64>> {
        Ok(Stream::new(stream::iter(0..to)))
    }

    async fn events(&self, names: Vec<String>) -> Result<Stream<Event>> {
        let events = names.into_iter().enumerate().map(|(at, name)| Event {
            numbers: vec![at as i64; name.len()],
            name,
        });
        Ok(Stream::new(stream::iter(events)))
    }

    async fn sum(&self, of: Stream<u64>) -> Result<u64> {
        of.try_fold(0, async |sum, item| Ok(sum + item)).await
    }

    async fn double(&self, of: Stream<u64>) -> Result<Stream<u64>> {
        Ok(Stream::new(of.map_ok(|item| 2 * item)))
    }

    async fn any(&self, label: String, of: Option<Stream<u64>>) -> Result<(String, bool)> {
        Ok((label, of.is_some()))
    }

    async fn prepared(&self) -> Result<Stream<u64>> {
        let prepared = self.prepared.lock().await.take();
        Ok(prepared.ok_or("none is prepared")?)
    }

    async fn ends(&self, how: String) -> Result<Stream<u64>> {
        let (sender, stream) = Stream::channel();
        tokio::spawn(async move {
            for item in 1..=3 {
                sender.send(item).await.unwrap();
            }
            match &*how {
                "drop" => drop(sender),
                "fail" => sender.fail("no more paper".into()).await,
                "fail silently" => sender.fail("".into()).await,
                "abort" => sender.abort(),
                "panic" => {
                    let _sender = sender;
                    panic!("not a failure of the test");
                }
                how => unreachable!("{how}"),
            }
        });
        Ok(stream)
    }

    async fn take(&self, count: u64, of: Stream<u64>) -> Result<u64> {
        of.take(count as usize)
            .try_fold(0, async |sum, item| Ok(sum + item))
            .await
    }

    async fn watch(&self, mut of: Stream<u64>) -> Result<()> {
        let seen = self.seen.clone().expect("a watching test");
        while let Some(item) = of.next().await {
            seen.send(item).unwrap();
        }
        std::future::pending().await
    }

    async fn huge(&self) -> Result<Stream<i128>> {
        Ok(Stream::new(stream::iter([1, 2, i128::MAX, 4])))
    }

    async fn huge_sum(&self, of: Stream<i128>) -> Result<()> {
        of.try_fold((), async |(), _| Ok(())).await
    }

    async fn marked(&self) -> Result<Stream<Marked>> {
        let stream_error = "not an error".into();
        Ok(Stream::new(stream::iter([Marked { stream_error }])))
    }
}

async fn feed_by(pair: &Pair, plugin: Plugin) -> Remote<dyn Feed> {
    pair.connect::<dyn Feed>(Arc::new(plugin)).await
}

async fn feed() -> (Pair, Remote<dyn Feed>) {
    let pair = Pair::new();
    let feed = feed_by(&pair, Plugin::default()).await;
    (pair, feed)
}

/// A feed that has this stream.
async fn prepared(stream: Stream<u64>) -> (Pair, Remote<dyn Feed>) {
    let pair = Pair::new();
    let plugin = Plugin {
        prepared: Mutex::new(Some(stream)),
        seen: None,
    };
    let feed = feed_by(&pair, plugin).await;
    (pair, feed)
}

const CODECS: [Codec; 2] = [Codec::Gob, Codec::MsgPack];

/// The items, and the error behind them.
async fn drain<T>(mut stream: Stream<T>) -> (Vec<T>, Option<Error>) {
    let mut items = Vec::new();
    loop {
        match within(stream.next()).await {
            Some(Ok(item)) => items.push(item),
            Some(Err(error)) => {
                assert!(within(stream.next()).await.is_none(), "an error is the end");
                return (items, Some(error));
            }
            None => {
                assert!(within(stream.next()).await.is_none());
                return (items, None);
            }
        }
    }
}

async fn whole<T>(stream: Stream<T>) -> Vec<T> {
    let (items, error) = drain(stream).await;
    assert!(error.is_none(), "{error:?}");
    items
}

#[tokio::test]
async fn items_arrive_in_order() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let feed = feed_by(&pair, Plugin::default()).await;
        for count in [0, 1, 2, 100_000] {
            let items = whole(feed.count(count).await.unwrap()).await;
            assert!(items.into_iter().eq(0..count), "{count} in {codec:?}");
        }
        // Shorter and longer than what is written at once.
        let names: Vec<String> = [0, 1, 10_000, 2, 100_000, 0]
            .map(|length| "n".repeat(length))
            .into();
        let events = whole(feed.events(names.clone()).await.unwrap()).await;
        assert!(events.iter().map(|event| &event.name).eq(&names));
        assert_eq!(events[3].numbers, [3, 3]);
        assert_eq!(events[4].numbers.len(), 100_000);
    }
}

#[tokio::test]
async fn a_stream_is_lent_for_a_call() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let feed = feed_by(&pair, Plugin::default()).await;
        let items = Stream::new(stream::iter(0..10_000));
        assert_eq!(within(feed.sum(items)).await.unwrap(), 49_995_000);
        let items = Stream::new(stream::iter([Ok(1), Ok(2)]));
        assert_eq!(within(feed.sum(items)).await.unwrap(), 3);
        let label = || "label".to_owned();
        let some = feed.any(label(), Some(Stream::new(stream::empty::<u64>())));
        assert_eq!(within(some).await.unwrap(), (label(), true));
        let none = within(feed.any(label(), None)).await.unwrap();
        assert_eq!(none, (label(), false));
    }
}

/// Each item waits for the answer to the one before, so none waits for more to be sent.
#[tokio::test]
async fn items_go_both_ways_at_once() {
    let (_pair, feed) = feed().await;
    let (sender, questions) = Stream::channel();
    let mut answers = within(feed.double(questions)).await.unwrap();
    for item in 0..1_000 {
        sender.send(item).await.unwrap();
        assert_eq!(within(answers.next()).await.unwrap().unwrap(), 2 * item);
    }
    drop(sender);
    assert!(within(answers.next()).await.is_none());
}

#[tokio::test]
async fn a_stream_needs_no_connection() {
    let feed: Arc<dyn Feed> = Arc::new(Plugin::default());
    assert_eq!(feed.sum(feed.count(10).await.unwrap()).await.unwrap(), 45);
    let (items, error) = drain(feed.ends("fail".into()).await.unwrap()).await;
    assert_eq!(items, [1, 2, 3]);
    assert_eq!(error.unwrap().to_string(), "no more paper");
    let (items, error) = drain(feed.ends("panic".into()).await.unwrap()).await;
    assert_eq!(items, [1, 2, 3]);
    let cut_off = "the stream was cut off behind 3 items";
    assert_eq!(error.unwrap().to_string(), cut_off);
}

#[tokio::test]
async fn an_error_takes_the_place_of_the_end() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let feed = feed_by(&pair, Plugin::default()).await;
        for (how, text) in [
            ("drop", None),
            ("fail", Some("no more paper")),
            ("fail silently", Some("unknown error")),
            ("abort", Some("the stream was cut off behind 3 items")),
            ("panic", Some("the stream was cut off behind 3 items")),
        ] {
            let (items, error) = drain(feed.ends(how.into()).await.unwrap()).await;
            assert_eq!(items, [1, 2, 3], "{how}");
            let error = error.map(|error| error.to_string());
            assert_eq!(error.as_deref(), text, "{how}");
        }
        // That of a lent stream reaches the method, and comes back as the method's.
        let items = stream::iter([Ok(1), Err(Error::from("out of numbers")), Ok(2)]);
        assert_fails(within(feed.sum(Stream::new(items))).await, "out of numbers");
    }
}

#[plugwire::interface]
pub trait Lookups {
    async fn find_all(
        &self,
        names: Stream<String, LookupError>,
    ) -> Result<Stream<u32, LookupError>, LookupError>;
}

struct Empty;

#[plugwire::interface]
impl Lookups for Empty {
    async fn find_all(
        &self,
        names: Stream<String, LookupError>,
    ) -> Result<Stream<u32, LookupError>, LookupError> {
        Ok(Stream::new(names.map(|name| match &*name? {
            "none" => Err(LookupError::NotFound),
            name => Ok(name.len() as u32),
        })))
    }
}

#[tokio::test]
async fn an_error_is_the_trait_s_own() {
    let pair = Pair::new();
    let lookups = pair.connect::<dyn Lookups>(Arc::new(Empty)).await;
    let names = ["one", "three", "none", "two"].map(String::from);
    let names = Stream::new(stream::iter(names));
    let found = within(lookups.find_all(names)).await.unwrap();
    let found: Vec<_> = within(found.collect()).await;
    assert_eq!(found, [Ok(3), Ok(5), Err(LookupError::NotFound)]);
}

#[tokio::test]
async fn a_receiver_that_goes_stops_the_sender() {
    let (sender, stream) = Stream::channel();
    let (_pair, feed) = prepared(stream).await;
    let mut stream = within(feed.prepared()).await.unwrap();
    sender.send(1).await.unwrap();
    assert_eq!(within(stream.next()).await.unwrap().unwrap(), 1);
    drop(stream);
    within(sender.closed()).await;
    assert!(sender.is_closed());
    let error = sender.send(2).await.unwrap_err();
    assert_eq!(error.to_string(), "the stream is closed");
}

/// A sender that waits for room learns of it, too.
#[tokio::test]
async fn a_method_that_has_enough_stops_the_sender() {
    let (_pair, feed) = feed().await;
    let (sender, stream) = Stream::channel();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        while sender.send(sent).await.is_ok() {
            sent += 1;
        }
    });
    assert_eq!(within(feed.take(5, stream)).await.unwrap(), 10);
    within(sending).await.unwrap();
}

/// Says when it is dropped, and how often it was asked.
struct Watched {
    asked: Arc<AtomicUsize>,
    item: Option<Vec<u8>>,
    _dropped: mpsc::Sender<()>,
}

impl Watched {
    fn new(item: Option<Vec<u8>>) -> (Watched, Arc<AtomicUsize>, mpsc::Receiver<()>) {
        let (_dropped, drops) = mpsc::channel(1);
        let asked = Arc::new(AtomicUsize::new(0));
        let watched = Watched {
            asked: asked.clone(),
            item,
            _dropped,
        };
        (watched, asked, drops)
    }
}

impl futures::Stream for Watched {
    type Item = Vec<u8>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match &self.item {
            Some(item) => Poll::Ready(Some(item.clone())),
            None => Poll::Pending,
        }
    }
}

#[plugwire::interface]
pub trait Blobs {
    async fn blobs(&self) -> Result<Stream<Vec<u8>>>;
}

struct Once(Mutex<Option<Watched>>);

#[plugwire::interface]
impl Blobs for Once {
    async fn blobs(&self) -> Result<Stream<Vec<u8>>> {
        let blobs = self.0.lock().await.take().ok_or("once")?;
        Ok(Stream::new(blobs))
    }
}

async fn blobs(
    item: Option<Vec<u8>>,
) -> (Pair, Stream<Vec<u8>>, Arc<AtomicUsize>, mpsc::Receiver<()>) {
    let pair = Pair::new();
    let (watched, asked, drops) = Watched::new(item);
    let once = Once(Mutex::new(Some(watched)));
    let remote = pair.connect::<dyn Blobs>(Arc::new(once)).await;
    let stream = within(remote.blobs()).await.unwrap();
    (pair, stream, asked, drops)
}

#[tokio::test]
async fn a_source_that_waits_is_dropped_with_the_stream() {
    let (_pair, stream, _, mut drops) = blobs(None).await;
    drop(stream);
    assert!(within(drops.recv()).await.is_none());
}

/// In virtual time, which passes when there is no more to do.
#[tokio::test(start_paused = true)]
async fn a_source_is_asked_no_more_than_the_receiver_takes() {
    const ITEM: usize = 1_000;
    /// The window, what the connection in memory holds, what is encoded and what has arrived.
    const ON_THE_WAY: usize = (256 + 2 * 64 + 16 + 64) * 1024;
    let (_pair, mut stream, asked, _drops) = blobs(Some(vec![7; ITEM])).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = asked.load(Ordering::Relaxed);
    assert!(before > 100 && before < ON_THE_WAY / ITEM, "{before} items");
    for _ in 0..10_000 {
        assert_eq!(stream.next().await.unwrap().unwrap().len(), ITEM);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ahead = asked.load(Ordering::Relaxed) - 10_000;
    // By now its window may have grown.
    assert!(ahead < 16 * ON_THE_WAY / ITEM, "{ahead} items");
}

/// In virtual time, as above.
#[tokio::test(start_paused = true)]
async fn a_sender_waits_for_the_receiver() {
    let (sender, stream) = Stream::channel();
    let (_pair, feed) = prepared(stream).await;
    let mut stream = feed.prepared().await.unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let sending = tokio::spawn(async move {
        while sender.send(u64::MAX).await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = sent.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(sent.load(Ordering::Relaxed), before, "it waits");
    for _ in 0..2 * before {
        stream.next().await.unwrap().unwrap();
    }
    assert!(sent.load(Ordering::Relaxed) > 2 * before);
    drop(stream);
    within(sending).await.unwrap();
}

async fn watching() -> (Pair, Remote<dyn Feed>, mpsc::UnboundedReceiver<Result<u64>>) {
    let pair = Pair::new();
    let (seen, sees) = mpsc::unbounded_channel();
    let plugin = Plugin {
        prepared: Mutex::default(),
        seen: Some(seen),
    };
    let feed = feed_by(&pair, plugin).await;
    (pair, feed, sees)
}

/// By a dropped future, and by a deadline.
#[tokio::test(start_paused = true)]
async fn the_stream_of_an_abandoned_call_is_cut_off() {
    for deadline in [false, true] {
        let (_pair, feed, mut sees) = watching().await;
        let (sender, stream) = Stream::channel();
        sender.send(1).await.unwrap();
        let second = Duration::from_secs(1);
        if deadline {
            let error = feed.with_timeout(second).watch(stream).await.unwrap_err();
            assert!(error.is_timeout());
        } else {
            let cancelled = tokio::time::timeout(second, feed.watch(stream)).await;
            assert!(cancelled.is_err());
        }
        assert_eq!(within(sees.recv()).await.unwrap().unwrap(), 1);
        within(sender.closed()).await;
        let Some(Some(Err(error))) = Some(within(sees.recv()).await) else {
            // Where the peer knows of cancellation, the method has ended as well.
            continue;
        };
        let Error::Item(ItemError::CutOff { items: 1, .. }) = error else {
            panic!("{error:?}");
        };
    }
}

/// A call that was answered has not been abandoned.
#[tokio::test]
async fn a_lent_stream_that_the_plugin_keeps_goes_on() {
    let (_pair, feed) = feed().await;
    let (sender, stream) = Stream::channel();
    let doubled = within(feed.double(stream)).await.unwrap();
    drop(feed);
    sender.send(4).await.unwrap();
    drop(sender);
    assert_eq!(whole(doubled).await, [8]);
}

#[tokio::test]
async fn the_end_of_the_session_cuts_streams_off() {
    let (sender, stream) = Stream::channel();
    let (pair, feed) = prepared(stream).await;
    let mut stream = within(feed.prepared()).await.unwrap();
    sender.send(1).await.unwrap();
    assert_eq!(within(stream.next()).await.unwrap().unwrap(), 1);
    pair.plugin.session().close().await;
    let error = within(stream.next()).await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert_eq!(error.to_string(), "the stream was cut off behind 1 items");
    within(sender.closed()).await;
}

/// What there is of gob has no integers of more than 64 bits.
#[tokio::test]
async fn an_item_that_does_not_encode_is_an_error_of_both_sides() {
    let (_pair, feed) = feed().await;
    let (items, error) = drain(feed.huge().await.unwrap()).await;
    assert_eq!(items, [1, 2]);
    let text = error.unwrap().to_string();
    assert!(
        text.starts_with("cannot encode item 3 of the stream: "),
        "{text}"
    );

    // The caller that lent the stream learns of it, whatever the method makes of it.
    let lent = Stream::new(stream::iter([i128::MAX]));
    let error = within(feed.huge_sum(lent)).await.unwrap_err();
    assert!(matches!(error, Error::Stream { .. }), "{error:?}");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "cannot encode item 1 of the stream");
}

#[tokio::test]
async fn the_sender_of_an_item_that_does_not_encode_learns_of_it() {
    let (_pair, feed) = feed().await;
    let (sender, stream) = Stream::channel();
    let summing = tokio::spawn(async move { feed.huge_sum(stream).await });
    sender.send(i128::MIN).await.unwrap();
    within(sender.closed()).await;
    let error = sender.send(1).await.unwrap_err();
    assert_eq!(error.to_string(), "the stream is closed");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "cannot encode item 1 of the stream");
    within(summing).await.unwrap().unwrap_err();
}

#[tokio::test]
async fn an_item_that_would_be_an_error_is_refused() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let feed = feed_by(&pair, Plugin::default()).await;
        let (items, error) = drain(feed.marked().await.unwrap()).await;
        assert!(items.is_empty());
        let text = error.unwrap().to_string();
        assert!(text.contains("rename the field"), "{text}");
    }
}

/// Each with a sender that waits, a task that serves it, and two ends of a stream.
#[tokio::test]
async fn streams_that_are_dropped_half_way_leave_nothing() {
    let (_pair, feed) = feed().await;
    let tasks = tokio::runtime::Handle::current().metrics();
    let mut senders: Vec<StreamSender<u64>> = Vec::new();
    let before = tasks.num_alive_tasks();
    for round in 0..10_000 {
        let (sender, stream) = Stream::channel();
        let mut doubled = within(feed.double(stream)).await.unwrap();
        sender.send(round).await.unwrap();
        sender.send(round).await.unwrap();
        assert_eq!(within(doubled.next()).await.unwrap().unwrap(), 2 * round);
        drop(doubled);
        senders.push(sender);
    }
    for sender in senders {
        within(sender.closed()).await;
    }
    within(async {
        while tasks.num_alive_tasks() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// An item that brings more along.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Part {
    name: String,
    numbers: Stream<u64>,
    #[serde(with = "plugwire::brokered")]
    adder: Option<Arc<dyn AddHelper>>,
}

#[plugwire::interface]
pub trait Parts {
    async fn parts(&self, count: u64) -> Result<Stream<Part>>;
    async fn sums(&self, of: Vec<Stream<u64>>) -> Result<Vec<u64>>;
    async fn use_parts(&self, parts: Stream<Part>) -> Result<i64>;
}

struct Whole;

#[plugwire::interface]
impl Parts for Whole {
    async fn parts(&self, count: u64) -> Result<Stream<Part>> {
        Ok(Stream::new(stream::iter(0..count).map(|at| Part {
            name: format!("part {at}"),
            numbers: Stream::new(stream::iter(0..at)),
            adder: (at % 2 == 0).then(|| Adder::new() as Arc<dyn AddHelper>),
        })))
    }

    async fn sums(&self, of: Vec<Stream<u64>>) -> Result<Vec<u64>> {
        let mut sums = Vec::new();
        for stream in of {
            sums.push(stream.try_fold(0, async |sum, item| Ok(sum + item)).await?);
        }
        Ok(sums)
    }

    async fn use_parts(&self, mut parts: Stream<Part>) -> Result<i64> {
        let mut sum = 0;
        while let Some(part) = parts.next().await {
            let Part { numbers, adder, .. } = part?;
            let items: Vec<u64> = numbers.try_collect().await?;
            if let Some(adder) = adder {
                sum = adder.add(sum, items.len() as i64).await?;
            }
        }
        Ok(sum)
    }
}

#[tokio::test]
async fn items_bring_streams_and_interfaces_along() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let parts = pair.connect::<dyn Parts>(Arc::new(Whole)).await;
        let received = whole(within(parts.parts(20)).await.unwrap()).await;
        for (at, part) in received.into_iter().enumerate() {
            assert_eq!(part.name, format!("part {at}"));
            assert_eq!(part.adder.is_some(), at % 2 == 0);
            assert!(whole(part.numbers).await.into_iter().eq(0..at as u64));
            if let Some(adder) = part.adder {
                assert_eq!(within(adder.add(1, 2)).await.unwrap(), 3);
            }
        }
        // And lent to the plugin.
        let lent = Whole.parts(10).await.unwrap();
        assert_eq!(within(parts.use_parts(lent)).await.unwrap(), 20);
        let streams = [3, 0, 5].map(|count| Stream::new(stream::iter(0..count)));
        let sums = within(parts.sums(streams.into())).await.unwrap();
        assert_eq!(sums, [3, 0, 10]);
    }
}
