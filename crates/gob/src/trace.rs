//! Learning a type from its `Deserialize`.
//!
//! The type is deserialized from nothing: a deserializer notes what is asked for and hands out zeros. Three things
//! make that take more than one run. A type may refuse zeros, and is then tried with other samples. An enum shows one
//! variant a run, and all must be seen to be without data. And serde lists the aliases of a field among the fields.

mod access;
mod cache;
mod deserializer;
mod samples;

use std::any::TypeId;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;

pub(crate) use self::cache::{cached, schema_of};
use self::deserializer::{TraceDe, Traced};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::{Id, IdMap, Schema, Type, Types};

/// What tells apart the types that are met: the visitor's type, since that is what knows how to build a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    visitor: TypeId,
    kind: Kind,
    name: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Option,
    Seq,
    Tuple(usize),
    Map,
    Struct,
    Enum,
    Opaque,
}

/// What is known from earlier runs.
#[derive(Default)]
struct Plan {
    /// Which sample to hand out at a leaf, by its number in the order of asking. Others get the zero.
    samples: HashMap<usize, usize>,
    /// Which variant of an enum to show.
    variants: HashMap<Key, usize>,
    /// Names in serde's list that are no fields.
    aliases: HashSet<(Key, &'static str)>,
}

/// One run.
struct Trace<'p> {
    plan: &'p Plan,
    slots: Vec<Slot>,
    known: HashMap<Key, Known>,
    /// For each leaf asked for so far, how many samples there are.
    leaves: Vec<usize>,
    enums: HashMap<Key, usize>,
    new_aliases: Vec<(Key, &'static str)>,
    depth: usize,
}

/// A place in the table of types being made.
enum Slot {
    Open,
    Type(Type),
    /// An option is the type inside, whose place was not known when the option was first met.
    Same(Id),
}

#[derive(Clone, Copy)]
struct Known {
    id: Id,
    /// Still being explored: meeting it again is recursion.
    open: bool,
}

/// Types nested deeper than this, without an option or a collection in between, do not end.
const MAX_DEPTH: usize = 96;
/// How often a type is tried with other samples before it counts as one that cannot be learned.
const MAX_TRIES: usize = 2000;

/// Whether a deserializer is the one that learns types, whatever its lifetimes.
pub(crate) fn is_tracer<D>() -> bool {
    typeid::of::<D>() == TypeId::of::<TraceDe<'static, 'static>>()
}

/// Learns the type.
fn trace<T: Deserialize<'static>>() -> Result<Schema, EncodeError> {
    let mut plan = Plan::default();
    let mut search = None;
    for _ in 0..MAX_TRIES {
        let mut run = Trace::new(&plan);
        let mut root = Traced::default();
        let result = T::deserialize(TraceDe::new(&mut run, &mut root));
        let (leaves, enums, slots) = (run.leaves, run.enums, run.slots);
        let aliases = run.new_aliases;
        match result {
            Ok(_) => {
                explore_variants::<T>(&mut plan, enums)?;
                return finish(slots, root.id);
            }
            Err(err) => match err.kind() {
                _ if !aliases.is_empty() => {
                    plan.aliases.extend(aliases);
                    plan.samples.clear();
                    search = None;
                }
                EncodeErrorKind::VariantWithData { .. } | EncodeErrorKind::TooDeep => {
                    return Err(err);
                }
                _ => next_sample(&mut plan, &mut search, &leaves, err)?,
            },
        }
    }
    Err(match search {
        Some(Search { first, .. }) => first,
        None => EncodeErrorKind::TooDeep.into(),
    })
}

/// Shows every variant of every enum to the type: one with data is an error now and not at the first value with it.
fn explore_variants<T: Deserialize<'static>>(
    plan: &mut Plan,
    mut enums: HashMap<Key, usize>,
) -> Result<(), EncodeError> {
    loop {
        let mut more = false;
        for (key, variants) in &enums {
            let shown = plan.variants.entry(*key).or_default();
            if *shown + 1 < *variants {
                *shown += 1;
                more = true;
            }
        }
        if !more {
            return Ok(());
        }
        let mut run = Trace::new(plan);
        let result = T::deserialize(TraceDe::new(&mut run, &mut Traced::default()));
        for (key, variants) in run.enums {
            enums.insert(key, variants);
        }
        match result {
            Err(err) if matches!(err.kind(), EncodeErrorKind::VariantWithData { .. }) => {
                return Err(err);
            }
            // A type may refuse a variant where it stands: that says nothing about the variant's data.
            _ => {}
        }
    }
}

/// The search for samples that a type accepts.
struct Search {
    /// How many leaves had been handed out when the type refused.
    reached: usize,
    /// The leaf being tried. Usually the last one is to blame.
    leaf: usize,
    first: EncodeError,
}

fn next_sample(
    plan: &mut Plan,
    search: &mut Option<Search>,
    leaves: &[usize],
    err: EncodeError,
) -> Result<(), EncodeError> {
    let reached = leaves.len();
    let refused = |mut err: EncodeError| {
        err.set_kind(EncodeErrorKind::Untraceable(err.kind().to_string()));
        err
    };
    match search {
        Some(search) if reached <= search.reached => {}
        // Further than before: what was tried last was accepted.
        _ => {
            let Some(leaf) = reached.checked_sub(1) else {
                return Err(refused(err));
            };
            *search = Some(Search {
                reached,
                leaf,
                first: refused(err),
            });
        }
    }
    let Some(search) = search else { return Ok(()) };
    loop {
        let tried = plan.samples.get(&search.leaf).copied().unwrap_or(0);
        if tried + 1 < leaves.get(search.leaf).copied().unwrap_or(0) {
            plan.samples.insert(search.leaf, tried + 1);
            return Ok(());
        }
        plan.samples.remove(&search.leaf);
        search.leaf = search
            .leaf
            .checked_sub(1)
            .ok_or_else(|| search.first.clone())?;
    }
}

/// Makes a table of what was found, and numbers it from the start.
fn finish(slots: Vec<Slot>, root: Id) -> Result<Schema, EncodeError> {
    let resolve = |mut id: Id| {
        // Each step goes to a place found later or earlier, but never in a circle: an option of itself has no value.
        for _ in 0..=slots.len() {
            match id
                .0
                .checked_sub(Id::FIRST_USER.0)
                .and_then(|index| slots.get(index as usize))
            {
                Some(Slot::Same(inner)) => id = *inner,
                _ => break,
            }
        }
        id
    };
    let types = Types::with_span(slots.len());
    for (index, slot) in slots.iter().enumerate() {
        let Slot::Type(ty) = slot else { continue };
        let mut ty = ty.clone();
        match &mut ty {
            Type::Array { elem, .. } | Type::Slice { elem, .. } => *elem = resolve(*elem),
            Type::Map { key, elem, .. } => {
                *key = resolve(*key);
                *elem = resolve(*elem);
            }
            Type::Struct(ty) => ty
                .fields
                .iter_mut()
                .for_each(|field| field.id = resolve(field.id)),
            Type::Opaque { .. } => {}
        }
        types.insert(Id(Id::FIRST_USER.0 + index as u32), ty);
    }
    let root = resolve(root);
    types
        .holds_interface(root, &mut IdMap::default())
        .map_err(|_| {
            EncodeError::from(EncodeErrorKind::Untraceable(
                "it never asked for a value".into(),
            ))
        })?;
    Ok(Schema::new(types.into(), root))
}
