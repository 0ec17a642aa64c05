//! What options cannot be: each is refused by its name, with what was given and what would do,
//! before anything is started. And what they can be, to the extreme.
#![cfg(unix)]

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use plugwire::InvalidOption;
use plugwire::broker;
use plugwire::connection::{ConnectionConfig, PluginSet};
use plugwire::gob::Limits;
use plugwire::handshake::{Address, HandshakeConfig, ReattachConfig};
use plugwire::host::{
    AttachConfig, Client, ClientConfig, Health, LaunchError, PluginCommand, ReattachError,
    RestartPolicy, SecureConfig, SecureError, Supervisor, SupervisorConfig, UnixSocketConfig,
    discover,
};
use plugwire::mux::{self, Session};
use plugwire::plugin::{ServeConfig, ServeError, ServeTestConfig, serve_test, try_serve};
use plugwire::rpc;
use tokio::time::timeout;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

/// Far more than any of these needs.
const PATIENCE: Duration = Duration::from_secs(20);

const NOTHING: Duration = Duration::ZERO;

fn impatient() -> ConnectionConfig {
    ConnectionConfig::default().control_timeout(NOTHING)
}

fn with_mux(config: mux::Config) -> ConnectionConfig {
    ConnectionConfig::default().mux(config)
}

fn with_broker(config: broker::BrokerConfig) -> ConnectionConfig {
    ConnectionConfig::default().broker(config)
}

/// Which option, and what its error says of what was given and of what would do.
type Refusal<'a> = (&'a str, &'a str, &'a str);

