//! A process that serves every connection to its socket, for attacks on it.
//!
//! `victim plugin SOCKET`: the plugin's end of each connection, as `plugin::serve` has it behind
//! its handshake. `victim host SOCKET`: the host's end, which serves `calm` under the broker's id 1
//! to a peer that dials it at once, dispenses `calm` and then waits. `victim idle SOCKET`: a
//! session that accepts no stream. `victim opener SOCKET`: one that opens streams and finishes
//! them. `victim writer SOCKET`: one that writes to each stream of the peer. `victim serve SOCKET`:
//! a whole plugin, its accept loop included, as `plugin::serve_test` serves it. Further arguments
//! are options: `sleepy` turns busy polling off, `max_message=BYTES` limits messages.

use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::{ConnectionConfig, PluginSet, RpcClient, RpcServer, ServeHooks};
use plugwire::gob::Limits;
use plugwire::handshake::HandshakeConfig;
use plugwire::mux::{self, Session, Stream};
use plugwire::plugin::{ServeConfig, ServeTestConfig, serve_test};
use plugwire::rpc::Service;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps a connection's output streams open, and has nothing to write before it quits.
struct Quiet;

impl ServeHooks for Quiet {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        tokio::spawn(async move {
            let _open = (stdout, stderr);
            std::future::pending::<()>().await
        });
    }

    fn quit(&self) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

fn calm() -> Service {
    Service::new()
        .method("Echo", |text: String| async move { Ok::<_, String>(text) })
        .method("Wait", |(): ()| async move {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok::<_, String>(())
        })
}

fn plugins() -> PluginSet {
    PluginSet::new().register_service("calm", |_| Ok(calm()))
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mode, socket) = (arguments.next().unwrap(), arguments.next().unwrap());
    let mut config = ConnectionConfig::default();
    for option in arguments {
        config = match option.split_once('=') {
            None if option == "sleepy" => config.mux(mux::Config::default().busy_poll(None)),
            Some(("max_message", bytes)) => {
                config.limits(Limits::default().max_message(bytes.parse().unwrap()))
            }
            _ => panic!("there is no option {option}"),
        };
    }
    // The test that started this process holds its standard input.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    if mode == "serve" {
        return serve(&socket, config).await;
    }
    let listener = tokio::net::UnixListener::bind(socket).unwrap();
    println!("ready");
    loop {
        // What fails here passes, such as a full table of descriptors.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let (mode, config) = (mode.clone(), config.clone());
        tokio::spawn(async move {
            match &*mode {
                "plugin" => {
                    let server = RpcServer::new(plugins(), config, Arc::new(Quiet));
                    if let Err(error) = server.serve_conn(stream).await {
                        eprintln!("victim: {error}");
                    }
                }
                "host" => {
                    let client = RpcClient::connect(stream, &config).await.unwrap();
                    let broker = client.broker().clone();
                    tokio::spawn(async move { broker.accept_and_serve(1, calm()).await });
                    let calm = client.dispense_client("calm").await;
                    eprintln!("victim: {}", client.closed().await);
                    drop(calm);
                }
                "idle" => {
                    let session = Session::server(stream, mux::Config::default());
                    eprintln!("victim: {}", session.closed().await);
                }
                "opener" => open_and_finish(stream).await,
                "writer" => write_to_all(stream).await,
                mode => panic!("there is no mode {mode}"),
            }
        });
    }
}

/// Opens streams and finishes them, as fast as the peer has it.
async fn open_and_finish(stream: UnixStream) {
    let session = Session::client(stream, mux::Config::default());
    loop {
        for _ in 0..16 {
            match session.open().await {
                Ok(mut stream) => stream.shutdown().await.unwrap(),
                Err(error) => return eprintln!("victim: {error}"),
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Writes without end to each stream of the peer.
async fn write_to_all(stream: UnixStream) {
    let session = Session::server(stream, mux::Config::default());
    while let Ok(mut stream) = session.accept().await {
        tokio::spawn(async move {
            let block = vec![7; 10_000];
            while stream.write_all(&block).await.is_ok() {}
        });
    }
}

/// A plugin chooses its own path, in the directory that the environment names. `socket` leads
/// there.
async fn serve(socket: &str, connection: ConnectionConfig) {
    let handshake = HandshakeConfig::new(1, "VICTIM", "victim");
    let config = ServeConfig::new(handshake, plugins()).connection(connection);
    let mut server = serve_test(config, ServeTestConfig::new()).await.unwrap();
    std::os::unix::fs::symlink(server.reattach_config().address.to_string(), socket).unwrap();
    println!("ready");
    let ended = server.wait().await;
    eprintln!("victim: serving ended: {ended:?}");
}
