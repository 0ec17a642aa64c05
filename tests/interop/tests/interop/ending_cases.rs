//! Every way that a plugin ends, over and over: for what goes wrong by chance only.

use std::process::Command;
use std::sync::Arc;

use plugwire::host::{Client, ClientConfig, UnixSocketConfig};
use plugwire::{Error, Reader, Remote, Result, Writer};
use plugwire_interop::shapes::{self, AddHelper, Counter};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::{JoinHandle, JoinSet};

use crate::go;
use crate::peer::{Peer, rounds};
use support::within;

const ENDS: usize = 8;

/// From three tasks at once. Nothing may hang, and no plugin may leave anything behind.
pub async fn rounds_of_ends(peer: Peer) {
    let rounds = rounds(2 * ENDS);
    let directory = tempfile::tempdir().unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..3 {
        let directory = directory.path().to_owned();
        tasks.spawn(async move {
            for round in 0..rounds {
                let command = match peer.is_rust() {
                    true => Command::new(env!("CARGO_BIN_EXE_shape-plugin")),
                    false => Command::new(go::program("shapeplugin")),
                };
                let sockets = UnixSocketConfig::new().temp_dir(&directory);
                let config = ClientConfig::new(shapes::HANDSHAKE, command).unix_socket(sockets);
                let client = within(Client::launch(config)).await.expect("it starts");
                end(client, (task + round) % ENDS).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    within(async {
        while directory.path().read_dir().unwrap().next().is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn end(client: Client, way: usize) {
    if way == 0 {
        let killer = kill_meanwhile(&client);
        let config = within(client.detach()).await;
        let _ = within(Client::reattach(config)).await;
        return killer.await.unwrap();
    }
    if way == 1 {
        let config = within(client.detach()).await;
        let client = within(Client::reattach(config)).await.unwrap();
        within(client.ping()).await.unwrap();
        return within(client.kill()).await;
    }
    if way == 2 {
        let dispensed = client.dispense::<dyn Counter>("counter");
        let _ = within(async { tokio::join!(dispensed, client.kill()) }).await;
        return;
    }
    let counter = within(client.dispense::<dyn Counter>("counter")).await;
    let counter = counter.unwrap();
    match way {
        3 => {
            within(put(&counter)).await.unwrap();
            within(client.kill()).await;
        }
        4 => {
            drop(client);
            within(async { while put(&counter).await.is_ok() {} }).await;
        }
        5 => {
            let killer = kill_meanwhile(&client);
            within(async { while put(&counter).await.is_ok() {} }).await;
            within(client.wait()).await;
            within(client.kill()).await;
            killer.await.unwrap();
        }
        6 => {
            let exported = counter.export(Writer::new(tokio::io::sink()));
            let _ = within(async { tokio::join!(exported, client.kill()) }).await;
        }
        _ => {
            // Without an end.
            let imported = counter.import("all".into(), Reader::new(tokio::io::repeat(1)));
            let (imported, ()) = within(async { tokio::join!(imported, client.kill()) }).await;
            let error = imported.unwrap_err();
            let ended = error.is_disconnected() || matches!(error, Error::Stream { .. });
            assert!(ended, "{error:?}");
        }
    }
}

async fn put(counter: &Remote<dyn Counter>) -> Result<()> {
    counter.put("a".into(), 1, Arc::new(Adder)).await
}

struct Adder;

#[plugwire::interface]
impl AddHelper for Adder {
    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        Ok(a + b)
    }
}

/// Has a thread kill the plugin while something else goes on.
fn kill_meanwhile(client: &Client) -> JoinHandle<()> {
    let pid = Pid::from_raw(client.pid().unwrap() as i32).unwrap();
    tokio::task::spawn_blocking(move || kill_process(pid, Signal::KILL).unwrap())
}
