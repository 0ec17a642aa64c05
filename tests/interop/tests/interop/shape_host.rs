//! Go's host uses plugins that are traits in Rust: the cases are `go/cmd/shapehost`'s own.

use std::time::Duration;

use tokio::process::Command;

use crate::go;
use crate::go_host::passes;

macro_rules! shape_host_cases {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                if go::present() {
                    let case = stringify!($name);
                    let mut host = Command::new(go::program("shapehost"));
                    let plugin = env!("CARGO_BIN_EXE_shape-plugin");
                    host.args(["-plugin", plugin, "-case", case]);
                    passes(host, case, Duration::from_secs(90)).await;
                }
            }
        )*
    };
}

shape_host_cases! {
    shape_greeter,
    shape_kv,
    shape_counter,
    shape_streams,
    shape_returned_interface,
    shape_kept_interface,
    shape_other_service,
    shape_letters_and_empty,
}
