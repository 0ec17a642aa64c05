//! A short soak; `src/bin/soak.rs` is the long one.

use std::process::Command;

use plugwire_attacks::rounds;

#[test]
fn nothing_grows() {
    let seconds = 8 * rounds();
    let soak = Command::new(env!("CARGO_BIN_EXE_soak"))
        .arg(seconds.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&soak.stdout);
    let error = String::from_utf8_lossy(&soak.stderr);
    assert!(soak.status.success(), "{text}\n{error}");
}
