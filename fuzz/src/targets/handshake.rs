//! The line a plugin prints.

use plugwire::handshake::{HandshakeLine, choose_version, parse_versions, print_versions};

/// Any line; one that parses is the same after being printed.
pub fn handshake_line(data: &[u8]) {
    if let Err(error) = HandshakeLine::negotiate(data, &[1, 2]) {
        assert!(!error.to_string().is_empty());
    }
    if let Ok(line) = HandshakeLine::parse(data)
        && let Ok(printed) = line.encode()
    {
        let again = HandshakeLine::parse(&printed).expect("our own line");
        assert_eq!(again, line);
    }
    let versions = parse_versions(&String::from_utf8_lossy(data));
    assert_eq!(parse_versions(&print_versions(&versions)), versions);
    let chosen = choose_version(&[3, 1, 2], &versions);
    assert!(chosen.is_some_and(|version| (1..=3).contains(&version)));
}
