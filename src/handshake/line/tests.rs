use super::*;

fn parse(line: &str) -> Result<HandshakeLine, HandshakeError> {
    HandshakeLine::parse(line.as_bytes())
}

fn refusal(line: &str) -> String {
    HandshakeLine::negotiate(line.as_bytes(), &[1])
        .expect_err(line)
        .to_string()
}

#[test]
fn the_line_of_a_go_plugin_is_read() {
    let line = parse("1|1|unix|/tmp/plugin123456|netrpc|\n").unwrap();
    assert_eq!(
        line,
        HandshakeLine::new(1, Address::Unix("/tmp/plugin123456".into()))
    );
}

#[test]
fn a_tcp_address_keeps_host_and_port() {
    let line = parse("1|3|tcp|127.0.0.1:10000|netrpc|").unwrap();
    assert_eq!(line.address, Address::Tcp("127.0.0.1:10000".into()));
    assert_eq!(line.app_version, 3);
}

#[test]
fn an_old_line_of_four_fields_means_netrpc() {
    let line = parse("1|1|tcp|:1234").unwrap();
    assert_eq!(line.protocol, NETRPC);
    assert_eq!(line.server_cert, None);
}

#[test]
fn the_sixth_field_is_a_certificate_only_above_50_characters() {
    let with = |length: usize| {
        parse(&format!("1|1|unix|/s|netrpc|{}", "A".repeat(length)))
            .unwrap()
            .server_cert
    };
    assert_eq!(with(0), None);
    assert_eq!(with(50), None);
    assert_eq!(with(51), Some("A".repeat(51)));
}

#[test]
fn the_seventh_field_is_a_go_bool() {
    let with = |field: &str| {
        parse(&format!("1|1|unix|/s|netrpc||{field}"))
            .unwrap()
            .multiplex
    };
    assert_eq!(with("true"), Some(true));
    assert_eq!(with("0"), Some(false));
    assert_eq!(with("maybe"), None);
    assert_eq!(with("true|and|more"), Some(true));
}

#[test]
fn white_space_around_the_line_is_ignored() {
    assert_eq!(parse(" \t1|1|unix|/s|netrpc\r\n").unwrap().protocol, NETRPC);
}

#[test]
fn too_few_fields_are_unrecognized() {
    assert_eq!(
        refusal("hello"),
        "Unrecognized remote plugin message: hello"
    );
    assert_eq!(
        refusal("1|1|unix"),
        "Unrecognized remote plugin message: 1|1|unix"
    );
    assert_eq!(refusal(""), "Unrecognized remote plugin message: ");
}

#[test]
fn a_page_of_garbage_is_shortened_in_the_message_alone() {
    let garbage = "x".repeat(5000);
    let error = parse(&garbage).unwrap_err();
    assert!(
        error.to_string().len() < 1200,
        "{}",
        error.to_string().len()
    );
    assert_eq!(error, HandshakeError::Unrecognized { line: garbage });
}

#[test]
fn no_line_at_all_says_so() {
    assert_eq!(
        HandshakeError::NoLine.to_string(),
        "Unrecognized remote plugin message: \nFailed to read any lines from plugin's stdout"
    );
}

#[test]
fn another_core_version_comes_with_advice() {
    let text = refusal("2|1|unix|/s|netrpc|");
    assert!(
        text.starts_with("incompatible core API version with plugin. Plugin version: 2, Core version: 1\n\nTo fix"),
        "{text}"
    );
}

#[test]
fn versions_that_are_no_numbers_are_named() {
    assert!(refusal("one|1|unix|/s").starts_with("error parsing core protocol version: \"one\""));
    assert!(refusal("1|one|unix|/s").starts_with("Error parsing protocol version \"one\""));
    assert!(refusal("1|-1|unix|/s").starts_with("Error parsing protocol version \"-1\""));
    assert!(refusal("1|99999999999|unix|/s").starts_with("Error parsing protocol version"));
}

#[test]
fn an_unlisted_version_names_both_sides() {
    let error = HandshakeLine::negotiate(b"1|1|unix|/s|netrpc|", &[2, 3]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "incompatible API version with plugin. Plugin version: 1, Client versions: [2 3]"
    );
}

#[test]
fn grpc_is_not_supported() {
    assert_eq!(
        refusal("1|1|unix|/s|grpc|"),
        "unsupported plugin protocol \"grpc\". Supported: [netrpc]"
    );
    assert_eq!(
        refusal("1|1|unix|/s||"),
        "unsupported plugin protocol \"\". Supported: [netrpc]"
    );
}

