//! The interface of these tests, at both ends of a connection in memory, and a subscriber.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plugwire::connection::ConnectionConfig;
use plugwire::event::{
    CallBegun, CallEnded, Connected, Direction, Disconnected, Exited, LaunchFailed, Launched,
    LimitMet, Meta, Outcome, Reloaded, Restarting, StreamClosed, StreamOpened, Subscriber,
    WindowStalled,
};
use plugwire::testing::{Pair, pair_with};
use plugwire::{Reader, Result};
use support::within;
use tokio::io::AsyncReadExt;

#[plugwire::interface]
pub trait Kv {
    async fn get(&self, key: String) -> Result<i64>;
    /// Calls back.
    async fn add(&self, key: String, adder: Arc<dyn Adder>) -> Result<i64>;
    async fn import(&self, data: Reader) -> Result<i64>;
    /// Never ends by itself.
    async fn wait(&self) -> Result<()>;
    async fn exit(&self, code: i32) -> Result<()>;
}

#[plugwire::interface]
pub trait Adder {
    async fn add(&self, n: i64) -> Result<i64>;
}

pub struct Lengths;

#[plugwire::interface]
impl Kv for Lengths {
    async fn get(&self, key: String) -> Result<i64> {
        match key.len() {
            0 => Err("no key".into()),
            length => Ok(length as i64),
        }
    }

    async fn add(&self, key: String, adder: Arc<dyn Adder>) -> Result<i64> {
        adder.add(key.len() as i64).await
    }

    async fn import(&self, mut data: Reader) -> Result<i64> {
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).await?;
        Ok(bytes.len() as i64)
    }

    async fn wait(&self) -> Result<()> {
        std::future::pending().await
    }

    async fn exit(&self, code: i32) -> Result<()> {
        std::process::exit(code)
    }
}

pub struct Two;

#[plugwire::interface]
impl Adder for Two {
    async fn add(&self, n: i64) -> Result<i64> {
        Ok(n + 2)
    }
}

/// A connection with both sides in this process, which have one subscriber.
pub async fn pair(events: &Events) -> Pair<dyn Kv> {
    pair_of(ConnectionConfig::default().subscriber(events.clone())).await
}

pub async fn pair_of(config: ConnectionConfig) -> Pair<dyn Kv> {
    within(pair_with::<dyn Kv>(Arc::new(Lengths), config)).await
}

/// Keeps every event, as one line of text.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Vec<String>>>);

impl Events {
    fn keep(&self, meta: &Meta<'_>, event: String) {
        let line = format!("{} {} {event}", meta.plugin, meta.side.as_str());
        self.lock().push(line);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those so far with this part, and takes all.
    pub fn take(&self, part: &str) -> Vec<String> {
        let mut events = std::mem::take(&mut *self.lock());
        events.retain(|event| event.contains(part));
        events
    }

    /// Waits for an event with all of these parts.
    pub async fn wait_for(&self, parts: &[&str]) -> String {
        let found = || {
            let events = self.lock();
            let mut events = events.iter();
            events
                .find(|event| parts.iter().all(|part| event.contains(part)))
                .cloned()
        };
        within(async {
            loop {
                match found() {
                    Some(event) => return event,
                    None => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
        })
        .await
    }
}

impl Subscriber for Events {
    fn on_launched(&self, meta: &Meta<'_>, event: &Launched) {
        assert!(event.duration > Duration::ZERO);
        let pid = event.pid.is_some();
        self.keep(meta, format!("launched {pid} {}", event.app_version));
    }

    fn on_launch_failed(&self, meta: &Meta<'_>, event: &LaunchFailed<'_>) {
        self.keep(meta, format!("launch failed: {}", event.error));
    }

    fn on_exited(&self, meta: &Meta<'_>, event: &Exited<'_>) {
        self.keep(meta, format!("exited: {} {:?}", event.how, event.status));
    }

    fn on_restarting(&self, meta: &Meta<'_>, event: &Restarting) {
        self.keep(meta, format!("restarting {}", event.failures));
    }

    fn on_reloaded(&self, meta: &Meta<'_>, event: &Reloaded) {
        self.keep(meta, format!("reloaded {}", event.pid.is_some()));
    }

    fn on_connected(&self, meta: &Meta<'_>, _: &Connected) {
        self.keep(meta, "connected".to_owned());
    }

    fn on_disconnected(&self, meta: &Meta<'_>, event: &Disconnected<'_>) {
        self.keep(meta, format!("disconnected: {}", event.reason));
    }

    fn on_call_begun(&self, meta: &Meta<'_>, event: &CallBegun<'_>) {
        let CallBegun {
            direction, method, ..
        } = event;
        self.keep(meta, format!("begun {} {method}", direction.as_str()));
    }

    fn on_call_ended(&self, meta: &Meta<'_>, event: &CallEnded<'_>) {
        // Only what was not sent has no number.
        let is_sent = event.seq.is_some();
        if event.direction == Direction::Served || event.outcome == Outcome::Answered {
            assert!(is_sent, "{event:?}");
        }
        let (direction, outcome) = (event.direction.as_str(), event.outcome.as_str());
        let (sent, received) = (event.sent, event.received);
        let text = format!("{direction} {} {outcome} {sent}/{received}", event.method);
        self.keep(meta, text);
    }

    fn on_stream_opened(&self, meta: &Meta<'_>, event: &StreamOpened) {
        self.keep(
            meta,
            format!("stream {} opened {}", event.stream, event.by_peer),
        );
    }

    fn on_stream_closed(&self, meta: &Meta<'_>, event: &StreamClosed) {
        self.keep(meta, format!("stream {} closed", event.stream));
    }

    fn on_window_stalled(&self, meta: &Meta<'_>, event: &WindowStalled) {
        self.keep(meta, format!("stream {} stalled", event.stream));
    }

    fn on_limit_met(&self, meta: &Meta<'_>, event: &LimitMet<'_>) {
        self.keep(meta, format!("limit {}", event.limit));
    }
}
