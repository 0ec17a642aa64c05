//! The MuxBroker: streams that both sides agree on by number.
//!
//! An interface, reader or writer crosses the wire as a `u32`: the side that has it reserves an id
//! ([`MuxBroker::next_id`]), sends the number in a call, and [accepts](MuxBroker::accept) a stream
//! under it; the other side [dials](MuxBroker::dial) it. The dialer opens a stream and writes the
//! id as four little-endian bytes. The acceptor writes them back, and from then on the stream
//! carries what the two send. (go-plugin: `mux_broker.go`)

mod acknowledged;
mod config;
mod error;
mod share;
mod weak;

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument;

pub(crate) use self::acknowledged::Acknowledged;
pub use self::config::BrokerConfig;
pub use self::error::{AcceptError, DialError};
pub(crate) use self::weak::WeakBroker;
use crate::codec::CallConfig;
use crate::event::{Observer, Snapshot};
use crate::handshake::Extensions;
use crate::mux::{Session, Stream, WriteHalf};
use crate::rpc::deadline::{Deadlines, Timer};
use crate::rpc::{ASK, Client, Halves, Negotiated, Peer, Role, Server, Share};
use plugwire_base::chain::logged;
use plugwire_base::rescue::{self, Watch};

/// Brokers streams by id over a session. Cheap to clone: all clones are one broker.
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
    config: BrokerConfig,
    peer: Peer,
    /// Of all waits for the peer. The accepting task polls them.
    deadlines: Deadlines,
    /// Under the lock no stream is dropped and none is handed on: both take the session's lock or
    /// wake a task.
    pending: Mutex<HashMap<u32, Pending>>,
}

/// The side that came first for an id, waiting for the other.
#[derive(Debug)]
enum Pending {
    /// An accept waits for the peer's stream.
    Accept(oneshot::Sender<Stream>),
    /// The peer's stream waits to be accepted. The number distinguishes streams of one id.
    Stream(Stream, u64),
}

