//! The addresses that plugins announce and hosts hand on, dialed as go-plugin's host dials them.

use std::convert::Infallible;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::{ConnectionConfig, PluginSet, RpcServer};
use plugwire::handshake::{Address, HandshakeConfig, HandshakeError, ReattachConfig};
use plugwire::host::{Client, ClientConfig, LaunchError};
use plugwire::rpc::Service;
use support::within;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::silent::Silent;

fn serve(connection: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let greet = |_: ()| async { Ok::<_, Infallible>("Hello!".to_owned()) };
    let plugins = PluginSet::new().register_service("greeter", move |_| {
        Ok(Service::new().method("Greet", greet))
    });
    let server = RpcServer::new(plugins, ConnectionConfig::default(), Arc::new(Silent));
    tokio::spawn(async move { server.serve_conn(connection).await });
}

/// A plugin on 127.0.0.1, and its port.
async fn on_loopback() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            serve(connection);
        }
    });
    port
}

async fn launch(network: &str, address: &str) -> Result<Client, LaunchError> {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"echo "1|3|$0|$1|netrpc|"; exec sleep 1000"#])
        .args([network, address]);
    let handshake = HandshakeConfig::new(3, "BASIC_PLUGIN", "hello");
    let config = ClientConfig::new(handshake, command).kill_grace(Duration::from_millis(100));
    within(Client::launch(config)).await
}

async fn greeting(client: &Client) -> String {
    let greeter = client.dispense_client("greeter").await.unwrap();
    greeter.call("Plugin.Greet", &()).await.unwrap()
}

#[tokio::test]
async fn without_a_host_it_is_this_machine() {
    let port = on_loopback().await;
    for host in ["", "0.0.0.0", "localhost", "[::]", "[::ffff:127.0.0.1]"] {
        let address = format!("{host}:{port}");
        let client = launch("tcp", &address).await.expect(&address);
        assert_eq!(client.address(), &Address::Tcp(address));
        assert_eq!(greeting(&client).await, "Hello!");
        client.kill().await;
    }
}

#[tokio::test]
async fn a_reattach_takes_the_same_addresses() {
    let port = on_loopback().await;
    for host in ["", "0.0.0.0", "localhost"] {
        let json = format!(
            r#"{{"Protocol":"netrpc","Addr":{{"Network":"tcp","String":"{host}:{port}"}}}}"#
        );
        let reattach: ReattachConfig = serde_json::from_str(&json).unwrap();
        let reattached = within(Client::reattach(reattach)).await;
        let client = reattached.expect(&json);
        assert_eq!(greeting(&client).await, "Hello!");
        client.kill().await;
    }
}

/// Go's dialer knows `tcp4`; go-plugin's handshake does not.
#[tokio::test]
async fn other_networks_are_refused() {
    for network in ["tcp4", "tcp6", "TCP", "unixpacket", ""] {
        match launch(network, "127.0.0.1:1").await {
            Err(LaunchError::Handshake { error: source, .. }) => {
                assert!(
                    matches!(source, HandshakeError::UnknownNetwork { .. }),
                    "{source}"
                );
            }
            other => panic!("{network}: {other:?}"),
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_in_the_abstract_namespace_is_written_with_an_at() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    let name = format!("plugwire-addresses-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            serve(connection);
        }
    });
    let client = launch("unix", &format!("@{name}")).await.unwrap();
    assert_eq!(greeting(&client).await, "Hello!");
    client.kill().await;
}
