//! Fields that a peer sends and the receiver's struct does not have: which, and how often.

use std::any::TypeId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Fields that senders have in a struct and the receiver's type does not. They are skipped, as in
/// Go, unless [`Limits::refuse_unknown_fields`](crate::Limits::refuse_unknown_fields) is on.
#[derive(Clone, Debug)]
pub struct UnknownFields {
    receiver: &'static str,
    sender: String,
    fields: Vec<String>,
    values: u64,
}

impl UnknownFields {
    /// The receiver's struct, by the name that serde has for it.
    #[must_use]
    pub fn receiver(&self) -> &'static str {
        self.receiver
    }

    /// The sender's struct, by the name that it declared.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// The names of the fields, up to 32 of them.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// How many values of the sender's type were read.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.values
    }
}

/// The [`UnknownFields`] of all types that this process has read so far, the first 1,000 of them.
///
/// ```
/// use plugwire_gob as gob;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename = "Person")]
/// struct Newer { name: String, email: String }
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename = "Person")]
/// struct Older { name: String }
///
/// let bytes = gob::to_vec(&Newer { name: "Ann".into(), email: "a@b.c".into() })?;
/// gob::from_slice::<Older>(&bytes)?;
/// let unknown = gob::unknown_fields();
/// let person = unknown.iter().find(|unknown| unknown.receiver() == "Person").unwrap();
/// assert_eq!((person.fields(), person.values()), (&["email".to_owned()][..], 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn unknown_fields() -> Vec<UnknownFields> {
    let entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
    entries.iter().map(|entry| entry.snapshot()).collect()
}

/// Has a function called with the fields of each type when they are met first, for plugwire's log.
pub fn observe(observer: fn(&UnknownFields)) {
    let _ = OBSERVER.set(observer);
}

static ENTRIES: Mutex<Vec<Arc<Unknown>>> = Mutex::new(Vec::new());
static OBSERVER: OnceLock<fn(&UnknownFields)> = OnceLock::new();

/// Types are the sender's to define: no more than this many are kept, with this much of each.
const MAX_ENTRIES: usize = 1000;
const MAX_FIELDS: usize = 32;
const MAX_NAME: usize = 100;

/// What is known about a sender's type and a receiver's.
#[derive(Debug)]
pub(crate) struct Unknown {
    visitor: TypeId,
    receiver: &'static str,
    sender: String,
    fields: Vec<String>,
    values: AtomicU64,
}

impl Unknown {
    /// Counts a value.
    pub(crate) fn count(&self) {
        self.values.fetch_add(1, Ordering::Relaxed);
    }

    /// The names, for an error.
    pub(crate) fn names(&self) -> String {
        self.fields.join(", ")
    }

    fn snapshot(&self) -> UnknownFields {
        UnknownFields {
            receiver: self.receiver,
            sender: self.sender.clone(),
            fields: self.fields.clone(),
            values: self.values.load(Ordering::Relaxed),
        }
    }

    fn is_about(&self, other: &Unknown) -> bool {
        self.visitor == other.visitor && self.sender == other.sender && self.fields == other.fields
    }
}

/// The entry for these fields, which the receiver does not have; `None` where there are none.
pub(crate) fn find<'n>(
    sender: &str,
    receiver: (TypeId, &'static str),
    names: impl Iterator<Item = &'n str>,
) -> Option<Arc<Unknown>> {
    let fields: Vec<String> = names.take(MAX_FIELDS).map(brief).collect();
    if fields.is_empty() {
        return None;
    }
    let (visitor, receiver) = receiver;
    let new = Arc::new(Unknown {
        visitor,
        receiver,
        sender: brief(sender),
        fields,
        values: AtomicU64::new(0),
    });
    let mut entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = entries.iter().find(|entry| entry.is_about(&new)) {
        return Some(known.clone());
    }
    if entries.len() < MAX_ENTRIES {
        entries.push(new.clone());
        drop(entries);
        if let Some(observer) = OBSERVER.get() {
            observer(&new.snapshot());
        }
    }
    Some(new)
}

fn brief(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}
