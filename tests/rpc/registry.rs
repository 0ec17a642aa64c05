//! Servers that are given services while they serve.

use plugwire::rpc::{Client, Codec, Registry, Server, Service};
use support::within;

fn gives(text: &'static str) -> Service {
    Service::new().method("Get", move |_: ()| async move {
        Ok::<_, String>(text.to_owned())
    })
}

async fn get(client: &Client, method: &str) -> Result<String, String> {
    let got = within(client.call::<_, String>(method, &())).await;
    got.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_running_server_is_given_services_and_loses_them() {
    let registry = Registry::new();
    let server = Server::new()
        .register("Own", gives("own"))
        .registry(&registry);
    let (here, there) = tokio::io::duplex(4096);
    tokio::spawn(async move { server.serve(there, Codec::Gob).await });
    let client = Client::new(here, Codec::Gob);

    let none = "rpc: can't find service Late.Get";
    assert_eq!(get(&client, "Late.Get").await.unwrap_err(), none);
    assert!(registry.insert("Late", gives("late")).is_none());
    assert_eq!(get(&client, "Late.Get").await.unwrap(), "late");
    let no_method = "rpc: can't find method Late.Put";
    assert_eq!(get(&client, "Late.Put").await.unwrap_err(), no_method);

    // Called in a row, the connection looks again each time.
    assert!(registry.insert("Late", gives("later")).is_some());
    assert_eq!(get(&client, "Late.Get").await.unwrap(), "later");
    assert!(registry.remove("Late").is_some());
    assert_eq!(get(&client, "Late.Get").await.unwrap_err(), none);

    // The server's own comes first.
    registry.insert("Own", gives("other"));
    assert_eq!(get(&client, "Own.Get").await.unwrap(), "own");
    assert_eq!(format!("{registry:?}"), r#"{"Own"}"#);
}
