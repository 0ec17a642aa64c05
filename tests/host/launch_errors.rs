//! What a host makes of programs that are no plugins: each is a typed error in good time, and
//! nothing of the program is left.

use std::error::Error as _;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use plugwire::handshake::{HandshakeConfig, HandshakeError};
use plugwire::host::{Client, ClientConfig, LaunchError};
use plugwire::mux::{self, Session};
use plugwire::rpc::CallError;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

/// Far more than any of these needs, and far less than the start timeout where that must not be
/// what ends them.
const PATIENCE: Duration = Duration::from_secs(20);

/// A shell script as a plugin; `$1` is `argument`.
fn script(script: &str, argument: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "fake-plugin", argument]);
    command
}

/// A script that prints a line and lives on until it is killed.
fn printing(line: &str) -> ClientConfig {
    config(script(r#"printf '%s\n' "$1"; exec sleep 1000"#, line))
}

fn config(command: Command) -> ClientConfig {
    ClientConfig::new(HANDSHAKE, command)
}

/// The error of a launch, once it is certain that no process is left.
async fn refused(config: ClientConfig) -> LaunchError {
    let launched = timeout(PATIENCE, Client::launch(config)).await;
    let error = launched.expect("in good time").expect_err("no plugin");
    if let Some(report) = error.report() {
        assert!(
            is_gone(report.pid.unwrap()),
            "{} is still there: {error}",
            report.pid.unwrap()
        );
    }
    error
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

/// Whether there is no such process, not even one waiting to be reaped.
fn is_gone(number: u32) -> bool {
    test_kill_process(pid(number)) == Err(Errno::SRCH)
}

fn assert_starts(error: &LaunchError, start: &str) {
    let text = with_causes(error);
    assert!(text.starts_with(start), "{text}");
}

/// What a person gets to read: the text of an error leaves out what its source says.
fn with_causes(error: &LaunchError) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let causes = causes.map(|cause| format!(": {cause}"));
    format!("{error}{}", causes.collect::<String>())
}

#[tokio::test]
async fn a_missing_executable_is_named() {
    let error = refused(config(Command::new("/no/such/plugin"))).await;
    let LaunchError::Start {
        program, source, ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(program, Path::new("/no/such/plugin"));
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    assert_starts(&error, "cannot start plugin /no/such/plugin: ");
}

#[tokio::test]
async fn a_file_that_is_not_executable_comes_with_notes() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("plugin");
    std::fs::write(&path, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let error = refused(config(Command::new(&path))).await;
    let LaunchError::Start { source, notes, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
    assert!(
        notes.contains(&format!("Path: {}", path.display())),
        "{notes}"
    );
    assert!(notes.contains("Mode: -rw-r-----"), "{notes}");
    assert!(notes.contains("Script, run by: /bin/sh"), "{notes}");
    assert!(error.to_string().contains(notes.trim_end()), "{error}");
}

#[tokio::test]
async fn a_handshake_without_a_cookie_starts_nothing() {
    for (key, value) in [
        ("", "hello"),
        ("BASIC_PLUGIN", ""),
        ("BASIC=PLUGIN", "hello"),
    ] {
        let handshake = HandshakeConfig::new(1, key, value);
        let error = refused(ClientConfig::new(handshake, Command::new("true"))).await;
        assert!(matches!(error, LaunchError::Option(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_program_that_exits_at_once_is_quoted() {
    let error = refused(config(script("echo 'library missing' >&2; exit 3", ""))).await;
    let LaunchError::Exited { report, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(report.status.unwrap().code(), Some(3));
    assert_eq!(report.stderr, "library missing");
    assert_starts(&error, "plugin exited before we could connect\n");
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert!(error.to_string().contains("library missing"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_no_plugin_says_nothing_and_exits() {
    let error = refused(config(Command::new("true"))).await;
    assert!(matches!(error, LaunchError::Exited { .. }), "{error:?}");
}

#[tokio::test]
async fn a_killed_program_is_told_from_one_that_exited() {
    let error = refused(config(script("kill -9 $$", ""))).await;
    assert!(matches!(error, LaunchError::Exited { .. }), "{error:?}");
    assert!(error.to_string().contains("signal: 9"), "{error}");
}

#[tokio::test]
async fn a_child_that_holds_the_pipes_does_not_hold_up_the_error() {
    let error = refused(config(script("sleep 1000 & echo $! >&2; exit 3", ""))).await;
    let LaunchError::Exited { report, .. } = &error else {
        panic!("{error:?}");
    };
    let child: u32 = report.stderr.parse().unwrap();
    assert!(!is_gone(child), "the pipes were open all the time");
    kill_process(pid(child), Signal::KILL).unwrap();
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let after = Duration::from_millis(200);
    let start = Instant::now();
    let silent = script("echo waiting >&2; exec sleep 1000", "");
    let error = refused(config(silent).start_timeout(after)).await;
    assert!(start.elapsed() >= after);
    assert!(
        matches!(&error, LaunchError::Timeout { after: told, .. } if *told == after),
        "{error:?}"
    );
    assert_starts(&error, "timeout while waiting for plugin to start");
    assert_eq!(
        error.report().unwrap().status,
        None,
        "it did not exit, it was killed"
    );
}

#[tokio::test]
async fn a_closed_stdout_without_a_line_says_so() {
    let error = refused(config(script("exec >&-; exec sleep 1000", ""))).await;
    assert!(
        matches!(
            &error,
            LaunchError::Handshake {
                error: HandshakeError::NoLine,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("\nFailed to read any lines from plugin's stdout"),
        "{error}"
    );
}

#[tokio::test]
async fn garbage_is_quoted() {
    let error = refused(printing("Usage: frobnicate [options]")).await;
    let LaunchError::Handshake {
        error: source,
        notes,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert!(
        matches!(source, HandshakeError::Unrecognized { .. }),
        "{source:?}"
    );
    assert!(notes.contains("Additional notes about plugin:"), "{notes}");
    assert_starts(
        &error,
        "Unrecognized remote plugin message: Usage: frobnicate [options]\n",
    );
}

#[tokio::test]
async fn a_command_keeps_its_arguments_environment_and_working_directory() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().canonicalize().unwrap();
    let says =
        r#"printf '%s %s %s %s\n' "$1" "$OF_COMMAND" "$OF_CONFIG" "$(pwd -P)"; exec sleep 1000"#;
    let mut command = script(says, "argument");
    command.env("OF_COMMAND", "one").current_dir(&directory);
    let error = refused(config(command).env("OF_CONFIG", "two")).await;
    let said = format!("argument one two {}\n", directory.display());
    assert_starts(
        &error,
        &format!("Unrecognized remote plugin message: {said}"),
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_are_garbage_too() {
    let error = refused(config(script(r"printf '\377\0\n'; exec sleep 1000", ""))).await;
    assert_starts(&error, "Unrecognized remote plugin message: \u{fffd}\\u{0}");
}

#[tokio::test]
async fn garbage_before_an_exit_is_still_what_the_error_is_about() {
    let error = refused(config(script("echo garbage; exit 1", ""))).await;
    assert!(
        matches!(
            &error,
            LaunchError::Handshake {
                error: HandshakeError::Unrecognized { .. },
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_last_line_without_a_line_break_counts() {
    let error = refused(config(script("printf 2'|1|unix|/x|netrpc|'; exit 1", ""))).await;
    assert_starts(&error, "incompatible core API version");
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let error = refused(config(script(r"exec tr '\0' x </dev/zero", ""))).await;
    assert!(
        matches!(
            &error,
            LaunchError::Handshake {
                error: HandshakeError::LineTooLong { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().len() < 2000, "{error}");
}

#[tokio::test]
async fn too_few_fields_are_quoted() {
    let error = refused(printing("1|1|unix")).await;
    assert_starts(&error, "Unrecognized remote plugin message: 1|1|unix\n");
}

#[tokio::test]
async fn another_core_version_is_refused() {
    let error = refused(printing("2|1|unix|/x|netrpc|")).await;
    assert!(
        matches!(
            &error,
            LaunchError::Handshake {
                error: HandshakeError::IncompatibleCore { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert_starts(
        &error,
        "incompatible core API version with plugin. Plugin version: 2, Core version: 1\n",
    );
}

#[tokio::test]
async fn versions_that_are_no_numbers_are_refused() {
    let error = refused(printing("x|1|unix|/x|netrpc|")).await;
    assert_starts(&error, "error parsing core protocol version: \"x\"");
    let error = refused(printing("1|x|unix|/x|netrpc|")).await;
    assert_starts(&error, "Error parsing protocol version \"x\"");
}

#[tokio::test]
async fn a_version_the_host_does_not_know_is_refused() {
    let error = refused(printing("1|1|unix|/x|netrpc|").versions([2])).await;
    let LaunchError::Handshake { error: source, .. } = &error else {
        panic!("{error:?}");
    };
    let expected = HandshakeError::IncompatibleVersion {
        plugin: 1,
        host: vec![2],
    };
    assert_eq!(*source, expected);
    assert_eq!(
        error.to_string(),
        "incompatible API version with plugin. Plugin version: 1, Client versions: [2]"
    );
}

#[tokio::test]
async fn a_grpc_plugin_is_refused() {
    let error = refused(printing("1|1|unix|/x|grpc|")).await;
    assert_eq!(
        error.to_string(),
        "unsupported plugin protocol \"grpc\". Supported: [netrpc]"
    );
}

#[tokio::test]
async fn an_unknown_network_is_refused() {
    let error = refused(printing("1|1|vsock|3:1|netrpc|")).await;
    assert_starts(&error, "unknown address type: 3:1");
}

#[tokio::test]
async fn the_socket_of_a_refused_plugin_is_removed() {
    let (_directory, path) = abandoned_socket();
    let line = format!("1|7|unix|{}|netrpc|", path.display());
    let error = refused(printing(&line)).await;
    assert_starts(&error, "incompatible API version");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_that_is_not_there_cannot_be_dialled() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("nowhere");
    let error = refused(printing(&format!("1|1|unix|{}|netrpc|", path.display()))).await;
    let LaunchError::Connect {
        source, address, ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    assert_eq!(address.to_string(), path.display().to_string());
}

#[tokio::test]
async fn a_socket_nobody_listens_on_is_refused_and_removed() {
    let (_directory, path) = abandoned_socket();
    let error = refused(printing(&format!("1|1|unix|{}|netrpc|", path.display()))).await;
    assert!(
        matches!(&error, LaunchError::Connect { source, .. }
            if source.kind() == io::ErrorKind::ConnectionRefused),
        "{error:?}"
    );
    assert!(!path.exists());
}

#[tokio::test]
async fn a_port_nobody_listens_on_is_refused() {
    use rustix::net::{AddressFamily, SocketAddrAny, SocketType, bind, getsockname, socket};

    // Bound, so that no other process has it, but not listening.
    let bound = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(
        &bound,
        &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0),
    )
    .unwrap();
    let address: SocketAddrAny = getsockname(&bound).unwrap();
    let address = std::net::SocketAddr::try_from(address).unwrap();

    let error = refused(printing(&format!("1|1|tcp|{address}|netrpc|"))).await;
    assert!(
        matches!(&error, LaunchError::Connect { source, .. }
            if source.kind() == io::ErrorKind::ConnectionRefused),
        "{error:?}"
    );
    assert_starts(&error, &format!("cannot connect to plugin at {address}: "));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for address in ["tcp|", "tcp|127.0.0.1", "tcp|127.0.0.1:99999", "unix|"] {
        let error = refused(printing(&format!("1|1|{address}|netrpc|"))).await;
        assert!(
            matches!(error, LaunchError::Connect { .. }),
            "{address}: {error:?}"
        );
    }
    let long = format!("/tmp/{}", "x".repeat(200));
    let error = refused(printing(&format!("1|1|unix|{long}|netrpc|"))).await;
    assert!(matches!(error, LaunchError::Connect { .. }), "{error:?}");
}

/// Launches a script that announces a socket of the test's, which serves it with `serve`.
async fn refused_by<F>(serve: impl FnOnce(UnixStream) -> F) -> LaunchError
where
    F: Future<Output = ()> + Send + 'static,
{
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let line = format!("1|1|unix|{}|netrpc|", path.display());
    let launch = tokio::spawn(refused(
        printing(&line).start_timeout(Duration::from_secs(2)),
    ));
    let (connection, _) = listener.accept().await.unwrap();
    let serving = tokio::spawn(serve(connection));
    let error = launch.await.unwrap();
    serving.abort();
    assert!(path.exists(), "a process still listens there");
    error
}

/// Whether the connection was made and nothing came of it.
fn is_no_session(error: &LaunchError) -> bool {
    matches!(
        error,
        LaunchError::Session { .. } | LaunchError::Ping { .. }
    )
}

#[tokio::test]
async fn a_connection_closed_at_once_is_no_session() {
    let error = refused_by(|connection| async move { drop(connection) }).await;
    assert!(is_no_session(&error), "{error:?}");
}

#[tokio::test]
async fn a_connection_closed_after_the_first_bytes_is_no_session() {
    let error = refused_by(|mut connection| async move {
        let mut some = [0; 12];
        connection.read_exact(&mut some).await.unwrap();
    })
    .await;
    assert!(is_no_session(&error), "{error:?}");
}

/// Bytes without a meaning, the same in every run.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(4096).collect()
}

#[tokio::test]
async fn bytes_that_are_no_frames_are_no_session() {
    let error = refused_by(|mut connection| async move {
        let _ = connection.write_all(&noise()).await;
        // Open to the end: it is the noise that must end it.
        let _ = connection.read_to_end(&mut Vec::new()).await;
    })
    .await;
    assert!(is_no_session(&error), "{error:?}");
}

#[tokio::test]
async fn frames_that_carry_no_gobs_are_no_plugin() {
    let error = refused_by(|connection| async move {
        let session = Session::server(connection, mux::Config::default());
        let mut control = session.accept().await.unwrap();
        let _ = control.write_all(&noise()).await;
        session.closed().await;
    })
    .await;
    let LaunchError::Ping { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(matches!(source, CallError::Connection(_)), "{source:?}");
    assert!(with_causes(&error).contains("gob: "), "{error:?}");
}

#[tokio::test]
async fn a_peer_that_never_answers_is_a_timeout() {
    let error = refused_by(|mut connection| async move {
        let _ = connection.read_to_end(&mut Vec::new()).await;
    })
    .await;
    assert!(matches!(error, LaunchError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_launch_given_up_leaves_no_process() {
    let (copy, stderr) = tokio::io::duplex(64);
    let config = config(script("echo $$ >&2; exec sleep 1000", "")).stderr(copy);
    let launch = tokio::spawn(Client::launch(config));
    let mut line = String::new();
    BufReader::new(stderr).read_line(&mut line).await.unwrap();
    let number: u32 = line.trim().parse().unwrap();
    assert!(!is_gone(number));

    launch.abort();
    support::until("it is killed and reaped", || is_gone(number)).await;
}

/// A socket file whose listener is gone, as a killed plugin leaves it.
fn abandoned_socket() -> (TempDir, std::path::PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    (directory, path)
}

/// It expects TLS, so there is no speaking with it. With the crate's feature `tls` and without.
#[tokio::test]
async fn a_plugin_that_expects_auto_mtls_of_a_host_without_is_refused() {
    let cert = "A".repeat(51);
    let error = refused(printing(&format!("1|1|unix|/no/such/socket|netrpc|{cert}"))).await;
    let LaunchError::Handshake { error: source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*source, HandshakeError::UnexpectedServerCert);
    assert_starts(
        &error,
        "the plugin expects AutoMTLS, which this host has not turned on",
    );
}
