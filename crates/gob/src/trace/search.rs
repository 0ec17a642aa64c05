//! The runs that it takes to learn a type.

use std::any::TypeId;
use std::cell::Cell;
use std::collections::HashMap;

use serde::Deserialize;

use super::access::Tracer;
use super::run::{Draft, Key, Plan, Run, Traced};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::{Id, IdMap, Schema, Types};

/// How often a type is tried with other samples before it counts as untraceable.
const MAX_TRIES: usize = 2000;

/// Whether a deserializer is the one that learns types, whatever its lifetimes.
pub(crate) fn is_tracer<D>() -> bool {
    typeid::of::<D>() == TypeId::of::<Tracer<'static, 'static>>()
}

thread_local! {
    /// How many types are being learned, one within another's `Deserialize`.
    static TRACING: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread learns a type: what a `Deserialize` makes now is thrown away.
#[must_use]
pub fn is_tracing() -> bool {
    TRACING.try_with(Cell::get).is_ok_and(|depth| depth > 0)
}

/// Learning goes on until this is dropped.
struct Tracing;

impl Tracing {
    fn begin() -> Self {
        TRACING.set(TRACING.get().saturating_add(1));
        Tracing
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        TRACING.set(TRACING.get().saturating_sub(1));
    }
}

/// Learns the type.
pub(super) fn trace<T: Deserialize<'static>>() -> Result<Schema, EncodeError> {
    let _tracing = Tracing::begin();
    let mut plan = Plan::default();
    let mut search = None;
    for _ in 0..MAX_TRIES {
        let mut run = Run::new(&plan);
        let mut root = Traced::default();
        let result = T::deserialize(Tracer::new(&mut run, &mut root));
        if result.is_ok() {
            let schema = finish(&run, root.id);
            let enums = run.enums;
            explore_variants::<T>(&mut plan, enums)?;
            return schema;
        }
        let (leaves, aliases) = (run.leaves, run.new_aliases);
        match result {
            Ok(_) => {}
            Err(error) => match error.kind() {
                _ if !aliases.is_empty() => {
                    plan.aliases.extend(aliases);
                    plan.samples.clear();
                    search = None;
                }
                EncodeErrorKind::VariantWithData { .. } | EncodeErrorKind::TooDeep => {
                    return Err(error);
                }
                _ => next_sample(&mut plan, &mut search, &leaves, error)?,
            },
        }
    }
    Err(match search {
        Some(Search { first, .. }) => first,
        None => EncodeErrorKind::TooDeep.into(),
    })
}

/// Shows every variant of every enum to the type: one with data is an error now, not at the first
/// value that has it.
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
        let mut run = Run::new(plan);
        let result = T::deserialize(Tracer::new(&mut run, &mut Traced::default()));
        for (key, variants) in run.enums {
            enums.insert(key, variants);
        }
        match result {
            Err(error) if matches!(error.kind(), EncodeErrorKind::VariantWithData { .. }) => {
                return Err(error);
            }
            // A type may refuse a variant where it stands: that says nothing about the variant's
            // data.
            _ => {}
        }
    }
}

/// The search for samples that a type accepts.
struct Search {
    /// How many leaves had been handed out when the type refused.
    reached: usize,
    /// The leaf being tried. Usually the last one is the cause.
    leaf: usize,
    first: EncodeError,
}

fn next_sample(
    plan: &mut Plan,
    search: &mut Option<Search>,
    leaves: &[usize],
    error: EncodeError,
) -> Result<(), EncodeError> {
    let reached = leaves.len();
    let refused = |mut error: EncodeError| {
        error.set_kind(EncodeErrorKind::Untraceable(error.kind().to_string()));
        error
    };
    match search {
        Some(search) if reached <= search.reached => {}
        // Further than before: what was tried last was accepted.
        _ => {
            let Some(leaf) = reached.checked_sub(1) else {
                return Err(refused(error));
            };
            *search = Some(Search {
                reached,
                leaf,
                first: refused(error),
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

/// Makes a table of what was found.
fn finish(run: &Run<'_>, root: Id) -> Result<Schema, EncodeError> {
    let types = Types::with_span(run.drafts.len());
    for (index, draft) in run.drafts.iter().enumerate() {
        if let Draft::Type(ty) = draft {
            let ty = ty.with_parts(|part| run.resolve(part).0);
            types.insert(Id(Id::FIRST_USER.0 + index as u32), ty);
        }
    }
    let root = run.resolve(root).0;
    types
        .holds_interface(root, &mut IdMap::default())
        .map_err(|_| EncodeErrorKind::Untraceable("it never asked for a value".into()))?;
    let losses = run.losses(&types);
    types.set_losses(losses);
    Ok(Schema::new(types.into(), root))
}
