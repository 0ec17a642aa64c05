//! Text of a peer, on its way to a terminal or a log.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// Whether a character would change what a reader sees of the text around it: a control character
/// other than the tab, a line or paragraph separator, or one that turns the direction of writing.
fn is_unsafe(character: char) -> bool {
    match character {
        '\t' => false,
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

/// Shows a value on one line, with what a terminal would obey or a log take for another line
/// written as `\n`, `\r` or `\u{1b}`.
///
/// A backslash is left as it is: the result is for people, and escaping it twice changes nothing.
pub struct Escaped<T>(pub T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// The text as [`Escaped`] shows it: the same text, mostly.
pub fn escaped(text: &str) -> Cow<'_, str> {
    // Every other character of the class has a byte that is no ASCII.
    let plain = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    if text.bytes().all(plain) || !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(Escaped(text).to_string())
}

/// Escapes what is written through it.
pub struct Escaping<W>(pub W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        while let Some((at, character)) = text.char_indices().find(|&(_, c)| is_unsafe(c)) {
            self.0.write_str(&text[..at])?;
            write!(self.0, "{}", character.escape_default())?;
            text = &text[at + character.len_utf8()..];
        }
        self.0.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, expected) in [
            ("a\nb\r\n", "a\\nb\\r\\n"),
            ("\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            ("\u{9b}31m\u{85}\x7f\0", "\\u{9b}31m\\u{85}\\u{7f}\\u{0}"),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
            assert_eq!(escaped(text), expected);
            assert_eq!(escaped(expected), expected);
        }
    }

    #[test]
    fn other_text_stays_what_it_is() {
        for text in ["", "plain", "tab\there", r"C:\new\rust", "Grüße, 世界 🦀"] {
            assert_eq!(Escaped(text).to_string(), text);
            assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text));
        }
    }
}
