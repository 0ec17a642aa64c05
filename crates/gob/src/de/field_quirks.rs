//! Which structs do not take a zero for every absent field.
//!
//! gob leaves zero values out, so a decoder hands a struct a zero for each field that is absent.
//! Two kinds of structs do not take them all. Where a field's type has no zero value (an enum
//! without an empty name, a `NonZeroU8`), the field has to stay absent, so that its
//! `#[serde(default)]` applies. And where a field has aliases, serde lists them like fields, so a
//! zero for each is a duplicate. Either is found out from the error, noted here, and the value is
//! read again.

use std::any::TypeId;
use std::collections::HashMap;

use plugwire_base::field_quirks::FieldQuirks;

use crate::error::{DecodeError, DecodeErrorKind};

/// What is known of all structs that were decoded.
pub(super) static QUIRKS: FieldQuirks<StructQuirks> = FieldQuirks::new();

/// How many fields of one struct are noted at most, and how long their names may be: a struct with
/// a flattened field can refuse zeros for fields of the sender's choice.
const MAX_REFUSED: usize = 1000;
const MAX_NAME: usize = 256;

/// Facts about one struct.
#[derive(Clone, Debug, Default)]
pub(super) struct StructQuirks {
    /// Fields that refuse a zero, and the error each gave.
    refused: HashMap<String, String>,
    /// Which field a name leads to, once the struct is known to have aliases.
    pub(super) aliases: Option<HashMap<&'static str, u64>>,
}

impl StructQuirks {
    /// Why a field refuses a zero.
    pub(super) fn refusal(&self, name: &str) -> Option<&String> {
        self.refused.get(name)
    }

    /// Notes that a field refuses a zero; false when that was known, or may not be kept.
    pub(super) fn add_refusal(&mut self, name: &str, error: String) -> bool {
        let keep = name.len() <= MAX_NAME
            && self.refused.len() < MAX_REFUSED
            && !self.refused.contains_key(name);
        if keep {
            self.refused.insert(name.to_owned(), error);
        }
        keep
    }

    /// Notes that there are aliases; false when that was known.
    pub(super) fn set_aliased(&mut self) -> bool {
        let new = self.aliases.is_none();
        self.aliases.get_or_insert_default();
        new
    }

    /// Notes which field a name leads to; false when that was known.
    pub(super) fn add_alias(&mut self, name: &'static str, field: u64) -> bool {
        let aliases = self.aliases.get_or_insert_default();
        aliases.insert(name, field).is_none()
    }
}

/// Notes that a field refuses a zero, with the error that it gave.
#[cold]
pub(super) fn note_refusal(
    visitor: fn() -> TypeId,
    mut error: DecodeError,
    name: &str,
) -> DecodeError {
    if !*error.noted() {
        if !matches!(
            error.kind(),
            DecodeErrorKind::NoZeroValue(_) | DecodeErrorKind::TooDeep { .. }
        ) {
            error.set_kind(DecodeErrorKind::NoZeroValue(error.kind().to_string()));
        }
        if let DecodeErrorKind::NoZeroValue(cause) = error.kind().clone() {
            *error.noted() = QUIRKS.note(visitor, |quirks| quirks.add_refusal(name, cause));
        }
    }
    error.within(name)
}
