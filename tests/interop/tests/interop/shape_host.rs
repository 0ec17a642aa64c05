//! Go's host uses plugins that are traits in Rust: the cases are `go/cmd/shapehost`'s own.

use std::time::Duration;

use tokio::process::Command;

use crate::go;
use crate::go_host::passes;
use crate::peer::rounds;

macro_rules! shape_host_cases {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                run(stringify!($name), Duration::from_secs(90)).await;
            }
        )*
    };
}

async fn run(case: &str, limit: Duration) {
    if go::present() {
        let mut host = Command::new(go::program("shapehost"));
        let plugin = env!("CARGO_BIN_EXE_shape-plugin");
        host.args(["-plugin", plugin, "-case", case]);
        passes(host, case, limit).await;
    }
}

shape_host_cases! {
    shape_greeter,
    shape_kv,
    shape_counter,
    shape_streams,
    shape_pulled_writer,
    shape_broken_reader,
    shape_returned_interface,
    shape_kept_interface,
    shape_other_service,
    shape_letters_and_empty,
    shape_nested_ids,
    shape_nested_parameters,
    shape_raw_stream,
    shape_never_lent,
    shape_optional,
    shape_unmodelled,
    shape_errors,
    shape_items_received,
    shape_items_sent,
    shape_items_both_ways,
    shape_items_fail,
    shape_items_stopped,
}

/// No round of these takes longer than a minute: the host says so itself, and where it waits.
fn limit_of_rounds() -> Duration {
    Duration::from_secs(90) + Duration::from_millis(500) * rounds(0) as u32
}

#[tokio::test]
async fn rounds_of_streams() {
    run("rounds_of_streams", limit_of_rounds()).await;
}

#[tokio::test]
async fn rounds_of_ends() {
    run("rounds_of_ends", limit_of_rounds()).await;
}
