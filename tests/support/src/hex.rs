//! Bytes as hexadecimal digits.

#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a text; spaces between digits are allowed.
///
/// # Panics
///
/// Where the text has anything else.
#[must_use]
#[track_caller]
pub fn decode(text: &str) -> Vec<u8> {
    let digits = text.replace(' ', "");
    assert!(digits.len().is_multiple_of(2), "half a byte: {text}");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}
