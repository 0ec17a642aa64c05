//! `EnvFilter` chooses by plugin and by the plugin's own module.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

use crate::processes::launch;
use crate::traces::{self, Recorder, Traced};

/// What two plugins log, through a filter.
async fn logged(filter: &str) -> Vec<Traced> {
    traces::record();
    let subscriber = tracing_subscriber::registry()
        .with(EnvFilter::new(filter))
        .with(Recorder);
    let _default = tracing::subscriber::set_default(subscriber);
    for name in ["near", "far.1"] {
        let plugin = launch(name).await;
        plugin.client.kill().await;
    }
    traces::recorded("")
}

#[tokio::test]
async fn a_filter_chooses_by_plugin() {
    let lines = logged("off,plugwire::log::near=debug").await;
    assert!(lines.iter().all(|line| line.fields["plugin"] == "near"));
    let found = |message: &str| {
        let mut lines = lines.iter();
        let found = lines.find(|line| line.fields["message"] == message);
        found.unwrap_or_else(|| panic!("{lines:?}")).clone()
    };
    let slow = found("slow");
    assert_eq!(slow.target, "plugwire::log::near::kit::db");
    // Each pair is a field.
    let fields: Vec<_> = slow
        .fields
        .iter()
        .map(|(&name, value)| (name, &**value))
        .collect();
    let expected = [
        ("message", "slow"),
        ("millis", "1200"),
        ("module", "kit.db"),
        ("plugin", "near"),
        ("table", "users"),
        ("tags", r#"["a",1]"#),
        ("timestamp", "2026-01-02T03:04:05Z"),
    ];
    assert_eq!(fields, expected);
    assert_eq!(found("reading").fields["module"], "kit.db");
}

#[tokio::test]
async fn a_filter_chooses_by_the_plugins_own_module() {
    let lines = logged("off,plugwire::log=warn,plugwire::log::far_1::kit::net=trace").await;
    let found: Vec<_> = lines.iter().map(|line| &*line.target).collect();
    let expected = [
        "plugwire::log::near::kit::db",
        "plugwire::log::far_1::kit::db",
        "plugwire::log::far_1::kit::net",
    ];
    assert_eq!(found, expected, "{lines:?}");
}
