//! What surrounds the values of an interface's calls: the scope in which they are lent and taken.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::de::DeserializeOwned;

use super::lease::{InReply, Lease};
use super::scope::{self, Dial};
use crate::broker::{DialError, MuxBroker};
use crate::codec::Undecoded;
use crate::rpc::{Around, Lent};
use plugwire_base::abandoned::abandon;
use plugwire_base::chain::Chain;

/// What the values of one call bring along.
#[derive(Default)]
pub(crate) struct Brought {
    /// On what is lent to the peer.
    pub(super) leases: Vec<Lease>,
    /// To what the peer has lent.
    pub(super) dials: Vec<Dial>,
    /// Whether this side may have written to a stream that the peer lent.
    writes: bool,
}

impl std::fmt::Debug for Brought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Brought")
            .field("leases", &self.leases)
            .field("dials", &self.dials.len())
            .finish_non_exhaustive()
    }
}

/// What could not be connected to.
pub(super) struct Unconnected {
    /// Where in the value it is, as the codec says it.
    pub(super) place: String,
    pub(super) error: DialError,
}

/// Connects a value that was decoded to all that it stands for. `locate` decodes it anew, to say
/// where in it the connection stands that failed.
pub(super) async fn connect<T>(
    broker: &MuxBroker,
    dials: Vec<Dial>,
    value: T,
    locate: impl FnOnce(&MuxBroker, usize) -> Option<String>,
) -> Result<T, Unconnected> {
    // A writer in a value that is given up has not got all of the data.
    let mut value = Unfinished(Some(value));
    let ids: Vec<u32> = dials.iter().map(|dial| dial.id).collect();
    let connects = dials.into_iter().enumerate();
    let mut connecting: FuturesUnordered<_> = connects
        .map(|(index, dial)| async move { dial.connect.await.map_err(|error| (index, error)) })
        .collect();
    while let Some(connected) = connecting.next().await {
        if let Err((index, error)) = connected {
            let place = locate(broker, index);
            let place =
                place.unwrap_or_else(|| format!("cannot connect to broker id {}", ids[index]));
            return Err(Unconnected { place, error });
        }
    }
    match value.0.take() {
        Some(value) => Ok(value),
        None => unreachable!("it was put there above"),
    }
}

/// Decodes a value anew, to say where in it an id stands.
pub(super) fn locate<T: DeserializeOwned>(
    undecoded: &Undecoded,
) -> impl FnOnce(&MuxBroker, usize) -> Option<String> + '_ {
    |broker, index| {
        let located = scope::locate(broker, index, || undecoded.decode::<T>());
        located.err().map(|error| Chain(&error).to_string())
    }
}

/// A value that is not complete yet.
struct Unfinished<T>(Option<T>);

impl<T> Drop for Unfinished<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            abandon(value);
        }
    }
}

impl Around for MuxBroker {
    type Brought = Brought;

    fn encode<T>(&self, brought: &mut Brought, encode: impl FnOnce() -> T) -> T {
        scope::encode(self, &mut brought.leases, encode)
    }

    fn decode<T>(&self, brought: &mut Brought, decode: impl FnOnce() -> T) -> T {
        scope::decode(self, &mut brought.dials, decode)
    }

    async fn arrived<T>(
        &self,
        brought: &mut Brought,
        argument: T,
        undecoded: &Undecoded,
    ) -> Result<T, String>
    where
        T: DeserializeOwned + Send,
    {
        if brought.dials.is_empty() {
            return Ok(argument);
        }
        let dials = std::mem::take(&mut brought.dials);
        brought.writes = dials.iter().any(|dial| dial.writes);
        let connected = connect(self, dials, argument, locate::<T>(undecoded));
        // Boxed, so that the futures of calls which bring none along stay small.
        let connected: futures::future::BoxFuture<'_, _> = Box::pin(connected);
        connected
            .await
            .map_err(|Unconnected { place, error }| format!("{place}: {}", Chain(&error)))
    }

    async fn replying(&self, brought: &mut Brought) {
        if brought.writes {
            // What the method wrote arrives before the reply. An error is the session's, which the
            // reply meets as well.
            let _ = self.session().flush().await;
        }
    }

    fn replied(&self, brought: Brought) -> Option<Box<dyn Lent>> {
        let Brought { leases, .. } = brought;
        (!leases.is_empty()).then(|| Box::new(InReply(leases)) as _)
    }
}
