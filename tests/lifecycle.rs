//! A plugin from its start to its end, host and plugin both in Rust and in two processes.
//!
//! The plugin is this test program again. What libtest prints must not come before the handshake,
//! so its stdout leads nowhere and the real one waits as descriptor 3 until [`plugin_half`] takes
//! its place.
#![cfg(unix)]

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::connection::{ConnectionConfig, PluginSet, RpcClient};
use plugwire::handshake::{Address, HandshakeConfig};
use plugwire::host::{Client, ClientConfig, PluginCommand};
use plugwire::plugin::{self, ServeConfig};
use plugwire::rpc::{self, CallError, Service};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, DuplexStream};
use tokio::net::UnixStream;
use tokio::time::timeout;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_LIFECYCLE_TEST", "cookie");

/// The variable that tells the plugin's half what to do after serving.
const AFTERWARDS: &str = "PLUGWIRE_LIFECYCLE_AFTERWARDS";

/// Far more than anything here needs.
const PATIENCE: Duration = Duration::from_secs(20);

// ---- the plugin's half ----

#[test]
fn plugin_half() {
    let Some(afterwards) = std::env::var_os(AFTERWARDS) else {
        return;
    };
    let stdout = OpenOptions::new().write(true).open("/dev/fd/3").unwrap();
    rustix::stdio::dup2_stdout(&stdout).unwrap();
    drop(stdout);
    // One thread for everything: the most awkward place for output to come from.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let plugins = PluginSet::new().register_service("tester", |_| Ok(tester()));
    runtime.block_on(plugin::serve(ServeConfig::new(HANDSHAKE, plugins)));
    match afterwards.to_str() {
        Some("linger") => std::thread::sleep(Duration::from_secs(1000)),
        Some("print") => {
            println!("late output");
            eprintln!("late error");
        }
        _ => {}
    }
    std::process::exit(7);
}

fn tester() -> Service {
    fn done<T>(value: T) -> Result<T, Infallible> {
        Ok(value)
    }
    Service::new()
        .method("Greet", |_: ()| async { done("Hello!".to_owned()) })
        .method("Print", |text: String| async move {
            // Past libtest's own capture, to the descriptor.
            let _ = std::io::stdout().write_all(text.as_bytes());
            done(true)
        })
        .method("PrintLines", |count: u32| async move {
            let mut stdout = std::io::stdout().lock();
            for line in 0..count {
                let _ = writeln!(stdout, "line {line}");
            }
            done(true)
        })
        .method("PrintError", |text: String| async move {
            let _ = std::io::stderr().write_all(text.as_bytes());
            done(true)
        })
        .method("Log", |text: String| async move {
            let _ = writeln!(plugin::original_stderr(), "{text}");
            done(true)
        })
        .method("Shell", |script: String| async move {
            let status = tokio::process::Command::new("sh")
                .args(["-c", &script])
                .status()
                .await;
            done(status.is_ok_and(|status| status.success()))
        })
        .method("Panic", |text: String| async move {
            let panic = |text: String| -> bool { panic!("{text}") };
            done(panic(text))
        })
        .method("Exit", |code: i32| async move {
            let exit = |code| -> bool { std::process::exit(code) };
            done(exit(code))
        })
        .method("Hang", |_: ()| async {
            done(std::future::pending::<bool>().await)
        })
}

// ---- the host's half ----

