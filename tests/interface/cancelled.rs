//! Calls that are given up: what the method, what was lent and what the plugin calls in turn learn
//! of it. And what calls inherit: deadlines and traces.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plugwire::rpc::{CallConfig, Codec};
use plugwire::{CallContext, Error, Reader, Remote, Result};
use support::{until, within};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Pair;

const SECOND: Duration = Duration::from_secs(1);

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[plugwire::interface]
pub trait Worker {
    /// Never ends.
    async fn hang(&self) -> Result<()>;
    /// Ends when the caller gives up.
    async fn block(&self) -> Result<()>;
    /// Reads all, and says what it met.
    async fn import(&self, data: Reader) -> Result<u64>;
    /// Calls the caller back.
    async fn back(&self, to: Arc<dyn Worker>) -> Result<()>;
    /// What it knows of the call: milliseconds left or -1, and the trace.
    async fn context(&self) -> Result<(i64, String)>;
    /// The same of the call that this one makes.
    async fn context_behind(&self, to: Arc<dyn Worker>) -> Result<(i64, String)>;
    /// Leaves a task behind, which waits for the cancel.
    async fn leave_behind(&self) -> Result<()>;
    async fn ping(&self) -> Result<()>;
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Begun,
    Dropped,
    Cancelled,
    Read(std::result::Result<usize, ErrorKind>),
    Failed(String),
}

struct Plugin {
    events: mpsc::UnboundedSender<Event>,
    running: Arc<AtomicUsize>,
}

/// Notes that a method's future was dropped.
struct Guard(mpsc::UnboundedSender<Event>, Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
        let _ = self.0.send(Event::Dropped);
    }
}

impl Plugin {
    fn new() -> (Arc<Plugin>, mpsc::UnboundedReceiver<Event>) {
        let (events, received) = mpsc::unbounded_channel();
        let running = Arc::default();
        (Arc::new(Plugin { events, running }), received)
    }

    fn begin(&self) -> Guard {
        self.running.fetch_add(1, Ordering::SeqCst);
        let _ = self.events.send(Event::Begun);
        Guard(self.events.clone(), self.running.clone())
    }
}

#[plugwire::interface]
impl Worker for Plugin {
    async fn hang(&self) -> Result<()> {
        let _guard = self.begin();
        std::future::pending().await
    }

    fn block(&self) -> Result<()> {
        let call = plugwire::call();
        let _ = self.events.send(Event::Begun);
        support::block_until("the call is cancelled", || call.is_cancelled());
        let _ = self.events.send(Event::Cancelled);
        Ok(())
    }

    async fn import(&self, mut data: Reader) -> Result<u64> {
        let events = self.events.clone();
        // A task, since the method itself does not see its end.
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            let result = data.read_to_end(&mut read).await;
            let _ = events.send(Event::Read(result.map_err(|error| error.kind())));
        });
        let _guard = self.begin();
        reading.await.map_err(Error::other)?;
        std::future::pending().await
    }

    async fn back(&self, to: Arc<dyn Worker>) -> Result<()> {
        let _guard = self.begin();
        let result = to.hang().await;
        let text = result.as_ref().unwrap_err().to_string();
        let _ = self.events.send(Event::Failed(text));
        result
    }

    async fn context(&self) -> Result<(i64, String)> {
        let call = plugwire::call();
        let left = call.deadline().map(|deadline| deadline - Instant::now());
        let left = left.map_or(-1, |left| left.as_millis() as i64);
        Ok((left, call.traceparent().unwrap_or_default().to_owned()))
    }

    async fn context_behind(&self, to: Arc<dyn Worker>) -> Result<(i64, String)> {
        to.context().await
    }

    async fn leave_behind(&self) -> Result<()> {
        let (call, events) = (plugwire::call(), self.events.clone());
        tokio::spawn(async move {
            call.cancelled().await;
            let _ = events.send(Event::Cancelled);
        });
        let _guard = self.begin();
        std::future::pending().await
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

type Events = mpsc::UnboundedReceiver<Event>;

async fn next(events: &mut Events) -> Event {
    within(events.recv()).await.unwrap()
}

async fn agreed(config: impl Into<CallConfig>) -> (Pair, Remote<dyn Worker>, Events) {
    let pair = Pair::agreed(config);
    let (plugin, events) = Plugin::new();
    let worker = pair.connect::<dyn Worker>(plugin).await;
    (pair, worker, events)
}

/// Begins a call and drops it once its method runs.
async fn give_up<T: Send + 'static>(
    call: impl Future<Output = Result<T>> + Send + 'static,
    events: &mut Events,
) {
    let call = tokio::spawn(call);
    assert_eq!(next(events).await, Event::Begun);
    call.abort();
    let ended = call.await.err().unwrap();
    assert!(ended.is_cancelled());
}

