//! Go's host drives the Rust plugin: the cases are `go/cmd/kithost`'s own.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::go;
use crate::pki::Pki;

/// Runs one case and expects it to pass.
pub async fn run(case: &str, options: &[&str], limit: Duration) {
    let mut host = Command::new(go::program("kithost"));
    host.args(["-plugin", env!("CARGO_BIN_EXE_kit-plugin"), "-case", case])
        .args(options);
    passes(host, case, limit).await;
}

/// Runs a host that knows one case to run, and expects it to pass.
pub async fn passes(mut host: Command, case: &str, limit: Duration) {
    host.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(limit, host.output())
        .await
        .expect("the host ends by itself")
        .expect("the host starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{case}: {}\n{stdout}\n{stderr}",
        output.status
    );
    let passed = stdout.lines().any(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        line["case"] == case && line["ok"] == true
    });
    assert!(passed, "{case}: {stdout}");
}

macro_rules! go_host_cases {
    ($options:expr, $($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                if go::present() {
                    run(stringify!($name), &$options, Duration::from_secs(90)).await;
                }
            }
        )*
    };
}

go_host_cases! {
    [],
    greet,
    describe,
    server_error,
    missing_method,
    missing_service,
    ill_formed,
    unknown_plugin,
    bad_argument,
    concurrent,
    callback,
    returned_interface,
    nested,
    reader64,
    writer64,
    bigwrite_from_host,
    bigwrite_to_host,
    streams600_dial,
    streams600_accept,
    stdio,
    log,
    log_record,
    log_after_panic,
    kill,
    kill_ignoring_quit,
    kill_blocked,
    group,
    reattach,
    version_mismatch,
    versions,
    wrong_cookie,
    plugin_crash,
    plugin_panic,
    stray_stream,
    ping,
}

/// The same, by AutoMTLS.
mod auto_mtls {
    use super::*;

    go_host_cases! {
        ["-automtls"],
        greet,
        describe,
        callback,
        nested,
        reader64,
        writer64,
        bigwrite_to_host,
        streams600_accept,
        stdio,
        log_record,
        kill,
        kill_ignoring_quit,
        kill_blocked,
        plugin_crash,
        plugin_panic,
        strangers,
    }
}

/// The same, with certificates that both sides were given.
#[tokio::test]
async fn configured_tls() {
    if !go::present() {
        return;
    }
    let pki = Pki::new();
    let directory = pki.path().to_str().unwrap();
    let limit = Duration::from_secs(90);
    // A second client, too, which AutoMTLS would not admit.
    for case in [
        "greet",
        "callback",
        "stdio",
        "reattach",
        "strangers",
        "kill",
    ] {
        for version in ["1.2", "1.3"] {
            run(case, &["-tls", directory, "-tls-max", version], limit).await;
        }
    }
}

/// A plugin on TCP, in test mode.
#[tokio::test]
async fn configured_tls_over_tcp() {
    if !go::present() {
        return;
    }
    let pki = Pki::new();
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_kit-plugin"));
    plugin
        .env("KIT_TEST", "1")
        .env("KIT_LISTEN", "0.0.0.0:0")
        .env("KIT_TLS", pki.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut plugin = plugin.spawn().unwrap();
    let mut lines = BufReader::new(plugin.stdout.take().unwrap()).lines();
    let json = lines.next_line().await.unwrap().expect("a line");
    assert!(json.contains("tcp"), "{json}");
    let directory = pki.path().to_str().unwrap();
    let options = ["-tls", directory, "-reattach", &json];
    run("reattach_json", &options, Duration::from_secs(60)).await;
    drop(plugin.stdin.take());
    assert!(plugin.wait().await.unwrap().success());
}
