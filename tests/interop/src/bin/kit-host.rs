//! A host in a process of its own, for what becomes of a plugin when its host ends.
//!
//! ```text
//! kit-host upgrade PLUGIN    start it detached, print how to reattach, exit
//! kit-host hold PLUGIN       start it, print how to reattach, wait to be killed
//! kit-host drop PLUGIN       start it, print how to reattach, wait for the end of stdin, drop the
//!                            client and exit at once
//! kit-host terminal PLUGIN   print whether the plugin's stdin is a terminal
//! kit-host supervise PLUGIN PIPES STATE
//!                            start it as one that survives its host, or take it over; print its
//!                            process id and its log; do what the lines of stdin say: `detach`,
//!                            `shutdown`
//! ```

use std::process::{Command, Stdio};

use plugwire::host::{
    Client, ClientConfig, LogRecord, PluginCommand, State, Supervisor, SupervisorConfig,
    SupervisorState,
};
use plugwire_interop::{HANDSHAKE, KIT};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(mode), Some(plugin)) = (arguments.next(), arguments.next()) else {
        panic!("usage: kit-host upgrade|hold|drop|terminal PLUGIN");
    };
    if mode == "supervise" {
        let (Some(pipes), Some(state)) = (arguments.next(), arguments.next()) else {
            panic!("usage: kit-host supervise PLUGIN PIPES STATE");
        };
        return supervise(&plugin, &pipes, &state).await;
    }
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

async fn supervise(plugin: &str, pipes: &str, state: &str) {
    let client = ClientConfig::new(HANDSHAKE, Command::new(plugin));
    let client = client.on_log(|record: &LogRecord| println!("log {}", record.message));
    let mut config = SupervisorConfig::new(client).survives_host(pipes);
    match SupervisorState::load(state) {
        Ok(left) => config = config.resume(left),
        Err(error) if error.is_not_found() => {}
        Err(error) => panic!("{error}"),
    }
    let supervisor = Supervisor::start(config).expect("the options are valid");
    supervisor.ready().await.expect("the plugin is in service");
    // For a host that is killed.
    let snapshot = supervisor.saved_state();
    snapshot.save(state).expect("the state is saved");
    if let State::Ready { pid } = supervisor.state() {
        println!("pid {}", pid.expect("a process"));
    }
    // A thread, since the runtime would wait for one of its own that reads.
    let (sender, mut orders) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    match orders.recv().await.as_deref() {
        Some("detach") => {
            let left = supervisor.detach().await.expect("it survives");
            left.save(state).expect("the state is saved");
        }
        _ => supervisor.shutdown().await,
    }
}
