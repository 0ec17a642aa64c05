//! The layers that need a runtime: sessions, the broker, whole servers. Time is virtual, so that
//! every deadline passes at once.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use plugwire::broker::{self, MuxBroker};
use plugwire::connection::{ConnectionConfig, PluginSet, RpcClient, RpcServer, ServeHooks};
use plugwire::gob::Any;
use plugwire::mux::{Config, Session, Stream};
use plugwire::rpc::{Codec, Server, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{sleep, timeout};

use super::source::Source;
use super::types::Node;

/// Longer than anything here may wait.
const LONG: Duration = Duration::from_secs(3600);

pub(super) fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future);
}

pub(super) async fn within<F: Future>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("no hang")
}

/// Virtual time passes faster than the crate's pings, which go by the clock on the wall.
pub(super) fn no_keep_alive() -> Config {
    Config::default().keep_alive(None)
}

/// A broker whose peer opens streams and writes anything in place of an id.
pub fn broker_preface(data: &[u8]) {
    run(async {
        let mut source = Source(data);
        let (here, there) = tokio::io::duplex(64 * 1024);
        let peer = Session::client(there, no_keep_alive());
        let session = Session::server(here, no_keep_alive().accept_backlog(4096));
        let broker = MuxBroker::new(session, broker::BrokerConfig::default());
        let mut held = Vec::new();
        let mut accepting = Vec::new();
        for _ in 0..64 {
            if source.is_empty() {
                break;
            }
            let action = source.byte();
            if action & 1 == 0 {
                let (broker, id) = (broker.clone(), u32::from(source.byte()) << 8);
                accepting.push(tokio::spawn(
                    async move { broker.accept(id).await.map(drop) },
                ));
                continue;
            }
            let mut stream = within(peer.open()).await.expect("a stream");
            let preface = source.take(usize::from(action >> 1 & 7));
            within(stream.write_all(preface))
                .await
                .expect("room for eight bytes");
            match action >> 4 & 7 {
                0 => drop(stream),
                1 => {
                    within(stream.shutdown()).await.expect("a half-close");
                    held.push(stream);
                }
                2 => sleep(Duration::from_secs(3)).await,
                _ => held.push(stream),
            }
        }
        for accepting in accepting {
            let _ = within(accepting).await.expect("no panic");
        }
        // Whatever came before, a stream that is accepted and dialed properly goes through, under
        // an id that no side has named.
        let other = MuxBroker::new(peer, broker::BrokerConfig::default());
        let named = |id: &u32| data.windows(4).any(|bytes| bytes == id.to_le_bytes());
        let id = (0xffff_0000..)
            .find(|id| !named(id))
            .expect("more ids than bytes");
        let (accepted, dialed) =
            within(async { tokio::join!(broker.accept(id), other.dial(id)) }).await;
        accepted.expect("accepted");
        dialed.expect("dialed");
        drop(held);
    });
}

/// Sends the bytes, takes whatever is answered, and hangs up.
pub(super) async fn send(peer: DuplexStream, bytes: &[u8]) {
    let (mut read, mut write) = tokio::io::split(peer);
    let mut answers = Vec::new();
    let reading = read.read_to_end(&mut answers);
    let writing = async {
        // An error is the other side hanging up first.
        let _ = write.write_all(bytes).await;
        let _ = write.shutdown().await;
    };
    let _ = within(async { tokio::join!(reading, writing) }).await;
}

struct Hooks;

impl ServeHooks for Hooks {
    fn stdio(&self, _: Stream, _: Stream) {}

