//! Plugins that are replaced under their callers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use plugwire::host::{LaunchError, ReloadError, StartError};
use support::process::exists;
use tokio::task::JoinSet;

use super::*;

/// How often the plugin is replaced.
const RELOADS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_through_20_reloads() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (worker, done) = (worker.clone(), Arc::clone(&done));
        callers.spawn(async move {
            let mut calls = 0;
            let mut pids = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let millis = u64::try_from(caller % 4).unwrap();
                let pid = worker.work(millis).await.unwrap();
                if pids.last() != Some(&pid) {
                    pids.push(pid);
                }
                calls += 1;
            }
            (calls, pids)
        });
    }
    for _ in 0..RELOADS {
        within(supervisor.reload()).await.unwrap();
    }
    let last = worker.pid().await.unwrap();
    done.store(true, Ordering::Relaxed);
    let (mut calls, mut seen) = (0, Vec::new());
    for (made, pids) in within(callers.join_all()).await {
        calls += made;
        seen.extend(pids);
    }
    seen.sort_unstable();
    seen.dedup();
    println!("{calls} calls, {} processes", seen.len());
    assert!(calls > CALLERS && seen.contains(&last));
    within(supervisor.shutdown()).await;
    assert!(seen.into_iter().all(|pid| !exists(pid)));
    assert!(place.sockets().is_empty());
    drop((supervisor, worker));
    no_task_is_left().await;
}

/// Notes the numbers.
#[derive(Default)]
struct Noted(Mutex<Vec<u32>>);

#[plugwire::interface]
impl Counter for Noted {
    async fn next(&self, number: u32) -> plugwire::Result<()> {
        self.0.lock().unwrap().push(number);
        Ok(())
    }
}

#[tokio::test]
async fn streams_and_callbacks_end_on_the_process_they_began_on() {
    const TO: u32 = 50;
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let old = worker.pid().await.unwrap();
    let mut events = supervisor.events();

    let stream = worker.count(TO, 10).await.unwrap();
    let (during, later) = (Arc::new(Noted::default()), Arc::new(Noted::default()));
    worker.count_later(later.clone(), TO, 10).await.unwrap();
    let (caller, counter) = (worker.clone(), during.clone());
    let counting = tokio::spawn(async move { caller.count_to(counter, TO, 10).await });
    until("the callbacks are under way", || {
        [&during, &later]
            .iter()
            .all(|noted| !noted.0.lock().unwrap().is_empty())
    })
    .await;
    let (caller, long) = (worker.clone(), worker.clone());
    let reading = tokio::spawn(async move { caller.work(500).await });
    let sub = long.sub().await.unwrap();
    worker.pid().await.unwrap();

    within(supervisor.reload()).await.unwrap();
    let new = worker.pid().await.unwrap();
    assert_ne!(new, old);
    drop(sub);

    let numbers: Vec<u32> = within(stream.map(Result::unwrap).collect()).await;
    let all: Vec<u32> = (1..=TO).collect();
    assert_eq!(numbers, all);
    assert_eq!(within(counting).await.unwrap().unwrap(), old);
    assert_eq!(within(reading).await.unwrap().unwrap(), old);
    let drained = |kind| match kind {
        EventKind::Drained { pid, finished } => Some((pid, finished)),
        _ => None,
    };
    assert_eq!(next(&mut events, drained).await, (Some(old), true));
    assert_eq!(*during.0.lock().unwrap(), all);
    assert_eq!(*later.0.lock().unwrap(), all);
    assert!(!exists(old));
    assert_eq!(worker.pid().await.unwrap(), new);
    supervisor.shutdown().await;
}

#[tokio::test]
async fn a_process_that_does_not_finish_is_ended_in_time() {
    let place = Place::new();
    let config = place.config().drain_timeout(Duration::from_millis(50));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    let old = worker.pid().await.unwrap();
    let mut events = supervisor.events();
    let caller = worker.clone();
    let call = tokio::spawn(async move { caller.work(600_000).await });
    worker.pid().await.unwrap();
    within(supervisor.reload()).await.unwrap();
    let drained = |kind| match kind {
        EventKind::Drained { pid, finished } => Some((pid, finished)),
        _ => None,
    };
    assert_eq!(next(&mut events, drained).await, (Some(old), false));
    let error = within(call).await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    supervisor.shutdown().await;
}

#[tokio::test]
async fn another_configuration_is_kept() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    assert_eq!(worker.edition().await.unwrap(), "first");
    within(supervisor.reload_with(place.client("second")))
        .await
        .unwrap();
    assert_eq!(worker.edition().await.unwrap(), "second");
    let mut events = supervisor.events();
    kill(worker.pid().await.unwrap());
    next_ready(&mut events).await;
    assert_eq!(within(worker.edition()).await.unwrap(), "second");
    supervisor.shutdown().await;
}

