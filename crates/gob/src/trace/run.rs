//! One run over a type: what is known beforehand, and what it finds.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};

use super::losses::{Sighting, Step};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::{Id, Type};

/// Identifies a type by its visitor, since that is what builds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    visitor: TypeId,
    kind: Kind,
    name: &'static str,
}

impl Key {
    pub(super) fn new<V>(kind: Kind, name: &'static str) -> Self {
        let visitor = typeid::of::<V>();
        Self {
            visitor,
            kind,
            name,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Option { array: bool },
    Optional,
    Seq,
    Array(usize),
    Tuple(usize),
    Map,
    Struct,
    Enum,
    Opaque,
}

/// What is known from earlier runs.
#[derive(Default)]
pub(super) struct Plan {
    /// Which sample a leaf gets, by its number in the order of asking. Others get the zero.
    pub(super) samples: HashMap<usize, usize>,
    /// Which variant of an enum is shown.
    pub(super) variants: HashMap<Key, usize>,
    /// Names in serde's list that are no fields.
    pub(super) aliases: HashSet<(Key, &'static str)>,
}

/// One run.
pub(super) struct Run<'p> {
    pub(super) plan: &'p Plan,
    pub(super) drafts: Vec<Draft>,
    pub(super) known: HashMap<Key, Known>,
    /// For each leaf asked for so far, how many samples there are.
    pub(super) leaves: Vec<usize>,
    pub(super) enums: HashMap<Key, usize>,
    pub(super) new_aliases: Vec<(Key, &'static str)>,
    /// Where in the type the run is.
    pub(super) path: Vec<Step>,
    /// What may be lost on the wire.
    pub(super) sightings: Vec<Sighting>,
    depth: usize,
}

/// An entry in the table of types being made.
pub(super) enum Draft {
    Open,
    Type(Type),
    /// An option is the type inside, whose id was not known when the option was first met.
    Same(Id),
}

#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) id: Id,
    /// Still being explored: meeting it again is recursion.
    pub(super) open: bool,
}

/// What was found out about a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Traced {
    pub(super) id: Id,
    /// A slice of these is a byte string.
    pub(super) byte: bool,
}

impl Default for Traced {
    fn default() -> Self {
        Id(0).into()
    }
}

impl From<Id> for Traced {
    fn from(id: Id) -> Self {
        Self { id, byte: false }
    }
}

/// Types nested deeper than this, without an option or a collection in between, do not end.
const MAX_DEPTH: usize = 96;

impl<'p> Run<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            drafts: Vec::new(),
            known: HashMap::new(),
            leaves: Vec::new(),
            enums: HashMap::new(),
            new_aliases: Vec::new(),
            path: Vec::new(),
            sightings: Vec::new(),
            depth: 0,
        }
    }

    /// Which of `count` samples is given here.
    pub(super) fn sample(&mut self, count: usize) -> usize {
        let leaf = self.leaves.len();
        self.leaves.push(count);
        // Another run may have had another kind of value at this number.
        let sample = self.plan.samples.get(&leaf).copied();
        sample.filter(|&sample| sample < count).unwrap_or(0)
    }

    pub(super) fn enter(&mut self) -> Result<(), EncodeError> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(EncodeErrorKind::TooDeep.into()),
            false => Ok(()),
        }
    }

    /// Runs over a part, one step further in.
    pub(super) fn within<R>(&mut self, step: Step, part: impl FnOnce(&mut Self) -> R) -> R {
        let outer = self.path.len();
        self.path.push(step);
        let result = part(self);
        self.path.truncate(outer);
        result
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The id of a type that was met, and whether it is new.
    pub(super) fn meet(&mut self, key: Key) -> (Id, bool) {
        match self.known.get(&key) {
            Some(known) => (known.id, false),
            None => (self.open(key), true),
        }
    }

    pub(super) fn open(&mut self, key: Key) -> Id {
        let id = Id(Id::FIRST_USER.0 + self.drafts.len() as u32);
        self.drafts.push(Draft::Open);
        self.known.insert(key, Known { id, open: true });
        id
    }

    pub(super) fn close(&mut self, key: Key, id: Id, ty: Type) {
        self.settle(key, id, Draft::Type(ty), id);
    }

    /// Closes a type that turned out to be another one.
    pub(super) fn close_same(&mut self, key: Key, id: Id, same: Id) {
        self.settle(key, id, Draft::Same(same), same);
    }

    fn settle(&mut self, key: Key, place: Id, draft: Draft, id: Id) {
        self.drafts[(place.0 - Id::FIRST_USER.0) as usize] = draft;
        self.known.insert(key, Known { id, open: false });
    }

    /// The draft that an id stands for, behind any number of options.
    pub(super) fn resolve(&self, mut id: Id) -> (Id, Option<&Draft>) {
        // Never in a circle: an option of itself has no value.
        for _ in 0..=self.drafts.len() {
            let index = id.0.checked_sub(Id::FIRST_USER.0);
            match index.and_then(|index| self.drafts.get(index as usize)) {
                Some(Draft::Same(inner)) => id = *inner,
                draft => return (id, draft),
            }
        }
        (id, None)
    }
}
