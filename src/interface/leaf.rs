//! Parts of a value that cross as broker ids.

use std::fmt::Display;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};

use super::awaited::{Filler, awaited};
use super::brokered::Brokered;
use super::scope::{self, Connect, NestedError};
use super::{Interface, Remote};
use crate::broker::MuxBroker;
use crate::gob::__private::is_tracing;
use crate::mux::Stream;

/// A part of a value that crosses as a broker id of its own.
#[doc(hidden)]
pub trait Leaf: Brokered {
    /// Whether the side that connects may write to it, beyond calls.
    const WRITES: bool = false;

    /// Lends it while it is serialized.
    fn lend_nested(&self) -> Result<u32, LendError>;

    /// What stands for the peer's, and the connection to it that is yet to be made.
    fn receive(broker: &MuxBroker, id: u32) -> (Self, Connect);

    /// What stands for it while its type is learned. It cannot be used.
    fn stand_in() -> Self;
}

/// Why a part of a value is not lent.
#[doc(hidden)]
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LendError(#[from] NestedError);

/// Writes a value's id.
pub(super) fn serialize<B: Leaf, S: Serializer>(
    leaf: &B,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let id = leaf.lend_nested().map_err(S::Error::custom)?;
    serializer.serialize_u32(id)
}

/// Reads a value's id.
pub(super) fn deserialize<'de, B: Leaf, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<B, D::Error> {
    received(u32::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The value of an id.
pub(super) fn received<B: Leaf>(id: u32) -> Result<B, impl Display> {
    if is_tracing() {
        return Ok(B::stand_in());
    }
    scope::take(id, B::WRITES, B::receive, B::stand_in)
}

/// Connects to what the peer has under an id, when the connection has been confirmed.
pub(super) fn connect_to(broker: &MuxBroker, id: u32, filler: Filler<Stream>) -> Connect {
    let broker = broker.clone();
    Box::pin(async move {
        if let Err(mut stream) = filler.send(broker.dial(id).await?) {
            // What it was for is gone, and has not read or written all.
            stream.reset();
        }
        Ok(())
    })
}

impl<I: Interface + ?Sized> Leaf for Arc<I> {
    fn lend_nested(&self) -> Result<u32, LendError> {
        Ok(scope::lend(|| Some(Arc::clone(self)))?.id)
    }

    fn receive(broker: &MuxBroker, id: u32) -> (Self, Connect) {
        let (reading, read) = awaited();
        let (writing, write) = awaited();
        let client = broker.client(read, write);
        let asking = broker.negotiated().calls_when_asked();
        let asking = asking.then(|| client.clone());
        let remote = Remote::new(client, broker.clone());
        let broker = broker.clone();
        let connect = async move {
            let (read, write) = broker.dial_halves(id).await?;
            // They are dropped with the connection if there is no remote any more.
            let _ = (reading.send(read), writing.send(write));
            match asking {
                Some(client) => broker.ask(&client).await,
                None => Ok(()),
            }
        };
        (I::from_remote(remote), Box::pin(connect))
    }

    fn stand_in() -> Self {
        I::from_remote(Remote::stand_in())
    }
}

/// Implements what the parts of values need beside [`Leaf`], by which serde knows them.
macro_rules! nested {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::interface::leaf::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::interface::leaf::deserialize(deserializer)
            }
        }

        impl $crate::interface::shape::Nested for $type {
            type Shape = $crate::interface::shape::Id;
            type Optional = $crate::interface::shape::MaybeId;
        }
    )*};
}

pub(super) use nested;
