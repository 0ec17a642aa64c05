//! What a plugin writes to its original stderr, as its host reports it; both in Rust and in two
//! processes.
//!
//! The plugin is this test program again, as [`half`] says.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig, LOG_TARGET, LaunchError, LogLevel, LogRecord};
use plugwire::plugin::{self, ServeConfig};
use plugwire::rpc::Service;
use support::causes::assert_fails;
use support::{events, within};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tracing::Level;

use crate::half;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_LOGS_TEST", "cookie");

/// The variable that tells the plugin's half what to do.
const ROLE: &str = "PLUGWIRE_LOGS_ROLE";

// ---- the plugin's half ----

#[cfg(feature = "hclog")]
fn write_structured_logs() {
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::{Layer, SubscriberExt};

    let kit = Targets::new().with_target("kit", Level::TRACE);
    let layer = plugin::HclogLayer::new().with_filter(kit);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
}

#[test]
fn plugin_half() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    half::take_stdout();
    let _ = writeln!(std::io::stderr(), "[INFO] start");
    if role == "exit" {
        let _ = writeln!(std::io::stderr(), "[ERROR] no configuration");
        std::process::exit(3);
    }
    #[cfg(feature = "hclog")]
    write_structured_logs();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let plugins = PluginSet::new().register_service("logger", |_| Ok(logger()));
    runtime.block_on(plugin::serve(ServeConfig::new(HANDSHAKE, plugins)));
    std::process::exit(0);
}

fn logger() -> Service {
    fn done<T>(value: T) -> Result<T, Infallible> {
        Ok(value)
    }
    Service::new()
        .method("Write", |bytes: Vec<u8>| async move {
            let written = plugin::original_stderr().write_all(&bytes);
            done(written.is_ok())
        })
        .method("Panic", |text: String| async move {
            let panic = |text: String| -> bool { panic!("{text}") };
            done(panic(text))
        })
        .method("Request", |id: u64| async move {
            let span = tracing::info_span!(target: "kit", "request", id);
            let error = std::io::Error::other("disk full");
            span.in_scope(|| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(target: "kit", user = "ada", ratio = 0.5, ok = false, error, "slow");
            });
            done(true)
        })
}

// ---- the host's half ----

fn config(place: &TempDir, role: &str) -> ClientConfig {
    let mut command = half::command("logs::plugin_half", place.path());
    command.env(ROLE, role);
    ClientConfig::new(HANDSHAKE, command)
}

type Records = Arc<Mutex<Vec<LogRecord>>>;

fn recorder() -> (Records, impl FnMut(&LogRecord) + Send + 'static) {
    let records = Records::default();
    let recording = Arc::clone(&records);
    let record = move |record: &LogRecord| recording.lock().unwrap().push(record.clone());
    (records, record)
}

/// Has a plugin do what `methods` say, and gives the records from the first line of theirs on, and
/// the copy of the same bytes.
async fn logged(
    change: impl FnOnce(ClientConfig) -> ClientConfig,
    lines: &[&[u8]],
) -> (Vec<LogRecord>, Vec<u8>) {
    let place = TempDir::new().unwrap();
    let (records, record) = recorder();
    let (copy, mut copied) = tokio::io::duplex(1 << 20);
    let config = change(config(&place, "serve").on_log(record).stderr(copy));
    let client = launch(config).await;
    let logger = client.dispense_client("logger").await.unwrap();
    for line in lines {
        let written: bool = logger.call("Plugin.Write", &line.to_vec()).await.unwrap();
        assert!(written);
    }
    client.kill().await;
    let mut bytes = Vec::new();
    copied.read_to_end(&mut bytes).await.unwrap();
    let mut records = records.lock().unwrap().split_off(0);
    let first = records.remove(0);
    assert_eq!(
        (first.level, &*first.message),
        (LogLevel::Info, "[INFO] start")
    );
    let bytes = bytes.strip_prefix(b"[INFO] start\n").unwrap();
    (records, bytes.to_vec())
}

async fn launch(config: ClientConfig) -> Client {
    within(Client::launch(config)).await.unwrap()
}

fn levels_and_messages(records: &[LogRecord]) -> Vec<(LogLevel, &str)> {
    let records = records.iter();
    records
        .map(|record| (record.level, &*record.message))
        .collect()
}

