//! A plugin that is built without the feature `tls`, which the workspace's tests have on:
//! `cargo test --package plugwire --test without_tls`.
#![cfg(all(unix, not(feature = "tls")))]

use std::process::{Command, Stdio};

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::plugin::{ServeConfig, serve};

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_WITHOUT_TLS", "cookie");

/// This program again, as the plugin.
#[tokio::test]
async fn plugin_half() {
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        serve(ServeConfig::new(HANDSHAKE, PluginSet::new())).await;
    }
}

#[test]
fn a_host_that_asks_for_auto_mtls_is_told() {
    let plugin = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plugin_half", "--nocapture"])
        .env(&*HANDSHAKE.magic_cookie_key, &*HANDSHAKE.magic_cookie_value)
        .env("PLUGIN_CLIENT_CERT", "-----BEGIN CERTIFICATE-----")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(plugin.status.code(), Some(1));
    let stdout = String::from_utf8(plugin.stdout).unwrap();
    assert!(!stdout.contains("|netrpc|"), "{stdout}");
    let stderr = String::from_utf8(plugin.stderr).unwrap();
    let expected = "the host asks for AutoMTLS (PLUGIN_CLIENT_CERT is set), and this plugin was \
                    built without plugwire's feature `tls`";
    assert!(stderr.contains(expected), "{stderr}");
}
