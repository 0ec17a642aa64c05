//! Which fields of structs need a zero when they are absent.
//!
//! serde does not tell which fields have a default. But a struct says that a field is missing only
//! after its default, or `Option`'s `None`, was asked for. So that error is noted, the value is
//! read again, and this time the struct gets a zero for the field after all fields that were sent.
//! Names come from the struct, never from a peer, so each field of each type is noted at most once.
//!
//! In gob every absent field is a zero, so there the noted fields are those that refuse one.

use plugwire_base::field_quirks::FieldQuirks;

/// What is known of all structs that were read.
pub(in crate::codec) static QUIRKS: FieldQuirks<MissingFields> = FieldQuirks::new();

/// The fields of one struct that need a zero.
#[derive(Clone, Debug, Default)]
pub(in crate::codec) struct MissingFields {
    /// Their names, with what identifies their keys once that is known. A field may have been sent
    /// under an alias, which has another name and the same key.
    pub(super) fields: Vec<(&'static str, Option<u64>)>,
}

impl MissingFields {
    /// Notes that a field needs a zero; false when that was known.
    pub(super) fn add(&mut self, name: &'static str) -> bool {
        let new = self.fields.iter().all(|(known, _)| *known != name);
        if new {
            self.fields.push((name, None));
        }
        new
    }

    /// Notes a field's key; false when that was known.
    pub(super) fn set_key(&mut self, name: &'static str, key: u64) -> bool {
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known @ None)) => {
                *known = Some(key);
                true
            }
            _ => false,
        }
    }
}
