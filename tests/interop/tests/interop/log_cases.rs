//! The plugin's log.

use std::sync::{Arc, Mutex};

use plugwire::host::{Client, LogLevel, LogRecord};
use plugwire::rpc;
use plugwire_interop::KIT;
use serde_json::json;

use crate::peer::Peer;
use support::within;

type Records = Arc<Mutex<Vec<LogRecord>>>;

async fn launch(peer: Peer) -> (Client, rpc::Client, Records) {
    let records = Records::default();
    let recording = Arc::clone(&records);
    let record = move |record: &LogRecord| recording.lock().unwrap().push(record.clone());
    let client = within(Client::launch(peer.config().on_log(record))).await;
    let client = client.expect("the kit starts");
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    (client, kit, records)
}

/// The record with this message, of a plugin that has ended.
fn find(records: &Records, message: &str) -> LogRecord {
    let records = records.lock().unwrap();
    let mut found = records.iter().filter(|record| record.message == message);
    let record = found.next().unwrap_or_else(|| panic!("{records:#?}"));
    assert!(found.next().is_none(), "only once");
    record.clone()
}

/// Both plugins write the same bytes, Go's by hclog.
pub async fn an_hclog_line_arrives_as_a_record(peer: Peer) {
    let (client, kit, records) = launch(peer).await;
    let message = "said the plugin: \"hello\" <&>";
    let _: i64 = within(kit.call("Plugin.Log", message)).await.unwrap();
    within(client.kill()).await;
    let record = find(&records, message);
    assert_eq!(record.level, LogLevel::Info);
    assert_eq!(record.module.as_deref(), Some("kit"));
    assert_eq!(record.fields.len(), 1);
    assert_eq!(record.fields["answer"], 42);
    let age = record.time.expect("a timestamp").elapsed().unwrap();
    assert!(age.as_secs() < 60, "{age:?}");
    let timestamp = record.timestamp.unwrap();
    let line = format!(
        r#"{{"@level":"info","@message":"said the plugin: \"hello\" \u003c\u0026\u003e","@module":"kit","@timestamp":"{timestamp}","answer":42}}"#
    );
    assert_eq!(String::from_utf8(record.raw).unwrap(), line);
}

pub async fn pairs_of_every_type_arrive(peer: Peer) {
    let (client, kit, records) = launch(peer).await;
    let _: i64 = within(kit.call("Plugin.LogPairs", "slow")).await.unwrap();
    within(client.kill()).await;
    let record = find(&records, "slow");
    assert_eq!(record.level, LogLevel::Warn);
    assert_eq!(record.module.as_deref(), Some("kit"));
    let mut expected = json!({
        "error": "disk full", "ok": true, "ratio": 0.5, "request": 7, "user": "Ada",
    });
    if peer.is_rust() {
        expected["spans"] = json!(["serve", "handle"]);
    }
    assert_eq!(serde_json::Value::Object(record.fields), expected);
}

pub async fn a_crash_arrives_as_errors(peer: Peer) {
    let (client, kit, records) = launch(peer).await;
    let error = within(kit.call::<_, String>("Plugin.Crash", &()))
        .await
        .unwrap_err();
    assert!(error.is_disconnected(), "{error:?}");
    within(client.kill()).await;
    let records = records.lock().unwrap();
    let head = records
        .iter()
        .position(|record| record.message == "panic: kit crashed")
        .unwrap_or_else(|| panic!("{records:#?}"));
    let report = &records[head..];
    assert!(report.len() > 2, "{report:#?}");
    assert!(report.iter().all(|record| record.level == LogLevel::Error));
}
