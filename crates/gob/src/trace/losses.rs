//! What a type loses on the wire, found while it is learned.

use super::run::Run;
use crate::types::{Id, Loss, LossKind, Type, Types, tuple_field};

/// Where a value stands in another one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Place {
    /// It is the value itself.
    #[default]
    Whole,
    Field,
    /// In a list, an array or a map.
    Element,
    Option,
}

/// A step from a value to a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Field(&'static str),
    /// An element of a tuple, by its place.
    Tuple(usize),
    Item,
    Key,
    Value,
}

/// What was met, before the types are known to their end.
pub(super) struct Sighting {
    path: String,
    what: What,
}

enum What {
    /// Of a type that may still be open.
    Option(Place, Id),
    Unit,
    Wide,
    Key(Id),
}

/// How many are kept of one type.
const MAX: usize = 32;

impl Run<'_> {
    /// Notes an `Option` of the type `id`.
    pub(super) fn note_option(&mut self, place: Place, id: Id) {
        self.note(What::Option(place, id));
    }

    /// Notes a `()`.
    pub(super) fn note_unit(&mut self, place: Place) {
        if place == Place::Option {
            self.note(What::Unit);
        }
    }

    /// Notes an integer of 128 bits.
    pub(super) fn note_wide(&mut self) {
        self.note(What::Wide);
    }

    /// Notes a map by the type of its keys.
    pub(super) fn note_key(&mut self, id: Id) {
        self.note(What::Key(id));
    }

    fn note(&mut self, what: What) {
        if self.sightings.len() < MAX {
            let path = text(&self.path);
            self.sightings.push(Sighting { path, what });
        }
    }

    /// The losses among what was met, given the finished types.
    pub(super) fn losses(&self, types: &Types) -> Vec<Loss> {
        let found = self.sightings.iter().filter_map(|Sighting { path, what }| {
            let kind = match *what {
                What::Wide => LossKind::WideInteger,
                What::Unit => LossKind::OptionalUnit,
                What::Option(place, id) => option(types, place, self.resolve(id).0)?,
                What::Key(id) if is_key(types, self.resolve(id).0, 16) => return None,
                What::Key(_) => LossKind::MapKey,
            };
            let path = path.clone();
            Some(Loss { path, kind })
        });
        let mut losses: Vec<Loss> = Vec::new();
        for loss in found {
            // Each element of an array is met.
            if !losses.contains(&loss) {
                losses.push(loss);
            }
        }
        losses
    }
}

fn text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let name = match step {
            Step::Item => "[]".into(),
            Step::Key => "[key]".into(),
            Step::Value => "[value]".into(),
            Step::Field(name) => std::borrow::Cow::Borrowed(*name),
            Step::Tuple(index) => tuple_field(*index).into(),
        };
        if !text.is_empty() && !name.starts_with('[') {
            text.push('.');
        }
        text.push_str(&name);
    }
    text
}

/// What an option of a type loses in its place.
fn option(types: &Types, place: Place, inner: Id) -> Option<LossKind> {
    match place {
        // A nil interface value, wherever it is.
        _ if inner == Id::INTERFACE => None,
        Place::Whole => Some(LossKind::WholeOption),
        Place::Element => Some(LossKind::OptionalElement),
        Place::Option => Some(LossKind::NestedOption),
        Place::Field => match types.get(inner) {
            // Sent whatever they hold.
            Some(Type::Struct(_) | Type::Array { .. } | Type::Map { .. }) => None,
            Some(Type::Slice { .. } | Type::Opaque { .. }) | None => Some(LossKind::ZeroOption),
        },
    }
}

/// Whether a Go type can be the key of a map: slices and maps cannot be compared.
fn is_key(types: &Types, id: Id, depth: usize) -> bool {
    match types.get(id) {
        _ if depth == 0 => true,
        None => id != Id::BYTES,
        Some(Type::Slice { .. } | Type::Map { .. }) => false,
        Some(Type::Opaque { .. }) => true,
        Some(ty @ (Type::Array { .. } | Type::Struct(_))) => {
            ty.parts().all(|part| is_key(types, part, depth - 1))
        }
    }
}
