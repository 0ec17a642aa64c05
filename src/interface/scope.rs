//! The scope in which the values of a call are encoded and decoded.
//!
//! An interface, reader or writer anywhere in a value crosses as a broker id. serde gives its
//! `Serialize` and `Deserialize` neither the broker nor the call. So both are left on the thread
//! while a value is encoded or decoded, which is never interrupted by an await. Encoding collects
//! the leases on what it lent, decoding the connections that have yet to be made.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use futures::future::BoxFuture;

use super::brokered::{Brokered, offer};
use super::lease::{Lease, Loaned, Progress, Slot};
use crate::broker::{DialError, MuxBroker, WeakBroker};
use crate::tuning::interface::MAX_NESTED;
use plugwire_base::attempt;

thread_local! {
    /// Without a destructor, so that looking at it costs no more than at a variable.
    static NOW: Now = const { Now::outside() };
    static SCOPE: RefCell<Scope> = const { RefCell::new(Scope::empty()) };
}

/// What a thread does with values.
struct Now {
    doing: Cell<Doing>,
    /// The address of the broker in [`SCOPE`], or 0.
    broker: Cell<usize>,
    /// Whether [`SCOPE`] has collected something.
    collected: Cell<bool>,
}

/// What the values of a scope need and leave.
struct Scope {
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

impl Now {
    const fn outside() -> Self {
        Now {
            doing: Cell::new(Doing::Neither),
            broker: Cell::new(0),
            collected: Cell::new(false),
        }
    }
}

impl Scope {
    const fn empty() -> Self {
        Scope {
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

/// A scope that the thread is in until this is dropped. Where no value is lent or taken, entering
/// and leaving cost 2 ns; with a lock of [`SCOPE`] each time it would be 17.
struct Entered {
    left: bool,
    /// The scope around it: a `Serialize` may make a call of its own.
    outer: Option<Box<Outer>>,
}

/// A scope that waits for the end of one within it.
struct Outer {
    now: Now,
    scope: Scope,
    deeds: usize,
}

impl Entered {
    #[inline]
    fn new(doing: Doing, broker: &MuxBroker) -> Self {
        NOW.with(|now| {
            let outer = match now.doing.get() {
                Doing::Neither => None,
                _ => Some(step_aside(now)),
            };
            now.doing.set(doing);
            if now.broker.get() != broker.address() {
                use_broker(now, broker);
            }
            Entered { left: false, outer }
        })
    }

    /// Leaves the scope. Returns what was collected in it, if anything was.
    #[inline]
    fn leave(&mut self) -> Option<Collected> {
        if std::mem::replace(&mut self.left, true) {
            return None;
        }
        NOW.with(|now| {
            now.doing.set(Doing::Neither);
            match now.collected.get() || self.outer.is_some() {
                false => None,
                true => Some(self.collect(now)),
            }
        })
    }

    #[cold]
    fn collect(&mut self, now: &Now) -> Collected {
        let (collected, given_up) = SCOPE.with_borrow_mut(|scope| {
            let given_up = scope.given_up();
            let collected = scope.collected();
            now.collected.set(false);
            attempt::set_deeds(0);
            if let Some(outer) = self.outer.take() {
                let Outer {
                    now: was,
                    scope: outer,
                    deeds,
                } = *outer;
                now.doing.set(was.doing.get());
                now.broker.set(was.broker.get());
                now.collected.set(was.collected.get());
                *scope = outer;
                attempt::set_deeds(deeds);
            }
            (collected, given_up)
        });
        // Only once the scope is free again: a destructor may encode something.
        drop(given_up);
        collected
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        drop(self.leave());
    }
}

#[cold]
fn step_aside(now: &Now) -> Box<Outer> {
    let deeds = attempt::deeds();
    attempt::set_deeds(0);
    Box::new(Outer {
        scope: SCOPE.replace(Scope::empty()),
        now: Now {
            doing: Cell::new(now.doing.get()),
            broker: Cell::new(now.broker.replace(0)),
            collected: Cell::new(now.collected.replace(false)),
        },
        deeds,
    })
}

#[cold]
fn use_broker(now: &Now, broker: &MuxBroker) {
    now.broker.set(broker.address());
    let before =
        SCOPE.with_borrow_mut(|scope| std::mem::replace(&mut scope.broker, broker.downgrade()));
    drop(before);
}

/// Encodes a value. What it lends is added to the leases, also when it fails.
pub(super) fn encode<T>(
    broker: &MuxBroker,
    leases: &mut Vec<Lease>,
    encode: impl FnOnce() -> T,
) -> T {
    let mut entered = Entered::new(Doing::Encode, broker);
    let encoded = encode();
    if let Some(collected) = entered.leave() {
        leases.extend(collected.leases);
    }
    encoded
}

/// Decodes a value. What it has yet to be connected to is added to the dials.
pub(super) fn decode<T>(
    broker: &MuxBroker,
    dials: &mut Vec<Dial>,
    decode: impl FnOnce() -> T,
) -> T {
    let mut entered = Entered::new(Doing::Decode, broker);
    let decoded = decode();
    if let Some(collected) = entered.leave() {
        dials.extend(collected.dials);
    }
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
    if NOW.with(|now| now.doing.get()) != Doing::Encode {
        return Err(NestedError::Outside);
    }
    let (broker, given_up) = SCOPE.with_borrow_mut(|scope| {
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
    let Loaned { id, slot, lease } = offer(&broker, value);
    let progress = lease.as_ref().map(Lease::progress);
    NOW.with(|now| now.collected.set(true));
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
    match NOW.with(|now| now.doing.get()) {
        Doing::Decode => {}
        Doing::Locate(0) => return Err(NestedError::Unreachable(id)),
        Doing::Locate(index) => {
            NOW.with(|now| now.doing.set(Doing::Locate(index.saturating_sub(1))));
            return Ok(stand_in());
        }
        Doing::Neither | Doing::Encode => return Err(NestedError::Outside),
    }
    let (broker, given_up) = SCOPE.with_borrow_mut(|scope| {
        let given_up = scope.given_up();
        if scope.dials.len() >= MAX_NESTED {
            return Err(NestedError::TooMany);
        }
        if scope.dials.iter().any(|dial| dial.id == id) {
            return Err(NestedError::Twice(id));
        }
        let broker = scope.broker.upgrade().ok_or(NestedError::Outside)?;
        Ok((broker, given_up))
    })?;
    drop(given_up);
    let (value, connect) = receive(&broker, id);
    let dial = Dial {
        id,
        writes,
        connect,
    };
    NOW.with(|now| now.collected.set(true));
    SCOPE.with_borrow_mut(|scope| {
        scope.dials.push(dial);
        attempt::set_deeds(scope.dials.len());
    });
    Ok(value)
}
