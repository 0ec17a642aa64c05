//! Plugins that run and are not well.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use plugwire::host::{Cause, Health, HealthError, StartError};
use support::process::exists;

use super::*;

fn failed(kind: EventKind) -> Option<Arc<HealthError>> {
    match kind {
        EventKind::HealthFailed(error) => Some(error),
        _ => None,
    }
}

/// A check that fails while the plugin is sick.
async fn assert_replaced(health: Health, sick: Arc<AtomicBool>, is: fn(&HealthError) -> bool) {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config().health(health)).unwrap();
    let worker = worker(&supervisor).await;
    let pid = worker.pid().await.unwrap();
    let mut events = supervisor.events();
    sick.store(true, Ordering::Relaxed);
    let error = next(&mut events, failed).await;
    assert!(is(&error), "{error:?}");
    let down = |kind| match kind {
        EventKind::Down { cause, .. } => Some(cause),
        _ => None,
    };
    let cause = next(&mut events, down).await;
    assert!(matches!(&cause, Cause::Unhealthy(source) if Arc::ptr_eq(source, &error)));
    // It has to be well before it is in service.
    let not_started = next(&mut events, down).await;
    let Cause::NotStarted(error) = not_started else {
        panic!("{not_started:?}");
    };
    assert!(
        matches!(&*error, StartError::Unhealthy(error) if is(error)),
        "{error:?}"
    );
    sick.store(false, Ordering::Relaxed);
    next_ready(&mut events).await;
    assert_ne!(within(worker.pid()).await.unwrap(), pid);
    within(supervisor.shutdown()).await;
    assert!(!exists(pid));
}

#[tokio::test]
async fn a_plugin_that_fails_a_check_is_replaced() {
    let sick = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&sick);
    let health = Health::every(Duration::from_millis(5)).check(move |client| {
        let sick = told.load(Ordering::Relaxed);
        async move {
            client
                .dispense_client("worker")
                .await
                .map_err(io::Error::other)?;
            match sick {
                true => Err(io::Error::other("feverish")),
                false => Ok(()),
            }
        }
    });
    let is = |error: &HealthError| match error {
        HealthError::Check(error) => error.to_string() == "feverish",
        _ => false,
    };
    assert_replaced(health, sick, is).await;
}

#[tokio::test]
async fn a_check_that_hangs_is_a_failure() {
    let sick = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&sick);
    let health = Health::every(Duration::from_millis(5)).check(move |_| {
        let sick = told.load(Ordering::Relaxed);
        async move {
            if sick {
                std::future::pending::<()>().await;
            }
            Ok::<(), io::Error>(())
        }
    });
    let health = health.deadline(Duration::from_millis(500));
    let is = |error: &HealthError| matches!(error, HealthError::Timeout { .. });
    assert_replaced(health, sick, is).await;
}

#[tokio::test]
async fn a_check_that_panics_is_a_failure() {
    let sick = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&sick);
    let health = Health::every(Duration::from_millis(5)).check(move |_| {
        assert!(!told.load(Ordering::Relaxed), "the check itself is sick");
        async { Ok::<(), io::Error>(()) }
    });
    let is = |error: &HealthError| matches!(error, HealthError::Panicked);
    assert_replaced(health, sick, is).await;
}

#[tokio::test]
async fn a_plugin_that_does_not_answer_is_replaced() {
    let place = Place::new();
    let health = Health::every(Duration::from_millis(5)).deadline(Duration::from_secs(5));
    let supervisor = Supervisor::start(place.config().health(health)).unwrap();
    let worker = worker(&supervisor).await;
    let pid = worker.pid().await.unwrap();
    let mut events = supervisor.events();
    let stopped = support::process::raw(pid);
    rustix::process::kill_process(stopped, rustix::process::Signal::STOP).unwrap();
    let error = next(&mut events, failed).await;
    assert!(matches!(&*error, HealthError::Timeout { .. }), "{error:?}");
    let next = next_ready(&mut events).await;
    assert_eq!(within(worker.pid()).await.unwrap(), next);
    until("the stopped one is gone", || !exists(pid)).await;
    within(supervisor.shutdown()).await;
}
