//! Tuples as Go arrays.

/// For `#[serde(with = "plugwire_gob::array")]`: a field that is an array `[N]T` to Go.
///
/// Rust arrays are arrays without it. Other types with a fixed number of elements of one type ask
/// serde for a tuple, too, which is a struct with the fields `A`, `B`, `C`, … by default: tuples,
/// tuple structs, and the vectors and fixed arrays of other crates. With it they are arrays. They
/// may be in an `Option`, a `Box` or a newtype.
///
/// ```
/// use plugwire_gob as gob;
/// # use serde::{Deserialize, Serialize};
///
/// // type Shape struct { Origin [3]float64 }
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Shape {
///     #[serde(rename = "Origin", with = "gob::array")]
///     origin: Point,
/// }
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Point(f64, f64, f64);
///
/// let shape = Shape { origin: Point(1.0, 0.0, -1.0) };
/// let bytes = gob::to_vec(&shape)?;
/// assert_eq!(gob::from_slice::<Shape>(&bytes)?, shape);
/// # #[derive(Deserialize)]
/// # struct Plain { #[serde(rename = "Origin")] origin: [f64; 3] }
/// # assert_eq!(gob::from_slice::<Plain>(&bytes)?.origin, [1.0, 0.0, -1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Encoding is an error for a type that does not ask for a tuple, and where the elements differ in
/// type. Where the attribute cannot be put, describe the type: see
/// [`Schema::array`](crate::Schema::array) and [`to_vec_as`](crate::to_vec_as).
pub mod array {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Deserialize, Deserializer, Visitor};
    use serde::ser::{Serialize, Serializer};

    use crate::passthrough::ARRAY;

    /// Writes the value.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<T: Serialize + ?Sized, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ARRAY, value)
    }

    /// Reads the value.
    ///
    /// # Errors
    ///
    /// Those of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        deserializer.deserialize_newtype_struct(ARRAY, ArrayVisitor(PhantomData))
    }

    struct ArrayVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ArrayVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<T, D::Error> {
            T::deserialize(inner)
        }
    }
}
