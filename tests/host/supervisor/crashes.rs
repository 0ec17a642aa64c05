//! Plugins that are killed under their callers.

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use plugwire::rpc::CallError;
use support::process::exists;
use tokio::task::JoinSet;

use super::*;

/// How often the plugin is killed.
const ROUNDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_under_a_sigkill_answers_or_says_why() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let mut events = supervisor.events();
    let done = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicU32::new(0));
    let pids = Arc::new(Mutex::new(HashSet::new()));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (worker, done) = (worker.clone(), Arc::clone(&done));
        let (answers, pids) = (Arc::clone(&answers), Arc::clone(&pids));
        callers.spawn(async move {
            let mut lost = 0;
            while !done.load(Ordering::Relaxed) {
                match worker.work(1).await {
                    Ok(pid) => {
                        answers.fetch_add(1, Ordering::Relaxed);
                        pids.lock().unwrap().insert(pid);
                    }
                    Err(error) => {
                        let crash = error.crash().unwrap_or_else(|| panic!("{error:?}"));
                        assert_eq!(crash.status.unwrap().signal(), Some(9), "{error:?}");
                        lost += 1;
                    }
                }
            }
            lost
        });
    }
    let mut recoveries = Vec::new();
    for round in 0..ROUNDS {
        let State::Ready { pid: Some(pid) } = supervisor.state() else {
            panic!("{:?}", supervisor.state());
        };
        let answered = answers.load(Ordering::Relaxed);
        let some = || answers.load(Ordering::Relaxed) > answered + 100;
        until("answers", some).await;
        let begin = Instant::now();
        kill(pid);
        let next = next_ready(&mut events).await;
        recoveries.push(begin.elapsed());
        assert_ne!(next, pid, "round {round}");
    }
    done.store(true, Ordering::Relaxed);
    let lost: usize = within(callers.join_all()).await.into_iter().sum();
    assert!(lost >= ROUNDS, "{lost}");
    recoveries.sort();
    println!(
        "recovery: median {:?}, worst {:?}; calls lost: {lost}",
        recoveries[ROUNDS / 2],
        recoveries[ROUNDS - 1]
    );
    within(supervisor.shutdown()).await;
    for pid in pids.lock().unwrap().iter() {
        assert!(!exists(*pid), "process {pid}");
    }
    assert!(place.sockets().is_empty());
    let error = worker.pid().await.unwrap_err();
    assert!(
        matches!(error, plugwire::Error::Call(CallError::Down { .. })),
        "{error:?}"
    );
    drop((supervisor, worker, events));
    no_task_is_left().await;
}

#[tokio::test]
async fn only_an_idempotent_call_is_made_anew() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let first = worker.pid().await.unwrap();
    assert!(<dyn Worker>::READ.is_idempotent() && !<dyn Worker>::WORK.is_idempotent());
    let (reader, writer) = (worker.clone(), worker.clone());
    let read = tokio::spawn(async move { reader.read(500).await });
    let work = tokio::spawn(async move { writer.work(60_000).await });
    // Both are under way once a later call is answered.
    worker.pid().await.unwrap();
    kill(first);
    let answered = within(read).await.unwrap().unwrap();
    assert_ne!(answered, first, "by the next process");
    let error = within(work).await.unwrap().unwrap_err();
    assert!(error.is_crashed(), "{error:?}");
    supervisor.shutdown().await;
}

#[tokio::test]
async fn a_call_is_made_anew_only_so_often() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config().repeats(1)).unwrap();
    let worker = worker(&supervisor).await;
    let mut events = supervisor.events();
    let mut pid = worker.pid().await.unwrap();
    let reader = worker.clone();
    let read = tokio::spawn(async move { reader.read(60_000).await });
    for _ in 0..2 {
        // It is under way, on this process, once a later call is answered.
        assert_eq!(worker.read(10).await.unwrap(), pid);
        kill(pid);
        pid = next_ready(&mut events).await;
    }
    let error = within(read).await.unwrap().unwrap_err();
    assert!(error.is_crashed(), "{error:?}");
    supervisor.shutdown().await;
}

#[tokio::test]
async fn what_a_process_handed_out_ends_with_it() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let sub = worker.sub().await.unwrap();
    kill(sub.pid().await.unwrap());
    let error = within(sub.work(60_000)).await.unwrap_err();
    assert!(error.is_crashed(), "{error:?}");
    within(worker.sub()).await.unwrap().pid().await.unwrap();
    supervisor.shutdown().await;
}

#[tokio::test]
async fn a_dropped_supervisor_ends_its_plugin() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let pid = worker.pid().await.unwrap();
    drop(supervisor);
    until("the plugin is gone", || !exists(pid)).await;
    let error = worker.pid().await.unwrap_err();
    assert!(
        error.to_string().starts_with("no plugin to call"),
        "{error}"
    );
    drop(worker);
    no_task_is_left().await;
    assert!(place.sockets().is_empty());
}
