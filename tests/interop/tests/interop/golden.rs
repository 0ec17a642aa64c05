//! Golden conversations: the same one between Go and Go, a Rust host and Go's plugin, and Go's host
//! and a Rust plugin. A relay writes down what either side says, and a peer in Rust has to say what
//! Go says.
//!
//! Compared are the handshake and, stream by stream, the bytes: calls, an error, a callback, a
//! reader, a writer, items, a call that is given up and one with a deadline. How bytes are cut into
//! frames is each side's own matter. So are the numbers of gob's types: Go counts them by process,
//! this crate by stream. Here they are counted by stream for both.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use plugwire::host::{Client, ClientConfig};
use plugwire::{Reader, Result, Stream, Writer};
use plugwire_interop::shapes::{self, AddHelper, Counter, Events};
use plugwire_interop::vault::Vault;
use support::within;
use tempfile::TempDir;

use crate::go;
use crate::go_host::passes;
use crate::gob_text::described;

/// What went over one connection, and before it.
struct Recording {
    environment: BTreeMap<String, String>,
    /// The plugin's first line, without its address.
    line: Vec<String>,
    host: Streams,
    plugin: Streams,
}

/// What one side says on each stream, by its number.
type Streams = BTreeMap<u32, Vec<u8>>;

impl Recording {
    fn read(directory: &Path) -> Recording {
        let text = |name| std::fs::read_to_string(directory.join(name)).unwrap();
        let streams = |name| streams(&std::fs::read(directory.join(name)).unwrap());
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').expect("a variable");
            (name.to_owned(), value.to_owned())
        };
        let mut line: Vec<_> = text("line").split('|').map(str::to_owned).collect();
        line[3].clear();
        Recording {
            environment: text("environment").lines().map(pair).collect(),
            line,
            host: streams("host"),
            plugin: streams("plugin"),
        }
    }
}

/// Puts together the data of yamux's frames.
fn streams(mut bytes: &[u8]) -> Streams {
    let mut streams = Streams::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<12>() {
        let [0, kind, _, _, number @ .., a, b, c, d] = *header else {
            panic!("no frame: {header:?}");
        };
        bytes = rest;
        if kind == 0 {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            // Go's host kills a plugin that ends before it has answered the request to quit.
            let Some((data, rest)) = bytes.split_at_checked(length) else {
                break;
            };
            let stream = streams.entry(u32::from_be_bytes(number)).or_default();
            stream.extend_from_slice(data);
            bytes = rest;
        }
    }
    streams
}

/// As text, to see what differs, up to the request to quit: a plugin in Go may end before it has
/// answered.
fn shown(streams: &Streams) -> String {
    let mut text = String::new();
    for (number, bytes) in streams {
        // The host opens three streams by itself; all others begin with the broker's number.
        let preface = match number {
            1 | 3 | 5 => 0,
            _ => 4,
        };
        let (preface, rest) = bytes.split_at(preface);
        text += &format!("stream {number} {preface:?}\n");
        match described(rest) {
            // Behind a nil interface this crate writes two bytes more, for Go's decoder where it
            // skips the value (`codec/gob.rs`). Otherwise Go drops them.
            Some(messages) => {
                text += &messages.replace(r"builtin 8 \x00\x00\x04\x00", r"builtin 8 \x00\x00");
            }
            None => text += &format!("  {}\n", rest.escape_ascii()),
        }
    }
    text.lines()
        .scan(false, |quits, line| {
            // The header, and its value behind it.
            let is_value = std::mem::replace(quits, line.contains("Control.Quit"));
            Some((!*quits && !is_value).then_some(line))
        })
        .flatten()
        .map(|line| format!("{line}\n"))
        .collect()
}

fn plugin_in_go() -> PathBuf {
    go::program("shapeplugin")
}

/// Go's host with any plugin: `golden` in `go/cmd/shapehost` has the conversation.
async fn recorded_by_go(plugin: &Path) -> Recording {
    let directory = TempDir::new().unwrap();
    let mut host = tokio::process::Command::new(go::program("shapehost"));
    host.args(["-plugin", env!("CARGO_BIN_EXE_relay-plugin")])
        .args(["-case", "golden"])
        .env("RELAY_PLUGIN", plugin)
        .env("RELAY_RECORD", directory.path());
    passes(host, "golden", Duration::from_secs(90)).await;
    Recording::read(directory.path())
}

