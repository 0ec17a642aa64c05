//! Supervisors and handles that cannot be.

use std::io;

use plugwire::connection::DispenseError;
use plugwire::host::{
    BoxFuture, Launch, LaunchEnvironment, PluginCommand, ReloadError, Runner, SecureConfig, Started,
};
use plugwire::rpc::CallError;

use super::*;

struct OneOff;

impl Runner for OneOff {
    fn name(&self) -> String {
        "one-off".to_owned()
    }

    fn start(&mut self, _: LaunchEnvironment) -> BoxFuture<'_, io::Result<Started>> {
        Box::pin(std::future::ready(Err(io::Error::other("no"))))
    }
}

#[tokio::test]
async fn what_can_be_launched_once_is_refused_before_it_is() {
    let once = || ClientConfig::new(HANDSHAKE, Launch::runner(OneOff));
    let error = Supervisor::start(SupervisorConfig::new(once())).unwrap_err();
    assert_eq!(error.option, "Launch::runner");
    assert!(error.to_string().contains("one-off"), "{error}");
    assert!(error.to_string().contains("Launch::each_time"), "{error}");

    let detached = PluginCommand::from(Command::new("x")).detached(std::process::Stdio::null());
    let config = ClientConfig::new(HANDSHAKE, detached);
    assert!(Supervisor::start(SupervisorConfig::new(config)).is_ok());
    let secure = SecureConfig::sha256([0; 32]).command("x", |_| {});
    let config = ClientConfig::new(HANDSHAKE, secure.detached(std::process::Stdio::null()));
    let error = Supervisor::start(SupervisorConfig::new(config)).unwrap_err();
    assert_eq!(error.option, "detached");

    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let error = supervisor.reload_with(once()).await.unwrap_err();
    assert!(matches!(error, ReloadError::Option(_)), "{error:?}");
    supervisor.shutdown().await;
    let error = supervisor.reload().await.unwrap_err();
    assert!(matches!(error, ReloadError::Shutdown), "{error:?}");
}

#[tokio::test]
async fn a_name_that_is_not_served_harms_no_other() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let error = within(supervisor.dispense::<dyn Worker>("absent"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "unknown plugin type: absent");
    let worker = worker(&supervisor).await;
    let mut events = supervisor.events();
    kill(worker.pid().await.unwrap());
    next_ready(&mut events).await;
    within(worker.pid()).await.unwrap();
    supervisor.shutdown().await;
    let error = supervisor
        .dispense::<dyn Worker>("worker")
        .await
        .unwrap_err();
    assert!(
        matches!(error, DispenseError::Call(CallError::Down { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_handle_that_is_dropped_is_dispensed_no_more() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    drop(worker(&supervisor).await);
    // The next process does not have it, and need not.
    within(supervisor.reload_with(place.client("without a worker")))
        .await
        .unwrap();
    within(supervisor.dispense::<dyn Other>("other"))
        .await
        .unwrap();
    supervisor.shutdown().await;
}
