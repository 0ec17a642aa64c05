use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn parse(line: impl AsRef<[u8]>) -> LogRecord {
    LogParser::new().parse(line.as_ref(), false)
}

fn levels<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<LogLevel> {
    let mut parser = LogParser::new();
    let lines = lines.into_iter();
    lines
        .map(|line| parser.parse(line.as_bytes(), false).level)
        .collect()
}

#[test]
fn an_hclog_line_is_a_record() {
    let line = r#"{"@level":"info","@message":"said the plugin: \"hello\"","@module":"kit","@timestamp":"2006-01-02T15:04:05.123456Z","answer":42,"list":["a",1],"none":null,"ok":true,"ratio":0.5}"#;
    let record = parse(line);
    assert_eq!(record.level, LogLevel::Info);
    assert_eq!(record.message, "said the plugin: \"hello\"");
    assert_eq!(record.module.as_deref(), Some("kit"));
    assert_eq!(
        record.timestamp.as_deref(),
        Some("2006-01-02T15:04:05.123456Z")
    );
    let time = UNIX_EPOCH + Duration::from_micros(1_136_214_245_123_456);
    assert_eq!(record.time, Some(time));
    let fields: Vec<_> = record.fields.into_iter().collect();
    let pair = |key: &str, value| (key.to_owned(), value);
    assert_eq!(
        fields,
        [
            pair("answer", json!(42)),
            pair("list", json!(["a", 1])),
            pair("none", Value::Null),
            pair("ok", json!(true)),
            pair("ratio", json!(0.5)),
        ]
    );
    assert_eq!(record.raw, line.as_bytes());
    assert!(!record.is_piece);
}

