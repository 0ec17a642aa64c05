//! A host in a process of its own, for what becomes of a plugin when its host ends.
//!
//! ```text
//! kit-host upgrade PLUGIN    start it detached, print how to reattach, exit
//! kit-host hold PLUGIN       start it, print how to reattach, wait to be killed
//! kit-host drop PLUGIN       start it, print how to reattach, wait for the end of stdin, drop the
//!                            client and exit at once
//! kit-host terminal PLUGIN   print whether the plugin's stdin is a terminal
//! ```

use std::process::{Command, Stdio};

use plugwire::host::{Client, ClientConfig, PluginCommand};
use plugwire_interop::{HANDSHAKE, KIT};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(mode), Some(plugin)) = (arguments.next(), arguments.next()) else {
        panic!("usage: kit-host upgrade|hold|drop|terminal PLUGIN");
    };
    let mut command = PluginCommand::new(Command::new(plugin));
    if mode == "upgrade" {
        command = command.detached(Stdio::null());
    }
    let client = Client::launch(ClientConfig::new(HANDSHAKE, command))
        .await
        .expect("the plugin starts");
    if mode == "terminal" {
        let kit = client
            .dispense_client(KIT)
            .await
            .expect("the kit dispenses");
        let terminal: bool = kit.call("Plugin.Terminal", &()).await.expect("it answers");
        println!("{terminal}");
        return client.kill().await;
    }
    let reattach = serde_json::to_string(&client.reattach_config()).expect("JSON");
    println!("{reattach}");
    match &*mode {
        "hold" => std::future::pending().await,
        "drop" => {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            drop(client);
            std::process::exit(0);
        }
        _ => {}
    }
}
