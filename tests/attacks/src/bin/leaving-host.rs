//! A host that ends without a word to its plugin: `leaving-host MODE PLUGIN`.
//!
//! It prints the plugin's process id, waits for a line on its standard input, and then, by its
//! mode, waits to be killed (`wait`, and with all of the plugin's threads blocked by methods
//! `block`), exits (`exit`), aborts (`abort`), or drops its client and exits at once (`drop`).

use std::io::Write;
use std::process::Command;

use plugwire::host::{Client, ClientConfig};
use plugwire_attacks::{HANDSHAKE, entered};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mode, plugin) = (arguments.next().unwrap(), arguments.next().unwrap());
    let config = ClientConfig::new(HANDSHAKE, Command::new(plugin));
    let client = Client::launch(config).await.unwrap();
    if mode == "block" {
        let untidy = client.dispense_client("untidy").await.unwrap();
        for _ in 0..64 {
            let untidy = untidy.clone();
            tokio::spawn(async move { untidy.call::<_, bool>("Plugin.Block", &()).await });
        }
        // The plugin's runtime has a thread for each core.
        let threads = std::thread::available_parallelism().unwrap().get();
        let file = std::env::var_os(entered::VARIABLE).unwrap();
        entered::wait(file.as_ref(), threads.min(64));
    }
    println!("{}", client.pid().unwrap());
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    match &*mode {
        "wait" | "block" => std::future::pending().await,
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        "drop" => {
            drop(client);
            std::process::exit(0);
        }
        mode => panic!("there is no mode {mode}"),
    }
}
