//! Attempts to encode or decode a value, as the types in it see them.
//!
//! A codec may find out halfway that it has to begin a value anew. The value's `Serialize` or
//! `Deserialize` then runs again, and what an earlier run has done besides writing or reading bytes
//! has to be undone. So a type that does more notes each of its deeds here, on the thread that it
//! runs on, and a codec that begins anew takes their number back to what it was before.

use std::cell::Cell;

thread_local! {
    static DEEDS: Cell<usize> = const { Cell::new(0) };
}

/// How many deeds of the values that this thread encodes or decodes count.
#[must_use]
pub fn deeds() -> usize {
    DEEDS.try_with(Cell::get).unwrap_or_default()
}

/// Sets the number: a codec sets it back before it begins a value anew, and a type counts up.
pub fn set_deeds(number: usize) {
    let _ = DEEDS.try_with(|deeds| deeds.set(number));
}
