//! The types that were learned, each once per process.

use std::any::TypeId;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;

use super::search::trace;
use crate::error::EncodeError;
use crate::types::{IdMap, Schema};

/// `Arc`s in the cache: an encoder keeps one for each type it has sent.
type Cache = IdMap<TypeId, Result<Arc<Schema>, EncodeError>>;

static CACHE: RwLock<Option<Cache>> = RwLock::new(None);

/// The description of `T`, found once. A type that cannot be described is an error each time.
pub(crate) fn schema_of<T: Deserialize<'static>>() -> Result<Arc<Schema>, EncodeError> {
    cached(typeid::of::<T>(), trace::<T>)
}

pub(crate) fn cached(
    key: TypeId,
    find: impl FnOnce() -> Result<Schema, EncodeError>,
) -> Result<Arc<Schema>, EncodeError> {
    let cache = CACHE.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = cache.as_ref().and_then(|cache| cache.get(&key)) {
        return found.clone();
    }
    drop(cache);
    // Not under the lock: finding it runs the type's own code. Two threads may do so, with the same
    // result.
    let found = find().map(Arc::new);
    let mut cache = CACHE.write().unwrap_or_else(PoisonError::into_inner);
    cache
        .get_or_insert_default()
        .entry(key)
        .or_insert(found)
        .clone()
}
