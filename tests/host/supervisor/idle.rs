//! Plugins that have nothing to do.

use futures::StreamExt;
use support::process::exists;

use super::*;

#[tokio::test]
async fn an_idle_plugin_is_stopped_and_started_by_the_next_call() {
    let place = Place::new();
    let config = place.config().idle_timeout(Duration::from_millis(20));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    let mut last = 0;
    for _ in 0..3 {
        let pid = within(worker.pid()).await.unwrap();
        assert_ne!(pid, last);
        last = pid;
        let idle = state(&supervisor, |state| matches!(state, State::Idle)).await;
        assert!(idle.cause().is_none());
        until("the plugin is gone", || !exists(pid)).await;
        within(supervisor.ready()).await.unwrap();
    }
    // Another handle starts it, too.
    let other = within(supervisor.dispense::<dyn Worker>("worker"))
        .await
        .unwrap();
    within(other.pid()).await.unwrap();
    within(supervisor.shutdown()).await;
    assert!(place.sockets().is_empty());
}

#[tokio::test]
async fn a_plugin_with_streams_or_callbacks_is_not_idle() {
    let place = Place::new();
    let config = place.config().idle_timeout(Duration::from_millis(20));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    // Pauses longer than the time after which it is idle: a stop would cut the stream off.
    let stream = within(worker.count(5, 100)).await.unwrap();
    let numbers: Vec<u32> = within(stream.map(Result::unwrap).collect()).await;
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    // What it handed out is in use as long as it is held.
    let sub = within(worker.sub()).await.unwrap();
    let pid = sub.work(200).await.unwrap();
    assert_eq!(sub.pid().await.unwrap(), pid);
    within(worker.work(200)).await.unwrap();
    drop(sub);
    state(&supervisor, |state| matches!(state, State::Idle)).await;
    within(supervisor.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_around_a_stop() {
    let place = Place::new();
    let config = place.config().idle_timeout(Duration::from_millis(4));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    for round in 0..40 {
        within(worker.pid()).await.unwrap();
        // About when it is stopped.
        sleep(Duration::from_micros(3500 + 50 * round)).await;
    }
    within(supervisor.shutdown()).await;
}