#[track_caller]
fn assert_refused(error: &InvalidOption, (option, given, expected): Refusal<'_>) {
    assert_eq!(error.option, option, "{error}");
    assert!(error.given.contains(given), "{error}");
    assert!(error.expected.contains(expected), "{error}");
    for part in [error.option, &error.given, error.expected] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_launch_refuses_what_means_nothing() {
    type Change = fn(ClientConfig) -> ClientConfig;
    let place = tempfile::tempdir().unwrap();
    let started = place.path().join("started");
    let command = || {
        let mut command = Command::new("touch");
        command.arg(&started);
        command
    };
    let refusals: &[(Change, Refusal<'_>)] = &[
        (
            |config| config.versions([]),
            ("versions", "[]", "one app version"),
        ),
        (
            |config| config.env("", "x"),
            ("env", "\"\"", "a name without"),
        ),
        (|config| config.env("A=B", "x"), ("env", "\"A=B\"", "'='")),
        (|config| config.env("A\0", "x"), ("env", "A\\0", "NUL")),
        (
            |config| config.env("TOKEN", "secret\0"),
            ("env", "\"TOKEN\" with a value of 7 bytes", "without NUL"),
        ),
        (
            |config| config.ports(RangeInclusive::new(9, 8)),
            ("ports", "9..=8", "from the lowest port"),
        ),
        (
            |config| config.ports(0..=8),
            ("ports", "0..=8", "1 or more"),
        ),
        (
            |config| config.ports(0..=0),
            ("ports", "0..=0", "1 or more"),
        ),
        (
            |config| config.plugin_log_buffer_size(0),
            ("plugin_log_buffer_size", "0", "16 bytes or more"),
        ),
        (
            |config| config.plugin_log_buffer_size(15),
            ("plugin_log_buffer_size", "15", "16 bytes or more"),
        ),
        (
            |config| config.name("a\nb"),
            ("name", r#""a\nb""#, "1 to 64 bytes of text"),
        ),
        (
            |config| config.connection(ConnectionConfig::default().name("")),
            ("name", "\"\"", "1 to 64 bytes of text"),
        ),
        (
            |config| config.start_timeout(NOTHING),
            ("start_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| config.dial_timeout(NOTHING),
            ("dial_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| config.connection(impatient()),
            ("control_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| config.call_timeout(NOTHING),
            ("call_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| config.connection(ConnectionConfig::default().call_timeout(NOTHING)),
            ("call_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| {
                config.connection(with_broker(
                    broker::BrokerConfig::default().call_timeout(NOTHING),
                ))
            },
            ("call_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| config.connection(with_mux(mux::Config::default().accept_backlog(0))),
            ("accept_backlog", "0", "at least 1"),
        ),
        (
            |config| config.connection(with_mux(mux::Config::default().max_streams(3))),
            ("max_streams", "3", "at least 4"),
        ),
        (
            |config| config.connection(with_mux(mux::Config::default().max_buffered(1000))),
            ("max_buffered", "1000", "at least 262144"),
        ),
        (
            |config| config.connection(with_mux(mux::Config::default().max_unaccepted(0))),
            ("max_unaccepted", "0", "at least 262144"),
        ),
        (
            |config| config.connection(with_mux(mux::Config::default().max_noise(0))),
            ("max_noise", "0", "at least 1"),
        ),
        (
            |config| config.connection(with_mux(mux::Config::default().keep_alive(Some(NOTHING)))),
            ("keep_alive", "0ns", "longer than zero"),
        ),
        (
            |config| config.connection(with_mux(mux::Config::default().busy_poll(Some(NOTHING)))),
            ("busy_poll", "0ns", "longer than zero"),
        ),
        (
            |config| {
                let mux = mux::Config::default().keep_alive_timeout(NOTHING);
                config.connection(with_mux(mux))
            },
            ("keep_alive_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| {
                config.connection(with_broker(
                    broker::BrokerConfig::default().accept_timeout(NOTHING),
                ))
            },
            ("accept_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| {
                config.connection(with_broker(
                    broker::BrokerConfig::default().dial_timeout(NOTHING),
                ))
            },
            ("dial_timeout", "0ns", "longer than zero"),
        ),
        (
            |config| {
                let codec = rpc::CallConfig::default().max_calls(0);
                config.connection(with_broker(broker::BrokerConfig::default().codec(codec)))
            },
            ("max_calls", "0", "at least 1"),
        ),
        (
            |config| config.unix_socket(UnixSocketConfig::new().group_owner("no such group")),
            (
                "group_owner",
                "\"no such group\"",
                "the name of an existing group",
            ),
        ),
        (
            |config| config.unix_socket(UnixSocketConfig::new().group_owner("")),
            ("group_owner", "\"\"", "a number"),
        ),
        (
            |config| config.unix_socket(UnixSocketConfig::new().temp_dir("/no/such/place")),
            ("temp_dir", "/no/such/place", "a directory that exists"),
        ),
        (
            |config| config.unix_socket(UnixSocketConfig::new().temp_dir("")),
            ("temp_dir", "\"\"", "a directory that exists"),
        ),
    ];
    for (change, refusal) in refusals {
        let config = change(ClientConfig::new(HANDSHAKE, command()));
        assert_refused(&refused_launch(config).await, *refusal);
    }

    let (key, value) = (
        "HandshakeConfig::magic_cookie_key",
        "HandshakeConfig::magic_cookie_value",
    );
    for (cookie, refusal) in [
        (("", "x"), (key, "\"\"", "environment variable")),
        (("A=B", "x"), (key, "A=B", "without '='")),
        (("A\0", "x"), (key, "A\\0", "NUL")),
        (("A", ""), (value, "\"\"", "at least one character")),
        (("A", "x\0"), (value, "x\\0", "NUL")),
    ] {
        let handshake = HandshakeConfig::new(1, cookie.0, cookie.1);
        let config = ClientConfig::new(handshake, command());
        assert_refused(&refused_launch(config).await, refusal);
    }

    let deep = place.path().join("x".repeat(100));
    std::fs::create_dir(&deep).unwrap();
    let config = ClientConfig::new(HANDSHAKE, command());
    let error = refused_launch(config.unix_socket(UnixSocketConfig::new().temp_dir(&deep))).await;
    assert_refused(&error, ("temp_dir", deep.to_str().unwrap(), "short enough"));

    assert_refused(
        &refused_launch(ClientConfig::new(HANDSHAKE, Command::new(""))).await,
        ("Command::new", "\"\"", "the name of a program"),
    );
    let mut lost = command();
    lost.current_dir("/no/such/place");
    let lost = PluginCommand::new(lost).process_group(true);
    assert_refused(
        &refused_launch(ClientConfig::new(HANDSHAKE, lost)).await,
        (
            "Command::current_dir",
            "/no/such/place",
            "a directory that exists",
        ),
    );
    assert!(!started.exists(), "a refused plugin was started");
}

#[tokio::test]
async fn a_supervisor_refuses_what_means_nothing() {
    let second = Duration::from_secs(1);
    type Change = Box<dyn Fn(SupervisorConfig) -> SupervisorConfig>;
    let policy = |policy: RestartPolicy| -> Change {
        Box::new(move |config: SupervisorConfig| config.restart(policy.clone()))
    };
    let restart = RestartPolicy::default;
    let refusals: Vec<(Change, Refusal<'_>)> = vec![
        (
            policy(restart().delays(NOTHING, second)),
            ("RestartPolicy::delays", "0ns", "longer than zero"),
        ),
        (
            policy(restart().delays(2 * second, second)),
            (
                "RestartPolicy::delays",
                "(2s, 1s)",
                "not shorter than the first",
            ),
        ),
        (
            policy(restart().factor(0.9)),
            ("RestartPolicy::factor", "0.9", "1 or more"),
        ),
        (
            policy(restart().jitter(1.5)),
            ("RestartPolicy::jitter", "1.5", "from 0 to 1"),
        ),
        (
            policy(restart().stable_after(NOTHING)),
            ("RestartPolicy::stable_after", "0ns", "longer than zero"),
        ),
        (
            policy(restart().limit(3, NOTHING)),
            ("RestartPolicy::limit", "0ns", "longer than zero"),
        ),
        (
            Box::new(|config| config.wait_timeout(NOTHING)),
            ("wait_timeout", "0ns", "longer than zero"),
        ),
        (
            Box::new(|config| config.idle_timeout(NOTHING)),
            ("idle_timeout", "0ns", "longer than zero"),
        ),
        (
            Box::new(|config| config.health(Health::every(NOTHING))),
            ("Health::every", "0ns", "longer than zero"),
        ),
        (
            Box::new(move |config| config.health(Health::every(second).deadline(NOTHING))),
            ("Health::deadline", "0ns", "longer than zero"),
        ),
        (
            Box::new(|config| config.reload_on_change(NOTHING)),
            ("reload_on_change", "0ns", "longer than zero"),
        ),
        (
            Box::new(|config| config.instances(0)),
            ("instances", "0", "from 1 to 1024"),
        ),
        (
            Box::new(|config| config.instances(1025)),
            ("instances", "1025", "from 1 to 1024"),
        ),
    ];
    for (change, refusal) in refusals {
        let client = ClientConfig::new(HANDSHAKE, Command::new("/no/such/plugin"));
        let config = change(SupervisorConfig::new(client));
        assert_refused(&Supervisor::start(config).unwrap_err(), refusal);
    }
    // What cannot outlive its host, with its log.
    let own_log = || PluginCommand::new(Command::new("x")).detached(std::process::Stdio::null());
    let auto_mtls = ClientConfig::new(HANDSHAKE, Command::new("x"));
    #[cfg(feature = "tls")]
    let auto_mtls = auto_mtls.tls(plugwire::host::Tls::AutoMtls);
    let refusals = [
        (
            ClientConfig::new(HANDSHAKE, own_log()),
            ("survives_host", "x", "not detached by itself"),
        ),
        (auto_mtls, ("tls", "AutoMtls", "TLS by certificates")),
    ];
    if cfg!(all(target_os = "linux", feature = "tls")) {
        for (client, refusal) in refusals {
            let config = SupervisorConfig::new(client).survives_host("/run/plugins");
            assert_refused(&Supervisor::start(config).unwrap_err(), refusal);
        }
    }
    // What the client refuses, its supervisor does.
    let client = ClientConfig::new(HANDSHAKE, Command::new("x")).versions([]);
    let error = Supervisor::start(SupervisorConfig::new(client)).unwrap_err();
    assert_refused(&error, ("versions", "[]", "one app version"));
}

async fn refused_launch(config: ClientConfig) -> InvalidOption {
    let launched = timeout(PATIENCE, Client::launch(config)).await.unwrap();
    match launched.unwrap_err() {
        LaunchError::Option(error) => error,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_checksum_is_one_of_its_hash_function() {
    for (checksum, text) in [
        (vec![], "error verifying checksum: no checksum provided"),
        (
            vec![b'0'; 64],
            "one of 64 bytes was provided, and those of this hash function have 32",
        ),
        (vec![0; 32], "checksums did not match"),
    ] {
        let command = SecureConfig::sha256(checksum).command("sh", |_| {});
        let error = Client::launch(ClientConfig::new(HANDSHAKE, command))
            .await
            .unwrap_err();
        assert!(matches!(error, LaunchError::Secure(_)), "{error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
    for program in ["", "/no/such/program"] {
        let command = SecureConfig::sha256([0; 32]).command(program, |_| {});
        let error = Client::launch(ClientConfig::new(HANDSHAKE, command))
            .await
            .unwrap_err();
        let LaunchError::Secure(SecureError::Io { path, .. }) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(path, &PathBuf::from(program), "{error}");
    }
}

#[tokio::test]
async fn a_reattach_refuses_what_means_nothing() {
    let unix = |path: String| ReattachConfig::new(Address::Unix(path.into()));
    let (address, port) = (
        "ReattachConfig::address",
        "HOST:PORT or :PORT, with a port from 1 to 65535 or the name of a service",
    );
    let there = || AttachConfig::new(ReattachConfig::tcp("127.0.0.1:1"));
    let refusals: Vec<(AttachConfig, Refusal<'_>)> = vec![
        (
            unix(String::new()).into(),
            (address, "\"\"", "the path of a socket"),
        ),
        (
            unix("/x\0".into()).into(),
            (address, "/x\\0", "without NUL"),
        ),
        (unix("x".repeat(108)).into(), (address, "xxxx", "1 to 10")),
        (ReattachConfig::tcp("").into(), (address, "\"\"", port)),
        (
            ReattachConfig::tcp("plugins.example").into(),
            (address, "plugins.example", port),
        ),
        (
            ReattachConfig::tcp("::1:4000").into(),
            (address, "::1:4000", port),
        ),
        (
            ReattachConfig::tcp("127.0.0.1:0").into(),
            (address, "127.0.0.1:0", port),
        ),
        (
            ReattachConfig::tcp("127.0.0.1:65536").into(),
            (address, ":65536", port),
        ),
        (
            ReattachConfig::tcp("127.0.0.1:-1").into(),
            (address, ":-1", port),
        ),
        (
            ReattachConfig::tcp("127.0.0.1:1").pid(0).into(),
            ("ReattachConfig::pid", "0", "the number of a process"),
        ),
        (
            there().start_timeout(NOTHING),
            ("start_timeout", "0ns", "longer than zero"),
        ),
        (
            there().dial_timeout(NOTHING),
            ("dial_timeout", "0ns", "longer than zero"),
        ),
        (
            there().connection(impatient()),
            ("control_timeout", "0ns", "longer than zero"),
        ),
        (
            there().call_timeout(NOTHING),
            ("call_timeout", "0ns", "longer than zero"),
        ),
    ];
    for (config, refusal) in refusals {
        match timeout(PATIENCE, Client::reattach(config))
            .await
            .unwrap()
            .unwrap_err()
        {
            ReattachError::Option(error) => assert_refused(&error, refusal),
            error => panic!("{error:?}"),
        }
    }
    let mut grpc = ReattachConfig::tcp("127.0.0.1:1");
    grpc.protocol = "grpc".into();
    let error = Client::reattach(grpc).await.unwrap_err();
    assert!(
        matches!(error, ReattachError::UnsupportedProtocol { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "unsupported plugin protocol \"grpc\". Supported: [netrpc]"
    );
}

#[tokio::test]
async fn serving_refuses_what_means_nothing() {
    // What comes after the options, so that what is not refused does not pass for it.
    let handshake = || HandshakeConfig::new(1, "PLUGWIRE_TEST_COOKIE_NOBODY_SETS", "x");
    let config = || ServeConfig::new(handshake(), PluginSet::new());
    let two = || [(1, PluginSet::new()), (1, PluginSet::new())];
    #[cfg_attr(not(feature = "tls"), allow(unused_mut, reason = "TLS adds to it"))]
    let mut refusals: Vec<(ServeConfig, Refusal<'_>)> = vec![
        (
            config().versioned_plugins([]),
            ("versioned_plugins", "{}", "one app version"),
        ),
        (
            config().versioned_plugins(two()),
            ("versioned_plugins", "version 1 twice", "once"),
        ),
        (
            config().connection(impatient()),
            ("control_timeout", "0ns", "longer than zero"),
        ),
        (
            config().max_pending(0),
            ("max_pending", "0", "at least 1 connection"),
        ),
        (
            config().shutdown_grace(NOTHING),
            ("shutdown_grace", "0ns", "more than 0 s"),
        ),
    ];
    #[cfg(feature = "tls")]
    refusals.push((
        config().tls_handshake_timeout(NOTHING),
        ("tls_handshake_timeout", "0ns", "longer than zero"),
    ));
    for (config, refusal) in refusals {
        match serve_test(config, ServeTestConfig::new())
            .await
            .unwrap_err()
        {
            ServeError::Option(error) => assert_refused(&error, refusal),
            error => panic!("{error:?}"),
        }
    }
    for (key, value, given) in [("", "x", "\"\""), ("A=B", "x", "A=B"), ("A", "x\0", "x\\0")] {
        let config = ServeConfig::new(HandshakeConfig::new(1, key, value), PluginSet::new());
        let error = try_serve(config).await.unwrap_err();
        assert!(matches!(error, ServeError::Misconfigured(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("invalid HandshakeConfig::magic_cookie_"),
            "{text}"
        );
        assert!(text.contains(given), "{text}");
    }
    // Any process could connect.
    let config = config().listen_tcp(([0, 0, 0, 0], 0));
    let error = serve_test(config, ServeTestConfig::new())
        .await
        .unwrap_err();
    let ServeError::Plaintext { address } = error else {
        panic!("{error:?}");
    };
    assert_eq!(address.to_string(), "0.0.0.0:0");
}

#[test]
fn discover_refuses_what_is_no_pattern() {
    let error = discover("[a", ".").unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("syntax error in pattern \"[a\": "),
        "{text}"
    );
}

/// Longer than any clock can count to.
#[tokio::test]
async fn waits_may_be_of_any_length() {
    const EVER: Duration = Duration::MAX;
    let mux = mux::Config::default()
        .keep_alive(Some(EVER))
        .keep_alive_timeout(EVER)
        .accept_backlog(usize::MAX)
        .max_streams(usize::MAX)
        .max_buffered(usize::MAX)
        .max_unaccepted(usize::MAX)
        .max_noise(u32::MAX)
        .close_timeout(EVER)
        .stream_close_timeout(EVER);
    let broker = broker::BrokerConfig::default()
        .accept_timeout(EVER)
        .dial_timeout(EVER)
        .codec(rpc::CallConfig::default().max_calls(usize::MAX));
    let connection = ConnectionConfig::default()
        .mux(mux)
        .broker(broker)
        .limits(
            Limits::default()
                .max_message(usize::MAX)
                .max_types(usize::MAX),
        )
        .control_timeout(EVER);
    let config = ServeConfig::new(HANDSHAKE, PluginSet::new()).connection(connection.clone());
    let server = serve_test(config, ServeTestConfig::new()).await.unwrap();
    let config = AttachConfig::new(server.reattach_config().clone())
        .connection(connection.clone())
        .start_timeout(EVER)
        .dial_timeout(EVER)
        .kill_grace(EVER);
    let client = timeout(PATIENCE, Client::reattach(config))
        .await
        .unwrap()
        .unwrap();
    client.ping().await.unwrap();
    timeout(PATIENCE, client.kill()).await.unwrap();
    timeout(PATIENCE, server.stop()).await.unwrap().unwrap();

    let config = ClientConfig::new(HANDSHAKE, Command::new("true"))
        .connection(connection)
        .start_timeout(EVER)
        .dial_timeout(EVER)
        .kill_grace(EVER);
    let error = timeout(PATIENCE, Client::launch(config))
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, LaunchError::Exited { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_may_be_waited_for_without_end() {
    let (end, _silent) = tokio::io::duplex(1024);
    let config = mux::Config::default().keep_alive_timeout(Duration::MAX);
    let session = Session::client(end, config);
    // A year without an answer to the first ping.
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    assert!(timeout(year, session.closed()).await.is_err());
}