    fn quit(&self) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

pub(super) fn echo() -> Service {
    Service::new()
        .method("Node", |node: Node| async { Ok::<_, String>(node) })
        .method("Any", |any: Any| async { Ok::<_, String>(any) })
        .method("Nothing", |_: ()| async { Err::<(), _>(String::new()) })
        .method("Wait", |text: String| async move {
            sleep(Duration::from_secs(1)).await;
            Ok::<_, String>(text)
        })
}

/// A plugin's whole server, or net/rpc alone, whose peer sends anything.
pub fn server_connection(data: &[u8]) {
    run(async {
        let mut source = Source(data);
        let (here, there) = tokio::io::duplex(4096);
        let serving = match source.byte() & 3 {
            0 => {
                let serving = tokio::spawn(async move { drop(server().serve_conn(here).await) });
                send(there, source.0).await;
                serving
            }
            1 => {
                let serving = tokio::spawn(async move { drop(server().serve_conn(here).await) });
                streams(there, &mut source).await;
                serving
            }
            codec => {
                let codec = if codec == 2 {
                    Codec::Gob
                } else {
                    Codec::MsgPack
                };
                let server = Server::new().register("Plugin", echo());
                let serving = tokio::spawn(async move { drop(server.serve(here, codec).await) });
                send(there, source.0).await;
                serving
            }
        };
        within(serving).await.expect("no panic");
    });
}

fn server() -> RpcServer {
    let plugins = PluginSet::new()
        .register_service("echo", |_| Ok(echo()))
        .register_service("broken", |_| Err("no such luck".into()));
    let config = ConnectionConfig::default().mux(no_keep_alive());
    RpcServer::new(plugins, config, Arc::new(Hooks))
}

/// A proper session with anything on its streams: the control stream, the two of stdio, and two of
/// the broker's.
async fn streams(peer: DuplexStream, source: &mut Source<'_>) {
    let session = Session::client(peer, no_keep_alive());
    let mut streams = Vec::new();
    for _ in 0..5 {
        match within(session.open()).await {
            Ok(stream) => streams.push(tokio::io::split(stream)),
            Err(_) => return,
        }
    }
    let mut readers = Vec::new();
    let mut writers = Vec::new();
    for (mut read, write) in streams {
        readers.push(tokio::spawn(async move {
            let _ = read.read_to_end(&mut Vec::new()).await;
        }));
        writers.push(write);
    }
    // A dispensed plugin is served under id 1.
    let _ = within(writers[3].write_all(&1u32.to_le_bytes())).await;
    while !source.is_empty() {
        let stream = usize::from(source.byte() % 5);
        let len = 1 + usize::from(source.number() as u8);
        let part = source.take(len);
        let _ = within(writers[stream].write_all(part)).await;
        tokio::task::yield_now().await;
    }
    for mut writer in writers {
        let _ = within(writer.shutdown()).await;
    }
    for reader in readers.drain(..1) {
        let _ = within(reader).await;
    }
    within(session.close()).await;
}

/// A host's whole client, whose plugin sends anything.
pub fn client_connection(data: &[u8]) {
    run(async {
        let mut source = Source(data);
        let (here, there) = tokio::io::duplex(4096);
        let calling = tokio::spawn(call_everything(here));
        match source.byte() & 1 {
            0 => send(there, source.0).await,
            _ => answers(there, &mut source).await,
        }
        within(calling).await.expect("no panic");
    });
}

async fn call_everything(io: DuplexStream) {
    let config = ConnectionConfig::default().mux(no_keep_alive());
    let Ok(mut client) = RpcClient::connect(io, &config).await else {
        return;
    };
    let Some((mut stdout, mut stderr)) = client.take_stdio() else {
        return;
    };
    let stdio = tokio::spawn(async move {
        let _ = stdout.read_to_end(&mut Vec::new()).await;
        let _ = stderr.read_to_end(&mut Vec::new()).await;
    });
    let _ = client.ping().await;
    if let Ok(plugin) = client.dispense_client("echo").await {
        let node = plugin.call::<_, Node>("Plugin.Node", "text");
        let any = plugin.call::<_, Any>("Plugin.Any", &1i64);
        let nothing = plugin.call::<_, ()>("Plugin.Nothing", &());
        let _ = tokio::join!(node, any, nothing);
    }
    let _ = client.quit().await;
    client.close().await;
    within(stdio).await.expect("no panic");
}

/// A proper session with anything on the streams that the host opens: the control stream, the two
/// of stdio, and the first of the broker's.
async fn answers(peer: DuplexStream, source: &mut Source<'_>) {
    let session = Session::server(peer, no_keep_alive());
    let mut streams = Vec::new();
    while !source.is_empty() {
        let stream = usize::from(source.byte() % 4);
        while streams.len() <= stream {
            let Ok(Ok(accepted)) = timeout(Duration::from_secs(1), session.accept()).await else {
                return session.close().await;
            };
            streams.push(accepted);
        }
        let len = 1 + usize::from(source.number() as u8);
        let _ = within(streams[stream].write_all(source.take(len))).await;
        tokio::task::yield_now().await;
    }
    for mut stream in streams {
        let _ = within(stream.shutdown()).await;
    }
    within(session.close()).await;
}
