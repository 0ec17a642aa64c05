//! Decoding into Rust types: [`from_slice`] and [`RawValue::decode`].

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::de;
use crate::error::DecodeError;
use crate::raw::{Bounds, Decoder, Front, RawValue};

/// Decodes the first value of a stream of gobs. The definitions before it are read, what follows is
/// not.
///
/// ```
/// # use plugwire_gob as gob;
/// let bytes = gob::to_vec(&vec!["a", "b"])?;
/// let names: Vec<String> = gob::from_slice(&bytes)?;
/// assert_eq!(names, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the bytes are malformed or incomplete, or hold a value that `T` cannot take.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new();
    let (id, value) = decoder.first_value(bytes)?;
    de::from_value(decoder.types(), id, value, None, Bounds::default())
}

impl RawValue {
    /// Decodes the value. Strings and bytes can be borrowed from it.
    ///
    /// # Errors
    ///
    /// When the value is malformed or `T` cannot take it. The stream it came from is not affected.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        de::from_value(
            &self.types,
            self.id,
            &self.bytes,
            Some(&self.bytes),
            self.bounds,
        )
    }
}

impl Front<'_> {
    /// Decodes the value.
    ///
    /// # Errors
    ///
    /// When the value is malformed or `T` cannot take it. The stream is not affected.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        de::from_value(self.types, self.id, self.bytes, None, self.bounds)
    }
}
