//! Values that are encoded before their stream is at hand.
//!
//! Little in a value's bytes depends on the stream that carries it: the id of its type, and those
//! of the types in its interface values. So a value can be encoded on one thread while others use
//! the stream's [`Encoder`], which then adds what is the stream's own.

use std::cell::Cell;
use std::sync::Arc;

use bytes::BytesMut;

use crate::encode::{self, Encode, Encoder, MAX_MESSAGE, Root};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::raw::{Interner, transcode};
use crate::trace::Learned;
use crate::types::{Id, Schema};
use crate::wire::{put_two, uint_len, zigzag};

thread_local! {
    /// An interner that was not needed, for the thread's next value: most values hold no interface
    /// values.
    static IDS: Cell<Option<Box<Interner>>> = const { Cell::new(None) };
}

/// A value that is encoded, except for what depends on the stream.
///
/// ```
/// use bytes::BytesMut;
/// use plugwire_gob::{Encoder, Prepared, from_slice};
///
/// // Needs no encoder, so a slow `Serialize` does not delay other values.
/// let mut value = BytesMut::new();
/// let prepared = Prepared::new("text", &mut value)?;
///
/// let mut encoder = Encoder::new();
/// let mut out = BytesMut::new();
/// let renumbered = encoder.begin_prepared(&prepared, &value, &mut out)?;
/// out.extend_from_slice(renumbered.as_ref().unwrap_or(&value));
/// assert_eq!(from_slice::<String>(&out)?, "text");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Prepared {
    learned: &'static Learned,
    more: Option<Box<More>>,
}

/// What is so of few values.
#[derive(Debug)]
struct More {
    /// The type of a value whose type on the wire is another one than its Rust type's.
    own: Option<Arc<Schema>>,
    /// The ids that types in interface values have in the bytes.
    ids: Option<Box<Interner>>,
}

impl Prepared {
    /// Appends the value's bytes to `out`. They are no message yet: see
    /// [`Encoder::begin_prepared`].
    ///
    /// # Errors
    ///
    /// When the type or the value has no form in gob. `out` is then as it was before.
    pub fn new<T: Encode + ?Sized>(value: &T, out: &mut BytesMut) -> Result<Prepared, EncodeError> {
        let start = out.len();
        Self::append(value, out).map_err(|error| {
            out.truncate(start);
            error.target(std::any::type_name::<T>())
        })
    }

    fn append<T: Encode + ?Sized>(value: &T, out: &mut BytesMut) -> Result<Prepared, EncodeError> {
        let learned = T::learned()?;
        let mut ids = IDS.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let concrete = encode::serialize(&learned.schema, &mut ids, value, out)?;
        let more = match concrete.is_none() && ids.is_empty() {
            true => {
                let _ = IDS.try_with(|kept| kept.set(Some(ids)));
                None
            }
            false => Some(Box::new(More {
                own: concrete.map(Arc::new),
                ids: (!ids.is_empty()).then_some(ids),
            })),
        };
        Ok(Prepared { learned, more })
    }
}

