//! Connections that lead to nothing, and a table of descriptors that is full.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plugwire::handshake::{Address, ReattachConfig};
use plugwire::host::Client;
use plugwire_attacks::rounds;
use plugwire_attacks::victim::Victim;
use plugwire_attacks::wire::{SYN, WINDOW_UPDATE, header};
use support::within;
use tokio::time::timeout;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

/// Attaches, dispenses and calls; gives how long that took.
async fn be_served(victim: &Victim) -> Duration {
    let start = Instant::now();
    let reattach = ReattachConfig::new(Address::Unix(victim.socket().to_owned())).test(true);
    let client = within(Client::reattach(reattach)).await.unwrap();
    let calm = client.dispense_client("calm").await.unwrap();
    let reply: String = calm.call("Plugin.Echo", "still there").await.unwrap();
    assert_eq!(reply, "still there");
    start.elapsed()
}

/// Connections that stay open and say less than a host does.
async fn half_open(victim: &Victim, count: usize, said: Vec<u8>) -> Vec<UnixStream> {
    let socket = victim.socket().to_owned();
    let connect = move || {
        let connect = |_| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            // The victim may have dropped it by now, which is its right.
            let _ = stream.write_all(&said);
            stream
        };
        (0..count).map(connect).collect()
    };
    // Connecting blocks while the victim has many to accept.
    tokio::task::spawn_blocking(connect).await.unwrap()
}

/// Twice as many as the victim has descriptors for, so that it cannot just keep them all.
#[tokio::test]
async fn half_open_connections_do_not_keep_a_host_waiting() {
    let limit = 256 * rounds();
    let one_stream = header(WINDOW_UPDATE, SYN, 1, 0).to_vec();
    for said in [Vec::new(), one_stream] {
        let victim = Victim::start_with_descriptors(VICTIM, "serve", limit);
        let open = half_open(&victim, 2 * limit, said).await;
        let took = be_served(&victim).await;
        println!("{} half-open: served after {took:?}", open.len());
        // In a second where the machine has nothing else to do; without a bound on them, in forty.
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

/// A peer that connects again and again while the host does: what it opened last must not carry
/// away the host's connection, which takes some milliseconds to show that it is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_gets_through_a_storm_of_connections() {
    let victim = Victim::start_with_descriptors(VICTIM, "serve", 1024);
    let over = Arc::new(AtomicBool::new(false));
    let made = Arc::new(AtomicUsize::new(0));
    let (socket, ends, counted) = (victim.socket().to_owned(), over.clone(), made.clone());
    let storm = tokio::task::spawn_blocking(move || {
        let mut open = VecDeque::new();
        while !ends.load(Ordering::Relaxed) {
            open.push_back(UnixStream::connect(&socket).unwrap());
            counted.fetch_add(1, Ordering::Relaxed);
            if open.len() > 1000 {
                open.pop_front();
            }
        }
    });
    // From here on each newcomer has an older one dropped.
    while made.load(Ordering::Relaxed) < 2000 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut longest = Duration::ZERO;
    for _ in 0..3 * rounds() {
        longest = longest.max(be_served(&victim).await);
    }
    over.store(true, Ordering::Relaxed);
    storm.await.unwrap();
    let count = made.load(Ordering::Relaxed);
    println!("{count} connections: served after {longest:?} at most");
    assert!(longest < Duration::from_secs(30), "{longest:?}");
}

/// Hosts that are served are never dropped, so newcomers wait until there is room, and are then
/// served.
#[tokio::test]
async fn serving_goes_on_when_there_are_descriptors_again() {
    let victim = Victim::start_with_descriptors(VICTIM, "serve", 64);
    let reattach = || ReattachConfig::new(Address::Unix(victim.socket().to_owned())).test(true);
    let mut served = Vec::new();
    // Until one is not answered: the table is full, and it waits to be accepted.
    while let Ok(client) = timeout(Duration::from_millis(500), Client::reattach(reattach())).await {
        served.push(client.unwrap());
        assert!(served.len() < 64);
    }
    assert!(served.len() > 10, "{}", served.len());
    for client in &served {
        client.ping().await.unwrap();
    }
    drop(served);
    let took = be_served(&victim).await;
    println!("served after {took:?}");
}
