//! When a plugin is started again, on a clock of the test's own; and what calls do meanwhile.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use plugwire::host::{
    BoxFuture, Cause, Launch, LaunchEnvironment, LaunchError, Restart, Runner, StartError, Started,
    WhenDown,
};
use plugwire::rpc::CallError;
use tokio::time::Instant;

use super::*;

/// Starts nothing, and counts how often.
struct Broken(Arc<AtomicU32>);

impl Runner for Broken {
    fn name(&self) -> String {
        "broken".to_owned()
    }

    fn start(&mut self, _: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Err(io::Error::other("no spark"))))
    }
}

fn broken(policy: RestartPolicy) -> (Supervisor, Arc<AtomicU32>) {
    let starts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&starts);
    let launch = Launch::each_time(move || Launch::runner(Broken(Arc::clone(&counted))));
    let config = SupervisorConfig::new(ClientConfig::new(HANDSHAKE, launch)).restart(policy);
    (Supervisor::start(config).unwrap(), starts)
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_crashes_at_its_start_is_tried_as_the_policy_says() {
    let second = Duration::from_secs(1);
    let policy = RestartPolicy::default()
        .delays(second, 4 * second)
        .jitter(0.0)
        .limit(5, 60 * second);
    let begin = Instant::now();
    let (supervisor, starts) = broken(policy);
    let mut events = supervisor.events();
    let mut attempts = Vec::new();
    let cause = loop {
        match events.next().await.unwrap().kind {
            EventKind::Starting { attempt } => {
                attempts.push((attempt, begin.elapsed().as_millis()));
            }
            EventKind::Failed(cause) => break cause,
            EventKind::Down { pid, cause } => {
                assert_eq!(pid, None);
                let Cause::NotStarted(error) = cause else {
                    panic!("{cause:?}");
                };
                let StartError::Launch(LaunchError::Start { source, .. }) = &*error else {
                    panic!("{error:?}");
                };
                assert_eq!(source.to_string(), "no spark");
            }
            EventKind::BackingOff { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        attempts,
        [
            (1, 0),
            (2, 1000),
            (3, 3000),
            (4, 7000),
            (5, 11_000),
            (6, 15_000)
        ]
    );
    let text = "the plugin failed after 5 restarts within 60s";
    assert_eq!(cause.to_string(), text);
    assert!(matches!(supervisor.state(), State::Failed { .. }));
    tokio::time::advance(3600 * second).await;
    assert_eq!(starts.load(Ordering::Relaxed), 6, "it stays down");
    let error = supervisor.ready().await.unwrap_err();
    assert_eq!(error.to_string(), text);
    let error = supervisor
        .dispense::<dyn Worker>("worker")
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("no plugin to call"),
        "{error}"
    );
    // A reload tries once more.
    let error = supervisor.reload().await.unwrap_err();
    assert_eq!(error.to_string(), "the plugin was not reloaded");
    assert_eq!(starts.load(Ordering::Relaxed), 7);
    assert!(matches!(supervisor.state(), State::Failed { .. }));
    supervisor.shutdown().await;
    assert!(matches!(supervisor.state(), State::Stopped { .. }));
    drop((supervisor, events));
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn delays_are_shorter_by_chance() {
    let second = Duration::from_secs(1);
    let policy = RestartPolicy::default()
        .delays(second, second)
        .jitter(0.5)
        .seed(1)
        .limit(50, Duration::MAX);
    let (supervisor, _) = broken(policy);
    let mut events = supervisor.events();
    let mut delays = Vec::new();
    while delays.len() < 50 {
        let delay = |kind| match kind {
            EventKind::BackingOff { delay, .. } => Some(delay),
            _ => None,
        };
        delays.push(next(&mut events, delay).await);
    }
    let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!(*least >= second / 2 && *most <= second, "{delays:?}");
    assert!(*most - *least > second / 4, "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_is_not_waited_for_without_end() {
    let hour = Duration::from_secs(3600);
    let (supervisor, _) = broken(RestartPolicy::default().delays(hour, hour).jitter(0.0));
    let begin = Instant::now();
    let error = supervisor
        .dispense::<dyn Worker>("worker")
        .await
        .unwrap_err();
    assert_eq!(begin.elapsed(), Duration::from_secs(60));
    let plugwire::connection::DispenseError::Call(error) = error else {
        panic!("{error:?}");
    };
    assert!(error.is_down() && error.is_timeout(), "{error:?}");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the plugin was not started");
    // Neither is the end of one that is not there.
    drop(supervisor);
    no_task_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_never_starts_once() {
    let (supervisor, starts) = broken(RestartPolicy::new(Restart::Never));
    let cause = supervisor.ready().await.unwrap_err();
    assert!(matches!(cause, Cause::NotStarted(_)), "{cause:?}");
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(starts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_exit_by_itself_is_no_failure() {
    let place = Place::new();
    let config = place
        .config()
        .restart(RestartPolicy::new(Restart::OnFailure));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    worker.exit(0).await.unwrap_err();
    let stopped = state(&supervisor, |state| matches!(state, State::Stopped { .. })).await;
    assert!(
        stopped
            .cause()
            .unwrap()
            .crash()
            .unwrap()
            .status
            .unwrap()
            .success()
    );
    let error = worker.pid().await.unwrap_err();
    let plugwire::Error::Call(CallError::Down { waited, source, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(waited, None);
    assert!(source.unwrap().to_string().contains("exit status: 0"));
    // It can be started by hand.
    within(supervisor.reload()).await.unwrap();
    worker.pid().await.unwrap();
    supervisor.shutdown().await;
    assert!(place.sockets().is_empty());
}

#[tokio::test]
async fn calls_wait_for_a_plugin_that_is_down_or_fail_by_choice() {
    for (when_down, waits) in [(WhenDown::Wait, true), (WhenDown::Fail, false)] {
        let place = Place::new();
        let hour = Duration::from_secs(3600);
        let policy = RestartPolicy::default().delays(hour, hour);
        let config = place.config().restart(policy).when_down(when_down);
        let supervisor = Supervisor::start(config).unwrap();
        let worker = worker(&supervisor).await;
        kill(worker.pid().await.unwrap());
        state(&supervisor, |state| {
            matches!(state, State::BackingOff { .. })
        })
        .await;
        let short = worker.with_timeout(Duration::from_millis(50));
        let error = short.pid().await.unwrap_err();
        assert_eq!(error.is_timeout(), waits, "{error:?}");
        let plugwire::Error::Call(CallError::Down { waited, source, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(waited.is_some(), waits);
        assert!(source.unwrap().to_string().contains("signal: 9"));
        // One with time gets its answer as soon as there is a plugin.
        if waits {
            let call = tokio::spawn(async move { worker.pid().await });
            within(supervisor.reload()).await.unwrap();
            within(call).await.unwrap().unwrap();
        }
        supervisor.shutdown().await;
    }
}