impl Encoder {
    /// Begins a message with a prepared value: appends the definitions that the stream has not had
    /// yet, the length and the type. The value's bytes have to follow: those returned, or `value`
    /// where there are none. They differ from it where interface values in it have other type ids
    /// on this stream.
    ///
    /// This runs no code of the value's type.
    ///
    /// # Errors
    ///
    /// When a type has no form in gob, or the message is too long. `out` and the encoder are then
    /// as they were before.
    #[inline]
    pub fn begin_prepared(
        &mut self,
        prepared: &Prepared,
        value: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<BytesMut>, EncodeError> {
        let Prepared { learned, more } = prepared;
        if more.is_none()
            && let Some(root) = self.roots.get(&learned.key)
        {
            put_front(root.id, value.len(), out).map_err(|error| error.target(learned.name))?;
            return Ok(None);
        }
        let mark = self.interner.mark();
        self.begin(prepared, value, out).map_err(|error| {
            self.interner.rollback(mark);
            error.target(learned.name)
        })
    }

    #[cold]
    fn begin(
        &mut self,
        prepared: &Prepared,
        value: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<BytesMut>, EncodeError> {
        let Prepared { learned, more } = prepared;
        let own = more.as_ref().and_then(|more| more.own.as_ref());
        let ids = more.as_ref().and_then(|more| more.ids.as_ref());
        let schema = own.unwrap_or(&learned.schema);
        let known = match own {
            None => self.roots.get(&learned.key).map(|root| root.id),
            Some(_) => None,
        };
        let id = match known {
            Some(id) => id,
            None => self.interner.define(&schema.types, schema.root)?,
        };
        let renumbered = match ids {
            None => None,
            Some(ids) => {
                let mut renumbered = BytesMut::with_capacity(value.len());
                let root = (&schema.types, schema.root);
                transcode::put_value(&mut renumbered, &mut self.interner, ids, root, value)?;
                Some(renumbered)
            }
        };
        let value_len = renumbered.as_ref().map_or(value.len(), BytesMut::len);
        let start = out.len();
        put_front(id, value_len, out)?;
        self.interner.put_definitions(out, start);
        if known.is_none() && own.is_none() {
            let root = Root {
                schema: schema.clone(),
                id,
                width: 1,
            };
            self.roots.insert(learned.key, root);
        }
        Ok(renumbered)
    }
}

/// Appends the length and the type of a value's message.
#[inline]
fn put_front(id: Id, value_len: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
    let wire = i64::from(id.0);
    let len = uint_len(zigzag(wire)).saturating_add(value_len);
    if len > MAX_MESSAGE {
        return Err(EncodeErrorKind::MessageTooBig { len }.into());
    }
    put_two(out, len as u64, zigzag(wire));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Any;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Point {
        x: i64,
        y: i64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Bag {
        name: String,
        first: Any,
        more: BTreeMap<String, Any>,
        list: Vec<Any>,
        last: Option<Point>,
    }

    fn bag(name: &str) -> Bag {
        let point = |x| Any::named("main.Point", &Point { x, y: 2 }).unwrap();
        let points = Any::named("main.Points", &vec![Point { x: 3, y: 4 }]).unwrap();
        let inner = BTreeMap::from([("inner".to_owned(), point(5)), ("nil".into(), Any::Nil)]);
        Bag {
            name: name.to_owned(),
            first: point(1),
            more: BTreeMap::from([
                ("a".to_owned(), 7i64.into()),
                ("b".to_owned(), points),
                ("c".to_owned(), Any::named("main.Inner", &inner).unwrap()),
            ]),
            list: vec![Any::Nil, point(300), "text".to_owned().into()],
            last: Some(Point { x: 8, y: 9 }),
        }
    }

    fn encode(encoder: &mut Encoder, value: &(impl Encode + ?Sized), out: &mut BytesMut) {
        let mut bytes = BytesMut::new();
        let prepared = Prepared::new(value, &mut bytes).unwrap();
        let renumbered = encoder.begin_prepared(&prepared, &bytes, out).unwrap();
        out.extend_from_slice(renumbered.as_ref().unwrap_or(&bytes));
    }

    /// The same bytes as without preparation, whatever the stream has had before.
    #[test]
    fn prepared_values_are_the_same_on_the_wire() {
        let (mut plain, mut plain_out) = (Encoder::new(), BytesMut::new());
        let (mut prepared, mut prepared_out) = (Encoder::new(), BytesMut::new());
        macro_rules! both {
            ($($value:expr),* $(,)?) => {$(
                plain.encode($value, &mut plain_out).unwrap();
                encode(&mut prepared, $value, &mut prepared_out);
                assert_eq!(plain_out, prepared_out, "{}", stringify!($value));
            )*};
        }
        both!(
            "text",
            &bag("one"),
            &Point { x: 0, y: 0 },
            &bag("two"),
            &[1u8; 3][..],
            &vec![bag("three"), bag("four")],
            &Any::named("main.Bag", &bag("five")).unwrap(),
            &(),
            &Vec::<Point>::new(),
        );
        for _ in 0..80 {
            both!(&bag("again"), &7u32);
        }
    }

    #[test]
    fn a_value_without_a_form_leaves_nothing_behind() {
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(Prepared::new(&vec![None::<u8>], &mut out).is_err());
        assert_eq!(&out[..], b"before");
    }
}
