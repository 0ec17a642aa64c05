//! A host and its plugin.
//!
//! `cargo run --example greeter` hosts a plugin that is this very program, started again.
//! `cargo run --example greeter -- PATH` hosts any greeter of `go-plugin`'s basic example, in Go or
//! in Rust.

#[path = "greeter/plugin_half.rs"]
mod plugin_half;

use std::convert::Infallible;
use std::process::Command;
use std::time::Duration;

use plugwire::connection::BoxError;
use plugwire::host::{Client, ClientConfig};
use plugwire::rpc::Service;
use tokio::io::AsyncWriteExt;

use plugin_half::HANDSHAKE;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Only a host sets the cookie, so this is how the program knows that it is the plugin.
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        plugin_half::serve().await;
        return Ok(());
    }

    let path = std::env::args_os().nth(1);
    let command = match &path {
        Some(path) => Command::new(path),
        None => Command::new(std::env::current_exe()?),
    };
    let client = Client::launch(ClientConfig::new(HANDSHAKE, command)).await?;
    let outcome = async {
        greet(&client).await?;
        if path.is_none() {
            greet_guest(&client).await?;
            stream(&client).await?;
        }
        Ok(())
    }
    .await;
    client.kill().await;
    outcome
}

/// Calls a method, and one that is not there.
async fn greet(client: &Client) -> Result<(), BoxError> {
    let greeter = client.dispense_client("greeter").await?;
    let greeter = greeter.with_timeout(Duration::from_secs(10));
    let greeting: String = greeter.call("Plugin.Greet", &()).await?;
    println!("Plugin.Greet: {greeting}");

    match greeter.call::<_, String>("Plugin.Hi", &()).await {
        Err(error) if error.is_method_not_found() => println!("Plugin.Hi: {error}"),
        other => println!("Plugin.Hi: unexpectedly {other:?}"),
    }
    let greeting: String = greeter.call("Plugin.Greet", &()).await?;
    println!("Plugin.Greet, still: {greeting}");
    Ok(())
}

/// Hands the plugin an interface that it calls back.
async fn greet_guest(client: &Client) -> Result<(), BoxError> {
    let guest = Service::new().method("Name", |_: ()| async {
        Ok::<_, Infallible>("Ferris".to_owned())
    });
    let broker = client.broker().clone();
    let id = broker.next_id();
    let serving = tokio::spawn(async move { broker.accept_and_serve(id, guest).await });

    let greeter = client.dispense_client("greeter").await?;
    let greeting: String = greeter.call("Plugin.GreetGuest", &id).await?;
    println!("Plugin.GreetGuest: {greeting}");
    serving.await??;
    Ok(())
}

/// Hands the plugin a reader, and compares what the two make of it.
async fn stream(client: &Client) -> Result<(), BoxError> {
    let data: Vec<u8> = (0..8_u32 << 20).map(|at| (at ^ (at >> 11)) as u8).collect();
    let expected = plugin_half::checksum(&data[..]).await?;

    let broker = client.broker().clone();
    let id = broker.next_id();
    let length = data.len();
    let sending = tokio::spawn(async move {
        let mut stream = broker.accept(id).await?;
        stream.write_all(&data).await?;
        stream.shutdown().await?;
        Ok::<_, BoxError>(())
    });

    let greeter = client.dispense_client("greeter").await?;
    let checksum: u64 = greeter.call("Plugin.Checksum", &id).await?;
    println!("Plugin.Checksum: {length} bytes, {checksum:016x} there, {expected:016x} here");
    sending.await??;
    if checksum != expected {
        return Err("the checksums differ".into());
    }
    Ok(())
}
