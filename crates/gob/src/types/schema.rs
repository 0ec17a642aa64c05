//! [`Schema`]: a type with all that it is made of.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::kinds::{Marshaler, Type};
use super::loss::Loss;
use super::structs::{Field, Id, StructType};
use super::table::Types;
use super::type_eq::{Steps, type_eq};

/// A type as gob sees it: what is sent before the first value of the type.
///
/// Most programs never see one, since [`Encode`](crate::Encode) finds the description of a Rust
/// type. It is for types of which that is impossible or not wanted: those that are only
/// `Serialize`, whose `Deserialize` refuses everything that it is tried with, or that have a
/// flattened field. [`Encoder::encode_as`](crate::Encoder::encode_as) and [`to_vec_as`] then take
/// the value together with a description made by hand, and run no `Deserialize`.
///
/// ```
/// use plugwire_gob::{self as gob, Schema};
/// # use serde::Serialize;
///
/// // type Address struct { IP string; Port int }
/// let fields = [("IP", Schema::string()), ("Port", Schema::int())];
/// let address = Schema::structure("Address", fields);
/// let addresses = Schema::slice(address);
/// assert_eq!(addresses.to_string(), "[]Address");
///
/// #[derive(Serialize)]
/// struct Address {
///     #[serde(rename = "IP")]
///     ip: std::net::IpAddr,
///     #[serde(flatten)]
///     rest: Rest,
/// }
/// #[derive(Serialize)]
/// struct Rest {
///     #[serde(rename = "Port")]
///     port: u16,
/// }
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
/// [`RawValue::schema`](crate::RawValue::schema) is the description that came with a received
/// value, and [`Schema::of`] that of a Rust type. Two are equal when they are the same type to a
/// receiver.
///
/// [`to_vec_as`]: crate::to_vec_as
#[derive(Clone)]
pub struct Schema {
    pub(crate) types: Arc<Types>,
    pub(crate) root: Id,
    pub(crate) field_order: FieldOrder,
}

/// Whether some `Serialize` gives the fields in another order than the description: the first value
/// shows it.
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

/// Stand-ins for a type that is being described have ids from here on.
static NEXT_SELF: AtomicU32 = AtomicU32::new(1 << 31);

impl Schema {
    pub(crate) fn new(types: Arc<Types>, root: Id) -> Self {
        Self {
            types,
            root,
            field_order: FieldOrder::default(),
        }
    }

