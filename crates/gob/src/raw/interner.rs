//! [`Interner`]: which types the receiver knows, under which ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::definition;
use crate::types::type_eq::{Steps, type_eq};
use crate::types::{Id, IdMap, Type, Types};
use crate::wire::{close_length, put_byte};

/// The types sent on one stream, and definitions that are due before the next value.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    sent: Vec<Sent>,
    /// Places in `sent`, by the table's address and the id in it.
    places: BTreeMap<(usize, u32), usize>,
    pending: BytesMut,
    /// What was found for the last table: received values are mostly sent on in a row.
    recent: Option<Recent>,
}

#[derive(Debug)]
struct Recent {
    types: Arc<Types>,
    wire: IdMap<u32, Id>,
    /// Which types can hold interface values.
    holding: IdMap<u32, bool>,
}

#[derive(Debug)]
struct Sent {
    types: Arc<Types>,
    id: Id,
    wire: Id,
}

/// A state to return to when encoding fails.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

/// Old versions of Go start here, newer ones one lower.
const FIRST: u32 = 65;

/// A type on the way to a definition.
struct New {
    wire: Option<Id>,
    name: String,
    emitted: bool,
}

struct Batch<'a> {
    types: &'a Arc<Types>,
    new: IdMap<u32, New>,
    /// Types that were sent before, from another table.
    old: IdMap<u32, Id>,
    /// Wire ids given out, in order.
    next: u32,
    steps: Steps,
}

/// Types of a received value can be nested to any depth; those of Rust types are never so deep.
const MAX_DEPTH: usize = 500;

