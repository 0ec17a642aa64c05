//! The scope in which the values of a call are encoded and decoded.
//!
//! An interface, reader or writer anywhere in a value crosses as a broker id. serde gives its
//! `Serialize` and `Deserialize` neither the broker nor the call. So both are left on the thread
//! while a value is encoded or decoded, which is never interrupted by an await. Encoding collects
//! the leases on what it lent, decoding the connections that have yet to be made.

use std::cell::RefCell;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::brokered::{Brokered, offer};
use super::lease::{Lease, Lent, Progress, Slot};
use crate::broker::{DialError, MuxBroker, WeakBroker};
use crate::tuning::interface::MAX_NESTED;
use plugwire_base::attempt;

thread_local! {
    static SCOPE: RefCell<Scope> = const { RefCell::new(Scope::outside()) };
}

/// What a thread does with values.
struct Scope {
    doing: Doing,
    /// The broker of the last scope on this thread: usually the next one's too.
    broker: WeakBroker,
    leases: Vec<Lease>,
    dials: Vec<Dial>,
}

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    Neither,
    Encode,
    Decode,
    /// Decodes once more, to find where in the value an id stands: the one that comes after as
    /// many others.
    Locate(usize),
}

/// A connection to what the peer has lent, which is yet to be made.
pub(super) struct Dial {
    pub(super) id: u32,
    /// Whether this side may write to it.
    pub(super) writes: bool,
    pub(super) connect: Connect,
}

/// Connects to what the peer has lent, and hands the stream to the value that stands for it.
pub(super) type Connect = BoxFuture<'static, Result<(), DialError>>;

/// Why a value cannot be lent, or an id not be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NestedError {
    #[error(
        "an interface, reader, writer or stream crosses only in a call of an interface: in an \
         argument, a reply or an item of a stream"
    )]
    Outside,
    #[error("it was sent already, and is with the peer that has got it")]
    Lent,
    #[error(
        "broker id 0 stands for none: make it an `Option`, in a field with \
             `#[serde(with = \"plugwire::brokered\")]`"
    )]
    None,
    #[error("broker id {0} occurs twice, and can be connected to once")]
    Twice(u32),
    #[error("cannot connect to broker id {0}")]
    Unreachable(u32),
    #[error("the value has more than {MAX_NESTED} interfaces, readers, writers and streams")]
    TooMany,
}

impl Scope {
    const fn outside() -> Self {
        Scope {
            doing: Doing::Neither,
            broker: WeakBroker::new(),
            leases: Vec::new(),
            dials: Vec::new(),
        }
    }

    /// Removes what an attempt has left that the codec has given up: see [`attempt`].
    fn given_up(&mut self) -> Collected {
        let counted = attempt::deeds();
        let cut = |len: usize| counted.min(len);
        Collected {
            leases: self.leases.split_off(cut(self.leases.len())),
            dials: self.dials.split_off(cut(self.dials.len())),
        }
    }

    fn collected(&mut self) -> Collected {
        Collected {
            leases: std::mem::take(&mut self.leases),
            dials: std::mem::take(&mut self.dials),
        }
    }
}

/// What a value lent, or is to be connected to.
#[derive(Default)]
struct Collected {
    leases: Vec<Lease>,
    dials: Vec<Dial>,
}

/// A scope that the thread is in until this is dropped.
struct Entered {
    left: bool,
    /// The scope around it, and its deeds: a `Serialize` may make a call of its own.
    outer: Option<Box<(Scope, usize)>>,
}

impl Entered {
    fn new(doing: Doing, broker: &MuxBroker) -> Self {
        SCOPE.with_borrow_mut(|scope| {
            let mut outer = None;
            if scope.doing != Doing::Neither {
                let around = std::mem::replace(scope, Scope::outside());
                outer = Some(Box::new((around, attempt::deeds())));
                attempt::set_deeds(0);
            }
            scope.doing = doing;
            if !scope.broker.is(broker) {
                scope.broker = broker.downgrade();
            }
            Entered { left: false, outer }
        })
    }

    /// Leaves the scope with what was collected in it.
    fn leave(mut self) -> Collected {
        self.end()
    }

