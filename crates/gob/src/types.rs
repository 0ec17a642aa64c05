//! Types as the wire knows them, tables of them, and their definitions.

pub(crate) mod definition;
mod describe;
mod fits;
mod kinds;
mod letters;
mod loss;
mod retype;
mod schema;
mod structs;
mod table;
pub(crate) mod type_eq;
pub(crate) mod unknown;

pub(crate) use self::fits::Fit;
pub use self::kinds::Marshaler;
pub(crate) use self::kinds::Type;
pub(crate) use self::letters::{letters, tuple_field};
pub use self::loss::{Loss, LossKind};
pub(crate) use self::retype::retyped;
pub use self::schema::Schema;
pub(crate) use self::structs::{Field, Id, StructType};
pub(crate) use self::table::{IdHasher, IdMap, Types};
pub use self::unknown::{UnknownFields, unknown_fields};
