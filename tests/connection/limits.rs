//! What is taken of a peer: one set of limits for the control stream and for all that the broker
//! has, in both roles and in each codec.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use plugwire::broker;
use plugwire::connection::{
    ConnectionConfig, ConnectionError, DispenseError, PluginSet, RpcClient, RpcServer, ServeHooks,
};
use plugwire::gob::Limits;
use plugwire::mux::Stream;
use plugwire::rpc::{CallConfig, CallError, Codec, Service};
use support::within;
use tokio::task::JoinHandle;

const LIMIT: usize = 1 << 20;

/// Keeps a connection's output streams, and has nothing to write to them.
pub struct Quiet;

impl ServeHooks for Quiet {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        tokio::spawn(async move {
            let _open = (stdout, stderr);
            std::future::pending::<()>().await;
        });
    }

    fn quit(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}

fn texts() -> Service {
    Service::new()
        .method("Echo", |text: String| async move { Ok::<_, String>(text) })
        .method("Repeat", |n: usize| async move {
            Ok::<_, String>("x".repeat(n))
        })
        .method("Length", |text: String| async move {
            Ok::<_, String>(text.len())
        })
}

type Serving = JoinHandle<Result<(), ConnectionError>>;

/// The two ends of a connection.
async fn connected(host: ConnectionConfig, plugin: ConnectionConfig) -> (RpcClient, Serving) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let plugins = PluginSet::new().register_service("texts", |_| Ok(texts()));
    let server = RpcServer::new(plugins, plugin, Arc::new(Quiet));
    let serving = tokio::spawn(async move { server.serve_conn(there).await });
    (
        within(RpcClient::connect(here, &host)).await.unwrap(),
        serving,
    )
}

fn limited() -> ConnectionConfig {
    ConnectionConfig::default().limits(Limits::default().max_message(LIMIT))
}

fn unlimited() -> ConnectionConfig {
    ConnectionConfig::default()
}

/// The limits of the broker's codec, and none for the whole.
fn limited_by_the_broker() -> ConnectionConfig {
    let codec = CallConfig::new(Codec::Gob).limits(Limits::default().max_message(LIMIT));
    ConnectionConfig::default().broker(broker::BrokerConfig::default().codec(codec))
}

#[track_caller]
fn assert_too_big(error: &CallError) {
    assert!(matches!(error, CallError::Connection(_)), "{error:?}");
    assert_names_the_limit(error);
}

/// The error, or one of its causes.
#[track_caller]
fn assert_names_the_limit(error: &(dyn Error + 'static)) {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    let limit = LIMIT.to_string();
    assert!(texts.iter().any(|text| text.contains(&limit)), "{texts:?}");
}

#[tokio::test]
async fn a_plugin_refuses_a_request_on_the_control_stream_that_is_too_big() {
    for plugin in [limited(), limited_by_the_broker()] {
        let (client, serving) = connected(unlimited(), plugin).await;
        // Half of it is only a name that there is not.
        let error = within(client.dispense_client(&"x".repeat(LIMIT / 2))).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("unknown plugin type: xxx"), "{error:.50}");
        within(client.dispense_client("texts")).await.unwrap();

        let error = within(client.dispense_client(&"x".repeat(2 * LIMIT))).await;
        let Err(DispenseError::Call(error)) = error else {
            panic!("{error:?}");
        };
        assert!(error.is_disconnected(), "{error}");
        let error = within(serving).await.unwrap().unwrap_err();
        assert!(matches!(error, ConnectionError::Control(_)), "{error:?}");
        assert_names_the_limit(&error);
    }
}

#[tokio::test]
async fn a_host_refuses_a_reply_on_the_control_stream_that_is_too_big() {
    for host in [limited(), limited_by_the_broker()] {
        let (client, _serving) = connected(host, unlimited()).await;
        within(client.dispense_client("texts")).await.unwrap();
        // The error of the plugin has the name in it.
        let error = within(client.dispense_client(&"x".repeat(2 * LIMIT))).await;
        let Err(DispenseError::Call(error)) = error else {
            panic!("{error:?}");
        };
        assert_too_big(&error);
    }
}

async fn brokered_calls(codec: impl Into<CallConfig>) {
    let broker = broker::BrokerConfig::default().codec(codec);
    let (limited, unlimited) = (limited().broker(broker.clone()), unlimited().broker(broker));
    let small = "x".repeat(LIMIT / 2);

    let (client, _serving) = connected(unlimited.clone(), limited.clone()).await;
    let texts = within(client.dispense_client("texts")).await.unwrap();
    let back: String = within(texts.call("Plugin.Echo", &small)).await.unwrap();
    assert_eq!(back.len(), small.len());
    let large = "x".repeat(2 * LIMIT);
    let error = within(texts.call::<_, usize>("Plugin.Length", &large)).await;
    assert!(error.unwrap_err().is_disconnected());
    // The stream alone has ended.
    within(client.ping()).await.unwrap();

    let (client, _serving) = connected(limited, unlimited).await;
    let texts = within(client.dispense_client("texts")).await.unwrap();
    let back: String = within(texts.call("Plugin.Echo", &small)).await.unwrap();
    assert_eq!(back.len(), small.len());
    let error = within(texts.call::<_, String>("Plugin.Repeat", &(2 * LIMIT))).await;
    assert_too_big(&error.unwrap_err());
    within(client.ping()).await.unwrap();
}

#[tokio::test]
async fn both_ends_refuse_brokered_calls_that_are_too_big_in_gob() {
    brokered_calls(Codec::Gob).await;
    // Those of the whole connection go before those of the broker's codec.
    let lax = CallConfig::new(Codec::Gob).limits(Limits::default().max_message(1 << 30));
    brokered_calls(lax).await;
}

#[cfg(feature = "msgpack")]
#[tokio::test]
async fn both_ends_refuse_brokered_calls_that_are_too_big_in_messagepack() {
    brokered_calls(Codec::MsgPack).await;
}