    /// What the Rust type can say and gob cannot, for a type of [`Schema::of`]: at most 32 of them.
    ///
    /// ```
    /// use plugwire_gob::{LossKind, Schema};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Reading { at: Vec<Option<i64>> }
    ///
    /// let losses = Schema::of::<Reading>()?;
    /// let [loss] = losses.losses() else { panic!() };
    /// assert_eq!((loss.path(), loss.kind()), ("at[]", LossKind::OptionalElement));
    /// # Ok::<(), plugwire_gob::EncodeError>(())
    /// ```
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        self.types.losses()
    }

    fn basic(root: Id) -> Self {
        Self::new(Arc::default(), root)
    }

    /// Go's `bool`.
    #[must_use]
    pub fn bool() -> Self {
        Self::basic(Id::BOOL)
    }

    /// Go's `int` of any width, and `rune`.
    #[must_use]
    pub fn int() -> Self {
        Self::basic(Id::INT)
    }

    /// Go's `uint` of any width, and `byte`.
    #[must_use]
    pub fn uint() -> Self {
        Self::basic(Id::UINT)
    }

    /// Go's `float32` and `float64`.
    #[must_use]
    pub fn float() -> Self {
        Self::basic(Id::FLOAT)
    }

    /// Go's `complex64` and `complex128`.
    #[must_use]
    pub fn complex() -> Self {
        Self::basic(Id::COMPLEX)
    }

    /// Go's `string`.
    #[must_use]
    pub fn string() -> Self {
        Self::basic(Id::STRING)
    }

    /// Go's `[]byte`.
    #[must_use]
    pub fn bytes() -> Self {
        Self::basic(Id::BYTES)
    }

    /// Go's `interface{}`, or any other interface type.
    #[must_use]
    pub fn interface() -> Self {
        Self::basic(Id::INTERFACE)
    }

    /// Go's `[]T`. For bytes, use [`Schema::bytes`]: a slice of `uint` is another type.
    #[must_use]
    pub fn slice(elem: Self) -> Self {
        let (types, elem) = elem.into_parts();
        let root = types.add(Type::Slice { elem });
        Self::new(Arc::new(types), root)
    }

    /// Go's `[len]T`.
    #[must_use]
    pub fn array(elem: Self, len: usize) -> Self {
        let (types, elem) = elem.into_parts();
        let len = len as u64;
        let root = types.add(Type::Array { elem, len });
        Self::new(Arc::new(types), root)
    }

    /// Go's `map[K]V`.
    #[must_use]
    pub fn map(key: Self, elem: Self) -> Self {
        let (types, key) = key.into_parts();
        let elem = import(&types, &elem);
        let root = types.add(Type::Map { key, elem });
        Self::new(Arc::new(types), root)
    }

    /// A Go struct of that name, without its package, with its exported fields in order.
    #[must_use]
    pub fn structure<N: Into<String>>(
        name: &str,
        fields: impl IntoIterator<Item = (N, Self)>,
    ) -> Self {
        let types = Types::default();
        let fields = fields
            .into_iter()
            .map(|(name, field)| Field::new(name.into(), import(&types, &field)));
        let ty = StructType::new(name.into(), fields.collect::<Vec<_>>());
        let root = types.add(Type::Struct(ty.into()));
        Self::new(Arc::new(types), root)
    }

    /// A Go type with an encoding of its own, by its name without the package: see [`Marshaler`].
    ///
    /// [`Marshaler`]: crate::Marshaler
    #[must_use]
    pub fn marshaler(name: &str, marshaler: Marshaler) -> Self {
        let kind = marshaler;
        let types = Types::default();
        let name = name.into();
        let root = types.add(Type::Opaque { name, kind });
        Self::new(Arc::new(types), root)
    }

    /// A type that contains itself: the function gets a description that stands for its result.
    ///
    /// ```
    /// # use plugwire_gob::Schema;
    /// // type Tree struct { Value int; Kids []Tree }
    /// let tree = Schema::recursive(|tree| {
    ///     Schema::structure("Tree", [("Value", Schema::int()), ("Kids", Schema::slice(tree))])
    /// });
    /// assert_eq!(tree.to_string(), "Tree");
    /// ```
    ///
    /// A description that is only its own stand-in is no type, and encoding with it is an error.
    #[must_use]
    pub fn recursive(describe: impl FnOnce(Self) -> Self) -> Self {
        let stand_in = Id(NEXT_SELF.fetch_add(1, Ordering::Relaxed) | 1 << 31);
        let Self { types, root, .. } = describe(Self::basic(stand_in));
        let resolve = |id: Id| if id == stand_in { root } else { id };
        let resolved = Types::default();
        for (id, ty) in types.iter() {
            resolved.insert(id, ty.with_parts(resolve));
        }
        Self::new(Arc::new(resolved), root)
    }

    fn into_parts(self) -> (Types, Id) {
        (
            Arc::try_unwrap(self.types).unwrap_or_else(|types| Types::clone(&types)),
            self.root,
        )
    }
}

/// Copies a type and what it is made of into another table; its id there.
pub(super) fn import(into: &Types, from: &Schema) -> Id {
    let mut found: HashMap<Id, Id> = HashMap::new();
    let mut queue = vec![from.root];
    let mut next = Id::FIRST_USER.0 + into.span();
    let mut order = Vec::new();
    let mut steps = Steps::default();
    while let Some(id) = queue.pop() {
        let Some(ty) = from.types.get(id) else {
            continue;
        };
        if found.contains_key(&id) {
            continue;
        }
        // A type that is there already need not be defined twice.
        if let Some(same) = into
            .iter()
            .map(|(id, _)| id)
            .find(|there| type_eq((into, *there), (&from.types, id), &mut steps))
        {
            found.insert(id, same);
            continue;
        }
        found.insert(id, Id(next));
        next += 1;
        order.push(id);
        queue.extend(ty.parts());
    }
    let renamed = |id: Id| found.get(&id).copied().unwrap_or(id);
    for id in order {
        if let Some(ty) = from.types.get(id) {
            into.insert(renamed(id), ty.with_parts(renamed));
        }
    }
    renamed(from.root)
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.types, &other.types) && self.root == other.root
            || type_eq(
                (&self.types, self.root),
                (&other.types, other.root),
                &mut Steps::default(),
            )
    }
}

/// The type as Go would write it.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.types.describe(self.root))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({self})")
    }
}
