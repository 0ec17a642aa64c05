//! A plugin without a process, launched like one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig, LaunchError};
use plugwire::testing::{FakePlugin, Fault};
use tokio::time::Instant;

use crate::store::{Kv, Three, plugins};

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(3, "KV_PLUGIN", "yes");

fn plugin() -> FakePlugin {
    FakePlugin::new(HANDSHAKE, plugins())
}

#[tokio::test(start_paused = true)]
async fn it_is_launched_called_and_killed_like_a_process() {
    let plugin = plugin();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let config = ClientConfig::new(HANDSHAKE, &plugin);
    let config = config.on_log(move |record| seen.lock().unwrap().push(record.message.clone()));
    let client = Client::launch(config).await.unwrap();
    assert_eq!(client.negotiated_version(), 3);
    let kv = client.dispense::<dyn Kv>("kv").await.unwrap();
    kv.put("a".into(), 1).await.unwrap();
    assert_eq!(kv.add("a".into(), Arc::new(Three)).await.unwrap(), 4);
    plugin.log("[WARN] a line").await;
    client.kill().await;
    assert!(client.exited());
    assert_eq!(
        client.wait().await.and_then(|status| status.code()),
        Some(0)
    );
    let lines = lines.lock().unwrap();
    assert!(
        lines.iter().any(|line| line.contains("a line")),
        "{lines:?}"
    );
    let conversation = plugin.conversation();
    assert!(
        conversation.starts_with("control\n  Control.Ping true = {}\n"),
        "{conversation}"
    );
    assert!(
        conversation.contains("Control.Quit true = {}"),
        "{conversation}"
    );
}

#[tokio::test(start_paused = true)]
async fn its_crash_is_that_of_a_process() {
    let plugin = plugin();
    let client = Client::launch(ClientConfig::new(HANDSHAKE, &plugin))
        .await
        .unwrap();
    let kv = client.dispense::<dyn Kv>("kv").await.unwrap();
    plugin.faults().befall_at("Plugin.Get", Fault::Crash);
    let error = kv.get("a".into()).await.unwrap_err();
    let crash = error.crash().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(crash.status.and_then(|status| status.code()), Some(1));
    assert_eq!(crash.stderr.trim_end(), "a crash on demand");
    client.closed().await;
    client.wait().await;
    assert!(client.exited());
}

#[tokio::test(start_paused = true)]
async fn faults_befall_the_launch() {
    let launch = |fault: Option<Fault>| async move {
        let plugin = plugin();
        if let Some(fault) = fault {
            plugin.faults().befall(fault);
        }
        Client::launch(ClientConfig::new(HANDSHAKE, &plugin)).await
    };
    let crashed = launch(Some(Fault::Crash)).await.unwrap_err();
    assert!(matches!(crashed, LaunchError::Exited { .. }), "{crashed:?}");
    let silent = launch(Some(Fault::Silence)).await.unwrap_err();
    assert!(matches!(silent, LaunchError::Timeout { .. }), "{silent:?}");
    let garbage = launch(Some(Fault::Garbage)).await.unwrap_err();
    assert!(
        garbage.to_string().contains("this is no handshake"),
        "{garbage}"
    );
    launch(Some(Fault::Cut)).await.unwrap_err();
    let start = Instant::now();
    let client = launch(Some(Fault::Delay(Duration::from_secs(5))))
        .await
        .unwrap();
    assert!(
        start.elapsed() >= Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    drop(client);
    launch(None).await.unwrap().kill().await;
}

#[tokio::test(start_paused = true)]
async fn another_handshake_is_refused() {
    let other = HandshakeConfig::new(3, "OTHER_PLUGIN", "yes");
    let error = Client::launch(ClientConfig::new(other, &plugin()))
        .await
        .unwrap_err();
    let LaunchError::Exited { report, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(report.stderr.contains("another handshake"), "{report:?}");
}