struct Adder;

#[plugwire::interface]
impl AddHelper for Adder {
    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        Ok(a + b)
    }
}

/// The same conversation by a host in Rust.
async fn recorded_by_rust(plugin: &Path) -> Recording {
    let directory = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay-plugin"));
    command
        .env("RELAY_PLUGIN", plugin)
        .env("RELAY_RECORD", directory.path());
    let config = ClientConfig::new(shapes::HANDSHAKE, command);
    let client = within(Client::launch(config)).await.unwrap();
    within(converse(&client)).await;
    client.kill().await;
    Recording::read(directory.path())
}

async fn converse(client: &Client) {
    let counter = client.dispense::<dyn Counter>("counter").await.unwrap();
    counter.put("a".into(), 2, Arc::new(Adder)).await.unwrap();
    assert_eq!(counter.get("a".into()).await.unwrap(), 2);
    let error = counter.get("none".into()).await.unwrap_err();
    assert_eq!(error.to_string(), "no such key: none");
    let hurried = counter.with_timeout(Duration::from_secs(3600));
    assert_eq!(hurried.get("a".into()).await.unwrap(), 2);
    let text = Reader::new(Cursor::new("some bytes"));
    assert_eq!(counter.import("b".into(), text).await.unwrap(), 10);
    let (writer, mut exported) = tokio::io::duplex(1024);
    counter.export(Writer::new(writer)).await.unwrap();
    let mut lines = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut exported, &mut lines)
        .await
        .unwrap();
    assert_eq!(lines, "a 2\nb 10\n");

    let vault = client.dispense::<dyn Vault>("vault").await.unwrap();
    let error = vault.get("locked".into()).await.unwrap_err();
    assert_eq!(error.to_string(), "locked is locked for 30 s");

    let events = client.dispense::<dyn Events>("events").await.unwrap();
    let (sender, numbers) = Stream::channel();
    let mut doubled = events.double(numbers).await.unwrap();
    for number in [1, 2, 3] {
        sender.send(number).await.unwrap();
        assert_eq!(doubled.next().await.unwrap().unwrap(), 2 * number);
    }
    drop(sender);
    assert!(doubled.next().await.is_none());
    // Given up once it is written, which its first poll does.
    assert!(events.stopped().now_or_never().is_none());
    let failed = events.fail(0).await.unwrap().next().await.unwrap();
    assert_eq!(failed.unwrap_err().to_string(), "no more paper");
}

#[tokio::test]
async fn a_rust_host_says_to_go_s_plugin_what_go_s_host_says() {
    if !go::present() {
        return;
    }
    let go = recorded_by_go(&plugin_in_go()).await;
    let mut rust = recorded_by_rust(&plugin_in_go()).await;
    // Go's plugin ignores these two: it would know the first only if the host set it.
    for own in ["PLUGIN_UNIX_SOCKET_DIR", "PLUGWIRE_EXTENSIONS"] {
        assert!(rust.environment.remove(own).is_some(), "{own}");
        assert!(!go.environment.contains_key(own), "{own}");
    }
    assert_eq!(rust.environment, go.environment);
    assert_eq!(rust.line, go.line);
    assert_eq!(shown(&rust.host), shown(&go.host));
    assert_eq!(shown(&rust.plugin), shown(&go.plugin));
}

#[tokio::test]
async fn a_rust_plugin_says_to_go_s_host_what_go_s_plugin_says() {
    if !go::present() {
        return;
    }
    let go = recorded_by_go(&plugin_in_go()).await;
    let rust = recorded_by_go(Path::new(env!("CARGO_BIN_EXE_shape-plugin"))).await;
    assert_eq!(rust.environment, go.environment);
    assert_eq!(rust.line, go.line);
    assert_eq!(shown(&rust.plugin), shown(&go.plugin));
    assert_eq!(shown(&rust.host), shown(&go.host));
}