#[test]
fn every_level_has_its_name() {
    use LogLevel::*;
    for level in [Trace, Debug, Info, Warn, Error] {
        let line = format!(r#"{{"@level":"{level}","@message":"m"}}"#);
        assert_eq!(parse(&line).level, level);
        // As hclog.LevelFromString reads it.
        let line = format!(
            r#"{{"@level":" {}\t","@message":"m"}}"#,
            level.as_str().to_uppercase()
        );
        assert_eq!(parse(&line).level, level);
        assert_eq!(parse(&line).message, "m");
        assert_eq!(
            tracing::Level::from(level).to_string().to_lowercase(),
            level.as_str()
        );
    }
    assert!(Trace < Debug && Debug < Info && Info < Warn && Warn < Error);
}

#[test]
fn little_is_required_of_an_hclog_line() {
    let record = parse(r#" {"@level":"warn"} "#);
    assert_eq!(record.level, LogLevel::Warn);
    assert_eq!(record.message, "");
    assert_eq!(
        (record.module, record.timestamp, record.time),
        (None, None, None)
    );
    assert!(record.fields.is_empty());
}

#[test]
fn other_keys_with_an_at_sign_are_pairs() {
    let line =
        r#"{"@level":"warn","@message":"m","@caller":"main.go:7","@module":7,"@timestamp":8}"#;
    let record = parse(line);
    assert_eq!(record.fields["@caller"], "main.go:7");
    // What is not as hclog writes it is not lost, either.
    assert_eq!(record.fields["@module"], 7);
    assert_eq!(record.fields["@timestamp"], 8);
    assert_eq!((record.module, record.timestamp), (None, None));
}

#[test]
fn a_timestamp_in_another_format_is_kept_as_text() {
    let record = parse(r#"{"@level":"warn","@message":"m","@timestamp":"3:04PM","k":1}"#);
    assert_eq!(record.level, LogLevel::Warn);
    assert_eq!(record.timestamp.as_deref(), Some("3:04PM"));
    assert_eq!(record.time, None);
    assert_eq!(record.fields["k"], 1);
}

#[test]
fn json_of_others_is_debug_as_it_is() {
    for line in [
        r#"{"level":"error","msg":"not hclog"}"#,
        r#"{"@level":"fatal","@message":"m"}"#,
        r#"{"@level":"off","@message":"m"}"#,
        r#"{"@level":"","@message":"m"}"#,
        r#"{"@level":3,"@message":"m"}"#,
        r#"{"@level":"error","@message":["m"]}"#,
        r#"{}"#,
        r#"[1, 2]"#,
        r#""text""#,
        r#"null"#,
    ] {
        let record = parse(line);
        assert_eq!(record.level, LogLevel::Debug, "{line}");
        assert_eq!(record.message, line);
        assert!(record.fields.is_empty(), "{line}");
    }
}

#[test]
fn json_that_is_broken_is_a_plain_line() {
    for line in [
        r#"{"@level":"error","@message":"m""#,
        r#"{"@level":"error","@message":"m"} trailing"#,
        r#"{"@level":"error","@message":"m","n":1e999}"#,
    ] {
        let record = parse(line);
        assert_eq!(
            (record.level, &*record.message),
            (LogLevel::Debug, line),
            "{line}"
        );
    }
    let deep = "[".repeat(100_000);
    assert_eq!(parse(&deep).message, deep);
}

#[test]
fn a_prefix_gives_the_level_and_stays() {
    use LogLevel::*;
    for (line, level) in [
        ("[TRACE] one", Trace),
        ("[DEBUG] two", Debug),
        ("[INFO] three", Info),
        ("[WARN] four", Warn),
        ("[ERROR]five", Error),
        ("[FATAL] six", Debug),
        ("[info] seven", Debug),
        (" [ERROR] eight", Debug),
        ("2006/01/02 [ERROR] nine", Debug),
        ("[ERROR", Debug),
        ("", Debug),
    ] {
        let record = parse(line);
        assert_eq!((record.level, &*record.message), (level, line));
    }
}

#[test]
fn a_crash_takes_all_plain_lines_after_it() {
    use LogLevel::*;
    for head in [
        "panic: out of cheese",
        "fatal error: all goroutines are asleep - deadlock!",
        "thread 'main' panicked at src/main.rs:2:5:",
        "thread '<unnamed>' (4711) panicked at src/lib.rs:1:1:",
        "thread 'main' has overflowed its stack",
    ] {
        let lines = [
            "before",
            head,
            "",
            "goroutine 1 [running]:",
            "[INFO] tagged",
            r#"{"@level":"info","@message":"tagged, too"}"#,
            r#"{"of":"others"}"#,
            "\t/src/main.go:7 +0x1d",
        ];
        let expected = [Debug, Error, Error, Error, Info, Info, Debug, Error];
        assert_eq!(levels(lines), expected, "{head}");
    }
}

#[test]
fn talk_of_a_crash_is_none() {
    for line in [
        "no panic: all is well",
        " panic: indented",
        "panic:without a space",
        "Fatal error: no",
        "thread 'main' is fine",
        "the thread 'main' panicked at noon",
    ] {
        assert_eq!(levels([line, "next"]), [LogLevel::Debug; 2], "{line}");
    }
}

#[test]
fn pieces_of_a_long_line_are_not_looked_into() {
    let mut parser = LogParser::new();
    let mut piece = |text: &str, goes_on| {
        let record = parser.parse(text.as_bytes(), goes_on);
        assert_eq!(record.message, text);
        (record.level, record.is_piece)
    };
    let is_piece = (LogLevel::Debug, true);
    assert_eq!(piece(r#"{"@level":"error","@message":"#, true), is_piece);
    assert_eq!(piece("panic: not at the start of a line", true), is_piece);
    assert_eq!(
        piece(r#"{"@level":"error","@message":"m"}"#, false),
        is_piece
    );
    assert_eq!(
        piece("[ERROR] whole again", false),
        (LogLevel::Error, false)
    );
    assert_eq!(piece("plain", false), (LogLevel::Debug, false));
    // But a crash with much to say is one.
    assert_eq!(piece("panic: very", true), (LogLevel::Error, true));
    assert_eq!(piece("long", false), (LogLevel::Error, true));
    assert_eq!(piece("plain", false), (LogLevel::Error, false));
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let record = parse(b"caf\xe9");
    assert_eq!(record.message, "caf\u{fffd}");
    assert_eq!(record.raw, b"caf\xe9");
    let record = parse(b"{\"@level\":\"warn\",\"@message\":\"caf\xe9\",\"k\xff\":\"\xfe\"}");
    assert_eq!(record.level, LogLevel::Warn);
    assert_eq!(record.message, "caf\u{fffd}");
    assert_eq!(record.fields["k\u{fffd}"], "\u{fffd}");
}

#[test]
fn large_numbers_stay_exact() {
    let record = parse(
        r#"{"@level":"warn","@message":"","max":18446744073709551615,"min":-9223372036854775808}"#,
    );
    assert_eq!(record.fields["max"], u64::MAX);
    assert_eq!(record.fields["min"], i64::MIN);
}

/// Text that is often nearly a line of some kind.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(
            "{\"@level\":\"info\",\"@message\":\"m\""
                .as_bytes()
                .to_vec()
        ),
        Just(b",\"@timestamp\":\"2006-01-02T15:04:05.000000Z\"".to_vec()),
        Just(b",\"key\":[1,{\"k\":null}]".to_vec()),
        Just(b"}".to_vec()),
        Just(b"[ERROR]".to_vec()),
        Just(b"panic: ".to_vec()),
        Just(b"thread 'x' panicked at ".to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_record(log in prop::collection::vec((lines(), any::<bool>()), 0..8)) {
        let mut parser = LogParser::new();
        for (line, goes_on) in log {
            let record = parser.parse(&line, goes_on);
            prop_assert_eq!(&record.raw, &line);
            prop_assert_eq!(record.time.is_some(), record.timestamp.is_some());
            if record.is_piece {
                prop_assert_eq!(record.message, String::from_utf8_lossy(&line));
            }
        }
    }

    #[test]
    fn a_record_in_json_comes_back(message: String, key in "[a-z]{1,8}", value: i64) {
        let line = json!({"@level": "error", "@message": message, &*key: value}).to_string();
        let record = parse(&line);
        prop_assert_eq!(record.level, LogLevel::Error);
        prop_assert_eq!(record.message, message);
        prop_assert_eq!(record.fields, Map::from_iter([(key, json!(value))]));
    }
}
