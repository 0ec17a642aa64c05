//! A short soak; `src/bin/fault-soak.rs` is the long one. On its own, since it counts what its
//! process holds.
#![cfg(target_os = "linux")]

use std::path::Path;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_grows_while_plugins_crash_are_reloaded_and_idle_out() {
    let program = Path::new(env!("CARGO_BIN_EXE_fault-soak"));
    let time = std::time::Duration::from_secs(8);
    let soak = plugwire_faults::soak::run(program, time, 1, |_| {}).await;
    let soak = soak.unwrap_or_else(|error| panic!("{error}"));
    let (text, is_good) = soak.verdict();
    println!("{text}");
    assert!(is_good, "{text}");
    assert!(
        soak.crashes > 0 && soak.reloads > 0 && soak.idle_stops > 0,
        "{text}"
    );
    assert!(soak.svg().contains("<polyline"));
}
