//! What a broker keeps to itself, and what was agreed on.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures::FutureExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_util::codec::Decoder;

use super::*;
use crate::codec::{Codec, DecodeError, MessageDecoder};
use crate::gob::Limits;
use crate::mux::{Config, OpenError, SessionError};
use crate::rpc::{CallError, Service};

const LONG: Duration = Duration::from_secs(60);

fn sessions() -> (Session, Session) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let config = Config::default().keep_alive(None);
    (
        Session::client(here, config.clone()),
        Session::server(there, config),
    )
}

fn broker(session: Session, extensions: Extensions) -> MuxBroker {
    MuxBroker::new_as(session, BrokerConfig::default(), extensions)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.unwrap()
}

#[test]
fn settings_are_kept_and_checked() {
    let second = Duration::from_secs(1);
    let config = BrokerConfig::default()
        .accept_timeout(second)
        .dial_timeout(second)
        .call_timeout(second)
        .codec(Codec::Rich);
    assert!(config.check().is_ok());
    assert_eq!(config.accept_timeout, second);
    assert_eq!(config.dial_timeout, second);
    assert_eq!(config.call_timeout, Some(second));
    assert_eq!(config.calls().name(), Codec::Rich);
    let config = config.limits(Limits::default());
    assert_eq!(config.calls().name(), Codec::Rich);
    assert_eq!(config.accept_timeout, second);
    // A message of 2,048 bytes begins.
    let begins = || BytesMut::from(&[0xfe, 8, 0][..]);
    let config = BrokerConfig::default();
    assert!(
        MessageDecoder::new(config.calls())
            .decode(&mut begins())
            .is_ok()
    );
    let config = config.limits(Limits::default().max_message(1 << 10));
    let refused = MessageDecoder::new(config.calls()).decode(&mut begins());
    assert!(matches!(refused, Err(DecodeError::Gob(_))), "{refused:?}");
    for refused in [
        BrokerConfig::default().accept_timeout(Duration::ZERO),
        BrokerConfig::default().dial_timeout(Duration::ZERO),
        BrokerConfig::default().call_timeout(Duration::ZERO),
    ] {
        let error = refused.check().unwrap_err().to_string();
        assert!(error.contains("timeout"), "{error}");
    }
}

#[test]
fn the_rich_codec_is_offered_where_it_is_configured() {
    let offers = |config: BrokerConfig| config.extensions().contains(Extensions::MSGPACK);
    assert!(offers(BrokerConfig::default().codec(Codec::Rich)));
    assert!(!offers(BrokerConfig::default()));
    let all = BrokerConfig::default().extensions();
    assert!(all.contains(Extensions::CALLS) && all.contains(Extensions::ERRORS));
}

#[tokio::test]
async fn calls_are_written_as_was_agreed_on() {
    let (here, there) = sessions();
    let rich = BrokerConfig::default().codec(Codec::Rich);
    let agreed = MuxBroker::new_as(here, rich, Extensions::MSGPACK);
    assert_eq!(agreed.calls().name(), Codec::Rich);
    assert!(!agreed.is_gob());
    assert!(
        agreed
            .negotiated()
            .extensions()
            .contains(Extensions::MSGPACK)
    );
    let plain = MuxBroker::new(there, BrokerConfig::default());
    assert_eq!(plain.calls().name(), Codec::Gob);
    assert!(plain.is_gob());
}

/// Its task polls them.
#[tokio::test(start_paused = true)]
async fn the_deadlines_are_those_that_the_task_polls() {
    let (here, _there) = sessions();
    let broker = MuxBroker::new(here, BrokerConfig::default());
    let never = pending::<()>();
    let waited = broker.deadlines().timeout(Duration::from_secs(1), never);
    assert!(within(waited).await.is_err());
}

#[tokio::test]
async fn an_accept_that_is_dropped_is_forgotten() {
    let (here, _there) = sessions();
    let broker = MuxBroker::new(here, BrokerConfig::default());
    let id = broker.next_id();
    let accept = broker.accept(id).now_or_never();
    assert!(accept.is_none());
    assert!(broker.shared.pending().is_empty());
    #[cfg(feature = "host")]
    assert!(!broker.is_awaiting());
}

#[cfg(feature = "host")]
#[tokio::test]
async fn what_waits_for_the_peer_is_known() {
    let (here, _there) = sessions();
    let broker = MuxBroker::new(here, BrokerConfig::default());
    let id = broker.next_id();
    let mut accept = std::pin::pin!(broker.accept(id));
    assert!(accept.as_mut().now_or_never().is_none());
    assert!(broker.is_awaiting());
}

#[tokio::test]
async fn the_last_broker_ends_its_task() {
    let (here, there) = sessions();
    let broker = MuxBroker::new(here.clone(), BrokerConfig::default());
    let (weak, clone) = (broker.downgrade(), broker.clone());
    drop(broker);
    assert!(weak.upgrade().is_some());
    let shared = Arc::downgrade(&clone.shared);
    drop(clone);
    assert!(weak.upgrade().is_none());
    within(async {
        while shared.strong_count() > 0 {
            yield_now().await;
        }
    })
    .await;
    // Streams of the peer's are the session's again.
    let mut opened = there.open().await.unwrap();
    opened.write_all(&[1]).await.unwrap();
    let accepted = within(here.accept()).await.unwrap();
    assert_eq!(accepted.id(), opened.id());
}