/// A directory for sockets, which must be empty again in the end.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(TempDir::new().unwrap())
    }

    fn command(&self, afterwards: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(r#"exec "$0" --exact plugin_half --nocapture 3>&1 >/dev/null"#)
            .arg(std::env::current_exe().unwrap())
            .env(AFTERWARDS, afterwards)
            .env("PLUGIN_UNIX_SOCKET_DIR", self.0.path());
        command
    }

    fn config(&self, afterwards: &str) -> ClientConfig {
        ClientConfig::new(HANDSHAKE, self.command(afterwards))
    }

    async fn launch(&self) -> Client {
        launch(self.config("")).await
    }

    fn sockets(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

async fn launch(config: ClientConfig) -> Client {
    let launched = timeout(PATIENCE, Client::launch(config)).await;
    launched.expect("in good time").unwrap()
}

async fn tester_of(client: &Client) -> rpc::Client {
    client
        .dispense_client("tester")
        .await
        .unwrap()
        .with_timeout(PATIENCE)
}

async fn ask(tester: &rpc::Client, method: &str, argument: &str) -> bool {
    tester
        .call(&format!("Plugin.{method}"), argument)
        .await
        .unwrap()
}

fn is_gone(pid: u32) -> bool {
    test_kill_process(raw(pid)) == Err(Errno::SRCH)
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

/// Waits for something outside this process that nothing tells of.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn all_of(mut copy: DuplexStream) -> String {
    let mut text = String::new();
    copy.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_plugin_serves_and_exits_when_asked() {
    let place = Place::new();
    let client = place.launch().await;
    assert_eq!(client.negotiated_version(), 1);
    assert!(!client.exited());
    let Address::Unix(socket) = client.address().clone() else {
        panic!("{:?}", client.address());
    };
    assert_eq!(place.sockets(), [socket]);
    client.ping().await.unwrap();
    let tester = tester_of(&client).await;
    let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
    assert_eq!(greeting, "Hello!");

    client.kill().await;
    assert!(client.exited());
    assert!(is_gone(client.pid()));
    assert_eq!(
        client.wait().await.unwrap().code(),
        Some(7),
        "it ended of itself"
    );
    assert!(place.sockets().is_empty());
    client.closed().await;
    let error = tester
        .call::<_, String>("Plugin.Greet", &())
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    assert!(client.dispense_client("tester").await.is_err());
}

#[tokio::test]
async fn an_unknown_plugin_is_named() {
    let place = Place::new();
    let client = place.launch().await;
    let error = client.dispense_client("nobody").await.unwrap_err();
    assert_eq!(error.to_string(), "unknown plugin type: nobody");
    client.kill().await;
}

#[tokio::test]
async fn killing_twice_and_at_once_is_fine() {
    let place = Place::new();
    let client = Arc::new(place.launch().await);
    let kills: Vec<_> = (0..4)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                client.kill().await;
                client.exited()
            })
        })
        .collect();
    for kill in kills {
        assert!(kill.await.unwrap(), "none returns before the end");
    }
    client.kill().await;
}

#[tokio::test]
async fn a_kill_given_up_can_be_repeated() {
    let place = Place::new();
    let client = place.launch().await;
    tokio::select! {
        biased;
        () = client.kill() => panic!("at the first poll?"),
        () = tokio::task::yield_now() => {}
    }
    timeout(PATIENCE, client.kill()).await.unwrap();
    assert!(is_gone(client.pid()));
}

#[tokio::test]
async fn a_dropped_client_leaves_nothing() {
    let place = Place::new();
    let client = place.launch().await;
    let pid = client.pid();
    drop(client);
    until("it is reaped", || is_gone(pid)).await;
    until("its socket is removed", || place.sockets().is_empty()).await;
}

