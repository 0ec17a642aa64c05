//! The MuxBroker: streams that both sides agree on by number.
//!
//! An interface, reader or writer crosses the wire as a `u32`: the side that has it reserves an id
//! ([`MuxBroker::next_id`]), sends the number in a call, and [accepts](MuxBroker::accept) a stream
//! under it; the other side [dials](MuxBroker::dial) it. The dialer opens a stream and writes the id
//! as four little-endian bytes; the acceptor writes them back, and from then on the stream is
//! theirs. (go-plugin: `mux_broker.go`)

mod dialed;

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::dialed::Dialed;
use crate::InvalidOption;
use crate::gob::Limits;
use crate::mux::{OpenError, Session, SessionError, Stream};
use crate::rpc::deadline::{Deadlines, Timer};
use crate::rpc::{self, Client, Obituary, Server};
use plugwire_base::chain::logged;
use plugwire_base::rescue::{self, Watch};

/// Settings of a [`MuxBroker`].
#[derive(Clone, Debug)]
pub struct Config {
    accept_timeout: Duration,
    dial_timeout: Duration,
    codec: rpc::Config,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            accept_timeout: Duration::from_secs(5),
            dial_timeout: Duration::from_secs(10),
            codec: rpc::Config::default(),
        }
    }
}

impl Config {
    /// How long [`MuxBroker::accept`] waits for the peer to dial, and how long a stream of the
    /// peer waits to be accepted before it is closed. Default 5 s, which go-plugin has hard-coded.
    #[must_use]
    pub fn accept_timeout(mut self, timeout: Duration) -> Self {
        self.accept_timeout = timeout;
        self
    }

    /// How long [`MuxBroker::dial`] waits for the peer to accept. Default 10 s, twice what a
    /// go-plugin peer lets a stream wait before it closes it; go-plugin itself waits for ever.
    #[must_use]
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("accept_timeout", self.accept_timeout)?;
        InvalidOption::check_duration("dial_timeout", self.dial_timeout)?;
        self.codec.check()
    }

    /// How the calls of [`MuxBroker::dial_client`] and [`MuxBroker::accept_and_serve`] are
    /// written, how much of the peer's is taken, and how many of its calls
    /// [run at a time](rpc::Config::max_calls). Default [`Codec::Gob`](rpc::Codec::Gob).
    #[must_use]
    pub fn codec(mut self, codec: impl Into<rpc::Config>) -> Self {
        self.codec = codec.into();
        self
    }

    /// The same codec with other limits.
    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.codec = self.codec.limits(limits);
        self
    }

    /// How calls are written, and what is taken of them.
    pub(crate) fn calls(&self) -> rpc::Config {
        self.codec
    }
}

/// Brokers streams by id over a session. Cheap to clone; all clones are one broker.
#[derive(Clone, Debug)]
pub struct MuxBroker {
    shared: Arc<Shared>,
    /// Ends the accepting task with the last clone.
    _acceptor: Arc<Acceptor>,
}

#[derive(Debug)]
struct Shared {
    session: Session,
    next_id: AtomicU32,
    config: Config,
    obituary: Obituary,
    /// Of everybody who waits for the peer; the accepting task sees to them.
    deadlines: Deadlines,
    pending: Mutex<HashMap<u32, Pending>>,
}

/// Whichever side came first for an id, waiting for the other.
#[derive(Debug)]
enum Pending {
    /// Somebody accepts and waits for the peer's stream.
    Accept(oneshot::Sender<Stream>),
    /// The peer's stream came and waits to be accepted; the number tells one from the next.
    Stream(Stream, u64),
}

#[derive(Debug)]
struct Acceptor(JoinHandle<()>);

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a stream could not be accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The peer did not dial the id in time.
    #[error("timeout waiting for accept")]
    Timeout {
        /// The id that nobody dialed.
        id: u32,
        /// How long that was waited for.
        waited: Duration,
    },
    /// Another accept waits for the same id.
    #[error("broker id {id} is being accepted already")]
    Busy {
        /// The id.
        id: u32,
    },
    /// The session ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The stream broke before the id was confirmed.
    #[error("cannot confirm broker id {id}")]
    Io {
        /// The id.
        id: u32,
        /// What went wrong.
        source: io::Error,
    },
}

/// Why a stream could not be dialed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No stream could be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The peer did not accept the id in time.
    #[error("the peer did not accept broker id {id} within {waited:?}")]
    Timeout {
        /// The id that nobody accepted.
        id: u32,
        /// How long that was waited for.
        waited: Duration,
    },
    /// The peer confirmed another id.
    #[error("bad ack: {got} (expected {expected})")]
    BadAck {
        /// The id it confirmed.
        got: u32,
        /// The id that was dialed.
        expected: u32,
    },
    /// The peer closed the stream instead of confirming the id, as it does with an id that
    /// nobody there accepts.
    #[error("cannot dial broker id {id}")]
    Io {
        /// The id.
        id: u32,
        /// What went wrong.
        source: io::Error,
    },
}

