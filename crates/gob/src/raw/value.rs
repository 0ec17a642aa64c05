//! [`RawValue`]: a value as it was received.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::limits::Bounds;
use crate::types::{Id, Schema, Types};

/// One value of a stream, not decoded yet, with the types it needs. Cheap to clone and to send to
/// another task.
#[derive(Clone)]
pub struct RawValue {
    pub(crate) types: Arc<Types>,
    pub(crate) id: Id,
    /// The value as it stands in a message, behind the type id. It may contain whole definitions,
    /// which are in `types`, too.
    pub(crate) bytes: Bytes,
    pub(crate) bounds: Bounds,
}

impl RawValue {
    /// How long the value is as it was sent, in bytes, without the type's number.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    /// The value's type, as the sender described it, for
    /// [`Encoder::encode_as`](crate::Encoder::encode_as).
    #[must_use]
    pub fn schema(&self) -> Schema {
        Schema::new(self.types.clone(), self.id)
    }

    /// The same value, which may have fields that its receiver does not have, whatever the
    /// [limits](crate::Limits::refuse_unknown_fields) are.
    #[must_use]
    pub fn allow_unknown_fields(mut self) -> Self {
        self.bounds.strict = false;
        self
    }

    /// The value's type as Go would write it, as far as it was sent: `[]string`, `map[string]int`,
    /// `Person`.
    #[must_use]
    pub fn go_type(&self) -> String {
        self.types.describe(self.id)
    }
}

impl fmt::Debug for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawValue")
            .field("type", &self.go_type())
            .field("bytes", &self.bytes)
            .finish()
    }
}