impl Interner {
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.sent.len())
    }

    pub(crate) fn rollback(&mut self, mark: Mark) {
        for sent in self.sent.drain(mark.0..) {
            self.places.remove(&place(&sent.types, sent.id));
        }
        self.recent = None;
        self.pending.clear();
    }

    /// Whether no type was defined.
    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// The type that has an id of this stream, and the table that it was defined from.
    pub(crate) fn origin(&self, wire: Id) -> Option<(&Arc<Types>, Id)> {
        let place = wire.0.checked_sub(FIRST)?;
        let sent = self.sent.get(place as usize)?;
        Some((&sent.types, sent.id))
    }

    /// Puts the definitions that are due in front of the message that starts at `at`.
    pub(crate) fn put_definitions(&mut self, out: &mut BytesMut, at: usize) {
        if self.pending.is_empty() {
            return;
        }
        let (end, count) = (out.len(), self.pending.len());
        out.put_bytes(0, count);
        out.copy_within(at..end, at + count);
        out[at..at + count].copy_from_slice(&self.pending);
        self.pending.clear();
    }

    /// The id of a type on this stream; its definition becomes due when it has none yet.
    pub(crate) fn define(&mut self, types: &Arc<Types>, id: Id) -> Result<Id, EncodeError> {
        if id.is_basic() {
            return Ok(id);
        }
        let recent = self.recent.as_ref();
        let recent = recent.filter(|recent| Arc::ptr_eq(&recent.types, types));
        if let Some(wire) = recent.and_then(|recent| recent.wire.get(&id.0)) {
            return Ok(*wire);
        }
        let wire = self.define_new(types, id)?;
        self.recent(types).wire.insert(id.0, wire);
        Ok(wire)
    }

    fn recent(&mut self, types: &Arc<Types>) -> &mut Recent {
        let recent = self.recent.take();
        let recent = recent.filter(|recent| Arc::ptr_eq(&recent.types, types));
        self.recent.insert(recent.unwrap_or_else(|| Recent {
            types: types.clone(),
            wire: IdMap::default(),
            holding: IdMap::default(),
        }))
    }

    /// Whether a value of the type can have an interface value in it. Types that are not defined
    /// count as if.
    pub(crate) fn holds_interface(&mut self, types: &Arc<Types>, id: Id) -> bool {
        let holding = &mut self.recent(types).holding;
        types.holds_interface(id, holding).unwrap_or(true)
    }

    fn define_new(&mut self, types: &Arc<Types>, id: Id) -> Result<Id, EncodeError> {
        let mut batch = Batch {
            types,
            new: IdMap::default(),
            old: IdMap::default(),
            next: FIRST + self.sent.len() as u32,
            steps: Steps::default(),
        };
        let name = named(types, id);
        let wire = self.assign(&mut batch, id, name, 0)?;
        self.emit(&mut batch, id);
        let mut new: Vec<_> = batch
            .new
            .iter()
            .filter_map(|(&id, new)| Some((new.wire?, Id(id))))
            .collect();
        new.sort_by_key(|(wire, _)| wire.0);
        for (wire, id) in new {
            self.places.insert(place(types, id), self.sent.len());
            let types = types.clone();
            self.sent.push(Sent { types, id, wire });
        }
        Ok(wire)
    }

    /// The id of a type that was sent before, from this table or from another.
    fn known(&self, batch: &mut Batch<'_>, id: Id) -> Option<Id> {
        if id.is_basic() {
            return Some(id);
        }
        if let Some(&at) = self.places.get(&place(batch.types, id)) {
            return Some(self.sent[at].wire);
        }
        if let Some(&wire) = batch.old.get(&id.0) {
            return Some(wire);
        }
        let asked = (&**batch.types, id);
        let mut sent = self.sent.iter();
        let same = sent.find(|sent| type_eq((&sent.types, sent.id), asked, &mut batch.steps))?;
        batch.old.insert(id.0, same.wire);
        Some(same.wire)
    }

    /// Gives ids in Go's order: a struct before its fields, everything else after its elements.
    fn assign(
        &mut self,
        batch: &mut Batch<'_>,
        id: Id,
        name: String,
        depth: usize,
    ) -> Result<Id, EncodeError> {
        if depth > MAX_DEPTH {
            return Err(EncodeErrorKind::TooDeep.into());
        }
        if let Some(new) = batch.new.get_mut(&id.0) {
            // A type that contains itself is asked for its id before it got one.
            return Ok(*new.wire.get_or_insert_with(|| take(&mut batch.next)));
        }
        if let Some(wire) = self.known(batch, id) {
            return Ok(wire);
        }
        let types = batch.types.clone();
        let Some(ty) = types.get(id) else {
            return Err(EncodeErrorKind::Custom(format!("undefined type {}", id.0)).into());
        };
        batch.new.insert(
            id.0,
            New {
                wire: None,
                name,
                emitted: false,
            },
        );
        match ty {
            Type::Struct(ty) => {
                batch.give(id);
                for field in &ty.fields {
                    let name = match types.get(field.id) {
                        Some(Type::Opaque { name, .. }) => name.to_string(),
                        _ => types.describe(field.id),
                    };
                    self.assign(batch, field.id, name, depth + 1)?;
                }
            }
            _ => {
                for part in ty.parts() {
                    self.assign(batch, part, named(&types, part), depth + 1)?;
                }
            }
        }
        Ok(batch.give(id))
    }

    /// Writes definitions in Go's order: a type before the types inside it.
    fn emit(&mut self, batch: &mut Batch<'_>, id: Id) {
        let Some(new) = batch.new.get_mut(&id.0) else {
            return;
        };
        if std::mem::replace(&mut new.emitted, true) {
            return;
        }
        let types = batch.types.clone();
        let (Some(wire), Some(ty)) = (new.wire, types.get(id)) else {
            return;
        };
        let name = std::mem::take(&mut new.name);
        let at = self.pending.len();
        let mut pending = std::mem::take(&mut self.pending);
        put_byte(&mut pending, 0);
        definition::write(&mut pending, wire, ty, &name, |id| {
            let new = batch.new.get(&id.0).and_then(|new| new.wire);
            let old = || batch.old.get(&id.0).copied();
            let sent = || Some(self.sent[*self.places.get(&place(&types, id))?].wire);
            new.or_else(old).or_else(sent).unwrap_or(id)
        });
        close_length(&mut pending, at, 1);
        self.pending = pending;
        for part in ty.parts() {
            self.emit(batch, part);
        }
    }
}

impl Batch<'_> {
    fn give(&mut self, id: Id) -> Id {
        match self.new.get_mut(&id.0) {
            Some(new) => *new.wire.get_or_insert_with(|| take(&mut self.next)),
            None => id,
        }
    }
}

fn place(types: &Arc<Types>, id: Id) -> (usize, u32) {
    (Arc::as_ptr(types).addr(), id.0)
}

fn take(next: &mut u32) -> Id {
    let id = Id(*next);
    *next += 1;
    id
}

/// Go names an element type only where its source does: here, structs and types with an encoding of
/// their own.
fn named(types: &Types, id: Id) -> String {
    match types.get(id) {
        Some(Type::Struct(ty)) => ty.name.to_string(),
        Some(Type::Opaque { name, .. }) => name.to_string(),
        _ => String::new(),
    }
}
