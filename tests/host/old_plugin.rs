//! A plugin from the time before the handshake line named a protocol.

use std::convert::Infallible;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::{ConnectionConfig, PluginSet, RpcServer};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::rpc::Service;
use tokio::net::UnixListener;
use tokio::time::timeout;

use crate::silent::Silent;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(3, "BASIC_PLUGIN", "hello");

#[tokio::test]
async fn four_fields_are_enough() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let greet = |_: ()| async { Ok::<_, Infallible>("Hello!".to_owned()) };
    let plugins = PluginSet::new().register_service("greeter", move |_| {
        Ok(Service::new().method("Greet", greet))
    });
    let server = RpcServer::new(plugins, ConnectionConfig::default(), Arc::new(Silent));
    let serving = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        server.serve_conn(connection).await
    });

    let mut command = Command::new("sh");
    command
        .args(["-c", r#"echo "1|3|unix|$0"; exec sleep 1000"#])
        .arg(&path);
    let config = ClientConfig::new(HANDSHAKE, command).kill_grace(Duration::from_millis(100));
    let launched = timeout(Duration::from_secs(20), Client::launch(config)).await;
    let client = launched.unwrap().unwrap();
    assert_eq!(client.negotiated_version(), 3);
    let greeter = client.dispense_client("greeter").await.unwrap();
    let greeting: String = greeter.call("Plugin.Greet", &()).await.unwrap();
    assert_eq!(greeting, "Hello!");
    client.kill().await;
    serving.await.unwrap().unwrap();
}
