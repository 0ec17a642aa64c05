//! The messages of a gob stream as text, with types numbered in the order in which they appear.

use std::collections::HashMap;
use std::fmt::Write;

/// Below are the types that every gob knows.
const FIRST_OWN: i64 = 64;

/// One line a message. `None` for bytes that are no whole messages.
pub fn described(mut bytes: &[u8]) -> Option<String> {
    let mut numbers = Numbers::default();
    let mut text = String::new();
    while !bytes.is_empty() {
        let mut front = Bytes(bytes);
        let length = usize::try_from(front.uint()?).ok()?;
        let (message, rest) = front.0.split_at_checked(length)?;
        let mut message = Bytes(message);
        match message.int()? {
            0 => return None,
            id @ ..0 => {
                let name = numbers.of(-id);
                let form = numbers.form(&mut message)?;
                writeln!(text, "  type {name} is {form}").ok()?;
            }
            id => {
                let value = message.0.escape_ascii();
                writeln!(text, "  {} {value}", numbers.of(id)).ok()?;
            }
        }
        bytes = rest;
    }
    Some(text)
}

#[derive(Default)]
struct Numbers(HashMap<i64, usize>);

impl Numbers {
    fn of(&mut self, id: i64) -> String {
        if id < FIRST_OWN {
            return format!("builtin {id}");
        }
        let next = self.0.len();
        format!("#{}", self.0.entry(id).or_insert(next))
    }

    /// What a type is: gob's `wireType`.
    fn form(&mut self, bytes: &mut Bytes<'_>) -> Option<String> {
        let mut text = String::new();
        bytes.fields(|bytes, kind| {
            text += &format!("kind {kind}");
            bytes.fields(|bytes, field| match (kind, field) {
                // `CommonType`: the name and, once more, the number.
                (_, 1) => bytes.fields(|bytes, field| {
                    match field {
                        1 => text += &format!(" {:?}", bytes.text()?),
                        _ => text += &format!(" {}", self.of(bytes.int()?)),
                    }
                    Some(())
                }),
                (3, 2) => {
                    for _ in 0..bytes.uint()? {
                        bytes.fields(|bytes, field| {
                            match field {
                                1 => text += &format!(", {}:", bytes.text()?),
                                _ => text += &format!(" {}", self.of(bytes.int()?)),
                            }
                            Some(())
                        })?;
                    }
                    Some(())
                }
                // The length of an array.
                (1, 3) => {
                    text += &format!(", length {}", bytes.int()?);
                    Some(())
                }
                _ => {
                    text += &format!(", {}", self.of(bytes.int()?));
                    Some(())
                }
            })
        })?;
        bytes.0.is_empty().then_some(text)
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn uint(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        if *first < 0x80 {
            return Some(u64::from(*first));
        }
        let (bytes, rest) = self.0.split_at_checked(usize::from(first.wrapping_neg()))?;
        self.0 = rest;
        (bytes.len() <= 8).then(|| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    fn int(&mut self) -> Option<i64> {
        let bits = self.uint()?;
        let magnitude = (bits >> 1) as i64;
        Some(if bits & 1 == 0 { magnitude } else { !magnitude })
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.uint()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    /// The fields of a struct that are not left out, by their numbers.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, u64) -> Option<()>) -> Option<()> {
        let mut field = 0;
        loop {
            match self.uint()? {
                0 => return Some(()),
                delta => field += delta,
            }
            each(self, field)?;
        }
    }
}
