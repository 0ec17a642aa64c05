//! Go's host drives the Rust plugin: the cases are `go/cmd/kithost`'s own.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::go;

/// Runs one case and expects it to pass.
pub async fn run(case: &str, options: &[&str], limit: Duration) {
    let mut host = Command::new(go::program("kithost"));
    host.args(["-plugin", env!("CARGO_BIN_EXE_kit-plugin"), "-case", case])
        .args(options);
    passes(host, case, limit).await;
}

/// Runs the other host, which knows the plugins of `shapes`.
async fn run_shape(case: &str) {
    let mut host = Command::new(go::program("shapehost"));
    host.args(["-plugin", env!("CARGO_BIN_EXE_shape-plugin"), "-case", case]);
    passes(host, case, Duration::from_secs(90)).await;
}

async fn passes(mut host: Command, case: &str, limit: Duration) {
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
    ($run:expr; $($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                if go::present() {
                    $run(stringify!($name)).await;
                }
            }
        )*
    };
}

async fn run_kit(case: &str) {
    run(case, &[], Duration::from_secs(90)).await;
}

go_host_cases! {
    run_shape;
    shape_greeter,
    shape_kv,
    shape_counter,
    shape_streams,
    shape_returned_interface,
    shape_kept_interface,
    shape_other_service,
    shape_letters_and_empty,
}

go_host_cases! {
    run_kit;
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
    kill,
    kill_ignoring_quit,
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
