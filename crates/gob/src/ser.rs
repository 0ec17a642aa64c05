//! The serde serializer: values, led by the descriptions of their types.
//!
//! `output` is the message that is written. `value` has the serializer of one value and writes the
//! basic ones, `items` and `fields` write the parts of the others, `compound` chooses between them,
//! and `serializer` is serde's side. `fast` spares numbers and strings most of that.

mod compound;
mod fast;
mod fields;
mod items;
mod output;
mod serializer;
mod value;

use serde::ser::{Serialize, Serializer};

use self::fast::scalar::Scalar;
use self::output::Slot;
pub(crate) use self::output::{Concrete, Output};
use self::value::Ser;
use crate::error::EncodeError;
use crate::passthrough::{self, Passed};
use crate::types::Id;

/// Writes a value that stands alone.
pub(crate) fn serialize<T: Serialize + ?Sized>(
    output: &mut Output<'_>,
    id: Id,
    value: &T,
) -> Result<(), EncodeError> {
    let slot = match output.types.is_struct(id) {
        true => Slot::Elem,
        false => Slot::Alone,
    };
    value.serialize(Ser { output, id, slot }).map(drop)
}

/// Whether `S` is a serializer of this crate, whatever its lifetimes.
pub(crate) fn is_gob<S>() -> bool {
    let serializer = typeid::of::<S>();
    // The second one takes no values that pass through serde, and has the first one asked.
    serializer == typeid::of::<Ser<'static, 'static>>()
        || serializer == typeid::of::<Scalar<'static>>()
}

/// Gives a value that serde cannot carry to a serializer of this crate.
pub(crate) fn pass<S: Serializer>(serializer: S, value: Passed) -> Result<S::Ok, S::Error> {
    passthrough::put(value);
    serializer.serialize_unit_struct(passthrough::ANY)
}