#[tokio::test]
async fn a_dropped_call_drops_its_method() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        let (_pair, worker, mut events) = agreed(codec).await;
        let hung = worker.clone();
        give_up(async move { hung.hang().await }, &mut events).await;
        assert_eq!(next(&mut events).await, Event::Dropped, "{codec:?}");
        within(worker.ping()).await.unwrap();
        assert_eq!(Remote::rpc_client(&worker).in_flight(), 0);
    }
}

#[tokio::test]
async fn a_call_whose_deadline_passes_drops_its_method() {
    let (_pair, worker, mut events) = agreed(Codec::Gob).await;
    let error = within(worker.with_timeout(Duration::from_millis(20)).hang()).await;
    assert!(error.unwrap_err().is_timeout());
    assert_eq!(next(&mut events).await, Event::Begun);
    assert_eq!(next(&mut events).await, Event::Dropped);
}

#[tokio::test]
async fn a_peer_that_did_not_agree_runs_on() {
    let pair = Pair::new();
    let (plugin, mut events) = Plugin::new();
    let running = plugin.running.clone();
    let worker = pair.connect::<dyn Worker>(plugin).await;
    let hung = worker.clone();
    give_up(async move { hung.hang().await }, &mut events).await;
    within(worker.ping()).await.unwrap();
    assert_eq!(running.load(Ordering::SeqCst), 1);
    // Until the connection ends.
    drop((pair, worker));
    assert_eq!(next(&mut events).await, Event::Dropped);
}

#[tokio::test]
async fn a_plain_method_sees_the_cancel() {
    let (_pair, worker, mut events) = agreed(Codec::Gob).await;
    let blocked = worker.clone();
    give_up(async move { blocked.block().await }, &mut events).await;
    assert_eq!(next(&mut events).await, Event::Cancelled);
}

#[tokio::test]
async fn a_plain_method_sees_the_end_of_its_connection() {
    let pair = Pair::new();
    let (plugin, mut events) = Plugin::new();
    let worker = pair.connect::<dyn Worker>(plugin).await;
    give_up(async move { worker.block().await }, &mut events).await;
    drop(pair);
    assert_eq!(next(&mut events).await, Event::Cancelled);
}

#[tokio::test]
async fn a_task_that_was_left_behind_sees_the_cancel() {
    let (_pair, worker, mut events) = agreed(Codec::Gob).await;
    give_up(async move { worker.leave_behind().await }, &mut events).await;
    let mut seen = [next(&mut events).await, next(&mut events).await];
    seen.sort_by_key(|event| *event == Event::Cancelled);
    assert_eq!(seen, [Event::Dropped, Event::Cancelled]);
}

#[tokio::test]
async fn what_a_dropped_call_lent_fails_and_does_not_end() {
    let (_pair, worker, mut events) = agreed(Codec::Gob).await;
    let (mut end, source) = tokio::io::duplex(64);
    tokio::io::AsyncWriteExt::write_all(&mut end, b"a part")
        .await
        .unwrap();
    let call = async move { worker.import(Reader::new(source)).await };
    give_up(call, &mut events).await;
    let mut seen = [next(&mut events).await, next(&mut events).await];
    seen.sort_by_key(|event| *event != Event::Dropped);
    let reset = Event::Read(Err(ErrorKind::ConnectionReset));
    assert_eq!(seen, [Event::Dropped, reset]);
}

