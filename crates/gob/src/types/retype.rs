//! A type with another type in the place of an interface type in it.

use super::kinds::Type;
use super::schema::{Schema, import};
use super::structs::Id;
use super::table::Types;

/// The type with `concrete` in the place that the path leads to, which has to be one of an
/// interface type.
///
/// A path consists of the names of fields, and of `[…]` for the elements of lists and maps.
pub(crate) fn retyped(schema: &Schema, path: &[&str], concrete: &Schema) -> Option<Schema> {
    let types = Types::clone(&schema.types);
    let concrete = import(&types, concrete);
    let root = replace(&types, schema.root, path, concrete)?;
    Some(Schema::new(types.into(), root))
}

/// Adds a copy of the type that differs at the end of the path; the copy's id.
fn replace(types: &Types, id: Id, path: &[&str], concrete: Id) -> Option<Id> {
    let Some((step, rest)) = path.split_first() else {
        return (id == Id::INTERFACE).then_some(concrete);
    };
    let part = |part: Id| replace(types, part, rest, concrete);
    let ty = match types.get(id)? {
        Type::Struct(ty) => {
            let place = ty.place(0, step)?;
            let mut ty = ty.clone();
            let field = &mut ty.fields[place];
            field.id = part(field.id)?;
            Type::Struct(ty)
        }
        _ if !step.starts_with('[') => return None,
        Type::Slice { elem } => Type::Slice { elem: part(*elem)? },
        Type::Array { elem, len } => Type::Array {
            elem: part(*elem)?,
            len: *len,
        },
        Type::Map { key, elem } => Type::Map {
            key: *key,
            elem: part(*elem)?,
        },
        Type::Opaque { .. } => return None,
    };
    Some(types.add(ty))
}
