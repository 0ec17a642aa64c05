//! The names of the fields that hold the elements of a tuple.

/// The Go field that holds a tuple's element: A to Z, then AA, AB, ….
pub(crate) fn tuple_field(index: usize) -> String {
    let mut name = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        name.push(b'A' + ((rest - 1) % 26) as u8);
        rest = (rest - 1) / 26;
    }
    name.iter()
        .rev()
        .map(|&letter| char::from(letter))
        .collect()
}

/// The converse of [`tuple_field`].
pub(crate) fn letters(name: &str) -> Option<usize> {
    if name.is_empty() || name.len() > 4 {
        return None;
    }
    let mut index = 0;
    for byte in name.bytes() {
        if !byte.is_ascii_uppercase() {
            return None;
        }
        index = index * 26 + usize::from(byte - b'A') + 1;
    }
    Some(index - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuple_fields_are_lettered_like_the_columns_of_a_sheet() {
        for (index, name) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (27, "AB"),
            (701, "ZZ"),
            (702, "AAA"),
        ] {
            assert_eq!(tuple_field(index), name);
            assert_eq!(letters(name), Some(index));
        }
        assert_eq!(letters(""), None);
        assert_eq!(letters("a"), None);
    }
}
