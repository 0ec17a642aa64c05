//! Several processes behind one handle.

use std::collections::HashSet;

use super::*;

async fn pids(worker: &Remote<dyn Worker>, calls: usize) -> HashSet<u32> {
    let calls = (0..calls).map(|_| worker.work(20));
    let pids = within(futures::future::try_join_all(calls)).await.unwrap();
    pids.into_iter().collect()
}

async fn all_ready(supervisor: &Supervisor) {
    let ready = || supervisor.states().iter().all(State::is_ready);
    until("all are in service", ready).await;
}

#[tokio::test]
async fn calls_go_to_the_process_with_the_fewest() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config().instances(3)).unwrap();
    let worker = worker(&supervisor).await;
    all_ready(&supervisor).await;
    // One that came into service a moment ago is asked to serve the name next.
    let serving = async { while pids(&worker, 3).await.len() < 3 {} };
    within(serving).await;
    let old = pids(&worker, 12).await;
    assert_eq!(old.len(), 3);

    // One after the other, a call each.
    let mut turns = HashSet::new();
    for _ in 0..3 {
        turns.insert(worker.pid().await.unwrap());
    }
    assert_eq!(turns, old);

    let mut events = supervisor.events();
    let killed = *old.iter().next().unwrap();
    kill(killed);
    let new = next_ready(&mut events).await;
    let with_new = async { while !pids(&worker, 3).await.contains(&new) {} };
    within(with_new).await;
    assert!(!pids(&worker, 12).await.contains(&killed));

    within(supervisor.reload()).await.unwrap();
    let reloaded = pids(&worker, 12).await;
    assert_eq!(reloaded.len(), 3);
    assert!(reloaded.is_disjoint(&old) && !reloaded.contains(&new));
    within(supervisor.shutdown()).await;
    assert!(place.sockets().is_empty());
    drop((supervisor, worker, events));
    no_task_is_left().await;
}

#[tokio::test]
async fn an_idle_pool_is_started_by_one_call() {
    let place = Place::new();
    let config = place
        .config()
        .instances(2)
        .idle_timeout(Duration::from_millis(20));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    for _ in 0..2 {
        within(worker.pid()).await.unwrap();
        let idle = || {
            supervisor
                .states()
                .iter()
                .all(|state| matches!(state, State::Idle))
        };
        until("all are idle", idle).await;
    }
    within(supervisor.shutdown()).await;
    assert!(place.sockets().is_empty());
}
