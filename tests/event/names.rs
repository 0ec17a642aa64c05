//! The instance name: in logs, spans, events and errors.

use plugwire::InvalidOption;
use plugwire::host::{AttachConfig, Client, ClientConfig, LaunchError};
use support::within;

use crate::kv::{Events, Kv};
use crate::processes::{HANDSHAKE, command, config, launch};
use crate::traces;

#[tokio::test]
async fn a_name_is_in_logs_spans_and_errors() {
    traces::record();
    let plugin = launch("kv-1").await;
    assert_eq!(plugin.client.name(), "kv-1");
    let kv = within(plugin.client.dispense::<dyn Kv>("kv"))
        .await
        .unwrap();
    let error = within(kv.exit(3)).await.unwrap_err();
    assert!(error.to_string().contains("kv-1"), "{error}");
    within(plugin.client.kill()).await;

    let traced = traces::recorded("plugwire");
    let named: Vec<_> = traced
        .iter()
        .filter(|traced| {
            traced
                .fields
                .get("plugin")
                .is_some_and(|plugin| plugin == "kv-1")
        })
        .collect();
    let logged = named
        .iter()
        .find(|event| event.fields.get("message").is_some_and(|m| m == "slow"));
    assert_eq!(logged.unwrap().fields["millis"], "1200");
    let exited = |message: &String| message == "plugin process exited";
    assert!(
        named
            .iter()
            .any(|event| event.fields.get("message").is_some_and(exited))
    );
    let launch = named.iter().find(|span| span.name == "launch").unwrap();
    assert_eq!(launch.target, "plugwire::launch");
    assert_eq!(launch.fields["app_version"], "1");
    assert!(launch.fields["pid"].parse::<u32>().is_ok(), "{launch:?}");
    // The first call is made within the launch.
    let ping = named
        .iter()
        .find(|span| span.name == "call" && span.fields["method"] == "Control.Ping");
    assert_eq!(ping.unwrap().within, ["launch"]);
    let exit = named
        .iter()
        .find(|span| span.name == "call" && span.fields["method"] == "Plugin.Exit");
    assert_eq!(exit.unwrap().fields["outcome"], "lost");
}

#[tokio::test]
async fn a_launch_error_has_the_name_that_was_set() {
    let launch = |config| async { within(Client::launch(config)).await.unwrap_err() };
    let config = ClientConfig::new(HANDSHAKE, std::process::Command::new("true"));
    let error = launch(config.clone()).await;
    assert!(!error.to_string().contains("The plugin is"), "{error}");
    let error = launch(config.name("kv-1")).await;
    assert_eq!(error.report().unwrap().name.as_deref(), Some("kv-1"));
    assert!(
        error.to_string().contains("\nThe plugin is kv-1\n"),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_that_reattaches_names_the_plugin_itself() {
    let plugin = launch("kv-1").await;
    let reattach = plugin.client.reattach_config();
    let by_address = within(Client::reattach(reattach.clone())).await.unwrap();
    assert_eq!(by_address.name(), shortened(&reattach.address.to_string()));
    let events = Events::default();
    let connection = plugwire::connection::ConnectionConfig::default();
    let config = AttachConfig::new(reattach)
        .connection(connection.subscriber(events.clone()))
        .name("kv-again");
    let by_name = within(Client::reattach(config)).await.unwrap();
    assert_eq!(by_name.name(), "kv-again");
    events
        .wait_for(&["kv-again host made Control.Ping answered"])
        .await;
    within(plugin.client.kill()).await;
}

fn shortened(name: &str) -> &str {
    name.get(..64).unwrap_or(name)
}

#[tokio::test]
async fn a_name_is_a_short_text_on_one_line() {
    let place = tempfile::tempdir().unwrap();
    let long = "n".repeat(65);
    for name in ["", "a\nb", "a\tb", "\u{202e}", &long] {
        let config = config(&place, &Events::default()).name(name);
        let error = within(Client::launch(config)).await.unwrap_err();
        let LaunchError::Option(InvalidOption { option, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(option, "name");
    }
    // What a name cannot be that was set, a file's name can.
    let (_, command) = (&place, command(&place));
    drop(command);
}