impl MuxBroker {
    /// Starts brokering: from now on every stream that the peer opens on the session belongs to
    /// the broker.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: accepting runs as a task of its own.
    #[must_use]
    pub fn new(session: Session, config: Config) -> MuxBroker {
        Self::start(session, config, Obituary::default())
    }

    /// As [`new`](Self::new), with the place where the end of the peer's process is told.
    pub(crate) fn start(session: Session, config: Config, obituary: Obituary) -> MuxBroker {
        let shared = Arc::new(Shared {
            session,
            next_id: AtomicU32::new(0),
            config,
            obituary,
            deadlines: Deadlines::default(),
            pending: Mutex::new(HashMap::new()),
        });
        let acceptor = tokio::spawn(rescue::guard(run(shared.clone()), Watch::Woken));
        MuxBroker {
            shared,
            _acceptor: Arc::new(Acceptor(acceptor)),
        }
    }

    /// The deadlines that the broker's task sees to.
    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.shared.deadlines
    }

    /// The session under the broker.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.shared.session
    }

    /// Reserves an id that this side has not used before. Ids start at 1 and wrap after 2^32.
    #[must_use]
    pub fn next_id(&self) -> u32 {
        self.shared
            .next_id
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1)
    }

    /// Waits for the peer to dial `id`; the peer may have done so already.
    pub async fn accept(&self, id: u32) -> Result<Stream, AcceptError> {
        let mut stream = self.take(id).await?;
        stream
            .write_all(&id.to_le_bytes())
            .await
            .map_err(|source| AcceptError::Io { id, source })?;
        Ok(stream)
    }

    async fn take(&self, id: u32) -> Result<Stream, AcceptError> {
        let arrival = {
            let mut pending = self.shared.pending();
            match pending.remove(&id) {
                Some(Pending::Stream(stream, _)) => return Ok(stream),
                Some(Pending::Accept(other)) if !other.is_closed() => {
                    pending.insert(id, Pending::Accept(other));
                    return Err(AcceptError::Busy { id });
                }
                Some(Pending::Accept(_)) | None => {
                    let (sender, arrival) = oneshot::channel();
                    pending.insert(id, Pending::Accept(sender));
                    arrival
                }
            }
        };
        // Also forgets the id when this future is dropped.
        let _forget = Forget {
            shared: &self.shared,
            id,
        };
        let waited = self.shared.config.accept_timeout;
        tokio::select! {
            arrived = self.shared.deadlines.timeout(waited, arrival) => match arrived {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(_)) => Err(self.shared.session.closed().await.into()),
                Err(_) => Err(AcceptError::Timeout { id, waited }),
            },
            reason = self.shared.session.closed() => Err(reason.into()),
        }
    }

    /// Opens a stream under the peer's `id`.
    pub async fn dial(&self, id: u32) -> Result<Stream, DialError> {
        let waited = self.shared.config.dial_timeout;
        match self
            .shared
            .deadlines
            .timeout(waited, self.confirmed(id))
            .await
        {
            Ok(dialed) => dialed,
            Err(_) => Err(DialError::Timeout { id, waited }),
        }
    }

    /// Dials `id` to call the interface that the peer serves there.
    ///
    /// This does not wait for the peer to accept: calls may be sent right behind the id, which
    /// saves a round trip. A peer that does not accept within the dial timeout, or says no, fails
    /// them with [`CallError::Connection`](rpc::CallError::Connection).
    pub async fn dial_client(&self, id: u32) -> Result<Client, DialError> {
        let waited = self.shared.config.dial_timeout;
        let stream = match self.shared.deadlines.timeout(waited, self.named(id)).await {
            Ok(stream) => Dialed::new(stream?, id, self.clone()),
            Err(_) => return Err(DialError::Timeout { id, waited }),
        };
        let Shared {
            config, obituary, ..
        } = &*self.shared;
        Ok(Client::start(stream, config.codec, obituary.clone()))
    }

    /// Waits for the peer to dial `id` and serves it an interface, until it hangs up or the session
    /// ends. A [`Service`](rpc::Service) goes by the name `Plugin`. Usually spawned, before the id
    /// is sent to the peer:
    ///
    /// ```
    /// # use plugwire::{broker::{AcceptError, MuxBroker}, rpc::Service};
    /// fn share(broker: &MuxBroker, service: Service) -> u32 {
    ///     let id = broker.next_id();
    ///     let broker = broker.clone();
    ///     tokio::spawn(async move { broker.accept_and_serve(id, service).await });
    ///     id
    /// }
    /// ```
    pub async fn accept_and_serve(
        &self,
        id: u32,
        server: impl Into<Server>,
    ) -> Result<(), AcceptError> {
        let stream = self.accept(id).await?;
        self.serve(stream, server).await;
        Ok(())
    }

    /// Serves an interface on a stream of this broker, until the peer hangs up or the session ends.
    pub async fn serve(&self, stream: Stream, server: impl Into<Server>) {
        let server = server.into();
        let id = stream.id();
        tokio::select! {
            served = server.serve(stream, self.shared.config.codec) => {
                if let Err(error) = served {
                    tracing::debug!(stream = id, error = %logged(&error), "a brokered connection ended");
                }
            }
            _ = self.shared.session.closed() => {}
        }
    }

    /// Opens a stream and names the id.
    async fn named(&self, id: u32) -> Result<Stream, DialError> {
        let mut stream = self.shared.session.open().await?;
        match stream.write_all(&id.to_le_bytes()).await {
            Ok(()) => Ok(stream),
            Err(source) => Err(DialError::Io { id, source }),
        }
    }

    async fn confirmed(&self, id: u32) -> Result<Stream, DialError> {
        let mut stream = self.named(id).await?;
        let mut ack = [0; 4];
        match stream.read_exact(&mut ack).await {
            Ok(_) if ack == id.to_le_bytes() => Ok(stream),
            Ok(_) => Err(DialError::BadAck {
                got: u32::from_le_bytes(ack),
                expected: id,
            }),
            Err(source) => Err(DialError::Io { id, source }),
        }
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, HashMap<u32, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream of the peer named its id. Returns whether it now waits to be accepted.
    fn arrived(&self, id: u32, stream: Stream, serial: u64) -> bool {
        let mut pending = self.pending();
        match pending.remove(&id) {
            Some(Pending::Accept(waiting)) => {
                if let Err(stream) = waiting.send(stream) {
                    // Whoever waited has gone; somebody else may still come.
                    pending.insert(id, Pending::Stream(stream, serial));
                    return true;
                }
                false
            }
            Some(earlier @ Pending::Stream(..)) => {
                tracing::debug!(id, "a second stream for a pending broker id, dropping it");
                pending.insert(id, earlier);
                false
            }
            None => {
                pending.insert(id, Pending::Stream(stream, serial));
                true
            }
        }
    }

    /// Closes a stream that nobody accepted.
    fn expire(&self, id: u32, serial: u64) {
        let mut pending = self.pending();
        if matches!(pending.get(&id), Some(Pending::Stream(_, waiting)) if *waiting == serial) {
            tracing::debug!(id, "nobody accepted a brokered stream, closing it");
            pending.remove(&id);
        }
    }
}

