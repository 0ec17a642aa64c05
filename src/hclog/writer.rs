//! Writes a line as hclog's JSON format has it, byte for byte as Go's `encoding/json` does.

use std::fmt::Write as _;

/// The value of a key-value pair.
#[cfg(feature = "hclog")]
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LogValue {
    Text(String),
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    /// Must be finite: JSON has no other numbers.
    Float(f64),
    Texts(Vec<String>),
}

/// A line in the making. hclog sorts pairs by their keys, and the caller adds them in that order.
#[derive(Debug)]
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a text. Cuts it off after `limit` bytes of the line, or a few more.
    pub(crate) fn text(&mut self, key: &str, text: &str, limit: usize) {
        self.key(key);
        push_text(&mut self.0, text, limit);
    }

    /// Adds a value of any kind and length.
    #[cfg(feature = "hclog")]
    pub(super) fn value(&mut self, key: &str, value: &LogValue) {
        self.key(key);
        push_value(&mut self.0, value);
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_text(&mut self.0, key, usize::MAX);
        self.0.push(':');
    }

    /// The line, with its line break.
    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }
}

/// Escapes what JSON needs, and what HTML and JavaScript would stumble over.
fn push_text(out: &mut String, text: &str, limit: usize) {
    let end = out.len().saturating_add(limit);
    out.push('"');
    for char in text.chars() {
        if out.len() >= end {
            break;
        }
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(feature = "hclog")]
fn push_value(out: &mut String, value: &LogValue) {
    // Writing to a `String` cannot fail.
    let _ = match value {
        LogValue::Text(text) => {
            push_text(out, text, usize::MAX);
            Ok(())
        }
        LogValue::Bool(value) => write!(out, "{value}"),
        LogValue::Signed(value) => write!(out, "{value}"),
        LogValue::Unsigned(value) => write!(out, "{value}"),
        LogValue::Float(value) => push_float(out, *value),
        LogValue::Texts(texts) => {
            out.push('[');
            for (index, text) in texts.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_text(out, text, usize::MAX);
            }
            out.push(']');
            Ok(())
        }
    };
}

/// The shortest digits that name the same number, with an exponent only far from 1.
#[cfg(feature = "hclog")]
fn push_float(out: &mut String, value: f64) -> std::fmt::Result {
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return write!(out, "{value}");
    }
    let text = format!("{value:e}");
    let exponent = if size > 1.0 { "e+" } else { "e" };
    out.push_str(&text.replace('e', exponent));
    Ok(())
}

#[cfg(feature = "hclog")]
impl LogValue {
    /// As the text of a message: a text as it is, everything else as JSON.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            value => {
                let mut text = String::new();
                push_value(&mut text, &value);
                text
            }
        }
    }
}

#[cfg(all(test, feature = "hclog"))]
mod tests {
    use std::collections::BTreeMap;

    use super::LogValue::{Bool, Float, Signed, Text, Texts, Unsigned};
    use super::*;

    fn printed<const N: usize>(pairs: [(&str, LogValue); N]) -> String {
        let mut line = Line::new();
        for (key, value) in BTreeMap::from(pairs) {
            line.value(key, &value);
        }
        line.finish()
    }

    // The expected lines are what hclog v1.6.3 wrote for these pairs.

    #[test]
    fn text_is_escaped_as_go_does() {
        let message = "tab\t nl\n cr\r bs\u{8} ff\u{c} nul\0 del\u{7f} esc\u{1b} <a> & \u{2028} \
            \u{2029} ü \\ / end";
        let line = printed([
            ("@level", Text("error".to_owned())),
            ("@message", Text(message.to_owned())),
            ("@module", Text("kit".to_owned())),
            ("@timestamp", Text("2006-01-02T15:04:05.123456Z".to_owned())),
            ("error", Text("no such file".to_owned())),
            ("ok", Bool(true)),
        ]);
        let expected = "{\"@level\":\"error\",\"@message\":\"tab\\t nl\\n cr\\r bs\\b ff\\f \
            nul\\u0000 del\u{7f} esc\\u001b \\u003ca\\u003e \\u0026 \\u2028 \\u2029 ü \\\\ / \
            end\",\"@module\":\"kit\",\"@timestamp\":\"2006-01-02T15:04:05.123456Z\",\"error\":\
            \"no such file\",\"ok\":true}\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn floats_are_written_as_go_does() {
        let line = printed([
            ("a", Float(1.0)),
            ("b", Float(0.1)),
            ("c", Float(1e20)),
            ("d", Float(1e21)),
            ("e", Float(1e-6)),
            ("f", Float(1e-7)),
            ("g", Float(-2.5e-10)),
            ("h", Float(f64::MAX)),
            ("i", Float(123_456_789.125)),
            ("j", Float(5e-324)),
            ("z", Float(0.0)),
        ]);
        let expected = "{\"a\":1,\"b\":0.1,\"c\":100000000000000000000,\"d\":1e+21,\"e\":0.000001,\
            \"f\":1e-7,\"g\":-2.5e-10,\"h\":1.7976931348623157e+308,\"i\":123456789.125,\
            \"j\":5e-324,\"z\":0}\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let texts = |texts: [&str; 2]| Texts(texts.map(str::to_owned).into());
        let line = printed([
            ("@level", Text("warn".to_owned())),
            ("min", Signed(i64::MIN)),
            ("max", Unsigned(u64::MAX)),
            ("Upper", Signed(1)),
            ("_low", Signed(2)),
            ("1", Signed(3)),
            ("list", texts(["a", "b<"])),
            ("b<", Bool(false)),
        ]);
        let expected = "{\"1\":3,\"@level\":\"warn\",\"Upper\":1,\"_low\":2,\"b\\u003c\":false,\
            \"list\":[\"a\",\"b\\u003c\"],\"max\":18446744073709551615,\
            \"min\":-9223372036854775808}\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_long_text_is_cut_off_at_its_limit() {
        let mut line = Line::new();
        line.text("a", &"\u{1}".repeat(100), 20);
        line.text("b", "short", 20);
        let expected = "{\"a\":\"\\u0001\\u0001\\u0001\\u0001\",\"b\":\"short\"}\n";
        assert_eq!(line.finish(), expected);
    }
}