#[tokio::test]
async fn brokers_are_told_apart_by_their_addresses() {
    let (here, there) = sessions();
    let one = MuxBroker::new(here, BrokerConfig::default());
    let other = MuxBroker::new(there, BrokerConfig::default());
    assert_ne!(one.address(), other.address());
    assert_eq!(one.address(), one.clone().address());
    assert_ne!(one.address(), 0);
}

/// A method whose calls end when they are dropped, and say so.
fn hanging() -> (Service, mpsc::UnboundedReceiver<&'static str>) {
    struct Told(mpsc::UnboundedSender<&'static str>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let (sender, told) = mpsc::unbounded_channel();
    let service = Service::new().method("Hang", move |(): ()| {
        let told = Told(sender.clone());
        async move {
            let _ = told.0.send("begun");
            pending::<()>().await;
            drop(told);
            Ok::<_, String>(())
        }
    });
    (service, told)
}

/// A peer with go-plugin serves what was dispensed by net/rpc, and asks for a stream of this
/// crate's where it is to carry cancels.
#[tokio::test]
async fn a_stream_that_was_asked_for_carries_cancels() {
    let (here, there) = sessions();
    let host = broker(here, Extensions::CALLS_WHEN_ASKED);
    let plugin = MuxBroker::new(there, BrokerConfig::default());
    let (service, mut told) = hanging();
    let id = plugin.next_id();
    let serving = plugin.clone();
    tokio::spawn(async move { serving.accept_and_serve(id, service).await });
    let client = within(host.dial_client(id)).await.unwrap();
    // It has been asked, so it is known to understand this.
    assert!(plugin.negotiated().calls_when_asked());
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call::<_, ()>("Plugin.Hang", &()).await }
    });
    assert_eq!(within(told.recv()).await, Some("begun"));
    call.abort();
    assert_eq!(within(told.recv()).await, Some("dropped"));
    // Two ids were used at the plugin: the one that was dialed, and the one asked for.
    assert_eq!(plugin.next_id(), id + 2);
}

/// To a peer that agreed to them there is nothing to ask for.
#[tokio::test]
async fn a_peer_that_agreed_to_cancels_is_not_asked() {
    let (here, there) = sessions();
    let host = broker(here, Extensions::CALLS);
    let plugin = broker(there, Extensions::CALLS);
    let (service, mut told) = hanging();
    let id = plugin.next_id();
    let serving = plugin.clone();
    tokio::spawn(async move { serving.accept_and_serve(id, service).await });
    let client = within(host.dial_client(id)).await.unwrap();
    let asked = within(client.call::<_, u32>(ASK, "")).await;
    assert!(matches!(asked, Err(CallError::Server(_))), "{asked:?}");
    let call = tokio::spawn(async move { client.call::<_, ()>("Plugin.Hang", &()).await });
    assert_eq!(within(told.recv()).await, Some("begun"));
    call.abort();
    assert_eq!(within(told.recv()).await, Some("dropped"));
    assert_eq!(plugin.next_id(), id + 1);
}

#[tokio::test]
async fn a_stream_that_is_reset_was_not_accepted_and_a_session_that_ends_is_gone() {
    async fn failed(end: impl AsyncFnOnce(Session, Stream)) -> CallError {
        let (here, there) = sessions();
        let host = MuxBroker::new(here, BrokerConfig::default());
        let client = within(host.dial_client(7)).await.unwrap();
        let stream = within(there.accept()).await.unwrap();
        end(there, stream).await;
        within(client.call::<_, ()>("Plugin.Any", &()))
            .await
            .unwrap_err()
    }
    let reset = failed(async |session, mut stream| {
        stream.reset();
        // The client's session has to be there to learn of it.
        tokio::spawn(async move {
            session.closed().await;
        });
    })
    .await;
    let refused = "did not accept broker id 7";
    assert!(with_causes(&reset).contains(refused), "{reset:?}");
    let gone = failed(async |session, stream| {
        session.close().await;
        drop(stream);
    })
    .await;
    assert!(!with_causes(&gone).contains(refused), "{gone:?}");
}

fn with_causes(error: &CallError) -> String {
    plugwire_base::chain::Chain(error).to_string()
}

#[tokio::test]
async fn the_deadline_of_calls_is_the_clients() {
    let (here, there) = sessions();
    let second = Duration::from_secs(1);
    let config = BrokerConfig::default().call_timeout(second);
    let host = MuxBroker::new(here, config);
    let _plugin = MuxBroker::new(there, BrokerConfig::default());
    let client = host.dial_client(1).await.unwrap();
    assert_eq!(client.timeout(), Some(second));
    assert!(Arc::ptr_eq(host.negotiated(), &host.shared.peer.negotiated));
}

#[test]
fn a_dial_that_failed_tells_the_sessions_end_from_a_refusal() {
    let io = |kind: std::io::ErrorKind| DialError::Io {
        id: 1,
        source: kind.into(),
    };
    let told = |error: DialError| (error.is_disconnected(), error.is_closed());
    assert_eq!(
        told(OpenError::from(SessionError::Closed).into()),
        (true, false)
    );
    assert_eq!(
        told(io(std::io::ErrorKind::ConnectionAborted)),
        (true, false)
    );
    assert_eq!(told(io(std::io::ErrorKind::UnexpectedEof)), (false, true));
    assert_eq!(
        told(io(std::io::ErrorKind::ConnectionReset)),
        (false, false)
    );
    let late = DialError::Timeout {
        id: 1,
        waited: LONG,
    };
    assert_eq!(told(late), (false, false));
}
