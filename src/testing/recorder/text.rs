//! Values as text: short, on one line, and the same in every run.

use std::fmt;

use crate::gob::Value;

/// How much of a text or of bytes is shown, in characters or bytes.
pub(super) const SHOWN: usize = 64;

/// A value. Fields and entries are in the order of their text, since a map has none.
pub(super) struct Shown<'a>(pub(super) &'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Nil => f.write_str("nil"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Uint(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Complex(re, im) => write!(f, "({re:?} {im:?})"),
            Value::String(value) => Text(value).fmt(f),
            Value::Bytes(bytes) | Value::Opaque { bytes, .. } => Bytes(bytes, bytes.len()).fmt(f),
            Value::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Shown(item))?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = match key {
                        // As a field: the rich codec has structs as maps.
                        Value::String(name) if is_name(name) => name.clone(),
                        key => Shown(key).to_string(),
                    };
                    format!("{key}: {}", Shown(value))
                });
                sorted(f, entries.collect())
            }
            Value::Struct { fields, .. } => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| format!("{name}: {}", Shown(value)));
                sorted(f, fields.collect())
            }
            Value::Interface { value, .. } => Shown(value).fmt(f),
            _ => f.write_str("a value of another kind"),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_start = |c: char| c.is_alphabetic() || c == '_';
    text.starts_with(is_start) && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn sorted(f: &mut fmt::Formatter<'_>, mut entries: Vec<String>) -> fmt::Result {
    entries.sort();
    write!(f, "{{{}}}", entries.join(", "))
}

/// A text in quotes, cut where it is long.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}... ({} bytes)", &self.0[..end], self.0.len()),
        }
    }
}

/// Bytes as text in quotes, and how many there are of all where they are many.
pub(super) struct Bytes<'a>(pub(super) &'a [u8], pub(super) usize);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bytes(bytes, length) = *self;
        let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii();
        match length {
            0 => f.write_str("no bytes"),
            1..=SHOWN => write!(f, "bytes \"{shown}\""),
            _ => write!(f, "bytes \"{shown}\"... ({length} bytes)"),
        }
    }
}
