//! Types as Go would write them.

use super::kinds::Type;
use super::structs::Id;
use super::table::Types;

impl Types {
    /// A description that is longer than this is cut off at the next part.
    const MAX_TEXT: usize = 1024;
    /// The same for error texts, of which there can be one for every value of a list.
    const MAX_BRIEF: usize = 200;

    /// The type as Go would write it, and the name that Go gives to an unnamed field type.
    pub(crate) fn describe(&self, id: Id) -> String {
        self.text(id, Self::MAX_TEXT, usize::MAX)
    }

    /// The same for error texts: cut sooner.
    #[cold]
    pub(crate) fn brief(&self, id: Id) -> String {
        self.text(id, Self::MAX_BRIEF, Self::MAX_BRIEF)
    }

    fn text(&self, id: Id, max: usize, max_name: usize) -> String {
        let mut description = Description {
            types: self,
            text: String::new(),
            max,
            max_name,
        };
        description.add(id, 8);
        description.text
    }
}

/// A text in the making.
struct Description<'a> {
    types: &'a Types,
    text: String,
    max: usize,
    max_name: usize,
}

impl Description<'_> {
    fn name(&mut self, name: &str) {
        match name.char_indices().nth(self.max_name) {
            None => self.text.push_str(name),
            Some((end, _)) => {
                self.text.push_str(&name[..end]);
                self.text.push('…');
            }
        }
    }

    fn add(&mut self, id: Id, depth: usize) {
        let basic = match id {
            Id::BOOL => "bool",
            Id::INT => "int",
            Id::UINT => "uint",
            Id::FLOAT => "float64",
            Id::BYTES => "[]uint8",
            Id::STRING => "string",
            Id::COMPLEX => "complex128",
            Id::INTERFACE => "interface {}",
            _ => "",
        };
        if !basic.is_empty() {
            self.text.push_str(basic);
            return;
        }
        // A few hundred bytes of definitions can describe a type whose text would fill all memory.
        if depth == 0 || self.text.len() > self.max {
            self.text.push('…');
            return;
        }
        match self.types.get(id) {
            None => self.text.push_str(&format!("undefined type {}", id.0)),
            Some(Type::Array { elem, len }) => {
                self.text.push_str(&format!("[{len}]"));
                self.add(*elem, depth - 1);
            }
            Some(Type::Slice { elem }) => {
                self.text.push_str("[]");
                self.add(*elem, depth - 1);
            }
            Some(Type::Map { key, elem }) => {
                self.text.push_str("map[");
                self.add(*key, depth - 1);
                self.text.push(']');
                self.add(*elem, depth - 1);
            }
            Some(Type::Struct(ty)) if !ty.name.is_empty() => self.name(&ty.name),
            Some(Type::Struct(ty)) => {
                self.text.push_str("struct {");
                for (i, field) in ty.fields.iter().enumerate() {
                    self.text.push_str(if i == 0 { " " } else { "; " });
                    if self.text.len() > self.max {
                        self.text.push('…');
                        break;
                    }
                    self.name(&field.name);
                    self.text.push(' ');
                    self.add(field.id, depth - 1);
                }
                self.text
                    .push_str(if ty.fields.is_empty() { "}" } else { " }" });
            }
            Some(Type::Opaque { name, .. }) if name.is_empty() => {
                self.text.push_str("opaque type");
            }
            Some(Type::Opaque { name, .. }) => self.name(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Field, StructType};

    fn slice(elem: Id) -> Type {
        Type::Slice { elem }
    }

    #[test]
    fn descriptions_end_even_for_recursive_types() {
        let types = Types::default();
        types.insert(Id(64), slice(Id(64)));
        assert!(types.describe(Id(64)).starts_with("[][][]"));
    }

    #[test]
    fn descriptions_of_types_within_types_stay_short() {
        let types = Types::default();
        for id in 64..74 {
            let fields = (0..50).map(|_| Field::new("F", Id(id + 1)));
            let ty = StructType::new("".into(), fields.collect::<Vec<_>>());
            types.insert(Id(id), Type::Struct(ty.into()));
        }
        types.insert(Id(74), slice(Id::INT));
        assert!(types.describe(Id(64)).len() < 10_000);
    }
}
