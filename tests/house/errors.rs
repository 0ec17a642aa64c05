//! One convention for every public error: its text leaves out what `source()` gives, so that
//! whatever prints an error with its causes prints each of them once.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::InvalidOption;
use plugwire::broker::{AcceptError, DialError};
use plugwire::codec;
use plugwire::connection::{ConnectionError, DispenseError};
use plugwire::gob;
use plugwire::handshake::{Address, HandshakeConfig, HandshakeError};
use plugwire::host::{
    Cause, Client, ClientConfig, DiscoverError, HealthError, LaunchError, ProcessReport,
    ReattachError, ReloadError, SecureError, StartError, StateFileError,
};
use plugwire::interface::{ItemError, SendError};
use plugwire::mux::proto::frame::HeaderError;
use plugwire::mux::{OpenError, SessionError};
use plugwire::plugin;
use plugwire::rpc::{self, CallError, EndReason};

/// A cause whose text is like no other.
fn system() -> io::Error {
    io::Error::other("the system's reason")
}

fn address() -> Address {
    Address::Unix("/tmp/plugin1".into())
}

fn session() -> SessionError {
    SessionError::Io(Arc::new(system()))
}

/// The end of a session, as the calls over it learn of it.
fn ended() -> EndReason {
    let error = io::Error::new(io::ErrorKind::ConnectionAborted, session());
    EndReason::Failed(Arc::new(error))
}

fn decode() -> codec::DecodeError {
    system().into()
}

/// Of an interface that gob cannot say.
fn unsayable() -> plugwire::interface::CheckError {
    #[plugwire::interface]
    trait Wide {
        async fn get(&self) -> plugwire::Result<u128>;
    }
    <dyn Wide>::check().unwrap_err()
}

