//! JSON to the letter as Go's `encoding/json` writes it.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::pairs::Pairs;

/// The line, with its line break.
pub(super) fn line(pairs: &Pairs) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    // Neither memory nor maps with text as keys can fail.
    let _ = pairs
        .0
        .serialize(&mut Serializer::with_formatter(&mut line, Go));
    line.push(b'\n');
    line
}

/// Where Go differs from serde_json.
struct Go;

impl Formatter for Go {
    /// The shortest digits that are the same number, with an exponent only far from 1.
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size == 0.0 || (1e-6..1e21).contains(&size) {
            write!(writer, "{value}")
        } else {
            let text = format!("{value:e}");
            let signed = if size > 1.0 { "e+" } else { "e" };
            writer.write_all(text.replace('e', signed).as_bytes())
        }
    }

    /// What HTML and JavaScript would stumble over is escaped, too.
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut special = special.chars();
            if let Some(char) = special.next() {
                write!(writer, "\\u{:04x}", u32::from(char))?;
            }
            rest = special.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn printed(pairs: Value) -> String {
        let Value::Object(pairs) = pairs else {
            panic!("{pairs}")
        };
        String::from_utf8(line(&Pairs(pairs.into_iter().collect()))).unwrap()
    }

    // The expected lines are what hclog v1.6.3 wrote for these pairs.

    #[test]
    fn text_is_escaped_as_go_does() {
        let message = "tab\t nl\n cr\r bs\u{8} ff\u{c} nul\0 del\u{7f} esc\u{1b} <a> & \u{2028} \u{2029} ü \\ / end";
        let pairs = json!({
            "@level": "error",
            "@message": message,
            "@module": "kit",
            "@timestamp": "2006-01-02T15:04:05.123456Z",
            "error": "no such file",
            "ok": true,
            "none": null,
        });
        let expected = "{\"@level\":\"error\",\"@message\":\"tab\\t nl\\n cr\\r bs\\b ff\\f nul\\u0000 del\u{7f} \
            esc\\u001b \\u003ca\\u003e \\u0026 \\u2028 \\u2029 ü \\\\ / end\",\"@module\":\"kit\",\
            \"@timestamp\":\"2006-01-02T15:04:05.123456Z\",\"error\":\"no such file\",\"none\":null,\"ok\":true}\n";
        assert_eq!(printed(pairs), expected);
    }

    #[test]
    fn floats_are_written_as_go_does() {
        let pairs = json!({
            "a": 1.0, "b": 0.1, "c": 1e20, "d": 1e21, "e": 1e-6, "f": 1e-7, "g": -2.5e-10,
            "h": f64::MAX, "i": 123456789.125, "j": 5e-324, "z": 0.0,
        });
        let expected = "{\"a\":1,\"b\":0.1,\"c\":100000000000000000000,\"d\":1e+21,\"e\":0.000001,\
            \"f\":1e-7,\"g\":-2.5e-10,\"h\":1.7976931348623157e+308,\"i\":123456789.125,\
            \"j\":5e-324,\"z\":0}\n";
        assert_eq!(printed(pairs), expected);
    }

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let pairs = json!({
            "@level": "warn", "min": i64::MIN, "max": u64::MAX, "Upper": 1, "_low": 2, "1": 3,
            "list": ["a", 1], "map": {"b<": 1, "a": null},
        });
        let expected = "{\"1\":3,\"@level\":\"warn\",\"Upper\":1,\"_low\":2,\"list\":[\"a\",1],\
            \"map\":{\"a\":null,\"b\\u003c\":1},\"max\":18446744073709551615,\
            \"min\":-9223372036854775808}\n";
        assert_eq!(printed(pairs), expected);
    }
}