#[tokio::test]
async fn a_new_process_that_does_not_come_leaves_the_old_one() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let pid = worker.pid().await.unwrap();
    let mut events = supervisor.events();

    let no_plugin = place.0.path().join("no-plugin");
    std::fs::write(&no_plugin, "this is no program").unwrap();
    let configs = [
        ClientConfig::new(HANDSHAKE, Command::new(&no_plugin)),
        ClientConfig::new(HANDSHAKE, Command::new("/no/such/file")),
        ClientConfig::new(HANDSHAKE, Command::new("true")),
        place.client("first").versions([7]),
        place.client("without a worker"),
    ];
    for (index, config) in configs.into_iter().enumerate() {
        let error = within(supervisor.reload_with(config)).await.unwrap_err();
        let ReloadError::Start(error) = error else {
            panic!("{error:?}");
        };
        let expected = match (index, &*error) {
            (0 | 1, StartError::Launch(LaunchError::Start { .. }))
            | (2, StartError::Launch(LaunchError::Exited { .. }))
            | (3, StartError::Launch(LaunchError::Handshake { .. })) => true,
            (4, StartError::Dispense { name, .. }) => name == "worker",
            _ => false,
        };
        assert!(expected, "{index}: {error:?}");
        let told = |kind| match kind {
            EventKind::NotReloaded(error) => Some(error),
            _ => None,
        };
        assert!(Arc::ptr_eq(&next(&mut events, told).await, &error));
        assert_eq!(
            worker.pid().await.unwrap(),
            pid,
            "the old one is in service"
        );
    }
    std::fs::remove_file(no_plugin).unwrap();
    // It is the configuration that was good which is started again.
    kill(pid);
    next_ready(&mut events).await;
    assert_eq!(within(worker.edition()).await.unwrap(), "first");
    supervisor.shutdown().await;
    assert!(place.sockets().is_empty());
}

#[tokio::test]
async fn an_old_process_may_crash_while_the_new_one_starts() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    for _ in 0..3 {
        let pid = worker.pid().await.unwrap();
        let (reloaded, ()) = tokio::join!(supervisor.reload(), async { kill(pid) });
        reloaded.unwrap();
        assert_ne!(within(worker.pid()).await.unwrap(), pid);
    }
    supervisor.shutdown().await;
}

/// An executable that can be replaced.
struct Script(TempDir);

/// Becomes the plugin that its arguments name.
const GOOD: &str = r#"exec "$@""#;

impl Script {
    fn new() -> Self {
        Script(TempDir::new().unwrap())
    }

    /// Puts a script into the place of the one before, at once.
    fn install(&self, body: &str) {
        use std::os::unix::fs::PermissionsExt;
        let new = self.0.path().join("new");
        std::fs::write(&new, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::rename(new, self.0.path().join("plugin")).unwrap();
    }

    fn client(&self, place: &Place) -> ClientConfig {
        let mut command = Command::new(self.0.path().join("plugin"));
        let plain = place.command("first");
        command.arg(plain.get_program()).args(plain.get_args());
        for (key, value) in plain.get_envs() {
            command.env(key, value.unwrap());
        }
        ClientConfig::new(HANDSHAKE, command)
    }
}

#[tokio::test]
async fn a_changed_executable_is_loaded() {
    let place = Place::new();
    let script = Script::new();
    script.install(GOOD);
    let config = SupervisorConfig::new(script.client(&place)).restart(quick());
    let config = config.reload_on_change(Duration::from_millis(20));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    let mut events = supervisor.events();
    assert_eq!(worker.edition().await.unwrap(), "first");
    script.install("export PLUGWIRE_SUPERVISOR_EDITION=second; exec \"$@\"");
    next_ready(&mut events).await;
    assert_eq!(worker.edition().await.unwrap(), "second");
    // One that does not start is not put into service.
    script.install("exit 3");
    let told = |kind| match kind {
        EventKind::NotReloaded(error) => Some(error),
        _ => None,
    };
    let error = next(&mut events, told).await;
    assert!(matches!(*error, StartError::Launch(_)), "{error:?}");
    assert_eq!(worker.edition().await.unwrap(), "second");
    supervisor.shutdown().await;
    drop((supervisor, worker, events));
    no_task_is_left().await;
}

#[tokio::test]
async fn an_executable_may_be_replaced_while_it_starts() {
    let place = Place::new();
    let script = Script::new();
    script.install(GOOD);
    let client = script.client(&place);
    let supervisor = Supervisor::start(SupervisorConfig::new(client).restart(quick())).unwrap();
    let worker = worker(&supervisor).await;
    let done = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&done);
    let replacing = tokio::task::spawn_blocking(move || {
        while !ended.load(Ordering::Relaxed) {
            script.install("exit 3");
            script.install(GOOD);
        }
        script
    });
    let (mut good, mut bad) = (0, 0);
    for _ in 0..10 {
        match within(supervisor.reload()).await {
            Ok(()) => good += 1,
            Err(ReloadError::Start(_)) => bad += 1,
            Err(error) => panic!("{error:?}"),
        }
        within(worker.pid()).await.unwrap();
    }
    println!("{good} good, {bad} bad");
    done.store(true, Ordering::Relaxed);
    let _script = replacing.await.unwrap();
    // A process that another test is starting may still hold the file open, to be written to.
    let reloaded = async {
        while let Err(error) = supervisor.reload().await {
            println!("not yet: {error:?}");
        }
    };
    within(reloaded).await;
    worker.pid().await.unwrap();
    supervisor.shutdown().await;
    assert!(place.sockets().is_empty());
}