/// Of an option that is refused before anything is started.
fn option() -> InvalidOption {
    let handshake = HandshakeConfig::new(1, "", "value");
    let launch = Client::launch(ClientConfig::new(handshake, Command::new("true")));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    match runtime.unwrap().block_on(launch) {
        Err(LaunchError::Option(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn report() -> Box<ProcessReport> {
    let mut report = ProcessReport::default();
    report.stderr = "last words\nand more".into();
    Box::new(report)
}

type Example = (&'static str, Box<dyn Error + Send + Sync>);

fn example<E: Error + Send + Sync + 'static>(error: E) -> Example {
    (std::any::type_name::<E>(), Box::new(error))
}

fn examples() -> Vec<Example> {
    let method = || "Plugin.Get".to_owned();
    let second = Duration::from_secs(1);
    vec![
        example(decode()),
        example(codec::DecodeError::from(gob_decode())),
        example(codec::EncodeError::from(system())),
        example(codec::RichError::TooDeep { limit: 128 }),
        example(HandshakeError::Codec {
            offered: plugwire::handshake::Extensions::CALLS,
        }),
        #[cfg(feature = "testing")]
        example("thunder".parse::<plugwire::testing::Fault>().unwrap_err()),
        example(codec::DecodeError::from(codec::RichError::Utf8)),
        example(gob_decode()),
        example(gob::DecodeErrorKind::NotUtf8),
        example(gob_encode()),
        example(gob_encode().kind().clone()),
        example(gob::WriteError::from(system())),
        example(gob::ReadError::from(system())),
        example("yesterday".parse::<gob::Time>().unwrap_err()),
        example(option()),
        example(session()),
        example(SessionError::KeepAliveTimeout),
        example(SessionError::Protocol("it opened stream 2".into())),
        example(OpenError::from(session())),
        example(OpenError::GoAway),
        example(HeaderError::Version(b'H')),
        example(AcceptError::from(session())),
        example(AcceptError::Io {
            id: 7,
            source: system(),
        }),
        example(DialError::from(OpenError::from(session()))),
        example(DialError::Io {
            id: 7,
            source: system(),
        }),
        example(CallError::Server("no such key".into())),
        example(rpc::PeerError::from("no such key")),
        example(CallError::Shutdown(EndReason::Closed)),
        example(CallError::UnexpectedEof(ended())),
        example(CallError::Connection(EndReason::Malformed(Arc::new(
            decode(),
        )))),
        example(CallError::Crashed {
            method: method(),
            crash: Arc::default(),
            source: ended(),
        }),
        example(ended()),
        example(CallError::Timeout {
            method: method(),
            timeout: second,
        }),
        example(CallError::Encode {
            method: method(),
            source: system().into(),
        }),
        example(CallError::Decode {
            method: method(),
            source: decode(),
        }),
        example(CallError::Decode {
            method: method(),
            source: gob_decode().into(),
        }),
        example(rpc::RequestError::from(decode())),
        example(plugwire::Error::from(CallError::Decode {
            method: method(),
            source: decode(),
        })),
        example(plugwire::Error::from(DialError::Io {
            id: 7,
            source: system(),
        })),
        example(plugwire::Error::Connect {
            place: "gob: decoding Done: Log: cannot connect to broker id 7".into(),
            source: DialError::Io {
                id: 7,
                source: system(),
            },
        }),
        example(plugwire::Error::Stream {
            method: method(),
            source: system(),
        }),
        example(plugwire::Error::from(ItemError::Decode {
            item: 3,
            source: decode(),
        })),
        example(plugwire::Error::from(system())),
        example(ItemError::Decode {
            item: 3,
            source: decode(),
        }),
        example(ItemError::CutOff {
            items: 3,
            source: Some(system()),
        }),
        example(closed()),
        example(DispenseError::from(DialError::Io {
            id: 7,
            source: system(),
        })),
        example(DispenseError::Check {
            name: "kv".into(),
            source: unsayable(),
        }),
        example(unsayable()),
        example(ConnectionError::from(session())),
        example(ConnectionError::from(rpc::RequestError::from(decode()))),
        example(ConnectionError::Incomplete(second)),
        example(HandshakeError::CoreVersion {
            field: "x".into(),
            reason: number(),
        }),
        example(HandshakeError::AppVersion {
            field: "x".into(),
            reason: number(),
        }),
        example(LaunchError::from(option())),
        example(LaunchError::from(secure())),
        example(LaunchError::Start {
            program: "x".into(),
            source: system(),
            notes: "Mode".into(),
        }),
        example(LaunchError::SocketDir {
            place: "/tmp".into(),
            source: system(),
        }),
        example(LaunchError::ClientCert(system())),
        example(LaunchError::Timeout {
            after: second,
            report: report(),
        }),
        example(LaunchError::Exited {
            report: report(),
            notes: String::new(),
        }),
        example(LaunchError::Handshake {
            error: HandshakeError::CoreVersion {
                field: "x".into(),
                reason: number(),
            },
            report: report(),
            notes: String::new(),
        }),
        example(LaunchError::Outlet {
            place: "/x".into(),
            source: system(),
        }),
        example(LaunchError::Connect {
            address: address(),
            source: system(),
            report: report(),
        }),
        example(LaunchError::Tls {
            address: address(),
            source: system(),
            report: report(),
        }),
        example(LaunchError::Session {
            address: address(),
            source: session().into(),
            report: report(),
        }),
        example(LaunchError::Ping {
            address: address(),
            source: CallError::Decode {
                method: method(),
                source: decode(),
            },
            report: report(),
        }),
        example(CallError::Down {
            method: method(),
            waited: Some(second),
            source: Some(Arc::new(not_started())),
        }),
        example(not_started()),
        example(Cause::Disconnected(session())),
        example(Cause::Unhealthy(Arc::new(HealthError::Check(
            system().into(),
        )))),
        example(Cause::GivenUp {
            restarts: 3,
            window: second,
            source: Box::new(not_started()),
        }),
        example(StartError::from(LaunchError::ClientCert(system()))),
        example(StartError::Dispense {
            name: "kv".into(),
            source: DispenseError::from(DialError::Io {
                id: 7,
                source: system(),
            }),
        }),
        example(StartError::from(HealthError::Check(system().into()))),
        example(HealthError::Ping(CallError::Decode {
            method: method(),
            source: decode(),
        })),
        example(HealthError::Check(system().into())),
        example(ReloadError::from(option())),
        example(ReloadError::Start(Arc::new(
            LaunchError::ClientCert(system()).into(),
        ))),
        example(StartError::from(ReattachError::ProcessNotFound {
            address: address(),
            source: system(),
        })),
        example(StateFileError::Io {
            path: "/x".into(),
            source: system(),
        }),
        example(StateFileError::Malformed {
            path: "/x".into(),
            source: system().into(),
        }),
        example(StateFileError::Encode {
            path: "/x".into(),
            source: system().into(),
        }),
        example(ReattachError::from(option())),
        example(ReattachError::IncompatibleVersion {
            address: address(),
            plugin: 1,
            host: vec![2, 3],
        }),
        example(ReattachError::ProcessNotFound {
            address: address(),
            source: system(),
        }),
        example(ReattachError::Tls {
            address: address(),
            source: system(),
        }),
        example(ReattachError::Session {
            address: address(),
            source: session().into(),
        }),
        example(ReattachError::Ping {
            address: address(),
            source: CallError::Decode {
                method: method(),
                source: decode(),
            },
        }),
        example(secure()),
        example(DiscoverError::Directory(system())),
        example(plugin::ServeError::Misconfigured(option())),
        example(plugin::ServeError::from(option())),
        example(plugin::ServeError::Listen {
            place: "/tmp".into(),
            source: system(),
        }),
        example(plugin::ServeError::ServerCert(system())),
        example(plugin::ServeError::Stdio(system())),
        example(plugin::ServeError::Signal(system())),
        example(plugin::ServeError::from(HandshakeError::NoLine)),
        example(plugin::ServeError::Announce(system())),
        example(plugin::ServeError::Accept(system())),
    ]
}

/// Of a supervised plugin.
fn not_started() -> Cause {
    let error = LaunchError::ClientCert(system());
    Cause::NotStarted(Arc::new(error.into()))
}

/// Of a stream that was dropped.
fn closed() -> SendError {
    let (sender, stream) = plugwire::Stream::<u64>::channel();
    drop(stream);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(sender.send(1)).unwrap_err()
}

fn gob_decode() -> gob::DecodeError {
    gob::from_slice::<i64>(&gob::to_vec("text").unwrap()).unwrap_err()
}

fn gob_encode() -> gob::EncodeError {
    gob::to_vec(&[None::<u8>]).unwrap_err()
}

fn number() -> std::num::ParseIntError {
    "x".parse::<u32>().unwrap_err()
}

fn secure() -> SecureError {
    SecureError::Io {
        path: "/x".into(),
        source: system(),
    }
}

fn causes(error: &dyn Error) -> Vec<String> {
    let sources = std::iter::successors(error.source(), |&error| error.source());
    sources.map(ToString::to_string).collect()
}

#[test]
fn no_text_has_what_its_source_says() {
    for (_, error) in examples() {
        let mut text = error.to_string();
        assert!(!text.is_empty(), "{error:?}");
        for cause in causes(&*error) {
            assert!(!text.contains(&cause), "{error:?}: {text:?} has {cause:?}");
            text = cause;
        }
    }
}

/// As `{:#}` of `anyhow` prints an error, and as `tracing` records it.
#[test]
fn an_error_with_its_causes_has_the_systems_reason_once() {
    for (_, error) in examples() {
        let debug = format!("{error:?}");
        if !debug.contains("the system's reason") {
            continue;
        }
        let mut texts = vec![error.to_string()];
        texts.extend(causes(&*error));
        let printed = texts.join(": ");
        let times = printed.matches("the system's reason").count();
        assert_eq!(times, 1, "{printed}");
    }
}

fn sources_of_the_crate() -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.ends_with("tests.rs") {
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for sources in [
        "src",
        "crates/base/src",
        "crates/gob/src",
        "crates/yamux/src",
    ] {
        walk(&root.join(sources), &mut found);
    }
    found
}

/// Whether there is an example of every public error type, by its name.
#[test]
fn every_public_error_is_among_the_examples() {
    // Met by no value that could be made here: of a time that a crate behind a feature refuses, of
    // bytes that a decoder behind a feature refuses, of a session that is full, and of what is
    // hidden: it prints what it holds.
    const ELSEWHERE: [&str; 4] = [
        "TimeRangeError",
        "MalformedError",
        "UnreadError",
        "LendError",
    ];
    let shown: BTreeSet<&str> = examples()
        .iter()
        .filter_map(|(name, _)| name.rsplit("::").next())
        .collect();
    for path in sources_of_the_crate() {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let rest = line
                .strip_prefix("pub enum ")
                .or(line.strip_prefix("pub struct "));
            let Some(name) =
                rest.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric()).next())
            else {
                continue;
            };
            let is_error = name.ends_with("Error") || name.ends_with("ErrorKind");
            if is_error && !ELSEWHERE.contains(&name) {
                assert!(shown.contains(name), "{name} in {}", path.display());
            }
        }
    }
}

/// The same of all variants, as they are declared.
#[test]
fn no_variant_is_declared_to_print_its_source() {
    for path in sources_of_the_crate() {
        let text = fs::read_to_string(&path).unwrap();
        // Tests have errors as others write them.
        let text = text.split("#[cfg(test)]").next().unwrap();
        for declared in text.split("#[error(").skip(1) {
            let (format, rest) = declared.split_once(")]").unwrap();
            assert!(!format.contains("{source"), "{}: {format}", path.display());
            let variant = rest.split("#[error(").next().unwrap();
            let variant = variant.split(",\n").next().unwrap();
            if variant.contains("(#[from]") || variant.contains("(#[source]") {
                assert!(!format.contains("{0"), "{}: {format}", path.display());
            }
        }
    }
}

/// What a terminal obeys, and what a reader of a log takes for another line.
const HOSTILE: &str = "a\x1b]0;owned\x07\r\n2026-01-01 ERROR forged\u{9b}31m\u{2028}b\u{202e}c\x7f";

fn is_unsafe(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}')
}

