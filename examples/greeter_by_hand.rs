//! The greeter written by hand, without a trait: what `#[plugwire::interface]` does, step by step.
//!
//! `cargo run --example greeter_by_hand` hosts a plugin that is this same program, started again,
//! and with a path after `--` any greeter, as the `greeter` example does.

use std::convert::Infallible;
use std::process::Command;
use std::time::Duration;

use plugwire::broker::MuxBroker;
use plugwire::connection::{BoxError, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{self, ServeConfig};
use plugwire::rpc::Service;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// The handshake of go-plugin's own example, so that its host can use this plugin too.
const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Only a host sets the cookie, so this is how the program knows that it is the plugin.
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        serve().await;
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

/// Calls a method, and one that does not exist.
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

/// Hands the plugin an interface to call back.
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

/// Hands the plugin a reader, and compares the checksums of both sides.
async fn stream(client: &Client) -> Result<(), BoxError> {
    let data: Vec<u8> = (0..8_u32 << 20).map(|at| (at ^ (at >> 11)) as u8).collect();
    let expected = checksum_of(&data[..]).await?;

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

/// The whole `main` of a plugin.
async fn serve() {
    let plugins = PluginSet::new().register_service("greeter", |broker| Ok(greeter(broker)));
    plugin::serve(ServeConfig::new(HANDSHAKE, plugins)).await;
}

fn greeter(broker: MuxBroker) -> Service {
    let callbacks = broker.clone();
    let readers = broker;
    Service::new()
        // An unused argument is a nil `interface{}` in Go and `()` here.
        .method("Greet", |_: ()| async {
            Ok::<_, Infallible>("Hello!".to_owned())
        })
        // An interface crosses the wire as a number, by which the broker connects to it.
        .method("GreetGuest", move |guest: u32| {
            let broker = callbacks.clone();
            async move {
                let guest = broker.dial_client(guest).await?;
                let name: String = guest.call("Plugin.Name", &()).await?;
                Ok::<_, BoxError>(format!("Hello, {name}!"))
            }
        })
        // So does a reader: the bytes come on a stream of their own.
        .method("Checksum", move |reader: u32| {
            let broker = readers.clone();
            async move {
                let reader = broker.dial(reader).await?;
                Ok::<_, BoxError>(checksum_of(reader).await?)
            }
        })
}

/// FNV-1a of all bytes of the reader.
async fn checksum_of(mut reader: impl AsyncRead + Unpin) -> std::io::Result<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            return Ok(hash);
        }
        for &byte in &buffer[..count] {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
