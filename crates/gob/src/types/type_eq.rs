//! Whether two types are the same, each in a table of its own.

use std::collections::HashSet;

use super::kinds::Type;
use super::structs::Id;
use super::table::Types;

/// Types with more parts than this count as different: they are then defined once more.
const MAX_COMPARED: usize = 400;

/// How many steps the search for one type among others may take.
///
/// Usual types take a few. A peer can define many types that are the same up to some depth, which
/// take the square of their number; those beyond the steps count as different.
#[derive(Debug)]
pub(crate) struct Steps(usize);

impl Default for Steps {
    fn default() -> Self {
        Self(1 << 15)
    }
}

/// Whether two types are of the same kind, with the same names.
fn alike(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Array { len: n, .. }, Type::Array { len: m, .. }) => n == m,
        (Type::Slice { .. }, Type::Slice { .. }) | (Type::Map { .. }, Type::Map { .. }) => true,
        (Type::Struct(a), Type::Struct(b)) => {
            a.name == b.name
                && a.fields.len() == b.fields.len()
                && a.fields
                    .iter()
                    .zip(b.fields.iter())
                    .all(|(a, b)| a.name == b.name)
        }
        (Type::Opaque { name: a, kind: x }, Type::Opaque { name: b, kind: y }) => a == b && x == y,
        _ => false,
    }
}

/// Whether two types, each in its own table, are the same type to a receiver.
///
/// Pairs that are being compared further up count as equal: that is what equality of recursive
/// types means.
pub(crate) fn type_eq(a: (&Types, Id), b: (&Types, Id), steps: &mut Steps) -> bool {
    fn same(
        a: (&Types, Id),
        b: (&Types, Id),
        assumed: &mut HashSet<(Id, Id)>,
        steps: &mut Steps,
    ) -> bool {
        if a.1.is_basic() || b.1.is_basic() {
            return a.1 == b.1;
        }
        let (Some(x), Some(y)) = (a.0.get(a.1), b.0.get(b.1)) else {
            return false;
        };
        let Some(left) = steps.0.checked_sub(1 + x.parts().size_hint().0) else {
            return false;
        };
        steps.0 = left;
        // Different types nearly always differ at first sight.
        if !alike(x, y) {
            return false;
        }
        if !assumed.insert((a.1, b.1)) {
            return true;
        }
        // Only types of a received value can be nested so deep.
        if assumed.len() > MAX_COMPARED {
            return false;
        }
        // Alike, so they have as many parts.
        x.parts()
            .zip(y.parts())
            .all(|(x, y)| same((a.0, x), (b.0, y), assumed, steps))
    }
    same(a, b, &mut HashSet::new(), steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(elem: Id) -> Type {
        Type::Slice { elem }
    }

    #[test]
    fn recursive_types_compare() {
        // type T []T, written once with one definition and once with two.
        let one = Types::default();
        one.insert(Id(64), slice(Id(64)));
        let two = Types::default();
        two.insert(Id(70), slice(Id(71)));
        two.insert(Id(71), slice(Id(70)));
        let steps = &mut Steps::default();
        assert!(type_eq((&one, Id(64)), (&two, Id(70)), steps));
        let other = Types::default();
        other.insert(Id(64), slice(Id::INT));
        assert!(!type_eq((&one, Id(64)), (&other, Id(64)), steps));
    }
}
