//! What the host logs of a plugin's end: what happened, and at the level it deserves.

use plugwire::handshake::ReattachConfig;
use rustix::process::{Signal, kill_process};
use support::events;
use tracing::Level;

use super::*;

/// What was said of the end of a plugin, once the tasks that say it have had their turns.
async fn told() -> Vec<(Level, String)> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let events = events::recorded("plugwire::host").into_iter();
    let mut events: Vec<_> = events
        .map(|event| (event.level, event.message().to_owned()))
        .collect();
    events.retain(|(level, message)| *level <= Level::WARN || message.starts_with("plugin "));
    events.retain(|(_, message)| message != "plugin started");
    events
}

fn event(level: Level, message: &str) -> (Level, String) {
    (level, message.to_owned())
}

#[tokio::test]
async fn a_plugin_that_the_host_killed_is_no_error() {
    events::record();
    let place = Place::new();
    let grace = Duration::from_millis(100);
    let client = launch(place.config("linger").kill_grace(grace)).await;
    within(client.kill()).await;
    let expected = [
        event(Level::WARN, "plugin failed to exit gracefully"),
        event(Level::INFO, "plugin process killed"),
    ];
    assert_eq!(told().await, expected);
}

#[tokio::test]
async fn a_plugin_that_another_killed_is_an_error() {
    events::record();
    let place = Place::new();
    let client = place.launch().await;
    kill_process(raw(client.pid().unwrap()), Signal::KILL).unwrap();
    within(client.wait()).await;
    let expected = [event(Level::ERROR, "plugin process exited")];
    assert_eq!(told().await, expected);
}

#[tokio::test]
async fn a_plugin_that_goes_on_has_not_exited() {
    events::record();
    let place = Place::new();
    let first = place.launch().await;
    let pid = first.pid().unwrap();
    let config = first.reattach_config();
    for _ in 0..3 {
        drop(Client::reattach(config.clone()).await.unwrap());
    }
    // One of which this host sees no process.
    let test = config.clone().test(true);
    let unseen = Client::reattach(test).await.unwrap();
    within(unseen.kill()).await;
    let unseen = Client::reattach(ReattachConfig::new(config.address.clone()));
    let unseen = unseen.await.unwrap();
    let kept = first.detach().await;
    let detached = told().await;
    assert_eq!(detached, [event(Level::INFO, "plugin disconnected")]);
    assert!(exists(pid) && !is_zombie(pid));

    let last = Client::reattach(kept).await.unwrap();
    within(last.kill()).await;
    within(unseen.wait()).await;
    let events = told().await;
    let count = |message: &str| events.iter().filter(|(_, other)| other == message).count();
    assert_eq!(count("plugin disconnected"), 1, "{events:?}");
    assert!(count("plugin process exited") <= 1, "{events:?}");
}
