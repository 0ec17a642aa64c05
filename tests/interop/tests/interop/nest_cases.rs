//! Interfaces, readers, writers and streams within values, lent to plugins and taken from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use plugwire::host::Client;
use plugwire::{BrokeredStream, Reader, Remote, Writer};
use plugwire_interop::nest::{Channels, Job, Nest, Sum};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::Peer;
use crate::shape_cases::launch;
use support::within;

async fn nest(peer: Peer) -> (Client, Remote<dyn Nest>) {
    let client = launch(peer).await;
    let nest = within(client.dispense("nest")).await;
    (client, nest.expect("it dispenses"))
}

async fn read(mut reader: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut text = String::new();
    within(reader.read_to_string(&mut text)).await.unwrap();
    text
}

pub async fn within_structs_in_a_list(peer: Peer) {
    let (client, nest) = nest(peer).await;
    let (progress, hook) = (Arc::new(Sum::default()), Arc::new(Sum::default()));
    let (mut jobs, mut outputs) = (Vec::new(), Vec::new());
    for (index, name) in ["a", "b", "c"].iter().enumerate() {
        let (out, output) = tokio::io::duplex(64);
        outputs.push(output);
        jobs.push(Job {
            name: (*name).to_owned(),
            channels: Channels {
                input: Reader::new(name.as_bytes()),
                output: Writer::new(out),
            },
            progress: (index > 0).then(|| progress.clone() as _),
            hooks: vec![hook.clone(), hook.clone()],
            named: BTreeMap::from([("four".to_owned(), hook.clone() as _)]),
        });
    }
    let done = within(nest.run(jobs)).await.unwrap();
    assert_eq!((progress.total(), hook.total()), (200, 18));
    for (done, output) in done.into_iter().zip(outputs) {
        assert_eq!(read(output).await, done.name.to_uppercase());
        assert_eq!(read(done.log).await, format!("did {}", done.name));
        assert!(done.again[0].is_none());
        let again = done.again[1].as_ref().unwrap();
        assert_eq!(within(again.at(7)).await.unwrap(), 7);
    }
    client.kill().await;
}

pub async fn within_parameters_and_a_map_of_a_result(peer: Peer) {
    let (client, nest) = nest(peer).await;
    let hook = Arc::new(Sum::default());
    for tail in [None, Some((Reader::new(&b"four"[..]), 5))] {
        let named = within(nest.all(vec![hook.clone(), hook.clone()], tail)).await;
        let own = &named.unwrap()["own"];
        assert_eq!(within(own.at(3)).await.unwrap(), 3);
    }
    assert_eq!(hook.total(), 42);
    client.kill().await;
}

pub async fn a_raw_stream_each_way(peer: Peer) {
    let (client, nest) = nest(peer).await;
    let (mut here, there) = BrokeredStream::pair();
    let mut back = within(nest.attach(there)).await.unwrap();
    let mut four = [0; 4];
    within(here.write_all(b"ping")).await.unwrap();
    within(back.read_exact(&mut four)).await.unwrap();
    assert_eq!(&four, b"ping");
    within(back.write_all(b"pong")).await.unwrap();
    within(here.read_exact(&mut four)).await.unwrap();
    assert_eq!(&four, b"pong");
    client.kill().await;
}
