//! The lines of a plugin's log.

use plugwire::host::{LogParser, LogRecord};

/// Lines as a host reads them, and the same lines once more with every other one in two pieces.
pub fn hclog_line(data: &[u8]) {
    let mut whole = LogParser::new();
    for line in data.split(|byte| *byte == b'\n') {
        check(&whole.parse(line, false), line);
    }
    let mut pieces = LogParser::new();
    for (number, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let cut = if number % 2 == 0 { 0 } else { line.len() / 2 };
        let (start, rest) = line.split_at(cut);
        if cut > 0 {
            let record = pieces.parse(start, true);
            assert!(record.is_piece);
            check(&record, start);
        }
        check(&pieces.parse(rest, false), rest);
    }
}

/// Nothing of the line is lost, whatever it was taken for.
fn check(record: &LogRecord, line: &[u8]) {
    assert_eq!(record.raw, line);
    assert!(record.time.is_none() || record.timestamp.is_some());
    // A key that was understood is no pair; one with a value of the wrong kind is.
    assert!(record.module.is_none() || !record.fields.contains_key("@module"));
    assert!(record.timestamp.is_none() || !record.fields.contains_key("@timestamp"));
}