#[test]
fn a_runtime_that_ends_takes_its_plugins_along() {
    let place = Place::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(place.launch());
    let pid = client.pid();
    drop(runtime);
    // Whether somebody reaps it is up to the system then, so dead is enough.
    let start = Instant::now();
    while !is_gone(pid) && !is_zombie(pid) {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(client);
}

fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_plugin_that_dies_fails_its_calls_and_is_cleaned_up() {
    let place = Place::new();
    let client = place.launch().await;
    let tester = tester_of(&client).await;
    let pending = {
        let tester = tester.clone();
        tokio::spawn(async move { tester.call::<_, bool>("Plugin.Hang", &()).await })
    };
    until("the call is on its way", || tester.in_flight() == 1).await;
    let exiting = tester.call::<_, bool>("Plugin.Exit", &5).await;
    assert!(exiting.unwrap_err().is_disconnected());
    let error: CallError = timeout(PATIENCE, pending)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");

    timeout(PATIENCE, client.closed()).await.unwrap();
    let status = timeout(PATIENCE, client.wait()).await.unwrap();
    assert_eq!(status.unwrap().code(), Some(5));
    assert!(client.exited() && is_gone(client.pid()));
    assert!(place.sockets().is_empty(), "the socket it left is removed");
    client.kill().await;
}

#[tokio::test]
async fn a_plugin_that_is_killed_is_told_by_its_signal() {
    use std::os::unix::process::ExitStatusExt;

    let place = Place::new();
    let client = place.launch().await;
    kill_process(raw(client.pid()), Signal::KILL).unwrap();
    let status = timeout(PATIENCE, client.wait()).await.unwrap().unwrap();
    assert_eq!(status.signal(), Some(9));
    timeout(PATIENCE, client.closed()).await.unwrap();
    assert!(place.sockets().is_empty());
}

#[tokio::test]
async fn a_plugin_that_hangs_is_killed() {
    let place = Place::new();
    let grace = Duration::from_millis(300);
    let client = launch(place.config("").kill_grace(grace)).await;
    kill_process(raw(client.pid()), Signal::STOP).unwrap();
    let start = Instant::now();
    timeout(PATIENCE, client.kill()).await.unwrap();
    assert!(start.elapsed() >= grace);
    assert!(is_gone(client.pid()));
    assert!(place.sockets().is_empty());
}

#[tokio::test]
async fn a_plugin_that_does_not_exit_is_killed_after_its_grace() {
    use std::os::unix::process::ExitStatusExt;

    let place = Place::new();
    let grace = Duration::from_millis(300);
    let client = launch(place.config("linger").kill_grace(grace)).await;
    let start = Instant::now();
    timeout(PATIENCE, client.kill()).await.unwrap();
    assert!(start.elapsed() >= grace);
    assert_eq!(client.wait().await.unwrap().signal(), Some(9));
}

#[tokio::test]
async fn a_long_grace_is_not_waited_out() {
    let place = Place::new();
    let client = launch(place.config("").kill_grace(Duration::from_secs(1000))).await;
    timeout(PATIENCE, client.kill()).await.unwrap();
    assert_eq!(client.wait().await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn a_call_that_runs_does_not_hold_up_the_end() {
    let place = Place::new();
    let client = place.launch().await;
    let tester = tester_of(&client).await;
    let pending = {
        let tester = tester.clone();
        tokio::spawn(async move { tester.call::<_, bool>("Plugin.Hang", &()).await })
    };
    until("the call is on its way", || tester.in_flight() == 1).await;
    client.kill().await;
    assert_eq!(client.wait().await.unwrap().code(), Some(7));
    let error = pending.await.unwrap().unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
}

/// Has the plugin start a process that it does not wait for, and tells its number.
async fn leave_a_child(place: &Place, tester: &rpc::Client) -> u32 {
    let note = place.0.path().join("child");
    let script = format!("sleep 1000 >&- 2>&- & echo $! >'{}'", note.display());
    assert!(ask(tester, "Shell", &script).await);
    let child = std::fs::read_to_string(&note).unwrap();
    std::fs::remove_file(note).unwrap();
    child.trim().parse().unwrap()
}

#[tokio::test]
async fn the_children_of_a_process_group_end_with_the_plugin() {
    let place = Place::new();
    let command = || PluginCommand::new(place.command("")).process_group(true);
    let gone = |child| move || is_gone(child) || is_zombie(child);
    for crash in [false, true] {
        let client = launch(ClientConfig::new(HANDSHAKE, command())).await;
        let tester = tester_of(&client).await;
        let child = leave_a_child(&place, &tester).await;
        if crash {
            let _ = tester.call::<_, bool>("Plugin.Exit", &5).await;
            let status = timeout(PATIENCE, client.wait()).await.unwrap();
            assert_eq!(status.unwrap().code(), Some(5));
        } else {
            client.kill().await;
        }
        until("its child is gone", gone(child)).await;
    }
    let client = launch(ClientConfig::new(HANDSHAKE, command())).await;
    let child = leave_a_child(&place, &tester_of(&client).await).await;
    drop(client);
    until("the child of a dropped client is gone", gone(child)).await;
}

#[tokio::test]
async fn the_log_of_a_detached_plugin_outlives_its_host() {
    let place = Place::new();
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = PluginCommand::new(place.command("")).detached(log.reopen().unwrap());
    let client = launch(ClientConfig::new(HANDSHAKE, command)).await;
    assert!(ask(&tester_of(&client).await, "Log", "one host").await);
    let config = client.detach().await;

    let client = Client::reattach(config).await.unwrap();
    assert!(ask(&tester_of(&client).await, "Log", "another host").await);
    client.kill().await;
    assert!(is_gone(client.pid()) || is_zombie(client.pid()));
    let lines = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(lines, "one host\nanother host\n");
}

#[tokio::test]
async fn a_detached_plugin_that_does_not_start_is_gone() {
    let place = Place::new();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ >\"$0\"; exec sleep 1000"]);
    let note = place.0.path().join("pid");
    command.arg(&note);
    let command = PluginCommand::new(command).detached(std::process::Stdio::null());
    let config = ClientConfig::new(HANDSHAKE, command).start_timeout(Duration::from_millis(500));
    let error = Client::launch(config).await.unwrap_err();
    let pid = error.report().unwrap().pid;
    assert!(is_gone(pid), "{error}");
}

#[tokio::test]
async fn without_a_process_group_children_survive_as_in_go() {
    let place = Place::new();
    let client = place.launch().await;
    let child = leave_a_child(&place, &tester_of(&client).await).await;
    client.kill().await;
    assert!(!is_gone(child) && !is_zombie(child));
    kill_process(raw(child), Signal::KILL).unwrap();
}

#[tokio::test]
async fn an_interrupt_is_the_hosts_to_act_on() {
    let place = Place::new();
    let client = place.launch().await;
    let tester = tester_of(&client).await;
    for _ in 0..3 {
        kill_process(raw(client.pid()), Signal::INT).unwrap();
        let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
        assert_eq!(greeting, "Hello!");
    }
    client.kill().await;
    assert_eq!(client.wait().await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn what_a_plugin_prints_reaches_the_host_in_order() {
    let place = Place::new();
    let (stdout, copied) = tokio::io::duplex(1024);
    let (stderr, copied_error) = tokio::io::duplex(1024);
    let client = launch(place.config("").sync_stdout(stdout).sync_stderr(stderr)).await;
    let reading = tokio::spawn(all_of(copied));
    let tester = tester_of(&client).await;
    assert!(ask(&tester, "PrintError", "an error\n").await);
    // Several times what a pipe holds, and in one go.
    let printed: bool = tester.call("Plugin.PrintLines", &60_000_u32).await.unwrap();
    assert!(printed);
    assert!(ask(&tester, "Shell", "echo from a child; echo its error >&2").await);
    assert!(ask(&tester, "Print", "no end of line").await);
    client.kill().await;

    let mut expected: String = (0..60_000).map(|line| format!("line {line}\n")).collect();
    expected += "from a child\nno end of line";
    let text = reading.await.unwrap();
    assert!(
        text == expected,
        "{} of {} bytes",
        text.len(),
        expected.len()
    );
    assert_eq!(all_of(copied_error).await, "an error\nits error\n");
}

#[tokio::test]
async fn a_plugin_can_print_more_than_anybody_reads() {
    let place = Place::new();
    // The host's writer takes a little and then nothing more.
    let (stdout, _never_read) = tokio::io::duplex(16);
    let client = launch(place.config("").sync_stdout(stdout)).await;
    let tester = tester_of(&client).await;
    let printed = tester.call::<_, bool>("Plugin.PrintLines", &80_000_u32);
    assert!(timeout(PATIENCE, printed).await.unwrap().unwrap());
    let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
    assert_eq!(greeting, "Hello!");
    timeout(PATIENCE, client.kill()).await.unwrap();
    assert!(is_gone(client.pid()));
}

#[tokio::test]
async fn logs_and_panics_go_to_the_original_stderr() {
    let place = Place::new();
    let (log, copied) = tokio::io::duplex(64 * 1024);
    let (stderr, copied_error) = tokio::io::duplex(64 * 1024);
    let client = launch(place.config("").stderr(log).sync_stderr(stderr)).await;
    let tester = tester_of(&client).await;
    assert!(ask(&tester, "Log", "a log line").await);
    let panicked = tester
        .call::<_, bool>("Plugin.Panic", "out of cheese")
        .await;
    assert!(panicked.is_err());
    let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
    assert_eq!(greeting, "Hello!", "a panic ends the call and no more");
    client.kill().await;

    let log = all_of(copied).await;
    assert!(log.contains("a log line\n"), "{log}");
    assert!(log.contains("panic: out of cheese\n\nthread '"), "{log}");
    assert!(log.contains("lifecycle.rs:"), "{log}");
    let printed = all_of(copied_error).await;
    assert!(!printed.contains("a log line"), "{printed}");
    assert!(
        printed.contains("out of cheese"),
        "the hook before ran too: {printed}"
    );
}

#[tokio::test]
async fn output_after_serving_goes_where_it_went_before() {
    let place = Place::new();
    let (log, copied) = tokio::io::duplex(64 * 1024);
    let (stderr, copied_error) = tokio::io::duplex(64 * 1024);
    let client = launch(place.config("print").stderr(log).sync_stderr(stderr)).await;
    client.kill().await;
    assert!(all_of(copied).await.contains("late error\n"));
    assert_eq!(all_of(copied_error).await, "");
}

#[tokio::test]
async fn output_follows_the_newest_connection_and_returns() {
    let place = Place::new();
    let (stdout, copied) = tokio::io::duplex(1024);
    let mut copied = BufReader::new(copied).lines();
    let client = launch(place.config("").sync_stdout(stdout)).await;
    let tester = tester_of(&client).await;
    assert!(ask(&tester, "Print", "one\n").await);
    assert_eq!(copied.next_line().await.unwrap().unwrap(), "one");

    let socket = UnixStream::connect(&place.sockets()[0]).await.unwrap();
    let mut second = RpcClient::connect(socket, &ConnectionConfig::default())
        .await
        .unwrap();
    second.ping().await.unwrap();
    let (second_stdout, _) = second.take_stdio().unwrap();
    let mut second_stdout = BufReader::new(second_stdout).lines();
    assert!(ask(&tester, "Print", "two\n").await);
    assert_eq!(second_stdout.next_line().await.unwrap().unwrap(), "two");

    second.close().await;
    drop(second_stdout);
    assert!(ask(&tester, "Print", "three\n").await);
    let line = timeout(PATIENCE, copied.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(line, "three");
    client.kill().await;
}

#[tokio::test]
async fn the_versions_of_the_host_are_negotiated() {
    let place = Place::new();
    let client = launch(place.config("").versions([3, 1, 2])).await;
    assert_eq!(client.negotiated_version(), 1);
    client.kill().await;
    let config = place.config("").versions([2, 3]);
    let error = timeout(PATIENCE, Client::launch(config))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        error.to_string().lines().next().unwrap(),
        "incompatible API version with plugin. Plugin version: 1, Client versions: [2 3]"
    );
    assert!(place.sockets().is_empty());
}

/// A host that has died is one whose end of the pipe is closed.
async fn abandoned(command: Command) -> std::process::ExitStatus {
    let mut command = tokio::process::Command::from(command);
    let mut plugin = command
        .env(&*HANDSHAKE.magic_cookie_key, &*HANDSHAKE.magic_cookie_value)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(plugin.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("1|1|unix|"), "{line}");
    drop(stdout);
    timeout(PATIENCE, plugin.wait()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_plugin_does_not_outlive_its_host() {
    let place = Place::new();
    assert_eq!(abandoned(place.command("")).await.code(), Some(7));
    assert!(place.sockets().is_empty());
}

/// A host in Go passes on what its own host said of it.
#[tokio::test]
async fn that_its_host_is_detached_is_no_business_of_the_plugin() {
    let place = Place::new();
    let mut command = place.command("");
    command.env("PLUGWIRE_DETACHED", "COOKIE_OF_THE_HOST=cookie");
    assert_eq!(abandoned(command).await.code(), Some(7));
}

#[tokio::test]
async fn a_plugin_that_will_not_end_without_its_host_is_ended() {
    let place = Place::new();
    assert_eq!(abandoned(place.command("linger")).await.code(), Some(1));
}

#[test]
fn a_plugin_started_by_hand_says_so() {
    let place = Place::new();
    for cookie in [None, Some("wrong")] {
        let mut command = place.command("");
        let HandshakeConfig {
            magic_cookie_key, ..
        } = HANDSHAKE;
        command.env_remove(&*magic_cookie_key);
        command.envs(cookie.map(|cookie| (&*magic_cookie_key, cookie)));
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        assert_eq!(status.code(), Some(1));
        assert_eq!(stdout, b"");
        assert_eq!(
            String::from_utf8(stderr).unwrap(),
            "This binary is a plugin. These are not meant to be executed directly.\n\
             Please execute the program that consumes these plugins, which will\n\
             load any plugins automatically\n"
        );
    }
}