#[tokio::test]
async fn a_dropped_call_drops_the_calls_that_it_made() {
    let (_pair, worker, mut events) = agreed(Codec::Gob).await;
    let (own, mut own_events) = Plugin::new();
    let call = async move { worker.back(own).await };
    let call = tokio::spawn(call);
    assert_eq!(next(&mut events).await, Event::Begun);
    assert_eq!(next(&mut own_events).await, Event::Begun);
    call.abort();
    assert_eq!(next(&mut events).await, Event::Dropped);
    assert_eq!(next(&mut own_events).await, Event::Dropped);
}

#[tokio::test]
async fn a_deadline_is_inherited_by_the_calls_of_the_method() {
    for (pair, travels) in [(Pair::agreed(Codec::Gob), true), (Pair::new(), false)] {
        let (plugin, mut events) = Plugin::new();
        let worker = pair.connect::<dyn Worker>(plugin).await;
        let (own, mut own_events) = Plugin::new();
        tokio::time::pause();
        let error = worker.with_timeout(SECOND).back(own).await.unwrap_err();
        // In virtual time the method's call ends in the same millisecond, and its answer may be
        // there before this side looks.
        let end = error.to_string();
        let of = |method| end == format!("Plugin.{method} gave no answer within 1s");
        assert!(of("Back") || travels && of("Hang"), "{error}");
        assert_eq!(events.recv().await, Some(Event::Begun));
        assert_eq!(own_events.recv().await, Some(Event::Begun));
        if travels {
            // The method's call ends at the same time as its own. Which the plugin learns first is
            // open.
            let seen = events.recv().await.unwrap();
            assert!(
                matches!(seen, Event::Dropped | Event::Failed(_)),
                "{seen:?}"
            );
            assert_eq!(own_events.recv().await, Some(Event::Dropped));
        } else {
            tokio::time::sleep(SECOND).await;
            assert!(events.try_recv().is_err() && own_events.try_recv().is_err());
        }
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_method_sees_the_time_that_is_left_and_the_trace() {
    let (_pair, worker, _events) = agreed(Codec::Gob).await;
    let (own, _own_events) = Plugin::new();
    let untold = (-1, String::new());
    assert_eq!(within(worker.context()).await.unwrap(), untold);
    tokio::time::pause();
    let timed = worker.with_timeout(3 * SECOND);
    assert_eq!(timed.context().await.unwrap(), (3000, String::new()));
    let behind = timed.context_behind(own.clone()).await.unwrap();
    assert_eq!(behind, (3000, String::new()));

    let deadline = Instant::now() + 2 * SECOND;
    let context = CallContext::default().with_deadline(deadline);
    let context = context.with_traceparent(TRACE).unwrap();
    let inner = context.clone().scope(async move {
        // The earlier one counts.
        let (one, other) = (timed.context().await, timed.with_timeout(SECOND));
        (one.unwrap(), other.context_behind(own).await.unwrap())
    });
    let traced = |millis| (millis, TRACE.to_owned());
    assert_eq!(inner.await, (traced(2000), traced(1000)));

    let late = context.with_deadline(Instant::now() - SECOND);
    let error = late.scope(async move { worker.hang().await }).await;
    assert!(error.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_cancel_makes_room_where_no_further_call_may_run() {
    let one = CallConfig::new(Codec::Gob).max_calls(1);
    let (_pair, worker, mut events) = agreed(one).await;
    let first = tokio::spawn({
        let worker = worker.clone();
        async move { worker.hang().await }
    });
    assert_eq!(next(&mut events).await, Event::Begun);
    let (given_up, waiting) = (worker.clone(), worker.clone());
    let given_up = tokio::spawn(async move { given_up.hang().await });
    let waiting = tokio::spawn(async move { waiting.ping().await });
    let client = Remote::rpc_client(&worker).clone();
    until("all are sent", || client.in_flight() == 3).await;
    // The second before it has begun, the first while it holds the only place.
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    first.abort();
    assert_eq!(next(&mut events).await, Event::Dropped);
    within(waiting).await.unwrap().unwrap();
    assert!(events.try_recv().is_err());
}