#[derive(Debug)]
struct Acceptor(JoinHandle<()>);

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl MuxBroker {
    /// Starts brokering: from now on every stream that the peer opens on the session belongs to
    /// the broker.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: accepting runs as a task of its own.
    #[must_use]
    pub fn new(session: Session, config: BrokerConfig) -> MuxBroker {
        Self::start(session, config, Peer::default())
    }

    /// The same, with a peer that is known to understand these extensions. Both sides have to be
    /// made with the same.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub fn new_as(session: Session, config: BrokerConfig, extensions: Extensions) -> MuxBroker {
        let peer = Peer {
            negotiated: Negotiated::new(extensions.and(config.extensions())),
            ..Peer::default()
        };
        Self::start(session, config, peer)
    }

    /// As [`new`](Self::new), with what is known of the peer.
    pub(crate) fn start(session: Session, config: BrokerConfig, peer: Peer) -> MuxBroker {
        let shared = Arc::new(Shared {
            session,
            next_id: AtomicU32::new(0),
            config,
            peer,
            deadlines: Deadlines::default(),
            pending: Mutex::new(HashMap::new()),
        });
        let acceptor = tokio::spawn(rescue::guard(run(shared.clone()), Watch::Woken));
        MuxBroker {
            shared,
            _acceptor: Arc::new(Acceptor(acceptor)),
        }
    }

    /// How the peer writes what crosses by number, and how much of it is accepted.
    pub(crate) fn calls(&self) -> CallConfig {
        self.codec()
    }

    /// The deadlines that the broker's task polls.
    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.shared.deadlines
    }

    /// Whether calls are written in gob, which cannot say every Rust type.
    pub(crate) fn is_gob(&self) -> bool {
        self.codec().is_gob()
    }

    /// The session under the broker.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.shared.session
    }

    /// The connection in numbers: the calls and streams of this broker and of the control stream.
    ///
    /// Of a broker that was made by hand, those of the session below alone.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let stats = self.shared.session.stats();
        self.observer().snapshot().of_session(&stats)
    }

    /// What the session's calls and streams report to.
    pub(crate) fn observer(&self) -> &Observer {
        self.negotiated().observer()
    }

    /// Reserves an id that this side has not used before. Ids start at 1 and wrap at 2^32, without
    /// 0, which stands for none.
    #[must_use]
    pub fn next_id(&self) -> u32 {
        loop {
            let last = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
            let id = last.wrapping_add(1);
            if id != 0 {
                return id;
            }
        }
    }

    /// Whether the peer may still dial what this side has lent.
    #[cfg(feature = "host")]
    pub(crate) fn is_awaiting(&self) -> bool {
        let pending = self.shared.pending();
        let mut pending = pending.values();
        pending.any(|pending| matches!(pending, Pending::Accept(_)))
    }

    /// Waits for the peer to dial `id`. The peer may have done so already.
    ///
    /// Dropping the future gives the id up.
    ///
    /// # Errors
    ///
    /// When the peer does not dial within the [timeout](BrokerConfig::accept_timeout), when another
    /// accept waits for the id, or when the session ends.
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
    ///
    /// # Errors
    ///
    /// When the peer does not accept the id within the [timeout](BrokerConfig::dial_timeout), or
    /// the session ends.
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
    /// saves a round trip. If the peer refuses, or does not accept within the dial timeout, they
    /// fail with [`CallError::Connection`](crate::rpc::CallError::Connection).
    ///
    /// # Errors
    ///
    /// When no stream can be opened within the [timeout](BrokerConfig::dial_timeout).
    pub async fn dial_client(&self, id: u32) -> Result<Client, DialError> {
        let (read, write) = self.dial_halves(id).await?;
        let client = self.client(read, write);
        self.ask(&client).await?;
        Ok(client)
    }

    /// The halves of a stream under `id`, which may be used at once: see
    /// [`dial_client`](Self::dial_client).
    pub(crate) async fn dial_halves(
        &self,
        id: u32,
    ) -> Result<(Acknowledged, WriteHalf), DialError> {
        let waited = self.shared.config.dial_timeout;
        let stream = match self.shared.deadlines.timeout(waited, self.named(id)).await {
            Ok(stream) => stream?,
            Err(_) => return Err(DialError::Timeout { id, waited }),
        };
        let (read, write) = stream.into_split();
        let read = Acknowledged::new(read, id, self.clone().dial_timeout());
        Ok((read, write))
    }

    /// A client over the halves of a stream of this broker.
    pub(crate) fn client<R, W>(&self, read: R, write: W) -> Client
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let peer = self.shared.peer.clone();
        self.client_of(Halves::new(read, write), peer)
    }

    fn client_of(&self, halves: Halves, peer: Peer) -> Client {
        let client = Client::start(halves, self.codec(), peer);
        client.with_timeout(self.shared.config.call_timeout)
    }

    /// Asks a peer that agreed to `calls=asked` for a stream that carries deadlines and cancels,
    /// and has the client's calls go there: its others are served by net/rpc itself. Not all that
    /// it serves has one.
    pub(crate) async fn ask(&self, client: &Client) -> Result<(), DialError> {
        if !self.negotiated().calls_when_asked() {
            return Ok(());
        }
        let asking = client.with_timeout(self.shared.config.dial_timeout);
        // An error of the connection is that of the first call, too.
        if let Ok(id) = asking.call(ASK, "").await {
            let (read, write) = self.dial_halves(id).await?;
            let peer = Peer {
                negotiated: self.negotiated().with(Extensions::CALLS),
                ..self.shared.peer.clone()
            };
            client.redirect(self.client_of(Halves::new(read, write), peer));
        }
        Ok(())
    }

    /// Serves the same as `server` under a new id, to a peer that has asked for it.
    fn serve_asked(&self, server: Server) -> u32 {
        // So the peer has the package, and can be asked.
        self.negotiated().agree(Extensions::CALLS_WHEN_ASKED);
        let id = self.next_id();
        let broker = self.clone();
        tokio::spawn(async move {
            let role = Role::brokered(broker.negotiated().with(Extensions::CALLS));
            match broker.accept(id).await {
                Ok(stream) => broker.serve_as(stream, server, role).await,
                Err(error) => {
                    let error = logged(&error);
                    tracing::debug!(id, %error, "what was asked for was not dialed");
                }
            }
        });
        id
    }

    /// How calls are written on the broker's streams.
    fn codec(&self) -> CallConfig {
        self.negotiated().codec(self.shared.config.codec)
    }

    /// What the two sides of the session agreed on.
    pub(crate) fn negotiated(&self) -> &Arc<Negotiated> {
        &self.shared.peer.negotiated
    }

    /// Ends when the peer has had its time to accept. The broker's task polls the deadline, so the
    /// broker has to live.
    async fn dial_timeout(self) {
        let Shared {
            deadlines, config, ..
        } = &*self.shared;
        let _ = deadlines
            .timeout(config.dial_timeout, pending::<()>())
            .await;
    }

    /// Waits for the peer to dial `id` and serves it an interface, until it hangs up or the session
    /// ends. A [`Service`](crate::rpc::Service) goes by the name `Plugin`. Usually spawned, before
    /// the id is sent to the peer. [`share`](Self::share) does that, for more than one stream.
    ///
    /// ```
    /// # use plugwire::{broker::{AcceptError, MuxBroker}, rpc::Service};
    /// fn offer(broker: &MuxBroker, service: Service) -> u32 {
    ///     let id = broker.next_id();
    ///     let broker = broker.clone();
    ///     tokio::spawn(async move { broker.accept_and_serve(id, service).await });
    ///     id
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_and_serve(
        &self,
        id: u32,
        server: impl Into<Server>,
    ) -> Result<(), AcceptError> {
        let span = self.observer().stream_span(id);
        async {
            let stream = self.accept(id).await?;
            self.serve(stream, server).await;
            Ok(())
        }
        .instrument(span)
        .await
    }

    /// Serves an interface on a stream of this broker, until the peer hangs up or the session ends.
    pub async fn serve(&self, stream: Stream, server: impl Into<Server>) {
        let server = server.into();
        let negotiated = Arc::clone(self.negotiated());
        // A peer of this crate has no need to ask.
        let share = (!negotiated.calls()).then(|| {
            let (broker, server) = (self.clone(), server.clone());
            let share: Share = Box::new(move || broker.serve_asked(server.clone()));
            share
        });
        let role = Role::Brokered { negotiated, share };
        self.serve_as(stream, server, role).await;
    }

    async fn serve_as(&self, stream: Stream, server: Server, role: Role) {
        let id = stream.id();
        tokio::select! {
            served = server.serve_halves(stream, self.codec(), role) => {
                if let Err(error) = served {
                    let error = logged(&error);
                    tracing::debug!(stream = id, %error, "a brokered connection ended");
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
        let waiting = match pending.remove(&id) {
            Some(Pending::Accept(waiting)) => waiting,
            Some(earlier @ Pending::Stream(..)) => {
                pending.insert(id, earlier);
                drop(pending);
                tracing::debug!(id, "a second stream for a pending broker id, dropping it");
                return false;
            }
            None => {
                pending.insert(id, Pending::Stream(stream, serial));
                return true;
            }
        };
        drop(pending);
        match waiting.send(stream) {
            Ok(()) => false,
            // The accept was given up, and another one may still come.
            Err(stream) => self.arrived(id, stream, serial),
        }
    }

    /// Closes a stream that was not accepted.
    fn expire(&self, id: u32, serial: u64) {
        let mut pending = self.pending();
        let is_waiting = matches!(
            pending.get(&id),
            Some(Pending::Stream(_, waiting)) if *waiting == serial
        );
        let expired = is_waiting.then(|| pending.remove(&id));
        drop(pending);
        if expired.is_some() {
            tracing::debug!(id, "a brokered stream was not accepted, closing it");
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

/// Takes the peer's streams. The id of each is read by itself, so that a stream on which the peer
/// writes no id holds up no other.
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

/// Takes one stream from its opening until it is accepted or given up.
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

#[cfg(test)]
mod tests;
