//! Values to try on types that refuse zeros.

/// Strings that some well-known kind of type accepts: numbers, addresses, ids, times, versions,
/// paths, colours.
pub(super) const STRINGS: &[&str] = &[
    "",
    "0",
    "1",
    "a",
    "0.0.0.0",
    "::",
    "0.0.0.0:0",
    "[::]:0",
    "00000000-0000-0000-0000-000000000000",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01 00:00:00 UTC",
    "1970-01-01",
    "00:00:00",
    "+00:00",
    "UTC",
    "0s",
    "/",
    "http://localhost/",
    "localhost",
    "a@b.c",
    "0.0.0",
    "*",
    "0.0.0.0/0",
    "::/0",
    "00:00:00:00:00:00",
    "#000000",
    "0x0",
    "00",
    "en",
    "true",
    "A",
    "text/plain",
    "INFO",
    "info",
];

pub(super) const INTS: &[i64] = &[0, 1, -1, 2, 8, 10, 16, 100];
pub(super) const UINTS: &[u64] = &[0, 1, 2, 8, 10, 16, 100];
pub(super) const FLOATS: &[f64] = &[0.0, 1.0, 0.5, -1.0, 100.0];
pub(super) const CHARS: &[char] = &['\0', 'a', 'A', '0'];

/// Lengths that fixed-size byte strings have.
pub(super) const BYTE_LENGTHS: &[usize] = &[
    0, 16, 32, 20, 64, 12, 24, 8, 4, 48, 28, 1, 2, 3, 5, 6, 7, 33, 65, 66, 96, 128,
];
pub(super) static BYTES: [u8; 128] = [0; 128];