    fn end(&mut self) -> Collected {
        if std::mem::replace(&mut self.left, true) {
            return Collected::default();
        }
        let (collected, _given_up) = SCOPE.with_borrow_mut(|scope| {
            scope.doing = Doing::Neither;
            if scope.leases.is_empty() && scope.dials.is_empty() && self.outer.is_none() {
                return Default::default();
            }
            let given_up = scope.given_up();
            let collected = scope.collected();
            let mut deeds = 0;
            if let Some(outer) = self.outer.take() {
                (*scope, deeds) = *outer;
            }
            attempt::set_deeds(deeds);
            (collected, given_up)
        });
        collected
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped when the scope is free again: a destructor may encode something.
        drop(self.end());
    }
}

/// Encodes a value. What it lends is added to the leases, also when it fails.
pub(super) fn encode<T>(
    broker: &MuxBroker,
    leases: &mut Vec<Lease>,
    encode: impl FnOnce() -> T,
) -> T {
    let entered = Entered::new(Doing::Encode, broker);
    let encoded = encode();
    leases.extend(entered.leave().leases);
    encoded
}

/// Decodes a value. What it has yet to be connected to is added to the dials.
pub(super) fn decode<T>(
    broker: &MuxBroker,
    dials: &mut Vec<Dial>,
    decode: impl FnOnce() -> T,
) -> T {
    let entered = Entered::new(Doing::Decode, broker);
    let decoded = decode();
    dials.extend(entered.leave().dials);
    decoded
}

/// Decodes a value anew, so that its decoding fails at the id that comes after `index` others. The
/// codec's error then says where that is.
pub(super) fn locate<T>(broker: &MuxBroker, index: usize, decode: impl FnOnce() -> T) -> T {
    let _entered = Entered::new(Doing::Locate(index), broker);
    decode()
}

/// Lends a value whose id is being encoded.
pub(super) fn lend<B: Brokered>(
    value: impl FnOnce() -> Option<B>,
) -> Result<Lending<B>, NestedError> {
    let (broker, given_up) = SCOPE.with_borrow_mut(|scope| {
        if scope.doing != Doing::Encode {
            return Err(NestedError::Outside);
        }
        let given_up = scope.given_up();
        if scope.leases.len() >= MAX_NESTED {
            return Err(NestedError::TooMany);
        }
        let broker = scope.broker.upgrade().ok_or(NestedError::Outside)?;
        Ok((broker, given_up))
    })?;
    // Only now may what it lent be lent again.
    drop(given_up);
    let value = value().ok_or(NestedError::Lent)?;
    let Lent { id, slot, lease } = offer(&broker, value);
    let progress = lease.as_ref().map(Lease::progress);
    SCOPE.with_borrow_mut(|scope| {
        scope.leases.extend(lease);
        attempt::set_deeds(scope.leases.len());
    });
    Ok(Lending { id, slot, progress })
}

/// Something lent while a value is encoded.
pub(super) struct Lending<B> {
    pub(super) id: u32,
    pub(super) slot: Slot<B>,
    pub(super) progress: Option<Arc<Progress>>,
}

/// Takes an id that was decoded. `receive` makes the value that stands for what the peer lent.
pub(super) fn take<B>(
    id: u32,
    writes: bool,
    receive: impl FnOnce(&MuxBroker, u32) -> (B, Connect),
    stand_in: impl FnOnce() -> B,
) -> Result<B, NestedError> {
    if id == 0 {
        return Err(NestedError::None);
    }
    let (broker, given_up) = SCOPE.with_borrow_mut(|scope| {
        let index = match &mut scope.doing {
            Doing::Decode => None,
            Doing::Locate(index) => Some(index),
            Doing::Neither | Doing::Encode => return Err(NestedError::Outside),
        };
        if let Some(index) = index {
            return match index.checked_sub(1) {
                Some(less) => {
                    *index = less;
                    Ok((None, Default::default()))
                }
                None => Err(NestedError::Unreachable(id)),
            };
        }
        let given_up = scope.given_up();
        if scope.dials.len() >= MAX_NESTED {
            return Err(NestedError::TooMany);
        }
        if scope.dials.iter().any(|dial| dial.id == id) {
            return Err(NestedError::Twice(id));
        }
        let broker = scope.broker.upgrade().ok_or(NestedError::Outside)?;
        Ok((Some(broker), given_up))
    })?;
    drop(given_up);
    let Some(broker) = broker else {
        return Ok(stand_in());
    };
    let (value, connect) = receive(&broker, id);
    let dial = Dial {
        id,
        writes,
        connect,
    };
    SCOPE.with_borrow_mut(|scope| {
        scope.dials.push(dial);
        attempt::set_deeds(scope.dials.len());
    });
    Ok(value)
}
