//! The addresses that Go's dialer takes, as `src/host/dial/tcp_address.rs` is tested with them.

use std::process::Command;

use crate::go;

#[test]
fn go_still_dials_as_committed() {
    if !go::present() {
        return;
    }
    let output = Command::new(go::program("dialforms")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/dial_forms.json");
    assert_eq!(
        json(&output.stdout),
        json(&std::fs::read(committed).unwrap())
    );
}
