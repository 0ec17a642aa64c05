//! Streams of items in both directions, as `go/internal/shapes/events.go` has them by hand.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use plugwire::{Result, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// An item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    pub name: String,
    pub count: i64,
}

impl Event {
    pub fn tick(count: i64) -> Event {
        let name = "tick".into();
        Event { name, count }
    }
}

#[plugwire::interface]
pub trait Events {
    async fn watch(&self, count: i64) -> Result<Stream<Event>>;
    async fn collect(&self, events: Stream<Event>) -> Result<i64>;
    /// Gives back each number, doubled, before it asks for the next one.
    async fn double(&self, numbers: Stream<i64>) -> Result<Stream<i64>>;
    /// So many events, and then an error.
    async fn fail(&self, after: i64) -> Result<Stream<Event>>;
    /// Numbers until the receiver has enough.
    async fn endless(&self) -> Result<Stream<i64>>;
    /// Waits until an endless stream has been stopped.
    async fn stopped(&self) -> Result<()>;
}

pub struct Ticks {
    /// As many permits as streams have been stopped.
    stopped: Arc<Semaphore>,
}

impl Default for Ticks {
    fn default() -> Self {
        let stopped = Arc::new(Semaphore::new(0));
        Ticks { stopped }
    }
}

#[plugwire::interface]
impl Events for Ticks {
    async fn watch(&self, count: i64) -> Result<Stream<Event>> {
        Ok(Stream::new(stream::iter(0..count).map(Event::tick)))
    }

    async fn collect(&self, events: Stream<Event>) -> Result<i64> {
        events
            .try_fold(0, async |sum, event| match &*event.name {
                "tick" => Ok(sum + event.count),
                name => Err(format!("no tick: {name}").into()),
            })
            .await
    }

    async fn double(&self, numbers: Stream<i64>) -> Result<Stream<i64>> {
        Ok(Stream::new(numbers.map_ok(|number| 2 * number)))
    }

    async fn fail(&self, after: i64) -> Result<Stream<Event>> {
        let ticks = stream::iter(0..after).map(|count| Ok(Event::tick(count)));
        let error = stream::iter([Err("no more paper".into())]);
        Ok(Stream::new(ticks.chain(error)))
    }

    async fn endless(&self) -> Result<Stream<i64>> {
        let (sender, stream) = Stream::channel();
        let stopped = self.stopped.clone();
        tokio::spawn(async move {
            let mut number = 0;
            while sender.send(number).await.is_ok() {
                number += 1;
            }
            stopped.add_permits(1);
        });
        Ok(stream)
    }

    async fn stopped(&self) -> Result<()> {
        let stopped = self.stopped.acquire().await;
        stopped.map_err(plugwire::Error::other)?.forget();
        Ok(())
    }
}