#[tokio::test]
async fn each_kind_of_line_becomes_an_event_at_its_level() {
    events::record();
    let hclog = br#"{"@level":"warn","@message":"slow","@module":"kit.db","@timestamp":"2006-01-02T15:04:05.123456Z","answer":42,"user":{"name":"ada"}}"#;
    let lines: [&[u8]; 9] = [
        &[hclog, &b"\n"[..]].concat(),
        b"[TRACE] one\n[DEBUG] two\n[INFO] three\n[WARN] four\n[ERROR] five\n",
        b"plain, with a \xff\n",
        b"{\"level\":\"error\",\"msg\":\"of others\"}\n",
        b"{\"@level\":\"error\",\"@message\":\"no pairs\"}\n",
        b"panic: out of cheese\n",
        b"\ngoroutine 1 [running]:\n",
        b"[INFO] not of the crash\n",
        b"exit status 2",
    ];
    logged(|config| config, &lines).await;

    let events = events::recorded(LOG_TARGET);
    assert_eq!(events[1].level, Level::WARN);
    let expected = [
        ("message", "slow"),
        ("plugin", "sh"),
        ("module", "kit.db"),
        ("timestamp", "2006-01-02T15:04:05.123456Z"),
        ("answer", "42"),
        ("user", r#"{"name":"ada"}"#),
    ];
    let expected = expected.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(events[1].fields, BTreeMap::from(expected));
    assert_eq!(events[1].target, "plugwire::log::sh::kit::db");

    let rest: Vec<_> = events[2..]
        .iter()
        .map(|event| {
            // What a line does not have is no field of its event.
            assert_eq!(event.fields.len(), 2, "{event:?}");
            assert_eq!(event.fields["plugin"], "sh");
            (event.level, event.message())
        })
        .collect();
    assert_eq!(
        rest,
        [
            (Level::TRACE, "[TRACE] one"),
            (Level::DEBUG, "[DEBUG] two"),
            (Level::INFO, "[INFO] three"),
            (Level::WARN, "[WARN] four"),
            (Level::ERROR, "[ERROR] five"),
            (Level::DEBUG, "plain, with a \u{fffd}"),
            (Level::DEBUG, r#"{"level":"error","msg":"of others"}"#),
            (Level::ERROR, "no pairs"),
            (Level::ERROR, "panic: out of cheese"),
            (Level::ERROR, ""),
            (Level::ERROR, "goroutine 1 [running]:"),
            (Level::INFO, "[INFO] not of the crash"),
            (Level::ERROR, "exit status 2"),
        ]
    );
}

#[tokio::test]
async fn the_callback_gets_records_and_the_writer_every_byte() {
    let lines: [&[u8]; 4] = [
        b"{\"@level\":\"info\",\"@message\":\"m\",\"@module\":\"kit\",\"n\":[1]}\r\n",
        b"in two ",
        b"writes, caf\xe9\n\n",
        b"without an end",
    ];
    let (records, bytes) = logged(|config| config, &lines).await;
    assert_eq!(bytes, lines.concat());
    assert_eq!(
        levels_and_messages(&records),
        [
            (LogLevel::Info, "m"),
            (LogLevel::Debug, "in two writes, caf\u{fffd}"),
            (LogLevel::Debug, ""),
            (LogLevel::Debug, "without an end"),
        ]
    );
    assert_eq!(records[0].module.as_deref(), Some("kit"));
    assert_eq!(records[0].fields["n"][0], 1);
    assert_eq!(records[1].raw, b"in two writes, caf\xe9");
}

#[tokio::test]
async fn a_line_of_64_kib_is_one_and_a_longer_one_comes_in_pieces() {
    const BUFFER: usize = 64 * 1024;
    let message = |length: usize| {
        let frame = r#"{"@level":"warn","@message":""}"#.len();
        let text = "x".repeat(length - frame);
        format!(r#"{{"@level":"warn","@message":"{text}"}}"#) + "\n"
    };
    let (fits, exceeds) = (message(BUFFER - 1), message(BUFFER));
    let lines: [&[u8]; 3] = [fits.as_bytes(), exceeds.as_bytes(), b"[INFO] next\n"];
    let (records, bytes) = logged(|config| config, &lines).await;
    assert!(bytes == lines.concat());
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.level, record.raw.len(), record.is_piece))
        .collect();
    assert_eq!(
        seen,
        [
            (LogLevel::Warn, BUFFER - 1, false),
            (LogLevel::Debug, BUFFER, true),
            (LogLevel::Debug, 0, true),
            (LogLevel::Info, 11, false),
        ]
    );
}

#[tokio::test]
async fn the_size_of_the_buffer_can_be_set() {
    let line = b"[WARN] 0123456789 0123456789 0123456789\n";
    let (records, bytes) = logged(|config| config.plugin_log_buffer_size(23), &[line]).await;
    assert_eq!(bytes, line);
    assert_eq!(
        levels_and_messages(&records),
        [
            (LogLevel::Debug, "[WARN] 0123456789 01234"),
            (LogLevel::Debug, "56789 0123456789"),
        ]
    );
    assert!(records.iter().all(|record| record.is_piece));
}

#[tokio::test]
async fn a_panic_that_the_plugin_survives_is_one_error_in_the_log() {
    let place = TempDir::new().unwrap();
    let (records, record) = recorder();
    let client = launch(config(&place, "serve").on_log(record)).await;
    let logger = client.dispense_client("logger").await.unwrap();
    let panicked = logger.call::<_, bool>("Plugin.Panic", "out of\ncheese");
    assert_fails(panicked.await, "Plugin.Panic ended without a reply");
    let bytes = b"plain\n".to_vec();
    let written = logger.call::<_, bool>("Plugin.Write", &bytes);
    assert!(written.await.unwrap());
    client.kill().await;
    let records = records.lock().unwrap();
    assert_eq!(
        levels_and_messages(&records),
        [
            (LogLevel::Info, "[INFO] start"),
            (LogLevel::Error, "panic: out of\ncheese"),
            // What follows is not the crash's.
            (LogLevel::Debug, "plain"),
        ]
    );
    let fields = &records[1].fields;
    assert!(fields["at"].as_str().unwrap().contains("logs.rs:"));
    assert!(fields.contains_key("thread"));
}

#[tokio::test]
async fn a_callback_that_panics_does_not_hurt_the_plugin() {
    let place = TempDir::new().unwrap();
    let (copy, mut copied) = tokio::io::duplex(1 << 20);
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let config = config(&place, "serve").stderr(copy).on_log(move |_| {
        *counted.lock().unwrap() += 1;
        panic!("this callback is broken");
    });
    let client = launch(config).await;
    let logger = client.dispense_client("logger").await.unwrap();
    for _ in 0..3 {
        let bytes = b"a line\n".to_vec();
        assert!(
            logger
                .call::<_, bool>("Plugin.Write", &bytes)
                .await
                .unwrap()
        );
    }
    client.kill().await;
    let mut bytes = String::new();
    copied.read_to_string(&mut bytes).await.unwrap();
    assert_eq!(bytes, "[INFO] start\na line\na line\na line\n");
    assert_eq!(*calls.lock().unwrap(), 1);
}

#[tokio::test]
async fn the_log_of_a_plugin_that_does_not_start_is_told() {
    let place = TempDir::new().unwrap();
    let (records, record) = recorder();
    let launched = Client::launch(config(&place, "exit").on_log(record));
    let error = within(launched).await.unwrap_err();
    assert!(matches!(error, LaunchError::Exited { .. }), "{error:?}");
    assert_eq!(
        levels_and_messages(&records.lock().unwrap()),
        [
            (LogLevel::Info, "[INFO] start"),
            (LogLevel::Error, "[ERROR] no configuration"),
        ]
    );
}

#[cfg(feature = "hclog")]
#[tokio::test]
async fn spans_and_fields_of_a_plugin_arrive_in_structure() {
    events::record();
    let place = TempDir::new().unwrap();
    let (records, record) = recorder();
    let client = launch(config(&place, "serve").on_log(record)).await;
    let logger = client.dispense_client("logger").await.unwrap();
    let start = std::time::SystemTime::now();
    let done: bool = logger.call("Plugin.Request", &7_u64).await.unwrap();
    assert!(done);
    client.kill().await;

    let records = records.lock().unwrap();
    let [_, record] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(record.level, LogLevel::Warn);
    assert_eq!(record.message, "slow");
    assert_eq!(record.module.as_deref(), Some("kit"));
    let expected = serde_json::json!({
        "error": "disk full", "id": 7, "ok": false, "ratio": 0.5, "spans": ["request"],
        "user": "ada",
    });
    assert_eq!(serde_json::Value::Object(record.fields.clone()), expected);
    let time = record.time.unwrap();
    // The text is cut off after the microseconds.
    let latest = time + std::time::Duration::from_micros(1);
    assert!(latest > start && time <= std::time::SystemTime::now());

    let events = events::recorded(LOG_TARGET);
    let (level, fields) = (&events[1].level, &events[1].fields);
    assert_eq!(*level, Level::WARN);
    assert_eq!(fields["message"], "slow");
    assert_eq!(fields["module"], "kit");
    for (key, value) in expected.as_object().unwrap() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(fields[&**key], value);
    }
}