#[test]
fn what_a_peer_sends_cannot_write_to_the_terminal_or_forge_a_line() {
    let text = || HOSTILE.to_owned();
    let field: Vec<(String, i64)> = vec![(text(), 1)];
    let map: std::collections::BTreeMap<_, _> = field.into_iter().collect();
    let gob =
        gob::from_slice::<std::collections::BTreeMap<String, bool>>(&gob::to_vec(&map).unwrap());
    let errors = [
        example(CallError::Server(text().into())),
        example(plugwire::Error::from(CallError::Server(text().into()))),
        example(DispenseError::from(CallError::Server(text().into()))),
        example(HandshakeError::Unrecognized { line: text() }),
        example(HandshakeError::Unrecognized {
            line: text().repeat(100),
        }),
        example(HandshakeError::CoreVersion {
            field: text(),
            reason: number(),
        }),
        example(HandshakeError::AppVersion {
            field: text(),
            reason: number(),
        }),
        example(HandshakeError::UnknownNetwork {
            network: text(),
            address: text(),
        }),
        example(HandshakeError::UnsupportedProtocol { protocol: text() }),
        example(HandshakeError::ServerCert {
            field: text(),
            reason: "short".into(),
        }),
        example(gob.unwrap_err()),
        example(gob::DecodeError::from(gob::DecodeErrorKind::Custom(text()))),
        example(gob::DecodeErrorKind::Custom(text())),
        example(gob::DecodeErrorKind::Mismatch {
            expected: "u8",
            received: text(),
        }),
        example(LaunchError::Connect {
            address: Address::Unix(text().into()),
            source: system(),
            report: Box::default(),
        }),
        example(LaunchError::Connect {
            address: Address::Tcp(text()),
            source: system(),
            report: Box::default(),
        }),
    ];
    for (_, error) in errors {
        let text = error.to_string();
        assert!(!text.contains(is_unsafe), "{text:?}");
        assert!(
            text.contains("forged") || !format!("{error:?}").contains("forged"),
            "{text:?}"
        );
    }
    // These have lines of their own; what the plugin wrote is indented by them.
    let mut report = ProcessReport::default();
    report.stderr = HOSTILE.replace('\n', "\n\x1b");
    for error in [
        LaunchError::Exited {
            report: Box::new(report.clone()),
            notes: String::new(),
        },
        LaunchError::Handshake {
            error: HandshakeError::LineTooLong { start: text() },
            report: Box::new(report),
            notes: String::new(),
        },
    ] {
        let text = error.to_string();
        for line in text.lines() {
            assert!(!line.contains(is_unsafe), "{line:?}");
            assert!(!line.starts_with("2026"), "{text:?}");
        }
    }
    // The text as it came is there, too.
    assert_eq!(CallError::Server(text().into()).peer_text(), Some(HOSTILE));
    assert_eq!(
        String::from(plugwire::Error::from(CallError::Server(text().into()))),
        HOSTILE
    );
}

