//! Descriptions of Rust types, one per type and process.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;

use super::encode::{Encode, EncodeError};
use super::trace;
use super::types::{Id, Type, Types};

/// A Rust type as gob sees it.
#[derive(Debug)]
pub struct Schema {
    pub(crate) types: Arc<Types>,
    pub(crate) root: Id,
}

type Cache = HashMap<TypeId, Result<Arc<Schema>, EncodeError>>;

static CACHE: RwLock<Option<Cache>> = RwLock::new(None);

/// The description of `T`, found once. A type that cannot be described is an error every time.
pub(crate) fn of<T: Deserialize<'static>>() -> Result<Arc<Schema>, EncodeError> {
    cached(typeid::of::<T>(), trace::trace::<T>)
}

pub(crate) fn slice_of<T: Encode>() -> Result<Arc<Schema>, EncodeError> {
    cached(typeid::of::<[T]>(), || {
        let elem = T::schema()?;
        // A byte has no description of its own: in Go, too, only a slice of them is special.
        if typeid::of::<T>() == TypeId::of::<u8>() {
            return Ok(Schema {
                types: Arc::default(),
                root: Id::BYTES,
            });
        }
        let mut types = Types::clone(&elem.types);
        let root = Id(Id::FIRST_USER.0 + types.span());
        types.insert(root, Type::Slice { elem: elem.root });
        Ok(Schema {
            types: Arc::new(types),
            root,
        })
    })
}

fn cached(
    key: TypeId,
    find: impl FnOnce() -> Result<Schema, EncodeError>,
) -> Result<Arc<Schema>, EncodeError> {
    let cache = CACHE.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = cache.as_ref().and_then(|cache| cache.get(&key)) {
        return found.clone();
    }
    drop(cache);
    // Not under the lock: finding it runs the type's own code. Two threads may do so, with the same result.
    let found = find().map(Arc::new);
    let mut cache = CACHE.write().unwrap_or_else(PoisonError::into_inner);
    cache
        .get_or_insert_default()
        .entry(key)
        .or_insert(found)
        .clone()
}