#[test]
fn an_unknown_network_is_refused() {
    assert!(refusal("1|1|vsock|3:99|netrpc|").starts_with("unknown address type: 3:99"));
}

#[test]
fn the_first_thing_wrong_is_reported() {
    assert!(refusal("2|x|vsock|a|grpc").starts_with("incompatible core"));
    assert!(refusal("1|7|vsock|a|grpc").starts_with("incompatible API"));
    assert!(refusal("1|1|vsock|a|grpc").starts_with("unknown address type"));
}

#[test]
fn a_printed_line_is_exactly_gos() {
    let line = HandshakeLine::new(4, Address::Unix("/tmp/plugin1".into()));
    assert_eq!(line.encode().unwrap(), b"1|4|unix|/tmp/plugin1|netrpc|\n");
    let mut line = HandshakeLine::new(4, Address::Tcp("127.0.0.1:7".into()));
    line.server_cert = Some("CERT".into());
    line.multiplex = Some(true);
    assert_eq!(
        line.encode().unwrap(),
        b"1|4|tcp|127.0.0.1:7|netrpc|CERT|true\n"
    );
}

#[test]
fn the_eighth_field_has_the_extensions() {
    let mut line = HandshakeLine::new(4, Address::Unix("/tmp/plugin1".into()));
    line.extensions = Extensions::CALLS.with(Extensions::ERRORS);
    let printed = b"1|4|unix|/tmp/plugin1|netrpc|||plugwire=calls,errors\n";
    assert_eq!(line.encode().unwrap(), printed);
    assert_eq!(HandshakeLine::parse(printed).unwrap(), line);
    line.multiplex = Some(true);
    let printed = b"1|4|unix|/tmp/plugin1|netrpc||true|plugwire=calls,errors\n";
    assert_eq!(line.encode().unwrap(), printed);
    assert_eq!(HandshakeLine::parse(printed).unwrap(), line);

    let extensions = |line| parse(line).unwrap().extensions;
    assert_eq!(
        extensions("1|1|unix|/s|netrpc|||plugwire=errors,unknown"),
        Extensions::ERRORS
    );
    assert_eq!(
        extensions("1|1|unix|/s|netrpc||true|new|plugwire=calls\r\n"),
        Extensions::CALLS
    );
    for line in [
        "1|1|unix|/s|netrpc|||",
        "1|1|unix|/s|netrpc|||plugwire=",
        "1|1|unix|/s|netrpc|||calls",
        "1|1|unix|/s|netrpc||plugwire=calls",
        "1|1|unix|/s|netrpc|plugwire=calls",
    ] {
        assert_eq!(extensions(line), Extensions::NONE, "{line}");
    }
}

#[test]
fn what_is_printed_reads_back() {
    let mut line = HandshakeLine::new(u32::MAX, Address::Unix("/tmp/with space".into()));
    line.server_cert = Some("Q".repeat(700));
    line.multiplex = Some(false);
    assert_eq!(HandshakeLine::parse(&line.encode().unwrap()).unwrap(), line);
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf8_survives() {
    let bytes = b"1|1|unix|/tmp/\xff\xfe|netrpc|\n";
    let line = HandshakeLine::parse(bytes).unwrap();
    assert_eq!(line.encode().unwrap(), bytes);
}

#[test]
fn an_address_that_would_break_the_line_is_not_printed() {
    for path in ["/tmp/a|b", "/tmp/a\nb", "/tmp/a\rb"] {
        let error = HandshakeLine::new(1, Address::Unix(path.into()))
            .encode()
            .unwrap_err();
        assert!(
            matches!(error, HandshakeError::UnprintableAddress { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn any_bytes_parse_or_fail_but_never_panic() {
    let mut state = 0x2545_f491_u32;
    let alphabet = b"1|unixtcp0123:/\xff\xc3\x00 \r\n-+|||";
    for length in 0..400 {
        let line: Vec<u8> = (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                alphabet[state as usize % alphabet.len()]
            })
            .collect();
        if let Err(error) = HandshakeLine::negotiate(&line, &[1]) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn white_space_behind_a_certificate_is_no_part_of_it() {
    // Printed again it would be at the end of the line, and lost there.
    let cert = "MIIB".repeat(20);
    let line = format!("1|1|unix|/tmp/x|netrpc|{cert} \t|unreadable\n");
    let line = HandshakeLine::parse(line.as_bytes()).unwrap();
    assert_eq!(line.server_cert, Some(cert));
    let printed = line.encode().unwrap();
    assert_eq!(HandshakeLine::parse(&printed).unwrap(), line);
}