/// The error names the call and what arrived, on both sides.
#[tokio::test]
async fn an_argument_that_does_not_decode_is_told_with_its_method_and_type() {
    let add = |n: i64| async move { Ok::<_, String>(n + 1) };
    let service = rpc::Service::new().method("Add", add);
    let (here, there) = tokio::io::duplex(1 << 16);
    let server = rpc::Server::from(service);
    tokio::spawn(async move { server.serve(there, rpc::Codec::Gob).await });
    let client = rpc::Client::new(here, rpc::Codec::Gob);
    let error = client
        .call::<_, i64>("Plugin.Add", "one")
        .await
        .unwrap_err();
    assert_eq!(
        error.peer_text(),
        Some(
            "cannot decode the argument of Plugin.Add: \
             gob: decoding i64: expected i64, received type string"
        )
    );
    // And where the reply does not.
    let error = client
        .call::<_, String>("Plugin.Add", &1i64)
        .await
        .unwrap_err();
    assert_eq!(
        format!("{error}: {}", error.source().unwrap()),
        "cannot decode the reply of Plugin.Add: \
         gob: decoding alloc::string::String: expected a string, received type int"
    );
}

/// The text goes to the next peer as it came.
#[tokio::test]
async fn a_text_that_is_handed_on_is_not_written_out() {
    let hostile = || async { Err::<(), _>(CallError::Server(HOSTILE.into())) };
    let boxed = || async {
        let error: Box<dyn Error + Send + Sync> = CallError::Server(HOSTILE.into()).into();
        Err::<(), _>(error)
    };
    let service = rpc::Service::new()
        .method("HandOn", move |()| hostile())
        .method("Boxed", move |()| boxed());
    let (here, there) = tokio::io::duplex(1 << 16);
    let server = rpc::Server::from(service);
    tokio::spawn(async move { server.serve(there, rpc::Codec::Gob).await });
    let client = rpc::Client::new(here, rpc::Codec::Gob);
    for method in ["Plugin.HandOn", "Plugin.Boxed"] {
        let error = client.call::<_, ()>(method, &()).await.unwrap_err();
        assert_eq!(error.peer_text(), Some(HOSTILE));
    }
}

#[test]
fn errors_can_be_sent_and_shared() {
    fn check<E: Error + Debug + Send + Sync + 'static>() {}
    check::<plugwire::Error>();
    check::<CallError>();
    check::<LaunchError>();
    check::<ReattachError>();
}
