//! [`Complex`]: Go's `complex64` and `complex128`.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::passthrough::{self, Passed};
use crate::ser;

/// A complex number, Go's `complex128`; a `complex64` is the same on the wire.
///
/// Two floats that stand for a complex number in a type of your own need no change of type: put
/// `#[serde(with = "plugwire_gob::complex")]` on the field.
///
/// ```
/// use plugwire_gob::{self as gob, Complex};
/// # use serde::{Deserialize, Serialize};
///
/// // type Signal struct { Gain complex128; Samples []complex128 }
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Signal {
///     #[serde(with = "gob::complex")]
///     gain: (f64, f64),
///     samples: Vec<Complex>,
/// }
///
/// let bytes = gob::to_vec(&Signal { gain: (0.0, 1.0), samples: vec![Complex::new(1.5, -2.0)] })?;
/// let signal: Signal = gob::from_slice(&bytes)?;
/// assert_eq!(signal.samples[0].im, -2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

impl Complex {
    /// The number `re + im·i`.
    #[must_use]
    pub const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }
}

impl From<(f64, f64)> for Complex {
    fn from((re, im): (f64, f64)) -> Self {
        Self { re, im }
    }
}

impl From<[f64; 2]> for Complex {
    fn from([re, im]: [f64; 2]) -> Self {
        Self { re, im }
    }
}

impl From<Complex> for (f64, f64) {
    fn from(value: Complex) -> Self {
        (value.re, value.im)
    }
}

impl From<Complex> for [f64; 2] {
    fn from(value: Complex) -> Self {
        [value.re, value.im]
    }
}

impl fmt::Display for Complex {
    /// As Go prints it: `(1.5-2i)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}{:+}i)", self.re, self.im)
    }
}

/// In other formats, a pair of floats.
impl Serialize for Complex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if ser::is_gob::<S>() {
            return ser::pass(serializer, Passed::Complex(self.re, self.im, "complex128"));
        }
        (self.re, self.im).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Complex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(passthrough::COMPLEX, ComplexVisitor)
    }
}

struct ComplexVisitor;

impl<'de> Visitor<'de> for ComplexVisitor {
    type Value = Complex;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a complex number")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Complex, D::Error> {
        deserializer.deserialize_tuple(2, self)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Complex, E> {
        Ok(Complex::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Complex, A::Error> {
        let re = seq.next_element()?;
        let im = seq.next_element()?;
        match (re, im) {
            (Some(re), Some(im)) => Ok(Complex { re, im }),
            _ => Err(de::Error::invalid_length(1, &self)),
        }
    }
}

/// For `#[serde(with = "plugwire_gob::complex")]`: a field that converts from and into [`Complex`].
pub mod with {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Complex;

    /// Writes the value as a complex number.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Clone + Into<Complex>,
        S: Serializer,
    {
        value.clone().into().serialize(serializer)
    }

    /// Reads a complex number.
    ///
    /// # Errors
    ///
    /// Those of the deserializer.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: From<Complex>,
        D: Deserializer<'de>,
    {
        Complex::deserialize(deserializer).map(T::from)
    }
}
