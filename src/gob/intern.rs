//! Which types the other side knows, under which ids.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::definition;
use super::encode::{EncodeError, EncodeErrorKind};
use super::types::{Id, IdMap, Type, Types, same_type};
use super::wire::{close_length, put_byte};

/// The types sent on one stream, and definitions that are due before the next value.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    sent: Vec<Sent>,
    pending: BytesMut,
    /// What was found for the table that was asked about last: received values are mostly sent on in a row.
    recent: Option<(Arc<Types>, IdMap<u32, Id>)>,
}

#[derive(Debug)]
struct Sent {
    types: Arc<Types>,
    id: Id,
    wire: Id,
}

/// A state to come back to when encoding fails.
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
    /// Wire ids given out, in order.
    next: u32,
}

/// Types of a received value can be nested as deep as the sender likes; ours never are.
const MAX_DEPTH: usize = 500;

impl Interner {
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.sent.len())
    }

    pub(crate) fn rollback(&mut self, mark: Mark) {
        self.sent.truncate(mark.0);
        self.recent = None;
        self.pending.clear();
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
        let recent = self
            .recent
            .as_ref()
            .filter(|(recent, _)| Arc::ptr_eq(recent, types));
        if let Some(wire) = recent.and_then(|(_, found)| found.get(&id.0)) {
            return Ok(*wire);
        }
        let wire = match self.known(types, id) {
            Some(wire) => wire,
            None => self.define_new(types, id)?,
        };
        match &mut self.recent {
            Some((recent, found)) if Arc::ptr_eq(recent, types) => drop(found.insert(id.0, wire)),
            recent => *recent = Some((types.clone(), IdMap::from_iter([(id.0, wire)]))),
        }
        Ok(wire)
    }

    fn define_new(&mut self, types: &Arc<Types>, id: Id) -> Result<Id, EncodeError> {
        let mut batch = Batch {
            types,
            new: IdMap::default(),
            next: FIRST + self.sent.len() as u32,
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
        self.sent.extend(new.into_iter().map(|(wire, id)| Sent {
            types: types.clone(),
            id,
            wire,
        }));
        Ok(wire)
    }

    fn known(&self, types: &Arc<Types>, id: Id) -> Option<Id> {
        if id.is_basic() {
            return Some(id);
        }
        self.sent
            .iter()
            .find(|sent| {
                Arc::ptr_eq(&sent.types, types) && sent.id == id
                    || same_type((&sent.types, sent.id), (types, id))
            })
            .map(|sent| sent.wire)
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
        if let Some(wire) = self.known(batch.types, id) {
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
            Type::Slice { elem, .. } | Type::Array { elem, .. } => {
                self.assign(batch, *elem, named(&types, *elem), depth + 1)?;
            }
            Type::Map { key, elem, .. } => {
                self.assign(batch, *key, named(&types, *key), depth + 1)?;
                self.assign(batch, *elem, named(&types, *elem), depth + 1)?;
            }
            Type::Opaque { .. } => {}
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
            match batch.new.get(&id.0).and_then(|new| new.wire) {
                Some(wire) => wire,
                None => self.known(&types, id).unwrap_or(id),
            }
        });
        close_length(&mut pending, at, 1);
        self.pending = pending;
        match ty {
            Type::Struct(ty) => ty
                .fields
                .iter()
                .for_each(|field| self.emit(batch, field.id)),
            Type::Slice { elem, .. } | Type::Array { elem, .. } => self.emit(batch, *elem),
            Type::Map { key, elem, .. } => {
                self.emit(batch, *key);
                self.emit(batch, *elem);
            }
            Type::Opaque { .. } => {}
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

fn take(next: &mut u32) -> Id {
    let id = Id(*next);
    *next += 1;
    id
}

/// Go names element types only when they have a name in its source: here, structs and types with an encoding of their
/// own.
fn named(types: &Types, id: Id) -> String {
    match types.get(id) {
        Some(Type::Struct(ty)) => ty.name.to_string(),
        Some(Type::Opaque { name, .. }) => name.to_string(),
        _ => String::new(),
    }
}
