//! The types that were learned, each once per process.

use std::any::TypeId;
use std::cell::Cell;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;

use super::search::trace;
use crate::error::EncodeError;
use crate::types::{IdHasher, IdMap, Schema};

/// A Rust type that was learned. It stays for as long as the process runs, so that to use it costs
/// no count of its users: that was 1 % of a call beside 63 others.
#[derive(Debug)]
pub struct Learned {
    pub(crate) key: TypeId,
    pub(crate) name: &'static str,
    /// An encoder keeps one for each type it has sent.
    pub(crate) schema: Arc<Schema>,
}

type Cache = IdMap<TypeId, Known>;

type Known = Result<&'static Learned, EncodeError>;

static CACHE: RwLock<Option<Cache>> = RwLock::new(None);

/// A type, or an empty place.
type Recent = Option<&'static Learned>;

/// How many descriptions a thread has at hand. A connection that is called uses a few.
const AT_HAND: usize = 8;

thread_local! {
    /// The last descriptions that the thread asked for, each in a place that follows from its type.
    /// To look one up in `CACHE` took 4 % of a call beside 63 others.
    static RECENT: [Cell<Recent>; AT_HAND] = const { [const { Cell::new(None) }; AT_HAND] };
}

/// The description of `T`, found once. A type that cannot be described is an error each time.
pub(crate) fn learned<T: Deserialize<'static>>() -> Known {
    let key = typeid::of::<T>();
    let place = BuildHasherDefault::<IdHasher>::default().hash_one(key) as usize % AT_HAND;
    let recent = RECENT.try_with(|recent| recent[place].get());
    if let Ok(Some(found)) = recent
        && found.key == key
    {
        return Ok(found);
    }
    let found = cached::<T>(key, trace::<T>)?;
    let _ = RECENT.try_with(|recent| recent[place].set(Some(found)));
    Ok(found)
}

/// The description of `T`, whose key this is.
pub(crate) fn cached<T: ?Sized>(
    key: TypeId,
    find: impl FnOnce() -> Result<Schema, EncodeError>,
) -> Known {
    let cache = CACHE.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = cache.as_ref().and_then(|cache| cache.get(&key)) {
        return found.clone();
    }
    drop(cache);
    // Not under the lock: finding it runs the type's own code. Two threads may do so, with the same
    // result.
    let found = find();
    let mut cache = CACHE.write().unwrap_or_else(PoisonError::into_inner);
    cache
        .get_or_insert_default()
        .entry(key)
        .or_insert_with(|| {
            let learned = Learned {
                key,
                name: std::any::type_name::<T>(),
                schema: Arc::new(found?),
            };
            Ok(Box::leak(Box::new(learned)))
        })
        .clone()
}
