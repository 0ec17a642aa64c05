//! Plugins that survive their host. Both hosts are this process, one after the other, so that a
//! plugin goes on being its child; `tests/interop` has hosts in processes of their own.

use std::sync::Mutex;

use futures::StreamExt;
use plugwire::host::{
    Cause, Client, Health, LogRecord, ReattachConfig, ReattachError, SecureConfig, StartError,
    SupervisorState,
};
use plugwire::rpc::CallError;
use rustix::process::{Signal, kill_process};
use sha2::Digest;
use support::process::{exists, raw};
use tokio::task::JoinSet;

use super::*;

/// A host's view of the plugin's log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn of(&self, client: ClientConfig) -> ClientConfig {
        let lines = Arc::clone(&self.0);
        client.on_log(move |record: &LogRecord| lines.lock().unwrap().push(record.message.clone()))
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A place for sockets, and one for pipes.
struct Ground {
    place: Place,
    pipes: Place,
}

impl Ground {
    fn new() -> Self {
        let (place, pipes) = (Place::new(), Place::new());
        Self { place, pipes }
    }

    fn of(&self, client: ClientConfig) -> SupervisorConfig {
        SupervisorConfig::new(client)
            .restart(quick())
            .survives_host(self.pipes.0.path())
    }

    fn config(&self) -> SupervisorConfig {
        self.of(self.place.client("first"))
    }

    fn state(&self) -> PathBuf {
        self.place.0.path().join("state.json")
    }

    /// A host that starts a plugin and leaves it, by way of the file.
    async fn leave(&self, config: SupervisorConfig) -> (u32, SupervisorState) {
        let supervisor = Supervisor::start(config).unwrap();
        let pid = worker(&supervisor).await.pid().await.unwrap();
        within(supervisor.detach())
            .await
            .unwrap()
            .save(self.state())
            .unwrap();
        assert!(exists(pid));
        (pid, self.load())
    }

    fn load(&self) -> SupervisorState {
        let state = SupervisorState::load(self.state()).unwrap();
        std::fs::remove_file(self.state()).unwrap();
        state
    }

    /// Neither sockets nor pipes are left.
    async fn is_empty(&self) {
        until("no file is left", || {
            self.place.sockets().is_empty() && self.pipes.sockets().is_empty()
        })
        .await;
    }
}

async fn resumed(events: &mut Events) -> u32 {
    let resumed = |kind| match kind {
        EventKind::Resumed { pid } => pid,
        EventKind::NotResumed(error) => panic!("{error:?}"),
        _ => None,
    };
    next(events, resumed).await
}

async fn not_resumed(events: &mut Events) -> Arc<StartError> {
    let not_resumed = |kind| match kind {
        EventKind::NotResumed(error) => Some(error),
        EventKind::Resumed { pid } => panic!("{pid:?}"),
        _ => None,
    };
    next(events, not_resumed).await
}

/// Takes over what was left, by the next host.
async fn take_over(config: SupervisorConfig, state: SupervisorState) -> (Supervisor, u32) {
    let supervisor = Supervisor::start(config.resume(state)).unwrap();
    within(supervisor.ready()).await.unwrap();
    let State::Ready { pid } = supervisor.state() else {
        panic!("{:?}", supervisor.state());
    };
    (supervisor, pid.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_goes_on_through_ten_hosts_with_its_log_and_its_calls() {
    const LINES: u32 = 400;
    let ground = Ground::new();
    let log = Log::default();
    let config = || ground.of(log.of(ground.place.client("first")));
    let mut supervisor = Supervisor::start(config()).unwrap();
    let pid = worker(&supervisor).await.pid().await.unwrap();
    let first = worker(&supervisor).await;
    first.log_later(LINES, 2).await.unwrap();
    for host in 0..10 {
        let worker = worker(&supervisor).await;
        let mut calls = JoinSet::new();
        for call in 0..16 {
            let worker = worker.clone();
            calls.spawn(async move { worker.work(20 + call).await });
        }
        let items = worker.count(10, 3).await.unwrap();
        let items = tokio::spawn(items.map(Result::unwrap).collect::<Vec<u32>>());
        worker.log(format!("host {host}")).await.unwrap();
        // All are under way once this is answered.
        worker.pid().await.unwrap();
        let mut events = supervisor.events();
        let state = within(supervisor.detach()).await.unwrap();
        let finished = |kind| match kind {
            EventKind::Detached { finished, .. } => Some(finished),
            _ => None,
        };
        assert!(next(&mut events, finished).await, "host {host}");
        for answer in within(calls.join_all()).await {
            assert_eq!(answer.unwrap(), pid, "host {host}");
        }
        assert_eq!(within(items).await.unwrap().len(), 10);
        let error = worker.pid().await.unwrap_err();
        assert!(
            matches!(error, plugwire::Error::Call(CallError::Down { .. })),
            "{error:?}"
        );
        state.save(ground.state()).unwrap();
        let (next, taken_over) = take_over(config(), ground.load()).await;
        assert_eq!(taken_over, pid);
        supervisor = next;
    }
    let is_whole = || {
        log.lines()
            .last()
            .is_some_and(|line| *line == format!("line {}", LINES - 1))
    };
    until("the last line is logged", is_whole).await;
    let lines = log.lines();
    let numbered: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("line"))
        .collect();
    let all: Vec<_> = (0..LINES).map(|line| format!("line {line}")).collect();
    assert!(numbered.into_iter().eq(&all), "{lines:?}");
    let hosts: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("host"))
        .collect();
    let all: Vec<_> = (0..10).map(|host| format!("host {host}")).collect();
    assert!(hosts.into_iter().eq(&all), "{lines:?}");
    within(supervisor.shutdown()).await;
    until("it has ended", || !exists(pid)).await;
    ground.is_empty().await;
    drop((supervisor, first));
    no_task_is_left().await;
}

