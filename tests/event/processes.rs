//! Plugins in processes of their own: this test program again, as [`half`] says.

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;

use plugwire::Remote;
use plugwire::connection::{ConnectionConfig, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig, Restart, RestartPolicy, Supervisor, SupervisorConfig};
use plugwire::plugin::ServeConfig;
use support::{until, within};
use tempfile::TempDir;

use crate::half;
use crate::kv::{Events, Kv, Lengths};

pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_EVENT_TEST", "cookie");

/// What a plugin logs, in hclog's form.
const LOG: [&str; 3] = [
    r#"{"@level":"debug","@message":"reading","@module":"kit.db"}"#,
    r#"{"@level":"warn","@message":"slow","@module":"kit.db","@timestamp":"2026-01-02T03:04:05Z","millis":1200,"table":"users","tags":["a",1]}"#,
    r#"{"@level":"trace","@message":"dialing","@module":"kit.net"}"#,
];

#[test]
fn plugin_half() {
    half::serve(&HANDSHAKE.magic_cookie_key, || {
        for line in LOG {
            writeln!(std::io::stderr(), "{line}").unwrap();
        }
        let plugins = PluginSet::new().register::<dyn Kv>("kv", || Ok(Arc::new(Lengths)));
        ServeConfig::new(HANDSHAKE, plugins)
    });
}

pub struct Plugin {
    pub client: Client,
    _place: TempDir,
}

pub fn command(place: &TempDir) -> Command {
    half::command("processes::plugin_half", place.path())
}

pub fn config(place: &TempDir, events: &Events) -> ClientConfig {
    let connection = ConnectionConfig::default().subscriber(events.clone());
    ClientConfig::new(HANDSHAKE, command(place)).connection(connection)
}

/// A plugin of this name.
pub async fn launch(name: &str) -> Plugin {
    let place = tempfile::tempdir().unwrap();
    let config = config(&place, &Events::default()).name(name);
    Plugin {
        client: within(Client::launch(config)).await.unwrap(),
        _place: place,
    }
}

#[tokio::test]
async fn a_launch_and_an_exit_are_events() {
    let (place, events) = (tempfile::tempdir().unwrap(), Events::default());
    let client = within(Client::launch(config(&place, &events)))
        .await
        .unwrap();
    // The command is a shell that becomes the plugin.
    assert_eq!(client.name(), "sh");
    events.wait_for(&["sh host launched true 1"]).await;
    events.wait_for(&["sh host connected"]).await;
    within(client.kill()).await;
    events
        .wait_for(&["sh host exited: exited Some(\"exit status: 0\")"])
        .await;
    events.wait_for(&["sh host disconnected: "]).await;
    let made = client.snapshot().made;
    assert_eq!((made.begun, made.ended()), (made.begun, made.begun));
    assert!(
        made.answered >= 2,
        "the first ping and the request to quit: {made:?}"
    );
}

#[tokio::test]
async fn a_launch_that_fails_is_an_event() {
    let events = Events::default();
    let connection = ConnectionConfig::default().subscriber(events.clone());
    let config = ClientConfig::new(HANDSHAKE, Command::new("true")).connection(connection);
    within(Client::launch(config)).await.unwrap_err();
    events
        .wait_for(&["true host launch failed: plugin exited before"])
        .await;
}

#[tokio::test]
async fn restarts_and_reloads_are_events_and_numbers() {
    let (place, events) = (tempfile::tempdir().unwrap(), Events::default());
    let policy = RestartPolicy::new(Restart::OnFailure);
    let client = config(&place, &events).name("kv-1");
    let config = SupervisorConfig::new(client).restart(policy);
    let supervisor = Supervisor::start(config).unwrap();
    let kv: Remote<dyn Kv> = within(supervisor.dispense("kv")).await.unwrap();
    within(kv.get("a".into())).await.unwrap();
    within(supervisor.reload()).await.unwrap();
    events.wait_for(&["kv-1 host reloaded true"]).await;
    within(kv.get("a".into())).await.unwrap();
    within(kv.exit(3)).await.unwrap_err();
    events.wait_for(&["kv-1 host restarting 1"]).await;
    within(supervisor.ready()).await.unwrap();
    within(kv.get("a".into())).await.unwrap();
    let snapshot = supervisor.snapshot();
    assert_eq!((snapshot.restarts, snapshot.reloads), (1, 1));
    assert_eq!(&*snapshot.plugin, "kv-1");
    within(supervisor.shutdown()).await;
    // All three processes: each had pings and a dispense, too.
    let ended = || supervisor.snapshot().made;
    until("all is over", || ended().begun == ended().ended()).await;
    let made = ended();
    assert!(made.answered >= 3 + 3 && made.lost >= 1, "{made:?}");
}