/// Forgets a waiting accept.
struct Forget<'a> {
    shared: &'a Shared,
    id: u32,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        let mut pending = self.shared.pending();
        if matches!(pending.get(&self.id), Some(Pending::Accept(waiting)) if waiting.is_closed()) {
            pending.remove(&self.id);
        }
    }
}

/// Takes the peer's streams. Each one's id is read on its own, so that a peer that opens a stream
/// and writes nothing holds up no other.
async fn run(shared: Arc<Shared>) {
    let mut arriving = FuturesUnordered::new();
    let mut serial = 0u64;
    let mut timer = Timer::default();
    let _owned = shared.deadlines.own();
    loop {
        tokio::select! {
            accepted = shared.session.accept() => match accepted {
                Ok(stream) => {
                    serial += 1;
                    arriving.push(arrive(shared.clone(), stream, serial));
                }
                Err(_) => return,
            },
            Some(()) = arriving.next() => {}
            never = shared.deadlines.run(&mut timer) => match never {},
        }
    }
}

/// Sees one stream from its opening to being accepted or given up.
async fn arrive(shared: Arc<Shared>, mut stream: Stream, serial: u64) {
    let patience = shared.config.accept_timeout;
    let mut id = [0; 4];
    match shared
        .deadlines
        .timeout(patience, stream.read_exact(&mut id))
        .await
    {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return,
        Err(_) => {
            tracing::debug!(
                stream = stream.id(),
                "a stream named no broker id, closing it"
            );
            return;
        }
    }
    let id = u32::from_le_bytes(id);
    if shared.arrived(id, stream, serial) {
        let _ = shared.deadlines.timeout(patience, pending::<()>()).await;
        shared.expire(id, serial);
    }
}
