//! Plugins that are kept running.

use std::time::Duration;

use plugwire::host::{EventKind, RestartPolicy, State, Supervisor, SupervisorConfig};
use plugwire::{Remote, Result};
use plugwire_interop::KIT;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;

use crate::peer::Peer;
use support::process::exists;
use support::{DEADLINE, until, within};

/// What the tests call of the kit.
#[plugwire::interface]
trait Kit {
    #[plugwire(idempotent)]
    async fn greet(&self) -> Result<String>;
    async fn exit(&self, code: i64) -> Result<i64>;
}

async fn supervised(config: SupervisorConfig) -> (Supervisor, Remote<dyn Kit>) {
    let delays = (Duration::from_millis(10), Duration::from_millis(50));
    let policy = RestartPolicy::default().delays(delays.0, delays.1);
    let supervisor = Supervisor::start(config.restart(policy)).unwrap();
    let kit = within(supervisor.dispense::<dyn Kit>(KIT)).await.unwrap();
    (supervisor, kit.with_timeout(DEADLINE))
}

fn pid(supervisor: &Supervisor) -> u32 {
    match supervisor.state() {
        State::Ready { pid } => pid.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn another_than(supervisor: &Supervisor, old: u32) -> u32 {
    let is_new = |state: &State| matches!(state, State::Ready { pid } if *pid != Some(old));
    within(supervisor.watch().until(is_new)).await.unwrap();
    pid(supervisor)
}

/// It exits, it is killed, and it is replaced while 16 callers are at work: one handle for all.
pub async fn a_supervised_plugin_is_started_again_and_replaced(peer: Peer) {
    let (supervisor, kit) = supervised(SupervisorConfig::new(peer.config())).await;
    assert_eq!(kit.greet().await.unwrap(), peer.greeting());
    let first = pid(&supervisor);
    let error = within(kit.exit(3)).await.unwrap_err();
    assert!(
        error
            .crash()
            .unwrap()
            .to_string()
            .contains("exit status: 3")
    );
    let second = another_than(&supervisor, first).await;
    assert_eq!(within(kit.greet()).await.unwrap(), peer.greeting());
    let raw = Pid::from_raw(i32::try_from(second).unwrap()).unwrap();
    kill_process(raw, Signal::KILL).unwrap();
    let third = another_than(&supervisor, second).await;

    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let kit = kit.clone();
        callers.spawn(async move {
            for _ in 0..200 {
                assert_eq!(kit.greet().await.unwrap(), peer.greeting());
            }
        });
    }
    let mut events = supervisor.events();
    for _ in 0..5 {
        within(supervisor.reload()).await.unwrap();
    }
    within(callers.join_all()).await;
    let mut drained = 0;
    while drained < 5 {
        let event = within(events.next()).await.unwrap();
        if let EventKind::Drained { finished, .. } = event.kind {
            assert!(finished, "{event:?}");
            drained += 1;
        }
    }
    let last = pid(&supervisor);
    within(supervisor.shutdown()).await;
    assert!(
        [first, second, third, last]
            .into_iter()
            .all(|pid| !exists(pid))
    );
}

pub async fn an_idle_supervised_plugin_is_stopped_and_started(peer: Peer) {
    let config = SupervisorConfig::new(peer.config()).idle_timeout(Duration::from_millis(20));
    let (supervisor, kit) = supervised(config).await;
    for _ in 0..3 {
        assert_eq!(within(kit.greet()).await.unwrap(), peer.greeting());
        let is_idle = || matches!(supervisor.state(), State::Idle);
        until("the plugin is idle", is_idle).await;
    }
    within(supervisor.shutdown()).await;
}
