//! Descriptions of types: learned from Rust types, once per type and process, received, or made by hand.

mod build;

use std::any::TypeId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;

use super::encode::{Encode, EncodeError};
use super::trace;
use super::types::{Id, IdMap, Type, Types};

/// A type as gob sees it: what goes over the wire before the first value of the type.
///
/// Most programs never see one, since [`Encode`] finds the description of a Rust type. It is of use where that cannot
/// be, or is not wanted: for types that are only `Serialize`, whose `Deserialize` refuses everything that it is tried
/// with, or that have a flattened field. [`Encoder::encode_as`](super::Encoder::encode_as) and [`to_vec_as`] then take
/// the value together with a description made by hand, and run no `Deserialize`.
///
/// ```
/// use plugwire_gob::{self as gob, Schema};
/// # use serde::Serialize;
///
/// // type Address struct { IP string; Port int }
/// let address = Schema::structure("Address", [("IP", Schema::string()), ("Port", Schema::int())]);
/// let addresses = Schema::slice(address);
/// assert_eq!(addresses.to_string(), "[]Address");
///
/// #[derive(Serialize)]
/// struct Address { #[serde(rename = "IP")] ip: std::net::IpAddr, #[serde(flatten)] rest: Rest }
/// #[derive(Serialize)]
/// struct Rest { #[serde(rename = "Port")] port: u16 }
///
/// let value = [Address { ip: [127, 0, 0, 1].into(), rest: Rest { port: 80 } }];
/// let bytes = gob::to_vec_as(&addresses, &value[..])?;
/// # #[derive(serde::Deserialize)]
/// # struct Back { #[serde(rename = "IP")] ip: String, #[serde(rename = "Port")] port: i64 }
/// # let back: Vec<Back> = gob::from_slice(&bytes)?;
/// # assert_eq!((&*back[0].ip, back[0].port), ("127.0.0.1", 80));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`RawValue::schema`](super::RawValue::schema) is the description that came with a received value, and
/// [`Schema::of`] that of a Rust type. Two are equal when they are the same type to a receiver.
///
/// [`to_vec_as`]: super::to_vec_as
#[derive(Clone)]
pub struct Schema {
    pub(crate) types: Arc<Types>,
    pub(crate) root: Id,
    pub(crate) field_order: FieldOrder,
}

impl Schema {
    pub(crate) fn new(types: Arc<Types>, root: Id) -> Self {
        Schema {
            types,
            root,
            field_order: FieldOrder::default(),
        }
    }
}

/// Whether some `Serialize` gives the fields in another order than the description: the first value tells.
#[derive(Default)]
pub(crate) struct FieldOrder(AtomicBool);

impl FieldOrder {
    pub(crate) fn differs(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set_differs(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clone for FieldOrder {
    fn clone(&self) -> Self {
        FieldOrder(AtomicBool::new(self.differs()))
    }
}

/// `Arc`s in the cache: an encoder keeps one for each type it has sent.
type Cache = IdMap<TypeId, Result<Arc<Schema>, EncodeError>>;

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
            return Ok(Schema::new(Arc::default(), Id::BYTES));
        }
        let types = Types::clone(&elem.types);
        let root = Id(Id::FIRST_USER.0 + types.span());
        types.insert(root, Type::Slice { elem: elem.root });
        Ok(Schema::new(Arc::new(types), root))
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
