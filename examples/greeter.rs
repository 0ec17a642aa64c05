//! A host and its plugin.
//!
//! `cargo run --example greeter` hosts a plugin that is this same program, started again.
//! `cargo run --example greeter -- PATH` hosts any greeter of `go-plugin`'s basic example, in Go or
//! in Rust. What they share is the trait in `greeter/plugin_half.rs`.

#[path = "greeter/plugin_half.rs"]
mod plugin_half;

use std::io::Cursor;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::BoxError;
use plugwire::host::{Client, ClientConfig};
use plugwire::{Reader, Remote, Result};

use plugin_half::{Greeter, Guest, HANDSHAKE};

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
        let greeter = client.dispense::<dyn Greeter>("greeter").await?;
        let greeter = greeter.with_timeout(Duration::from_secs(10));
        greet(&greeter).await?;
        if path.is_none() {
            greet_guest(&greeter).await?;
            stream(&greeter).await?;
        }
        Ok(())
    }
    .await;
    client.kill().await;
    outcome
}

/// Calls a method, and one that does not exist.
async fn greet(greeter: &Remote<dyn Greeter>) -> Result<(), BoxError> {
    println!("Plugin.Greet: {}", greeter.greet().await?);

    // Below the trait is a client that calls by name.
    let rpc = Remote::rpc_client(greeter);
    match rpc.call::<_, String>("Plugin.Hi", &()).await {
        Err(error) if error.is_method_not_found() => println!("Plugin.Hi: {error}"),
        other => println!("Plugin.Hi: unexpectedly {other:?}"),
    }
    println!("Plugin.Greet, still: {}", greeter.greet().await?);

    // go-plugin's greeter does not have this method either; the trait's default body replaces it.
    println!("Plugin.GreetLoudly: {}", greeter.greet_loudly().await?);
    Ok(())
}

struct Ferris;

#[plugwire::interface]
impl Guest for Ferris {
    async fn name(&self) -> Result<String> {
        Ok("Ferris".to_owned())
    }
}

/// Hands the plugin an interface to call back.
async fn greet_guest(greeter: &dyn Greeter) -> Result<()> {
    let greeting = greeter.greet_guest(Arc::new(Ferris)).await?;
    println!("Plugin.GreetGuest: {greeting}");
    Ok(())
}

/// Hands the plugin a reader, and compares the checksums of both sides.
async fn stream(greeter: &dyn Greeter) -> Result<()> {
    let data: Vec<u8> = (0..8_u32 << 20).map(|at| (at ^ (at >> 11)) as u8).collect();
    let expected = plugin_half::checksum(&data[..]).await?;
    let length = data.len();
    let checksum = greeter.checksum(Reader::new(Cursor::new(data))).await?;
    println!("Plugin.Checksum: {length} bytes, {checksum:016x} there, {expected:016x} here");
    if checksum != expected {
        return Err("the checksums differ".into());
    }
    Ok(())
}