#[tokio::test]
async fn one_that_was_taken_over_is_supervised_as_before() {
    let ground = Ground::new();
    let log = Log::default();
    let (pid, state) = ground.leave(ground.config()).await;
    let client = log.of(ground.place.client("first"));
    let health = Health::every(Duration::from_millis(5));
    let config = ground.of(client).health(health);
    let (supervisor, taken_over) = take_over(config, state).await;
    assert_eq!(taken_over, pid);
    let worker = worker(&supervisor).await;
    let mut events = supervisor.events();

    // A crash, with what it last logged.
    worker.log("last words".to_owned()).await.unwrap();
    until("it is logged", || log.lines() == ["last words"]).await;
    kill(pid);
    let down = |kind| match kind {
        EventKind::Down { cause, .. } => Some(cause),
        _ => None,
    };
    let cause = next(&mut events, down).await;
    let crash = cause.crash().unwrap_or_else(|| panic!("{cause:?}"));
    assert_eq!((crash.pid, &*crash.stderr), (Some(pid), "last words"));
    let second = next_ready(&mut events).await;
    assert_eq!(within(worker.pid()).await.unwrap(), second);

    // Left again, and reloaded by the next host.
    let state = within(supervisor.detach()).await.unwrap();
    let (supervisor, taken_over) = take_over(ground.config(), state).await;
    assert_eq!(taken_over, second);
    let worker = super::worker(&supervisor).await;
    within(supervisor.reload()).await.unwrap();
    let third = worker.pid().await.unwrap();
    assert_ne!(third, second);
    until("the old one has ended", || !exists(second)).await;

    // And stopped when it is idle.
    let state = within(supervisor.detach()).await.unwrap();
    let config = ground.config().idle_timeout(Duration::from_millis(20));
    let supervisor = Supervisor::start(config.resume(state)).unwrap();
    let is_idle = |state: &State| matches!(state, State::Idle);
    super::state(&supervisor, is_idle).await;
    until("the idle one has ended", || !exists(third)).await;
    let worker = super::worker(&supervisor).await;
    assert_ne!(worker.pid().await.unwrap(), third);
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

#[tokio::test]
async fn what_has_ended_meanwhile_is_started_anew_and_a_stranger_is_left_alone() {
    let ground = Ground::new();
    let (pid, state) = ground.leave(ground.config()).await;
    kill(pid);
    until("it has ended", || !exists(pid)).await;
    // Its number belongs to another process by now.
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let json = serde_json::to_string(&state).unwrap();
    let number = format!("\"Pid\":{}", stranger.id());
    let json = json.replace(&format!("\"Pid\":{pid}"), &number);
    assert!(json.contains(&number), "{json}");
    let state = serde_json::from_str(&json).unwrap();

    let supervisor = Supervisor::start(ground.config().resume(state)).unwrap();
    let mut events = supervisor.events();
    let error = not_resumed(&mut events).await;
    let StartError::Reattach(ReattachError::ProcessNotFound { .. }) = &*error else {
        panic!("{error:?}");
    };
    let new = next_ready(&mut events).await;
    assert_eq!(worker(&supervisor).await.pid().await.unwrap(), new);
    assert!(exists(stranger.id()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

/// The plugin listens where it was, and the state names another process as its own.
#[tokio::test]
async fn a_process_with_another_start_is_not_taken_over() {
    let ground = Ground::new();
    let (pid, state) = ground.leave(ground.config()).await;
    let json = serde_json::to_string(&state).unwrap();
    let (before, ticks) = json.split_once("\"ticks\":").unwrap();
    let json = format!("{before}\"ticks\":1{ticks}");
    let forged = serde_json::from_str(&json).unwrap();
    let supervisor = Supervisor::start(ground.config().resume(forged)).unwrap();
    let error = not_resumed(&mut supervisor.events()).await;
    let StartError::Reattach(ReattachError::ProcessNotFound { .. }) = &*error else {
        panic!("{error:?}");
    };
    within(supervisor.ready()).await.unwrap();
    assert!(exists(pid), "it is not certain that it is the plugin's");
    kill(pid);
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

#[tokio::test]
async fn one_of_another_version_is_replaced() {
    let ground = Ground::new();
    let (pid, state) = ground.leave(ground.config()).await;
    let config = ground.of(ground.place.client("first").versions([1, 3]));
    let (supervisor, taken_over) = take_over(config, state).await;
    assert_eq!(taken_over, pid);
    let state = within(supervisor.detach()).await.unwrap();

    let config = ground.of(ground.place.client("first").versions([2, 3]));
    let supervisor = Supervisor::start(config.resume(state)).unwrap();
    let error = not_resumed(&mut supervisor.events()).await;
    let StartError::Reattach(ReattachError::IncompatibleVersion { plugin, host, .. }) = &*error
    else {
        panic!("{error:?}");
    };
    assert_eq!((*plugin, &host[..]), (1, &[2, 3][..]));
    until("it has ended", || !exists(pid)).await;
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

/// A plugin that does not answer the next host is replaced, and one that fails its check.
#[tokio::test]
async fn one_that_is_not_fit_is_replaced() {
    let ground = Ground::new();
    let (pid, state) = ground.leave(ground.config()).await;
    kill_process(raw(pid), Signal::STOP).unwrap();
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.contains(") T ")
    };
    until("it has stopped", is_stopped).await;
    let client = ground.place.client("first");
    let client = client.dial_timeout(Duration::from_millis(300));
    let client = client.kill_grace(Duration::from_millis(50));
    let supervisor = Supervisor::start(ground.of(client).resume(state)).unwrap();
    let mut events = supervisor.events();
    let error = not_resumed(&mut events).await;
    let StartError::Reattach(ReattachError::Timeout { .. }) = &*error else {
        panic!("{error:?}");
    };
    assert!(!exists(pid));
    let second = next_ready(&mut events).await;

    let state = within(supervisor.detach()).await.unwrap();
    let health = Health::every(Duration::from_secs(600)).check(move |client| async move {
        match client.pid() == Some(second) {
            true => Err("it is out of date"),
            false => Ok(()),
        }
    });
    let supervisor = Supervisor::start(ground.config().health(health).resume(state)).unwrap();
    let mut events = supervisor.events();
    let error = not_resumed(&mut events).await;
    assert!(matches!(&*error, StartError::Unhealthy(_)), "{error:?}");
    until("the second has ended", || !exists(second)).await;
    within(supervisor.ready()).await.unwrap();
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

#[tokio::test]
async fn a_pool_may_shrink_and_grow() {
    let ground = Ground::new();
    let supervisor = Supervisor::start(ground.config().instances(3)).unwrap();
    let ready = || supervisor.states().iter().all(State::is_ready);
    until("all are in service", ready).await;
    let pids = |state: &SupervisorState| -> Vec<u32> {
        state
            .reattach_configs()
            .map(|config| config.pid.unwrap())
            .collect()
    };
    let snapshot = supervisor.saved_state();
    let state = within(supervisor.detach()).await.unwrap();
    let three = pids(&state);
    assert_eq!((three.len(), pids(&snapshot)), (3, three.clone()));

    let supervisor = Supervisor::start(ground.config().resume(state)).unwrap();
    assert_eq!(resumed(&mut supervisor.events()).await, three[0]);
    until("two have ended", || !exists(three[1]) && !exists(three[2])).await;

    let state = within(supervisor.detach()).await.unwrap();
    let supervisor = Supervisor::start(ground.config().instances(2).resume(state)).unwrap();
    let ready = || supervisor.states().iter().all(State::is_ready);
    until("both are in service", ready).await;
    let two = pids(&supervisor.saved_state());
    assert!(
        two.len() == 2 && two[0] == three[0] && !three.contains(&two[1]),
        "{two:?}"
    );
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

#[tokio::test]
async fn what_takes_longer_than_it_may_is_cut_off_and_the_plugin_lives() {
    let ground = Ground::new();
    let config = ground.config().drain_timeout(Duration::from_millis(50));
    let supervisor = Supervisor::start(config).unwrap();
    let worker = worker(&supervisor).await;
    let pid = worker.pid().await.unwrap();
    let caller = worker.clone();
    let call = tokio::spawn(async move { caller.work(600_000).await });
    worker.pid().await.unwrap();
    let mut events = supervisor.events();
    let state = within(supervisor.detach()).await.unwrap();
    let finished = |kind| match kind {
        EventKind::Detached { finished, .. } => Some(finished),
        _ => None,
    };
    assert!(!next(&mut events, finished).await);
    let error = within(call).await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    let State::Stopped {
        cause: Cause::Detached,
    } = supervisor.state()
    else {
        panic!("{:?}", supervisor.state());
    };
    let (supervisor, taken_over) = take_over(ground.config(), state).await;
    assert_eq!(taken_over, pid);
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

#[tokio::test]
async fn a_plugin_that_does_not_survive_is_not_left() {
    let place = Place::new();
    let supervisor = Supervisor::start(place.config()).unwrap();
    let worker = worker(&supervisor).await;
    let error = supervisor.detach().await.unwrap_err();
    assert_eq!(error.option, "survives_host");
    assert!(supervisor.saved_state().is_empty());
    worker.pid().await.unwrap();
    within(supervisor.shutdown()).await;
}

/// With a full pipe and no host the plugin waits when it logs, and goes on with the next host.
#[tokio::test]
async fn a_log_that_no_host_reads_has_a_bound() {
    const LINES: u32 = 20_000;
    let ground = Ground::new();
    let supervisor = Supervisor::start(ground.config()).unwrap();
    let worker = worker(&supervisor).await;
    let pid = worker.pid().await.unwrap();
    worker.log_later(LINES, 0).await.unwrap();
    let state = within(supervisor.detach()).await.unwrap();
    let log = Log::default();
    let client = log.of(ground.place.client("first"));
    let (supervisor, taken_over) = take_over(ground.of(client), state).await;
    assert_eq!(taken_over, pid);
    let last = format!("line {}", LINES - 1);
    until("the last line is logged", || {
        log.lines().last() == Some(&last)
    })
    .await;
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

#[tokio::test]
async fn the_checksum_is_demanded_of_one_that_was_left() {
    let ground = Ground::new();
    let program = std::fs::read("/bin/sh").unwrap();
    let right = sha2::Sha256::digest(program).to_vec();
    let secure = |checksum: Vec<u8>| {
        let plain = ground.place.command("first");
        let arguments: Vec<_> = plain.get_args().map(ToOwned::to_owned).collect();
        let variables: Vec<_> = plain
            .get_envs()
            .map(|(key, value)| (key.to_owned(), value.unwrap().to_owned()))
            .collect();
        let command = SecureConfig::sha256(checksum).command("/bin/sh", move |command| {
            command.args(&arguments).envs(variables.clone());
        });
        ground.of(ClientConfig::new(HANDSHAKE, command))
    };
    let (pid, state) = ground.leave(secure(right.clone())).await;
    let (supervisor, taken_over) = take_over(secure(right), state).await;
    assert_eq!(taken_over, pid);
    let state = within(supervisor.detach()).await.unwrap();
    let supervisor = Supervisor::start(secure(vec![7; 32]).resume(state)).unwrap();
    let error = not_resumed(&mut supervisor.events()).await;
    assert!(matches!(&*error, StartError::OtherExecutable), "{error:?}");
    until("it has ended", || !exists(pid)).await;
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

/// Another host beside the supervisor that only looks, and one that ends the plugin.
#[tokio::test]
async fn another_host_may_look_and_may_end_the_plugin() {
    let ground = Ground::new();
    let (pid, state) = ground.leave(ground.config()).await;
    let config: ReattachConfig = state.reattach_configs().next().unwrap().clone();
    let (supervisor, _) = take_over(ground.config(), state).await;
    let mut events = supervisor.events();
    let other = within(Client::reattach(config.clone())).await.unwrap();
    within(other.ping()).await.unwrap();
    drop(other);
    let other = within(Client::reattach(config.clone())).await.unwrap();
    within(other.detach()).await;
    assert_eq!(worker(&supervisor).await.pid().await.unwrap(), pid);

    let other = within(Client::reattach(config)).await.unwrap();
    within(other.kill()).await;
    let second = next_ready(&mut events).await;
    assert_ne!(second, pid);
    within(supervisor.shutdown()).await;
    ground.is_empty().await;
}

/// The runtime ends without a shutdown, as in a crash of the host.
#[test]
fn it_outlives_a_runtime_that_ends() {
    let ground = Ground::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (pid, state) = runtime.block_on(async {
        let supervisor = Supervisor::start(ground.config()).unwrap();
        let pid = worker(&supervisor).await.pid().await.unwrap();
        let state = supervisor.saved_state();
        std::mem::forget(supervisor);
        (pid, state)
    });
    drop(runtime);
    assert!(exists(pid));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (supervisor, taken_over) = take_over(ground.config(), state).await;
        assert_eq!(taken_over, pid);
        within(supervisor.shutdown()).await;
        ground.is_empty().await;
    });
}
