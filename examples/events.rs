//! A subscription: a stream of items from the plugin, which the host ends when it has enough, and
//! one to the plugin.
//!
//! `cargo run --example events` hosts a plugin that is this same program, started again.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::{BoxError, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{self, ServeConfig};
use plugwire::{Result, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "EVENTS_PLUGIN", "subscribe");

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    topic: String,
    number: u64,
}

#[plugwire::interface]
trait Events {
    /// The events of a topic, until the subscriber drops the stream.
    async fn subscribe(&self, topic: String) -> Result<Stream<Event>>;

    /// Returns once there is no subscription.
    async fn quiet(&self) -> Result<()>;

    /// Takes events of the caller, and says how many there were.
    async fn record(&self, events: Stream<Event>) -> Result<u64>;
}

/// Has the number of subscriptions.
struct Hub(watch::Sender<u64>);

#[plugwire::interface]
impl Events for Hub {
    async fn subscribe(&self, topic: String) -> Result<Stream<Event>> {
        let (sender, events) = Stream::channel();
        let subscriptions = self.0.clone();
        subscriptions.send_modify(|count| *count += 1);
        tokio::spawn(async move {
            for number in 1.. {
                let topic = topic.clone();
                // Waits while the subscriber is behind, and fails once it has gone.
                if sender.send(Event { topic, number }).await.is_err() {
                    break;
                }
            }
            subscriptions.send_modify(|count| *count -= 1);
        });
        Ok(events)
    }

    async fn quiet(&self) -> Result<()> {
        let mut subscriptions = self.0.subscribe();
        let quiet = subscriptions.wait_for(|count| *count == 0).await;
        quiet.map(|_| ()).map_err(plugwire::Error::other)
    }

    async fn record(&self, mut events: Stream<Event>) -> Result<u64> {
        let mut count = 0;
        while let Some(event) = events.next().await {
            event?;
            count += 1;
        }
        Ok(count)
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Only a host sets the cookie, so this is how the program knows that it is the plugin.
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        let plugins = PluginSet::new()
            .register::<dyn Events>("events", || Ok(Arc::new(Hub(watch::Sender::new(0)))));
        plugin::serve(ServeConfig::new(HANDSHAKE, plugins)).await;
        return Ok(());
    }

    let command = Command::new(std::env::current_exe()?);
    let client = Client::launch(ClientConfig::new(HANDSHAKE, command)).await?;
    let outcome = async {
        let events = client.dispense::<dyn Events>("events").await?;
        let events = events.with_timeout(Duration::from_secs(10));
        follow(&events).await?;
        report(&events).await?;
        Ok(())
    }
    .await;
    client.kill().await;
    outcome
}

/// Subscribes, takes three events, and ends the subscription.
async fn follow(events: &dyn Events) -> Result<()> {
    let mut weather = events.subscribe("weather".to_owned()).await?;
    for _ in 0..3 {
        match weather.next().await {
            Some(event) => println!("Plugin.Subscribe: {:?}", event?),
            None => return Err("the plugin has ended the subscription".into()),
        }
    }
    // This is all that it takes to unsubscribe.
    drop(weather);
    events.quiet().await?;
    println!("Plugin.Quiet: no subscription is left");
    Ok(())
}

/// Sends events: any `futures::Stream` is one of plugwire's.
async fn report(events: &dyn Events) -> Result<()> {
    let own = (1..=1000).map(|number| Event {
        topic: "host".to_owned(),
        number,
    });
    let count = events
        .record(Stream::new(futures::stream::iter(own)))
        .await?;
    println!("Plugin.Record: {count} events");
    Ok(())
}
